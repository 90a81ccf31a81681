"""What the commands write and ask: plain lines, tables, JSON, questions, and the line that tells of progress."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

from bot.texts import say

Show = Callable[[str, str], None]


def line(text: str = "", to: TextIO | None = None) -> None:
    """One line, at once, on stdout by default."""
    stream = to or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def complain(text: str) -> None:
    line(text, sys.stderr)


def document(data: Any) -> None:
    """The one JSON document of a `--json` command."""
    line(json.dumps(data, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> int | float | str:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def moment(at: int | None) -> str:
    """A time in Unix milliseconds for a person: `2026-11-22 18:19:00` (UTC); empty for none."""
    return "" if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table that fits a terminal; elsewhere every value in full, in columns of spaces."""
    cells = [[str(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _rich_table(heads, cells)
        return
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for row in (list(heads), *cells):
        padded = (value.ljust(width) for value, width in zip(row, widths, strict=True))
        line("  ".join(padded).rstrip())


def _rich_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        # The first column holds what one types to name the thing: it is never cut.
        made.add_column(head, no_wrap=number == 0, overflow="fold")
    for row in rows:
        made.add_row(*(Text(value) for value in row))
    Console().print(made)


def pairs(lines: Sequence[tuple[str, str]], to: TextIO | None = None) -> None:
    """Labels and values, one below the other."""
    width = max((len(label) for label, _ in lines), default=0)
    for label, value in lines:
        line(f"{label.ljust(width)}  {value}".rstrip(), to)


# --- questions ---------------------------------------------------------------------------------------------------


def someone_is_there() -> bool:
    """Whether a person can be asked: questions go to stderr, so that stdout stays clean."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def ask(question: str) -> str:
    """What the person types; empty at the end of input. Interrupting ends it at once."""
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not typed.done():
            typed.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin, read)
    try:
        return (await typed).strip()
    finally:
        loop.remove_reader(sys.stdin)


async def agrees(question: str) -> bool:
    return (await ask(question)).lower() in (say("cli.yes"), say("cli.yes")[:1])


# --- progress ----------------------------------------------------------------------------------------------------


@contextmanager
def progress(to: TextIO, quiet: bool = False) -> Iterator[Show]:
    """Gives `show(state, details)`: a moving line on a terminal; elsewhere each new state once, or nothing."""
    if to.isatty():
        with _moving(to) as show:
            yield show
        return
    last = ""

    def tell(state: str, _: str) -> None:
        nonlocal last
        if state != last and not quiet:
            line(state, to)
        last = state

    yield tell


@contextmanager
def _moving(to: TextIO) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(file=to), transient=True) as bar:
        # Without a total the bar only pulses: nobody knows how much is done.
        task = bar.add_task("", total=None)
        yield lambda _, details: bar.update(task, description=details)
