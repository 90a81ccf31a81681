"""What every command needs first: its settings, the log, the database, a bot at work, and a way to be stopped.

The application is imported only when a command really runs, so that asking for help stays quick.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from bot import log, settings
from bot.errors import KiebotError, StartError, UserError
from bot.settings import Settings
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Bot, Core

logger = logging.getLogger(__name__)

T = TypeVar("T")
Use: TypeAlias = "Callable[[Core, argparse.Namespace], Awaitable[None]]"


# --- arguments that several commands take ------------------------------------------------------------------------


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help=say("cli.help_data")
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    # Suppressed, so that a command below another does not undo what was given before it.
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=say("cli.help_json"))


def wants_json(args: argparse.Namespace) -> bool:
    return bool(getattr(args, "json", False))


def add_sandbox_options(parser: argparse.ArgumentParser, speed: float) -> None:
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        type=_fault,
        help=say("cli.help_fault"),
    )
    parser.add_argument(
        "--speed", type=_speed, default=speed, metavar="X", help=say("cli.help_speed", usual=f"{speed:g}")
    )


def _fault(text: str) -> tuple[str, str]:
    from bot.sandbox.faults import Faults

    try:
        Faults().add(text)
    except UserError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
    name, _, value = text.partition("=")
    return name, value


def port(text: str) -> int:
    return _whole(text, 0, 65_535, "cli.port_wrong")


def limit(text: str) -> int:
    return _whole(text, 1, 1_000_000, "cli.limit_wrong")


def _whole(text: str, low: int, high: int, wrong: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(say(wrong))
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not speed > 0:
        raise argparse.ArgumentTypeError(say("sandbox.speed_positive"))
    return speed


# --- settings ----------------------------------------------------------------------------------------------------


def settings_of(args: argparse.Namespace, ignore: Collection[str] = ()) -> Settings:
    """The settings, with `--data` in DATA_DIR's place; from here on what is logged goes to stderr, masked.

    A command tells what matters itself, so only errors are logged, unless everything is wanted. Raises StartError.
    """
    found = settings.load(ignore=ignore)
    # Absolute, since work on pictures and videos is done by processes that stand elsewhere.
    found = replace(found, data_dir=found.data_dir.absolute())
    if getattr(args, "data", None):
        found = found.with_data_dir(args.data.absolute())
    level = "debug" if found.log_level == "debug" else "error"
    log.set_up(level, found.log_format, found.secrets())
    return found


def sandbox_folder(found: Settings) -> Path:
    return found.data_dir / "sandbox"


# --- the application ---------------------------------------------------------------------------------------------


def uses_core(parser: argparse.ArgumentParser, use: Use) -> None:
    """Make `use` what this command does: work over the database, beside a bot that may be running."""
    add_data(parser)
    parser.set_defaults(run=lambda args: asyncio.run(_with_core(args, use)))


async def _with_core(args: argparse.Namespace, use: Use) -> int:
    from bot.app import open_core

    found = settings_of(args)
    if getattr(args, "data", None) and not found.database_path.exists():
        raise StartError(say("cli.no_data", folder=found.data_dir))
    async with open_core(found) as core:
        await use(core, args)
    return 0


async def beside(bot: Bot, work: Coroutine[Any, Any, T]) -> T:
    """Do `work` while the bot is at work; then let the bot's running steps end. Raises what ended the bot."""
    stop = asyncio.Event()
    running = asyncio.create_task(bot.run(stop), name="bot")
    working = asyncio.create_task(work, name="work")
    try:
        await asyncio.wait((running, working), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))
        stop.set()
        try:
            await running
        except* KiebotError as group:
            raise _first(group) from None
        except* Exception as group:
            # The process must not stay half alive: its supervisor starts it again.
            logger.critical("a part of the bot died", exc_info=_first(group))
            raise StartError(say("cli.died", problem=repr(_first(group)))) from group
    return working.result()


@contextlib.contextmanager
def stopped_by_signals(stop: asyncio.Event, tell: Callable[[str], None]) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop`, and `tell` says so; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def stopping() -> None:
        stop.set()
        for each in signals:
            loop.remove_signal_handler(each)
        tell(say("cli.stopping"))

    for each in signals:
        loop.add_signal_handler(each, stopping)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


def _first(error: BaseException) -> BaseException:
    """What went wrong first, out of its groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
