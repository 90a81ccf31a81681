"""Counts and durations of this process, for `/metrics`: plain numbers, so that the core needs no metrics library."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Meters:
    """`counts` of things that happened, and `spans`: how often and how many seconds in all, each by name and labels."""

    counts: dict[tuple[str, Labels], int] = field(default_factory=lambda: defaultdict(int))
    spans: dict[tuple[str, Labels], tuple[int, float]] = field(default_factory=dict)

    def count(self, name: str, **labels: str) -> None:
        self.counts[name, tuple(sorted(labels.items()))] += 1

    def span(self, name: str, seconds: float, **labels: str) -> None:
        key = (name, tuple(sorted(labels.items())))
        times, total = self.spans.get(key, (0, 0.0))
        self.spans[key] = (times + 1, total + seconds)
