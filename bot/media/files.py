"""Files that are either whole and on the disk for good, or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def made(target: Path) -> Iterator[Path]:
    """Yields where to write what becomes `target` when the block ends well, and vanishes when it does not."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
        place(part, target)
    finally:
        part.unlink(missing_ok=True)


def parts_of(folder: Path, pid: int) -> list[Path]:
    """What the process `pid`, having died, left half written in `folder`."""
    return list(folder.glob(f"*.{pid}.part"))


def place(part: Path, target: Path) -> None:
    """Make a written file final: its bytes reach the disk before its name does, and the name before this returns."""
    sync(part)
    part.replace(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Bring a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
