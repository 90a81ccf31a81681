"""The Bot API stand-in, called by the real aiogram over HTTP: texts, buttons, files, edits, the bot's own profile."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiogram.exceptions import TelegramBadRequest, TelegramEntityTooLarge
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BufferedInputFile,
    FSInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    Message,
    ReactionTypeEmoji,
    ReplyParameters,
)
from PIL import Image
from support import files
from support.clock import FakeClock
from support.telegram_caller import Scene, buttons, scene
from support.telegram_html import read_text, units
from support.telegram_media import Given, tiny_mp4, tiny_picture
from support.telegram_schema import ApiError


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def on(clock: FakeClock) -> AsyncIterator[Scene]:
    async with scene(clock) as opened:
        yield opened


def video(size: int = 1000, seed: bytes = b"") -> BufferedInputFile:
    return BufferedInputFile(tiny_mp4(size, seed), "clip.mp4")


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def hello(on: Scene, text: str = "hello") -> Message:
    return await on.bot.send_message(on.ada.id, text)


# --- HTML


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a <b>dog", 'Can\'t find end tag corresponding to start tag "b"'),
        ("a dog</b>", "Unexpected end tag at byte offset 5"),
        ("é <b><i>dog</b></i>", 'Unmatched end tag at byte offset 12, expected "</i>", found "</b>"'),
        ("1 <2 dogs", 'Unsupported start tag "2" at byte offset 2'),
        ("<div>dog</div>", 'Unsupported start tag "div" at byte offset 0'),
        ("<br>", 'Unsupported start tag "br"'),
        ("<span>dog</span>", 'must have class "tg-spoiler"'),
        ("a <b", "Unclosed start tag at byte offset 2"),
    ],
)
async def test_broken_markup_is_refused_as_telegram_refuses_it(on: Scene, source: str, told: str) -> None:
    with pytest.raises(TelegramBadRequest) as refused:
        await on.bot.send_message(on.ada.id, source, parse_mode="HTML")
    assert "can't parse entities" in str(refused.value)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>1</b> &lt; 2 &amp; &#x27;3&#39;", "1 < 2 & '3'", [("bold", 0, 1)]),
        ("🎬 <b><i>Film</i></b>", "🎬 Film", [("bold", 3, 4), ("italic", 3, 4)]),
        ("&nbsp;fish & chips", "&nbsp;fish & chips", []),
        ("  <b> trimmed </b>  ", "trimmed", [("bold", 0, 7)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
        ('<a href="https://a.example/?b&amp;c">x</a>', "x", [("text_link", 0, 1)]),
    ],
)
def test_markup_becomes_entities_in_utf_16_units(
    source: str, text: str, entities: list[tuple[str, int, int]]
) -> None:
    rich = read_text(source, "HTML", None)
    assert rich.text == text
    assert [(each["type"], each["offset"], each["length"]) for each in rich.entities] == entities


async def test_what_was_sent_is_kept_as_people_read_it_and_as_it_was_written(on: Scene) -> None:
    await on.bot.send_message(on.ada.id, "<b>5</b> &lt; 6", parse_mode="HTML", disable_notification=True)
    assert (on.chat.last.text, on.chat.last.html) == ("5 < 6", "<b>5</b> &lt; 6")
    assert on.chat.last.silent


async def test_texts_and_captions_are_measured_in_utf_16_units_after_parsing(on: Scene) -> None:
    await on.bot.send_message(on.ada.id, f"<b>{'🎬' * 2048}</b>", parse_mode="HTML")
    assert units(on.chat.last.text) == 4096
    with pytest.raises(TelegramBadRequest, match="message is too long"):
        await hello(on, "🎬" * 2049)
    await on.bot.send_video(on.ada.id, video(), caption="x" * 1024)
    with pytest.raises(TelegramBadRequest, match="message caption is too long"):
        await on.bot.send_video(on.ada.id, video(), caption="x" * 1025)
    with pytest.raises(TelegramBadRequest, match="message text is empty"):
        await hello(on, "  \n ")


def test_other_parse_modes_are_refused_rather_than_misread() -> None:
    with pytest.raises(ApiError, match="reads HTML only"):
        read_text("*bold*", "MarkdownV2", None)


# --- buttons


@pytest.mark.parametrize(
    ("button", "told"),
    [
        (InlineKeyboardButton(text="Go", callback_data="ü" * 33), "BUTTON_DATA_INVALID"),
        (InlineKeyboardButton(text="Go"), "Text buttons are unallowed"),
        (InlineKeyboardButton(text="Go", callback_data="x", url="https://a.example"), "more than one action"),
        (InlineKeyboardButton(text="Go", url="file:///x"), "Wrong HTTP URL"),
        (InlineKeyboardButton(text=" ", callback_data="x"), "text is empty"),
    ],
)
async def test_a_button_does_exactly_one_thing_within_its_limits(
    on: Scene, button: InlineKeyboardButton, told: str
) -> None:
    markup = InlineKeyboardMarkup(inline_keyboard=[[button]])
    with pytest.raises(TelegramBadRequest, match=told):
        await on.bot.send_message(on.ada.id, "Choose", reply_markup=markup)
    assert on.chat.messages == []


# --- edits


async def test_an_edit_changes_text_and_buttons_and_remembers_what_was_before(on: Scene) -> None:
    sent = await on.bot.send_message(on.ada.id, "one", reply_markup=buttons(Go="go"))
    await sent.edit_text("two", reply_markup=buttons(Stop="stop"))
    assert (on.chat.last.text, on.chat.last.buttons) == ("two", {"Stop": "stop"})
    assert [(each.text, each.buttons) for each in on.chat.last.edits] == [("one", {"Go": "go"})]


async def test_an_edit_that_changes_nothing_is_refused(on: Scene) -> None:
    sent = await on.bot.send_message(
        on.ada.id, "<b>one</b>", parse_mode="HTML", reply_markup=buttons(Go="go")
    )
    with pytest.raises(TelegramBadRequest, match="message is not modified"):
        await sent.edit_text(" <b>one</b> ", parse_mode="HTML", reply_markup=buttons(Go="go"))
    # The same words in another dress, and the same without its buttons, are changes.
    await sent.edit_text("one", reply_markup=buttons(Go="go"))
    await sent.edit_text("one")
    assert on.chat.last.buttons == {}


async def test_only_own_messages_that_stand_are_edited_and_deleted(on: Scene) -> None:
    hers = await on.chat.says(on.ada, "mine")
    with pytest.raises(TelegramBadRequest, match="message can't be edited"):
        await on.bot.edit_message_text("x", chat_id=on.ada.id, message_id=hers.id)
    sent = await hello(on)
    assert await sent.delete()
    with pytest.raises(TelegramBadRequest, match="message to edit not found"):
        await sent.edit_text("again")
    with pytest.raises(TelegramBadRequest, match="message to delete not found"):
        await sent.delete()
    assert on.chat.messages[0].deleted


async def test_own_messages_can_be_deleted_for_two_days(on: Scene, clock: FakeClock) -> None:
    sent = await hello(on)
    clock.advance(48 * 3600 + 1)
    with pytest.raises(TelegramBadRequest, match="message can't be deleted for everyone"):
        await sent.delete()
    assert not on.chat.last.deleted


async def test_a_text_becomes_a_video_but_has_no_caption_before(on: Scene) -> None:
    sent = await hello(on, "working")
    with pytest.raises(TelegramBadRequest, match="there is no caption in the message to edit"):
        await sent.edit_caption(caption="x")
    edited = await sent.edit_media(InputMediaVideo(media=video(), caption="done", width=4, height=3))
    assert isinstance(edited, Message)
    assert edited.video
    assert (edited.message_id, edited.video.width, on.chat.last.caption) == (sent.message_id, 4, "done")
    with pytest.raises(TelegramBadRequest, match="there is no text in the message to edit"):
        await sent.edit_text("x")


# --- replies


async def test_a_reply_hangs_on_its_message_and_fails_when_that_is_gone(on: Scene) -> None:
    asked = await on.chat.says(on.ada, "a dog")
    reply = ReplyParameters(message_id=asked.id)
    sent = await on.bot.send_message(on.ada.id, "here", reply_parameters=reply)
    assert sent.reply_to_message
    assert (sent.reply_to_message.text, on.chat.last.reply_to) == ("a dog", asked)
    await on.chat.deletes(on.ada, asked)
    with pytest.raises(TelegramBadRequest, match="message to be replied not found"):
        await on.bot.send_message(on.ada.id, "here", reply_parameters=reply)
    willing = ReplyParameters(message_id=asked.id, allow_sending_without_reply=True)
    assert (await on.bot.send_message(on.ada.id, "here", reply_parameters=willing)).reply_to_message is None


# --- files out


async def test_a_large_video_is_streamed_and_every_byte_of_it_counted(on: Scene, tmp_path: Path) -> None:
    data = tiny_mp4(20_000_000)
    file = tmp_path / "clip.mp4"
    file.write_bytes(data)
    thumbnail = BufferedInputFile(tiny_picture(320, 180), "t.jpg")
    sent = await on.bot.send_video(
        *(on.ada.id, FSInputFile(file)),
        thumbnail=thumbnail,
        width=1280,
        height=720,
        duration=8,
        supports_streaming=True,
    )
    media = on.chat.last.media
    assert media
    assert (media.size, media.sha256) == (20_000_000, hashlib.sha256(data).hexdigest())
    assert (media.width, media.height, media.duration, media.supports_streaming) == (1280, 720, 8, True)
    assert media.thumbnail
    assert sent.video
    assert (sent.video.file_name, sent.video.mime_type) == ("clip.mp4", "video/mp4")
    assert (media.file.first, media.bytes()) == (data[:64], data)


async def test_uploads_need_not_be_kept(tmp_path: Path) -> None:
    async with scene(folder=tmp_path, keep_uploads=False) as on:
        await on.bot.send_video(on.ada.id, video(100_000))
        assert on.chat.last.media
        assert on.chat.last.media.size == 100_000
        assert files.names(tmp_path) == []


async def test_a_file_is_sent_again_by_its_id_but_not_as_another_kind(on: Scene) -> None:
    first = await on.bot.send_video(on.ada.id, video())
    assert first.video
    again = await on.bot.send_video(on.ada.id, first.video.file_id)
    assert again.video
    assert again.video.file_unique_id == first.video.file_unique_id
    with pytest.raises(TelegramBadRequest, match="can't use file of type Video as Document"):
        await on.bot.send_document(on.ada.id, first.video.file_id)
    with pytest.raises(TelegramBadRequest, match="wrong file identifier"):
        await on.bot.send_video(on.ada.id, "BAACAgIAAxkDAAIB")


async def test_too_large_an_upload_is_refused_and_the_limit_can_be_moved(on: Scene) -> None:
    assert on.server.upload_limit == 50_000_000
    on.server.upload_limit = 1_000_000
    with pytest.raises(TelegramEntityTooLarge):
        await on.bot.send_video(on.ada.id, video(1_000_001))
    await on.bot.send_video(on.ada.id, video(1_000_000))
    assert len(on.chat.messages) == 1


async def test_what_is_no_mp4_comes_back_as_a_document(on: Scene) -> None:
    sent = await on.bot.send_video(on.ada.id, BufferedInputFile(b"RIFF....AVI ", "clip.avi"))
    assert sent.video is None
    assert sent.document
    assert sent.document.file_name == "clip.avi"


async def test_a_video_may_be_fetched_from_an_address(on: Scene) -> None:
    message = await on.chat.says(on.ada, video=Given(tiny_mp4(5000), "clip.mp4"))
    assert message.media
    file = await on.bot.get_file(message.media.file_id)
    url = f"{on.server.url}/file/bot{on.server.token}/"
    await on.bot.send_video(on.ada.id, f"{url}{file.file_path}")
    assert on.chat.last.media
    assert on.chat.last.media.size == 5000
    with pytest.raises(TelegramBadRequest, match="failed to get HTTP URL content"):
        await on.bot.send_video(on.ada.id, f"{url}nothing.mp4")


async def test_pictures_are_looked_at(on: Scene) -> None:
    sent = await on.bot.send_photo(on.ada.id, BufferedInputFile(tiny_picture(400, 300), "p.jpg"))
    assert sent.photo
    assert [(each.width, each.height) for each in sent.photo] == [(90, 68), (320, 240), (400, 300)]
    with pytest.raises(TelegramBadRequest, match="IMAGE_PROCESS_FAILED"):
        await on.bot.send_photo(on.ada.id, BufferedInputFile(b"no picture", "p.jpg"))
    with pytest.raises(TelegramBadRequest, match="PHOTO_INVALID_DIMENSIONS"):
        await on.bot.send_photo(on.ada.id, BufferedInputFile(tiny_picture(2100, 100), "p.jpg"))


async def test_an_album_is_several_messages_of_one_group(on: Scene) -> None:
    pictures = [BufferedInputFile(tiny_picture(colour=each), f"{each}.jpg") for each in ("red", "blue")]
    await on.bot.send_media_group(on.ada.id, [InputMediaPhoto(media=each) for each in pictures])
    assert len({each.album for each in on.chat.messages}) == 1
    with pytest.raises(TelegramBadRequest, match="2-10 items"):
        await on.bot.send_media_group(on.ada.id, [InputMediaPhoto(media=pictures[0])])
    with pytest.raises(TelegramBadRequest, match="can't be mixed"):
        await on.bot.send_media_group(
            on.ada.id, [InputMediaPhoto(media=pictures[0]), InputMediaDocument(media=pictures[1])]
        )


# --- files in


async def test_a_photo_comes_as_jpeg_sizes_and_a_document_as_its_own_bytes(on: Scene, tmp_path: Path) -> None:
    png = tiny_picture(2000, 1000, form="PNG")
    await on.chat.says(on.ada, photo=png, caption="a dog")
    await on.chat.says(on.ada, document=Given(png, "dog.png"))
    first, second = [each.message for each in await on.updates()]
    assert first
    assert first.photo
    assert (first.text, first.caption, first.photo[-1].width) == (None, "a dog", 1280)
    await on.bot.download(first.photo[-1], tmp_path / "photo")
    with Image.open(tmp_path / "photo") as opened:
        assert (opened.format, opened.size) == ("JPEG", (1280, 640))
    assert second
    assert second.document
    assert (second.document.file_name, second.document.mime_type) == ("dog.png", "image/png")
    await on.bot.download(second.document, tmp_path / "document")
    assert (tmp_path / "document").read_bytes() == png


async def test_over_twenty_megabytes_nothing_is_fetched(on: Scene) -> None:
    await on.chat.says(on.ada, video=Given(tiny_mp4(), "long.mp4", size=21 * 2**20))
    (update,) = await on.updates()
    assert update.message
    assert update.message.video
    with pytest.raises(TelegramBadRequest, match="file is too big"):
        await on.bot.get_file(update.message.video.file_id)


async def test_a_file_needs_the_token_and_its_address_lives_an_hour(on: Scene, clock: FakeClock) -> None:
    message = await on.chat.says(on.ada, photo=tiny_picture())
    assert message.media
    file = await on.bot.get_file(message.media.file_id)
    assert file.file_path
    clock.advance(3601)
    url = f"{on.server.url}/file/bot{on.server.token}/{file.file_path}"
    assert await status_of(url) == 404
    await on.bot.get_file(message.media.file_id)
    assert await status_of(url) == 200
    assert await status_of(url.replace(on.server.token, on.server.token[:-1] + "x")) == 401


async def test_an_album_of_a_person_is_several_updates_with_one_caption(on: Scene) -> None:
    await on.chat.says(on.ada, album=[tiny_picture(), Given(tiny_picture(), "b.jpg")], caption="/sora both")
    first, second = [each.message for each in await on.updates()]
    assert first
    assert second
    assert first.media_group_id == second.media_group_id is not None
    assert (first.caption, second.caption, bool(first.photo), bool(second.document)) == (
        *("/sora both", None),
        *(True, True),
    )


# --- the bot's own


async def test_commands_are_kept_by_scope_and_language_within_their_limits(on: Scene) -> None:
    commands = [BotCommand(command="sora", description="Make a video")]
    await on.bot.set_my_commands(commands, scope=BotCommandScopeAllGroupChats(), language_code="de")
    assert on.world.commands["all_group_chats", "de"][0]["command"] == "sora"
    assert await on.bot.get_my_commands() == []
    for name, description in [("Sora", "x"), ("x" * 33, "x"), ("sora", ""), ("sora", "x" * 257)]:
        with pytest.raises(TelegramBadRequest, match="BOT_COMMAND"):
            await on.bot.set_my_commands([BotCommand(command=name, description=description)])
    with pytest.raises(TelegramBadRequest, match="TOO_MUCH"):
        await on.bot.set_my_commands(commands * 101)


async def test_the_bot_tells_of_itself_and_knows_its_chats(on: Scene) -> None:
    await on.bot.set_my_description("Videos from words")
    assert (await on.bot.get_my_description()).description == "Videos from words"
    with pytest.raises(TelegramBadRequest):
        await on.bot.set_my_short_description("x" * 121)
    me = await on.bot.get_me()
    assert me.can_read_all_group_messages is False
    assert (await on.bot.get_chat(on.ada.id)).first_name == "Ada"
    await on.bot.send_chat_action(on.ada.id, "upload_video")
    assert on.chat.chat_actions == ["upload_video"]


async def test_a_message_takes_one_known_reaction(on: Scene) -> None:
    asked = await on.chat.says(on.ada, "a dog")
    await on.bot.set_message_reaction(on.ada.id, asked.id, [ReactionTypeEmoji(emoji="👀")])
    assert asked.reactions == ["👀"]
    with pytest.raises(TelegramBadRequest, match="REACTION_INVALID"):
        await on.bot.set_message_reaction(on.ada.id, asked.id, [ReactionTypeEmoji(emoji="🎬")])


async def test_a_message_is_copied_and_forwarded(on: Scene) -> None:
    asked = await on.chat.says(on.ada, "a dog")
    await on.bot.copy_message(on.ada.id, on.ada.id, asked.id)
    forwarded = await on.bot.forward_message(on.ada.id, on.ada.id, asked.id)
    assert [each.text for each in on.chat.messages] == ["a dog", "a dog"]
    assert forwarded.forward_origin
    assert forwarded.forward_origin.type == "user"


async def test_what_the_stand_in_cannot_do_it_says(on: Scene) -> None:
    with pytest.raises(TelegramBadRequest, match="does not know how to sendDice"):
        await on.bot.send_dice(on.ada.id)
