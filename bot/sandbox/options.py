"""How a sandbox is to behave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """`speed` 1 is as slow as the real models, `math.inf` waits for nothing but the rendering.

    `faults` are names with their values, as `bot.sandbox.faults` knows them. `keys` None takes any key that is not
    empty. `credits` is the balance at the start, in KIE credits. `data` keeps uploads, results and tasks over a
    restart; None is a temporary folder. `rate_limits` False lifts them, `stock_clip` True gives every task the same
    tiny clip, made once: for benches and crash tests.
    """

    faults: Mapping[str, str] = field(default_factory=dict)
    speed: float = 1.0
    keys: frozenset[str] | None = None
    webhook_key: str | None = None
    credits: Decimal = Decimal(10_000)
    data: Path | None = None
    rate_limits: bool = True
    stock_clip: bool = False
