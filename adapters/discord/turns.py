"""Which interactions are being answered: Discord may tell of one twice, and its answer is given once."""

from __future__ import annotations

import discord

from bot.ports import Clock

REMEMBERED = 10_000  # many times what comes within the minutes in which an event may be repeated


class Turns:
    """By the id of the interaction."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[int, None] = {}

    def age_ms(self, interaction: int) -> int:
        """How long ago Discord made it, by Discord's clock and ours."""
        return self._clock.now() - (interaction >> 22) - discord.utils.DISCORD_EPOCH

    def take(self, interaction: int) -> bool:
        """False when it was taken before."""
        if interaction in self._taken:
            return False
        if len(self._taken) >= REMEMBERED:
            del self._taken[next(iter(self._taken))]
        self._taken[interaction] = None
        return True


class Hearer(discord.AutoShardedClient):
    """The client, as far as those who answer an interaction need it."""

    turns: Turns
