"""How large a file may be where."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.discord_live import MIB, open_live

from adapters.discord.address import Address, Ticket
from adapters.discord.delivery import Delivering
from adapters.discord.limits import Limits
from bot.errors import TooLarge

TOKEN_TICKET = Ticket(1, "t", 0, limit=500 * MIB)


def limits_of(delivering: Delivering) -> Limits:
    return delivering._limits


@pytest.mark.parametrize(("tier", "most"), [(0, 20), (1, 20), (2, 50), (3, 100)])
async def test_a_bot_message_may_hold_what_the_boost_tier_allows(
    tier: int, most: int, tmp_path: Path
) -> None:
    async with open_live(tmp_path, boost_tier=tier) as live:
        here = Address(1, live.channel.id, guild=live.guild.id)
        assert await limits_of(live.delivering).in_channel(here) == most * MIB


async def test_a_server_that_is_no_longer_known_counts_as_it_was_when_asked(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        assert await limits_of(live.delivering).in_channel(Address(1, 2, guild=3, boost=2)) == 50 * MIB


async def test_a_token_may_send_what_discord_said_with_it(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        here = Address(1, live.channel.id, guild=live.guild.id)
        limits = limits_of(live.delivering)
        assert await limits.by_token(TOKEN_TICKET, here) == 500 * MIB
        assert await limits.by_token(Ticket(1, "t", 0), here) == 20 * MIB
        assert await limits.in_dm() == 20 * MIB


async def test_a_refusal_lowers_the_limit_there_and_nowhere_else_for_a_week(tmp_path: Path) -> None:
    async with open_live(tmp_path, boost_tier=3) as live:
        limits = limits_of(live.delivering)
        here = Address(1, live.channel.id, guild=live.guild.id)
        assert await limits.refused(60 * MIB, by_token=False, address=here) == 50 * MIB
        assert await limits.in_channel(here) == 50 * MIB
        assert await limits.in_dm() == 20 * MIB
        assert await limits.by_token(TOKEN_TICKET, here) == 500 * MIB
        live.advance(7 * 86_400 + 1)
        assert await limits.in_channel(here) == 100 * MIB


async def test_even_the_smallest_known_limit_may_be_refused(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        limits = limits_of(live.delivering)
        assert await limits.refused(8 * MIB, by_token=False) == 6 * MIB


async def test_what_is_too_large_is_said_before_a_byte_is_sent(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.let_videos_have(21 * MIB)
        job = await live.settled(await live.order())
        delivery = await live.attempt(job, "channel")
        before = len(live.server.requests)
        with pytest.raises(TooLarge) as refused:
            await live.delivering.deliver(delivery)
        assert refused.value.limit == 20 * MIB
        assert len(live.server.requests) == before
