"""One thing that `kiebot check` looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`ok` with a `remedy` is advice; not `ok` keeps the bot from working well."""

    name: str
    ok: bool
    text: str
    remedy: str = ""
