"""Pictures are fetched from Discord and nowhere else, whatever address a message shows; and few of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from support.discord_components import V2
from support.discord_live import Live, open_live
from support.discord_messages import Message
from support.simcord_world import PNG

from adapters.discord import pictures
from adapters.discord.pictures import Pictures, Upload
from bot.domain import ChatRef, Picture, UserRef
from bot.errors import UserError
from bot.talk import Asker

MENU, WHAT, FILES = "Animate this image", {"What should happen?": "the waves roll in"}, "/attachments/*"
COPY = "https://images-ext-1.discordapp.net/external/abc/secret.png"
ASKER = Asker(UserRef("discord", "7"), ChatRef("discord", ""), "discord:1")


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with open_live(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def within() -> AsyncIterator[tuple[str, list[str]]]:
    """Somebody in our own network, who should hear of nobody: their address, and what they were asked for."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=PNG, content_type="image/png")

    application = web.Application()
    application.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/internal/secret.png", asked
    finally:
        await runner.cleanup()


def of_another_bot(live: Live, **media: str | None) -> Message:
    """A message that shows a picture by whatever address its sender chose."""
    message = live.ada.says(live.channel, "look")
    shown = {"id": "1", "width": None, "height": None, "content_type": "image/png", **media}
    item = {"media": shown, "description": None, "spoiler": False}
    message.components, message.flags = [{"type": 12, "id": 1, "items": [item]}], V2
    return message


async def pointed_at(live: Live, message: Message) -> str:
    """What is said to who points at it and says what should happen."""
    form = await live.ada.context_menu(MENU, message).acknowledged()
    await live.quiet()
    handed_in = live.ada.submit_modal(form, WHAT)
    await handed_in.until(lambda each: each.followups or (each.response and each.response.text))
    await live.quiet()
    return "\n".join(each.text for each in (handed_in.response, *handed_in.followups) if each)


@pytest.mark.parametrize("copy", [None, "", "its own"])
async def test_an_address_that_another_bot_chose_is_never_asked(live: Live, copy: str | None) -> None:
    async with within() as (address, asked):
        said = await pointed_at(live, of_another_bot(live, url=address, proxy_url=copy and address))
    assert asked == []
    assert "secret.png stands outside Discord" in said
    assert "the waves roll in" in said


async def test_nobody_leads_the_bot_on_to_another_address(live: Live) -> None:
    async with within() as (address, asked):
        runner = web.AppRunner(application := web.Application())

        async def lead_on(_: web.Request) -> web.Response:
            raise web.HTTPFound(address)

        application.router.add_get("/sea.png", lead_on)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        reading = Pictures(live.chat.client.pictures._talk, url)
        with pytest.raises(UserError, match=r"sea\.png could not be fetched"):
            await reading.take(ASKER, [Upload(f"{url}/sea.png", "sea.png", 0)])
        await reading.close()
        await runner.cleanup()
    assert asked == []


def test_what_a_message_shows_is_taken_from_discords_copy_of_it() -> None:
    assert source_of("http://10.0.0.1/secret.png", COPY) == COPY
    assert source_of("http://10.0.0.1/secret.png", None) == ""


def test_what_discord_itself_keeps_is_taken_as_it_was_sent() -> None:
    file = "https://cdn.discordapp.com/attachments/1/2/sea.png?ex=1&is=1&hm=1&"
    assert source_of(file, "https://media.discordapp.net/attachments/1/2/sea.png") == file


def source_of(url: str, proxy_url: str | None) -> str:
    media: Any = SimpleNamespace(url=url, proxy_url=proxy_url)
    return pictures._source(media)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.discordapp.com/x.png",
        "https://cdn.discordapp.com:8443/x.png",
        "https://cdn.discordapp.com.example.org/x.png",
        "https://cdnxdiscordapp.com/x.png",
        "https://cdn.discordapp.com\\@127.0.0.1/x.png",
        "https://user@cdn.discordapp.com/x.png",
        "https://example.org/cdn.discordapp.com/x.png",
        "https://cdn.discordapp.com@127.0.0.1/x.png",
        "https://127.0.0.1/x.png",
        "http://[::1",
        "file:///etc/passwd",
        "",
    ],
)
async def test_no_other_address_passes_for_discords(live: Live, url: str) -> None:
    with pytest.raises(UserError, match="x stands outside Discord"):
        await live.chat.client.pictures.take(ASKER, [Upload(url, "x", 0)])


@pytest.mark.parametrize(
    "host", ["cdn.discordapp.com", "media.discordapp.net", "images-ext-2.discordapp.net"]
)
async def test_discords_own_addresses_pass(live: Live, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def read(url: str) -> bytes:
        asked.append(url)
        raise TimeoutError

    reading = live.chat.client.pictures
    monkeypatch.setattr(reading, "read", read)
    with pytest.raises(UserError, match="could not be fetched"):
        await reading.take(ASKER, [Upload(f"https://{host}/attachments/1/2/x.png", "x", 0)])
    assert asked == [f"https://{host}/attachments/1/2/x.png"]


# --- how many at once --------------------------------------------------------------------------------------------


async def test_no_more_pictures_are_held_in_memory_than_there_is_room_for(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted from the first byte until the picture is checked and kept."""
    monkeypatch.setattr(pictures, "READ_AT_ONCE", 2)
    reading = Pictures(live.chat.client.pictures._talk, live.server.api_url)
    held, most = 0, 0
    go_on = asyncio.Event()
    keep, read = live.house.studio.take_picture, reading.read

    async def counted(url: str) -> bytes:
        nonlocal held, most
        held += 1
        most = max(most, held)
        return await read(url)

    async def kept(who: UserRef, data: bytes, name: str = "") -> Picture:
        nonlocal held
        await go_on.wait()
        held -= 1
        return await keep(who, data, name)

    monkeypatch.setattr(reading, "read", counted)
    monkeypatch.setattr(live.house.studio, "take_picture", kept)
    message = live.ada.says(live.channel, "", [(f"{n}.png", PNG) for n in range(3)])
    now = live.house.clock.now()
    links = [live.server.files.link(each, live.channel.id, now) for each in message.attachments]
    uploads = [Upload(link, "sea.png", 0) for link in links]
    taking = [asyncio.create_task(reading.take(ASKER, uploads)) for _ in range(4)]
    await live.server.world.until(lambda: held == 2, what="the room is full")
    go_on.set()
    taken = await asyncio.gather(*taking)
    await reading.close()
    assert [len(each) for each in taken] == [3] * 4
    assert most == 2


# --- what nobody expected ----------------------------------------------------------------------------------------


async def test_a_message_whose_handling_broke_leaves_a_trace(
    live: Live, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(live.chat.client.mentions, "heard", broken)
    live.ada.says(live.dm, "my secret words")
    record = await live.server.world.until(
        lambda: next((each for each in caplog.records if each.getMessage() == "on_message failed"), None),
        what="a line in the log",
    )
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError
    assert "secret" not in caplog.text
