"""`python -m bench [--json FILE] [--only NAME...]`: run the benches, show a table, and keep the figures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.box import SIMPLE_HEAD, Box
from rich.console import Console
from rich.table import Table

from bench import (
    callbacks,
    delivery,
    discord,
    large,
    orders,
    passing,
    running,
    starting,
    telegram,
    telegram_delivery,
)
from bench.measure import Figure

BENCHES = {
    "orders": orders.measure,
    "delivery": delivery.measure,
    "running": running.measure,
    "passing": passing.measure,
    "callbacks": callbacks.measure,
    "large": large.measure,
    "telegram": telegram.measure,
    "telegram_delivery": telegram_delivery.measure,
    "discord": discord.measure,
    "starting": starting.measure,
}
PLAIN_WIDTH = 170
MET = {True: "yes", False: "NO", None: ""}


def main() -> int:
    """0; 1 when a figure misses its target."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--only", nargs="+", choices=BENCHES, default=list(BENCHES), metavar="NAME", help=", ".join(BENCHES)
    )
    chosen = parser.parse_args()
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else PLAIN_WIDTH)
    figures: list[Figure] = []
    for name in chosen.only:
        with console.status(f"measuring {name} ..."):
            figures += BENCHES[name]()
    console.print(table(figures, SIMPLE_HEAD if terminal else None))
    if chosen.json:
        chosen.json.write_text(json.dumps([figure.to_json() for figure in figures], indent=2) + "\n", "utf-8")
    return int(any(figure.met is False for figure in figures))


def table(figures: list[Figure], lines: Box | None) -> Table:
    shown = Table(box=lines, caption=f"Python {sys.version.split()[0]}", caption_justify="left")
    for heading in ("what", "measured", "target", "met", "naive", "the naive way"):
        shown.add_column(heading, justify="right" if heading in ("measured", "target", "naive") else "left")
    for figure in figures:
        naive = "" if figure.naive is None else amount(figure.naive, figure.unit)
        shown.add_row(
            figure.name,
            amount(figure.value, figure.unit),
            target(figure),
            MET[figure.met],
            naive,
            figure.note,
        )
    return shown


def target(figure: Figure) -> str:
    if figure.at_least is not None:
        return "≥ " + amount(figure.at_least, figure.unit)
    return "" if figure.at_most is None else "≤ " + amount(figure.at_most, figure.unit)


def amount(value: float, unit: str) -> str:
    """Three digits that count."""
    places = 0 if value >= 100 else 1 if value >= 10 else 2
    text = f"{value:,.{places}f}"
    return f"{text.rstrip('0').rstrip('.') if places else text} {unit}"


if __name__ == "__main__":
    sys.exit(main())
