"""Pictures: photos, files, replies; and the sentences for what is no picture."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiogram.types import User
from support.telegram_house import TelegramHouse, open_telegram
from support.telegram_media import Given, tiny_mp4, tiny_picture

from adapters.telegram import fetching
from adapters.telegram.address import Address
from adapters.telegram.fetching import Fetching
from adapters.telegram.pictures import Sent
from adapters.telegram.spots import Spot
from bot.domain import ChatRef, Picture, UserRef
from bot.talk import Asker

PHOTO = tiny_picture(64, 36)


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[TelegramHouse]:
    async with open_telegram(tmp_path) as found:
        yield found


async def test_a_photo_with_a_caption_is_a_request_that_starts_from_it(bot: TelegramHouse) -> None:
    card = await bot.says("the dog jumps", photo=PHOTO)
    assert "the dog jumps" in card.text
    assert "starts from your picture" in card.text


async def test_a_photo_without_words_is_asked_what_should_happen(bot: TelegramHouse) -> None:
    question = await bot.says(photo=PHOTO)
    assert question.asks_for_reply
    card = await bot.says("the dog jumps")
    assert "starts from your picture" in card.text


async def test_a_picture_sent_as_a_file_keeps_its_bytes(bot: TelegramHouse) -> None:
    picture = tiny_picture(80, 45, form="PNG")
    await bot.says("the dog jumps", document=Given(picture, "Photo.PNG", "image/png"))
    kept = bot.house.settings.pictures_dir / hashlib.sha256(picture).hexdigest()
    assert kept.read_bytes() == picture


async def test_a_command_in_the_caption_of_a_photo_counts(bot: TelegramHouse) -> None:
    card = await bot.says("/sora portrait the dog jumps", photo=PHOTO)
    assert "Sora 2" in card.text
    assert "starts from your picture" in card.text


async def test_a_reply_to_any_picture_with_a_command_makes_a_video_from_it(bot: TelegramHouse) -> None:
    tom = bot.person("Tom")
    cats = bot.world.group("Cats", [bot.ada, tom])
    photo = await cats.says(tom, photo=PHOTO)
    card = await bot.ask(cats, bot.ada, f"/video@{bot.name} the dog jumps", reply_to=photo)
    assert "starts from your picture" in card.text


async def test_a_picture_from_another_chat_can_be_replied_to(bot: TelegramHouse) -> None:
    photo = await bot.chat.says(bot.ada, photo=PHOTO)
    await bot.quiet()
    assert photo.media is not None
    elsewhere = {
        "origin": {"type": "hidden_user", "date": 1_795_000_000, "sender_user_name": "Tom"},
        "photo": photo.media.fields()["photo"],
    }
    card = await bot.says("/video the dog jumps", extra={"external_reply": elsewhere})
    assert "starts from your picture" in card.text


async def test_add_a_picture_asks_for_one_and_the_photo_changes_the_card(bot: TelegramHouse) -> None:
    card = await bot.says("the dog jumps")
    await bot.press(card, "Add a picture")
    assert bot.chat.messages[-1].asks_for_reply
    fresh = await bot.says(photo=PHOTO)
    assert "starts from your picture" in fresh.text
    assert "the dog jumps" in fresh.text


async def test_words_instead_of_the_picture_that_was_asked_for_are_a_new_request(bot: TelegramHouse) -> None:
    card = await bot.says("the dog jumps")
    await bot.press(card, "Add a picture")
    assert "a sad cat" in (await bot.says("a sad cat")).text


@pytest.mark.parametrize(
    ("kind", "file", "says"),
    [
        ("sticker", Given(PHOTO, "s.webp"), "sticker"),
        ("animation", Given(tiny_mp4(2000), "g.mp4"), "GIF"),
        ("video", Given(tiny_mp4(2000), "v.mp4"), "Animate on"),
        ("voice", Given(b"OggS" * 20, "v.ogg"), "cannot listen"),
        ("document", Given(b"%PDF-1.4", "a.pdf", "application/pdf"), "not a picture"),
        ("document", Given(tiny_mp4(2000), "v.mov", "video/quicktime"), "Animate on"),
        ("document", Given(PHOTO, "huge.png", "image/png", 21 * 1024 * 1024), "over 20 MB"),
    ],
)
async def test_what_cannot_start_a_video_is_answered_with_what_can(
    bot: TelegramHouse, kind: str, file: Given, says: str
) -> None:
    answer = await bot.says("the dog jumps", **{kind: file})
    assert says in answer.text
    assert not bot.world.calls_of("getFile")


async def test_a_command_that_replies_to_a_sticker_is_told_what_works(bot: TelegramHouse) -> None:
    sticker = await bot.chat.says(bot.ada, sticker=Given(PHOTO, "s.webp"))
    await bot.quiet()
    assert "sticker" in (await bot.says("/video it jumps", reply_to=sticker)).text


async def test_somebody_who_is_not_let_in_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    async with open_telegram(tmp_path, access="closed") as bot:
        assert "invited" in (await bot.says("the dog jumps", photo=PHOTO)).text
        assert not bot.world.calls_of("getFile")


async def test_no_more_pictures_are_held_in_memory_than_there_is_room_for(
    bot: TelegramHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted from the first byte until the picture is checked and kept."""
    monkeypatch.setattr(fetching, "READ_AT_ONCE", 2)
    reading = Fetching(bot=bot.telegram._bot, calls=bot.telegram._calls, talk=bot.talk)
    held, most, go_on = 0, 0, asyncio.Event()
    keep, read = bot.house.studio.take_picture, reading._bytes

    async def counted(sent: Sent) -> bytes:
        nonlocal held, most
        held += 1
        most = max(most, held)
        return await read(sent)

    async def kept(who: UserRef, data: bytes, name: str = "") -> Picture:
        nonlocal held
        await go_on.wait()
        held -= 1
        return await keep(who, data, name)

    photo = await bot.chat.says(bot.ada, photo=PHOTO)
    await bot.quiet()
    assert photo.media
    sent = [Sent(photo.media.fields()["photo"][-1]["file_id"], "photo.jpg")] * 2
    user = User(id=bot.ada.id, is_bot=False, first_name="Ada")
    spot = Spot(
        user, Asker(UserRef("telegram", str(user.id)), ChatRef("telegram", ""), "k"), Address(user.id)
    )
    monkeypatch.setattr(reading, "_bytes", counted)
    monkeypatch.setattr(bot.house.studio, "take_picture", kept)
    taking = [asyncio.create_task(reading.take(spot, sent)) for _ in range(4)]
    await bot.world.wait_until(lambda: held == 2)
    go_on.set()
    assert [len(each) for each in await asyncio.gather(*taking)] == [2] * 4
    assert most == 2


async def test_a_download_that_fails_once_is_tried_again(bot: TelegramHouse) -> None:
    bot.server.fault("download", "bad_gateway")
    assert "starts from your picture" in (await bot.says("the dog jumps", photo=PHOTO)).text


async def test_a_picture_that_cannot_be_had_is_asked_for_again_and_the_token_is_said_nowhere(
    bot: TelegramHouse, caplog: pytest.LogCaptureFixture
) -> None:
    bot.server.fault("download", "bad_gateway", times=5)
    answer = await bot.says("the dog jumps", photo=PHOTO)
    assert "send it again" in answer.text
    secret = bot.server.token.partition(":")[2]
    assert secret not in caplog.text
    assert secret not in str([each.params for each in bot.world.calls])
    written = b"".join(each.read_bytes() for each in bot.house.settings.data_dir.rglob("*") if each.is_file())
    assert secret.encode() not in written
