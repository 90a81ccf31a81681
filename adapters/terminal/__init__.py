"""The terminal as a chat: a finished video is copied to the file that was asked for, even after a restart."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bot.domain import Button, Job, Progress
from bot.errors import RetryLater, RouteClosed
from bot.ports import Delivery


class TerminalChat:
    """`ports.ChatAdapter` for `cli:` users. A chat's address is the file to write, or a folder to write `<job>.mp4` to
    (ending in `/`), or empty for none.

    The command that ordered follows its job by itself; here only the file is brought to its place.
    """

    platform = "cli"

    def routes(self, job: Job) -> Sequence[str]:
        return ("file",)

    async def show(self, job: Job, progress: Progress) -> None:
        """The command looks for itself."""

    async def deliver(self, delivery: Delivery) -> str:
        target = target_of(delivery.job)
        if delivery.file is not None and target:
            await asyncio.to_thread(_copy, delivery.file, target)
        return f"cli:{delivery.job.id}"

    async def find(self, delivery: Delivery) -> str | None:
        """A file is replaced whole, so bringing it again does no harm."""
        return None

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        return False


def target_of(job: Job) -> Path | None:
    """Where the video of a `cli:` job is to be written."""
    address = job.chat.address
    if not address:
        return None
    return Path(address) / f"{job.id}.mp4" if address.endswith("/") else Path(address)


def _copy(source: Path, target: Path) -> None:
    """The target appears whole or not at all. Raises RetryLater when the disk is full, RouteClosed otherwise."""
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as reading, part.open("wb") as writing:
            shutil.copyfileobj(reading, writing, 1 << 20)
            writing.flush()
            os.fsync(writing.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno == 28:  # ENOSPC: room may be made
            raise RetryLater(f"no room for {target}") from error
        raise RouteClosed(f"{target} cannot be written: {error.strerror}") from error
