"""Which interactions are being answered: Discord may tell of one twice, and its answer is given once."""

from __future__ import annotations

REMEMBERED = 10_000  # many times what comes within the minutes in which an event may be repeated


class Turns:
    """By the id of the interaction."""

    def __init__(self) -> None:
        self._taken: dict[int, None] = {}

    def take(self, interaction: int) -> bool:
        """False when it was taken before."""
        if interaction in self._taken:
            return False
        if len(self._taken) >= REMEMBERED:
            del self._taken[next(iter(self._taken))]
        self._taken[interaction] = None
        return True
