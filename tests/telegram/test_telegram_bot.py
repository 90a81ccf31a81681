"""The whole bot with Telegram: from a message to a video, by polling and by webhook, and how it starts and stops."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.command import line_with, running
from support.media_making import encoded, halves
from support.sources import ROOT
from support.telegram_bot import settings_for, telegram_bot
from support.telegram_chats import Chat
from support.telegram_messages import Message, User
from support.telegram_server import TelegramServer

from bot.app import open_bot, sandboxed
from bot.errors import StartError
from bot.masking import Secret

PUBLIC = "https://bot.example.org"


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer() as server:
        yield server


@pytest.fixture
def ada(telegram: TelegramServer) -> User:
    return telegram.world.user(7, "Ada")


def with_button(chat: Chat, words: str) -> Message | None:
    """The newest message with a button that says this."""
    return next((each for each in reversed(chat.messages) if any(words in b for b in each.buttons)), None)


def videos(chat: Chat) -> list[Message]:
    return [each for each in chat.messages if each.media and each.media.kind == "video"]


async def ordered(telegram: TelegramServer, ada: User, text: str = "a happy dog") -> Message:
    """Ada asks for a video and confirms; the message with the video."""
    chat = telegram.world.private(ada)
    await chat.says(ada, text)
    card = await telegram.world.wait_until(lambda: with_button(chat, "✅ Confirm"), 20)
    assert card
    await (await chat.press(ada, card, "✅ Confirm")).answer(10)
    (video,) = await telegram.world.wait_until(lambda: videos(chat), 30)
    return video


async def test_who_claims_the_bot_finds_the_commands_of_operators_in_their_menu_at_once(
    telegram: TelegramServer, ada: User, tmp_path: Path
) -> None:
    chat = telegram.world.private(ada)
    async with telegram_bot(tmp_path, telegram, operators=()) as running_bot:
        code = await running_bot.bot.core.office.claim_code()
        await chat.says(ada, f"/claim {code}")
        await telegram.world.wait_until(lambda: "grant" in str(telegram.world.commands), 20)
    (menu,) = [each for scope, each in telegram.world.commands.items() if str(ada.id) in str(scope)]
    assert {"video", "grant"} <= {each["command"] for each in menu}


@pytest.mark.parametrize("method", ["getUpdates", "getMe"], ids=["while it runs", "when it is first reached"])
async def test_a_token_that_telegram_refuses_shows_in_readyz(
    telegram: TelegramServer, tmp_path: Path, method: str
) -> None:
    if method == "getMe":
        telegram.fault(method, "drop_before")  # nobody answers at the start
    telegram.fault(method, "unauthorized")
    async with telegram_bot(tmp_path, telegram) as opened:
        await telegram.world.wait_until(lambda: opened.bot.attendance.unheard, 20)
        assert opened.bot.web
        async with aiohttp.ClientSession() as http, http.get(f"{opened.bot.web.url}/readyz") as answer:
            told = (await answer.json())["checks"]["chats"]
            assert (answer.status, told["ok"]) == (503, False)
    assert list(told["stopped"]) == ["telegram"]
    assert "TELEGRAM_BOT_TOKEN" in told["stopped"]["telegram"]


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_a_message_becomes_a_video_in_the_same_chat(
    telegram: TelegramServer, ada: User, tmp_path: Path
) -> None:
    async with telegram_bot(tmp_path, telegram) as opened:
        video = await ordered(telegram, ada)
        assert opened.bot.chats[0].link == "https://t.me/kie_video_bot"
    assert "AI-generated" in (video.caption or "")


async def test_kiebot_run_tells_where_to_find_the_bot_and_answers_there(
    telegram: TelegramServer, ada: User, tmp_path: Path
) -> None:
    settings = {"TELEGRAM_BOT_TOKEN": telegram.token, "TELEGRAM_API_URL": telegram.url, "ACCESS": "open"}
    begun = running("run", "--sandbox", DATA_DIR=str(tmp_path), HTTP_PORT="0", **settings)
    with begun as process:
        line = await asyncio.to_thread(line_with, process, "On Telegram")
        await telegram.world.private(ada).says(ada, "/help")
        await telegram.world.wait_until(lambda: telegram.world.private(ada).messages, 20)
    assert line == "On Telegram: https://t.me/kie_video_bot"
    assert process.returncode == 0


async def test_by_webhook_it_is_the_same_and_nobody_polls(
    telegram: TelegramServer, ada: User, tmp_path: Path
) -> None:
    async with telegram_bot(tmp_path, telegram, public_url=PUBLIC) as opened:
        assert opened.bot.web
        telegram.webhook.routes[PUBLIC] = opened.bot.web.url
        await ordered(telegram, ada)
    assert telegram.world.calls_of("getUpdates") == []


async def test_a_webhook_of_an_earlier_program_gives_way_to_polling(
    telegram: TelegramServer, ada: User, tmp_path: Path
) -> None:
    async with telegram_bot(tmp_path, telegram, public_url=PUBLIC):
        await telegram.world.wait_until(lambda: telegram.webhook.url)
    assert telegram.webhook.url
    await telegram.world.private(ada).says(ada, "/help")
    async with telegram_bot(tmp_path, telegram):
        await telegram.world.wait_until(lambda: telegram.world.private(ada).messages)
    assert not telegram.webhook.url
    assert not any(each.params.get("drop_pending_updates") for each in telegram.world.calls)


async def test_a_wrong_token_ends_the_start_with_what_to_do(telegram: TelegramServer, tmp_path: Path) -> None:
    wrong = Secret("123456789:" + "x" * 35)
    with pytest.raises(StartError, match=r"TELEGRAM_BOT_TOKEN.*@BotFather") as caught:
        async with telegram_bot(tmp_path, telegram, telegram_bot_token=wrong):
            raise AssertionError("it started")
    assert wrong.reveal() not in str(caught.value)


async def test_a_telegram_that_cannot_be_reached_does_not_keep_the_rest_from_starting(
    telegram: TelegramServer, ada: User, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    telegram.fault("getMe", "bad_gateway", times=2)
    await telegram.world.private(ada).says(ada, "/help")
    async with telegram_bot(tmp_path, telegram) as opened, aiohttp.ClientSession() as http:
        assert opened.bot.web
        assert opened.bot.chats[0].link is None
        async with http.get(f"{opened.bot.web.url}/healthz") as answer:
            assert answer.status == 200
        await telegram.world.wait_until(lambda: telegram.world.private(ada).messages)
    assert "the bot starts without it" in caplog.text


async def test_what_is_not_needed_may_fail_at_the_start(
    telegram: TelegramServer, ada: User, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for method in ("setMyCommands", "getMyDescription", "getMyShortDescription"):
        telegram.fault(method, "bad_request", times=20)
    await telegram.world.private(ada).says(ada, "/help")
    async with telegram_bot(tmp_path, telegram):
        await telegram.world.wait_until(lambda: telegram.world.private(ada).messages)
    assert "Telegram was not told" in caplog.text


async def test_the_token_is_written_nowhere_not_even_when_downloads_fail(
    telegram: TelegramServer, ada: User, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chat, picture = telegram.world.private(ada), encoded(halves(), "JPEG")
    telegram.fault("download", "drop_before", times=2)
    telegram.fault("getUpdates", "bad_gateway", skip=1)
    async with telegram_bot(tmp_path / "data", telegram):
        await chat.says(ada, "a happy dog", photo=picture)
        await telegram.world.wait_until(lambda: telegram.world.calls_of("download"), 20)
        telegram.fault("download", "error", code=404, times=2)
        await chat.says(ada, "a sad dog", photo=picture)
        await telegram.world.wait_until(lambda: len(telegram.world.calls_of("download")) > 2, 20)
        await ordered(telegram, ada, "/video a cat")
    secret = telegram.token.partition(":")[2]
    assert caplog.text
    assert secret not in caplog.text
    assert secret.encode() not in everything_in(tmp_path)
    said = [f"{each.text} {each.buttons}" for each in chat.messages]
    assert not any(secret in each for each in said)


async def test_commands_beside_the_bot_leave_telegram_alone(telegram: TelegramServer, tmp_path: Path) -> None:
    settings = sandboxed(settings_for(telegram, tmp_path), "http://127.0.0.1:9", tmp_path)
    async with open_bot(settings, web=False) as bot:
        assert bot.chats == []
    assert telegram.world.calls == []


def test_without_a_token_the_chat_library_is_not_even_loaded() -> None:
    code = "import sys, bot.app, bot.cli, bot.cli.run, bot.check; print('aiogram' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


async def test_a_stop_lets_what_was_said_be_answered_and_forgets_nothing(
    telegram: TelegramServer, ada: User, tmp_path: Path
) -> None:
    chat = telegram.world.private(ada)
    async with telegram_bot(tmp_path, telegram):
        for _ in range(5):
            await chat.says(ada, "/help")
        await telegram.world.wait_until(lambda: not telegram.world.updates.waiting)
    async with telegram_bot(tmp_path, telegram):
        await telegram.world.wait_until(lambda: len(chat.messages) >= 5)
    assert len(chat.messages) == 5


async def test_a_part_that_breaks_ends_the_whole_bot_loudly(
    telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("adapters.telegram.intake.Poll.run", broken)
    with pytest.raises(ExceptionGroup) as caught:
        async with telegram_bot(tmp_path, telegram):
            await telegram.world.wait_until(lambda: telegram.world.calls_of("deleteWebhook"))
    assert caught.group_contains(ZeroDivisionError)
