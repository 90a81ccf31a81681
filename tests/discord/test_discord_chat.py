"""The adapter's life against a Discord that speaks HTTP and the gateway: coming, going, and everything it says checked
by Discord's own description of its API.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from discord.http import Route
from support.clock import FakeClock
from support.discord_live import open_live
from support.discord_probe import aimed_at
from support.discord_server import DiscordServer
from support.house import House, open_house

from adapters.discord.chat import DiscordChat
from adapters.discord.client import intents
from bot.domain import UserRef
from bot.durable import DurableMemory
from bot.errors import RetryLater, StartError
from bot.masking import Secret
from bot.talk import Talk

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 40


def chat_of(house: House, token: str, api_url: str) -> DiscordChat:
    async def nobody(who: UserRef, text: str) -> bool:
        return False

    async def nothing(*_: object) -> None:
        return None

    talk = Talk(studio=house.studio, office=house.office, tell=nobody, notice=nothing)
    memory = DurableMemory(house.store, house.clock)
    return DiscordChat(
        Secret(token), api_url, talk=talk, studio=house.studio, memory=memory, clock=house.clock
    )


# --- coming and going --------------------------------------------------------------------------------------------


async def test_a_wrong_token_stops_the_start_with_the_remedy_and_without_the_token(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, DiscordServer() as server:
        with aimed_at(server):
            chat = chat_of(house, "a-wrong-token", server.api_url)
            with pytest.raises(StartError, match="DISCORD_BOT_TOKEN") as caught:
                await chat.start()
            await chat.close()
        assert "a-wrong-token" not in str(caught.value)


async def test_a_discord_that_cannot_be_reached_does_not_stop_the_other_chats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "BASE", "")
    async with open_house(tmp_path) as house:
        chat = chat_of(house, "a-token", "http://127.0.0.1:9/api/v10")
        await chat.start()
        assert chat.link is None
        with pytest.raises(RetryLater):
            await chat.register()
        await chat.close()


async def test_commands_are_registered_at_the_first_start_only(tmp_path: Path) -> None:
    clock = FakeClock(auto=False)
    async with DiscordServer(clock=clock) as server:
        async with open_live(tmp_path, server, clock=clock):
            (first,) = server.world.registrations
        assert {"sora", "video", "storyboard", "operator"} <= set(first[1])
        async with open_live(tmp_path, server, clock=clock) as live:
            assert server.world.registrations == [first]
            assert await live.chat.register(force=True) == len(first[1])


async def test_the_link_adds_the_bot_with_the_rights_that_delivery_needs(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        assert live.chat.link
        assert "permissions=274878024704" in live.chat.link
        assert str(live.chat.client.application_id) in live.chat.link


def test_no_privileged_intent_is_asked_for() -> None:
    asked = intents()
    assert not any((asked.message_content, asked.members, asked.presences))


async def test_after_the_stop_nothing_is_heard_but_deliveries_still_work(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        await live.chat.stop()
        asked = live.ada.slash(live.channel, "help")
        await asyncio.sleep(0.05)
        assert not asked.acked
        assert await live.chat.tell(str(live.ada.id), "a last word")
        assert "a last word" in live.dm.last.text


# --- what it says passes Discord's own checks --------------------------------------------------------------------


async def test_from_command_to_order_over_the_wire(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        asked = live.ada.slash(
            live.channel, "video", prompt="a *happy* dog @everyone", image=("dog.png", PNG)
        )
        card = await asked.answered()
        assert asked.acked_after is not None
        assert asked.acked_after < 0.5
        assert next(iter(card.buttons())).startswith("✅ Confirm")
        assert card.pings == []
        await live.press(card, "Model")
        (models,) = card.selects().values()
        await live.ada.select(card, None, models[0]).acknowledged()
        await live.quiet()
        assert f"Model: {models[0]}" in card.buttons()
        await live.press(card, "✅ Confirm")
        await card.shows("Waiting for a turn")


async def test_a_refusal_is_whispered_and_takes_the_public_reply_away(tmp_path: Path) -> None:
    async with open_live(tmp_path, access="closed") as live:
        asked = live.ada.slash(live.channel, "video", prompt="a dog")
        await asked.until(lambda each: bool(each.followups))
        (told,) = asked.followups
        assert told.ephemeral
        assert "invited people" in told.text
        assert [each for each in live.posts(live.channel) if not each.ephemeral] == []


async def test_a_storyboard_by_its_form_over_the_wire(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        asked = live.ada.slash(live.channel, "storyboard")
        await asked.acknowledged()
        assert asked.modal
        handed = live.ada.submit_modal(
            asked,
            {
                "Scenes, one on each line": "5 | a kitten wakes up\n5 | it yawns",
                "Length": "10",
                "First picture, if you like": ("cat.png", PNG),
            },
        )
        card = await handed.answered()
        assert next(iter(card.buttons())).startswith("✅ Confirm")


async def test_changed_words_by_a_form_over_the_wire(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        card = await live.ada.slash(live.channel, "video", prompt="a happy dog").answered()
        pressed = live.ada.click(card, "Change words")
        await pressed.acknowledged()
        handed = live.ada.submit_modal(pressed, {"Your answer": "a sad cat"})
        await handed.acknowledged()
        await card.shows("a sad cat")


async def test_a_mention_is_answered_as_a_reply_over_the_wire(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        said = live.ada.says(live.channel, f"{live.server.world.bot.mention} a happy dog")
        await live.channel.shows("Your video")
        answer = live.channel.last
        assert answer.reference == said.id
        assert answer.nonce
        said.redeliver()
        await live.quiet()
        await asyncio.sleep(0.05)
        assert live.posts(live.channel) == [answer]


async def test_a_command_heard_again_after_a_broken_connection_is_answered_once(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        asked = live.ada.slash(live.channel, "video", prompt="a happy dog")
        card = await asked.answered()
        asked.redeliver()
        await asyncio.sleep(0.05)
        await live.quiet()
        assert live.posts(live.channel) == [card]


async def test_a_user_install_in_somebody_elses_server_is_served(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        world = live.server.world
        elsewhere = world.guild("elsewhere", bot_in=False)
        channel = elsewhere.text_channel("talk")
        carl = elsewhere.member(world.user("carl", installed=True))
        card = await carl.slash(channel, "video", prompt="a happy dog").answered()
        pressed = await live.press(card, "✅ Confirm", carl)
        assert "Get my video" in card.buttons()
        assert any("not a member here" in each.text for each in pressed.followups)


async def test_every_command_that_only_tells_passes_discords_checks(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        for name in (
            "help",
            "models",
            "balance",
            "history",
            "cancel",
            "settings",
            "terms",
            "privacy",
            "forget",
        ):
            told = await live.ada.slash(live.channel, name).answered()
            assert told.ephemeral
            assert told.text, name
        assert not [each for each in live.server.requests if each.status >= 400]
