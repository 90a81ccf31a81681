"""How large a file may be where: what Discord says when asked, and less where it was refused (discord.md 4)."""

from __future__ import annotations

import discord

from adapters.discord.address import Address, Place, Ticket
from bot.ports import Memory

MIB = 2**20
USUAL = 20 * MIB  # since 2026-09-03
BY_TIER = {2: 50 * MIB, 3: 100 * MIB}
# The limits there are or were; a refusal teaches the next one below.
STEPS = (100 * MIB, 50 * MIB, 25 * MIB, USUAL, 10 * MIB)
LEARNT_SECONDS = 7 * 86_400.0


class Limits:
    """All in bytes of one file. What was learnt from refusals is noted for a week."""

    def __init__(self, client: discord.Client, memory: Memory) -> None:
        self._client = client
        self._memory = memory

    async def by_token(self, ticket: Ticket, address: Address) -> int:
        """What the interaction said: the largest of the usual, the server's tier and the asker's own."""
        return await self._at_most(ticket.limit or USUAL, _name("token", address))

    async def in_channel(self, address: Address) -> int:
        """What the bot itself may send where the request was made: the server's tier counts, the asker's Nitro not."""
        return await self._at_most(max(USUAL, BY_TIER.get(self._tier(address), 0)), _name("bot", address))

    async def in_dm(self) -> int:
        return await self._at_most(USUAL, _name("bot"))

    async def refused(self, size: int, *, by_token: bool, address: Address | None = None) -> int:
        """A file of `size` bytes was too large here (in direct messages without `address`); returns what will be tried
        from now on."""
        limit = next((step for step in STEPS if step < size), size * 3 // 4)
        name = _name("token" if by_token else "bot", address)
        await self._memory.put(name, limit, seconds=LEARNT_SECONDS)
        return limit

    async def _at_most(self, limit: int, name: str) -> int:
        return min(limit, await self._memory.get(name) or limit)

    def _tier(self, address: Address) -> int:
        """As it is now; a boost may have begun or ended since the request."""
        guild = self._client.get_guild(address.guild) if address.guild else None
        # right after the start Discord has only said that there is such a server
        return guild.premium_tier if guild and not guild.unavailable else address.boost


def _name(way: str, address: Address | None = None) -> str:
    where = address.guild if address and address.place is Place.SERVER else "dm"
    return f"discord:limit:{way}:{where}"
