"""Pictures that somebody pointed at are the bot's own by the time their form is handed in, and never larger than said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.discord_interactions import Interaction
from support.discord_live import Live, open_live
from support.discord_messages import Message
from support.simcord_world import PNG

from adapters.discord import pictures, pointed

MENU, WHAT, FILES = "Animate this image", {"What should happen?": "the waves roll in"}, "/attachments/*"


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(tmp_path) as opened:
        yield opened


@pytest.fixture
def message(live: Live) -> Message:
    return live.ada.says(live.channel, "look", [("sea.png", PNG)])


async def shown(live: Live, message: Message) -> Interaction:
    return await live.ada.context_menu(MENU, message).acknowledged()


async def refused(live: Live, form: Interaction) -> str:
    """What is said to the form that was handed in; for its sender only."""
    handed_in = live.ada.submit_modal(form, WHAT)
    await handed_in.until(lambda each: each.followups or (each.response and each.response.text))
    await live.quiet()
    told = [each for each in (handed_in.response, *handed_in.followups) if each and each.ephemeral]
    assert not await live.house.store.read(lambda tx: tx.all("SELECT id FROM drafts"))
    return "\n".join(each.text for each in told)


async def test_a_picture_outlives_its_message_while_its_form_is_filled_in(
    live: Live, message: Message
) -> None:
    form = await shown(live, message)
    await live.quiet()
    live.ada.deletes(message)
    card = await live.ada.submit_modal(form, WHAT).answered()
    assert "starts from your picture" in card.text
    assert "the waves roll in" in card.text


async def test_no_address_of_discords_waits_in_the_notes(live: Live, message: Message) -> None:
    await shown(live, message)
    await live.quiet()
    notes = await live.house.store.read(lambda tx: tx.all("SELECT * FROM memory"))
    assert "discord:pointed:" in str([tuple(each) for each in notes])
    assert "http" not in str([tuple(each) for each in notes])


async def test_a_form_that_is_quicker_than_its_picture_waits_for_it(live: Live, message: Message) -> None:
    live.server.fault("GET", FILES, hang=0.5)
    form = await shown(live, message)
    assert "starts from your picture" in (await live.ada.submit_modal(form, WHAT).answered()).text


async def test_a_picture_that_does_not_come_is_said_so_and_the_words_are_given_back(
    live: Live, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pointed, "WAIT_SECONDS", 0.05)
    fault = live.server.fault("GET", FILES, hang=1.0)
    form = await shown(live, message)
    await live.server.world.until(lambda: fault.hits, what="the picture is asked for")
    said = await refused(live, form)
    assert "has not come from Discord yet" in said
    assert "the waves roll in" in said


async def test_a_picture_that_is_gone_is_said_so_and_the_words_are_given_back(
    live: Live, message: Message
) -> None:
    live.server.fault("GET", FILES, status=404)
    said = await refused(live, await shown(live, message))
    assert "sea.png could not be fetched from Discord. Please send it again." in said
    assert "the waves roll in" in said


async def test_a_stranger_to_a_closed_bot_makes_it_fetch_nothing(tmp_path: Path) -> None:
    async with open_live(tmp_path, access="closed") as live:
        form = await shown(live, live.ada.says(live.channel, "look", [("sea.png", PNG)]))
        assert "the waves roll in" in await refused(live, form)
        assert not live.server.seen("GET", FILES)


async def test_one_picture_pointed_at_counts_as_one_command_and_is_taken_once(tmp_path: Path) -> None:
    async with open_live(tmp_path, commands_per_minute=2) as live:
        message = live.ada.says(live.channel, "look", [("sea.png", PNG)])
        for _ in range(2):
            form = await shown(live, message)
            assert "starts from your picture" in (await live.ada.submit_modal(form, WHAT).answered()).text
            await live.quiet()
        again = await live.ada.submit_modal(form, WHAT).shows("This form is out of date")
        assert again.ephemeral
        third = await shown(live, message)
        await live.quiet()
        assert (await live.ada.submit_modal(third, WHAT).shows("Easy")).ephemeral


async def test_no_more_of_a_picture_is_read_than_is_taken_whatever_was_said_of_its_size(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture behind a link comes without its size."""
    monkeypatch.setattr(pictures, "BYTES_MOST", 100_000)
    upload = live.ada.says(live.channel, "", [("sea.png", PNG + bytes(50_000_000))]).attachments[0]
    link = live.server.files.link(upload, live.channel.id, live.house.clock.now())
    data = await asyncio.wait_for(live.chat.client.pictures.read(link), 10)
    assert 100_000 < len(data) < 1_000_000


async def test_the_connections_that_pictures_are_read_by_are_closed_with_the_client(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        await shown(live, live.ada.says(live.channel, "look", [("sea.png", PNG)]))
        await live.quiet()
        reading = live.chat.client.pictures._session
        assert reading
        assert not reading.closed
    assert reading.closed


async def test_a_picture_that_is_larger_than_was_said_is_refused(
    live: Live, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "BYTES_MOST", 100)
    monkeypatch.setattr(message.attachments[0], "size", 0)
    assert "sea.png is too large" in await refused(live, await shown(live, message))


async def test_a_picture_that_stands_in_a_card_can_be_pointed_at_too(live: Live) -> None:
    asked = live.ada.slash(live.channel, "video", prompt="a boat", image=("sea.png", PNG))
    form = await shown(live, await asked.answered())
    assert form.modal
    assert "starts from your picture" in (await live.ada.submit_modal(form, WHAT).answered()).text
