"""Operators in Discord: commands hidden from members, and checked by ourselves all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from support.simcord_world import World, open_world, text_of


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, access="closed") as opened:
        yield opened


def admin(world: World, name: str = "olga") -> Any:
    """A member whom Discord shows every command."""
    role = world.guild.create_role("admin", permissions=discord.Permissions(administrator=True))
    return world.guild.add_member(world.env.create_user(name), roles=[role])


async def operator(world: World) -> Any:
    """An administrator of the server who is the bot's operator too."""
    olga = admin(world)
    code = await world.house.office.claim_code()
    assert code
    await world.house.office.claim(world.ref(olga), code)
    return olga


async def run(world: World, actor: Any, command: str, **options: Any) -> str:
    result = await actor.slash(world.channel, f"operator {command}", **options)
    assert result.ephemeral
    return text_of(result.response)


async def test_members_do_not_see_the_operators_commands(world: World) -> None:
    with pytest.raises(simcord.SetupError, match="not visible"):
        await world.ada.slash(world.channel, "operator status")


async def test_a_servers_administrator_is_no_operator(world: World) -> None:
    told = await run(world, admin(world), "pause")
    assert "no command" in told
    assert (await world.house.office.status()).paused is None


async def test_allow_and_deny_open_and_close_this_server(world: World) -> None:
    olga = await operator(world)
    assert "Everybody here" in await run(world, olga, "allow")
    result = await world.ada.slash(world.channel, "video", prompt="a dog")
    assert "a dog" in text_of(result.response)
    await run(world, olga, "deny")
    assert (await world.ada.slash(world.channel, "video", prompt="a cat")).response is None


async def test_somebody_elsewhere_is_allowed_by_their_name(world: World) -> None:
    told = await run(world, await operator(world), "allow", who="telegram:123")
    assert "telegram:123" in told


async def test_credits_are_granted_to_a_member_with_a_reason(world: World) -> None:
    olga = await operator(world)
    told = await run(world, olga, "grant", user=world.ada, amount=250, reason="a prize")
    assert "250 credits" in told
    assert (await world.house.office.balance(world.ref(world.ada))).available == 250


async def test_a_grant_that_discord_tells_of_twice_is_booked_once(world: World) -> None:
    olga = await operator(world)
    with world.told_twice():
        await run(world, olga, "grant", user=world.ada, amount=250)
    assert (await world.house.office.balance(world.ref(world.ada))).available == 250


async def test_block_and_unblock(world: World) -> None:
    olga = await operator(world)
    await run(world, olga, "allow", user=world.ada)
    await run(world, olga, "block", user=world.ada)
    result = await world.ada.slash(world.channel, "video", prompt="a dog")
    assert "cannot use this bot" in text_of(result.followups[0])
    await run(world, olga, "unblock", user=world.ada)
    assert (await world.ada.slash(world.channel, "video", prompt="a dog")).response


async def test_pause_and_resume_with_the_reason(world: World) -> None:
    olga = await operator(world)
    await run(world, olga, "pause", reason="new disk")
    assert (await world.house.office.status()).paused == "new disk"
    await run(world, olga, "resume")
    assert (await world.house.office.status()).paused is None


async def test_status_shows_the_bot_at_a_glance(world: World) -> None:
    assert "New orders" in await run(world, await operator(world), "status")
