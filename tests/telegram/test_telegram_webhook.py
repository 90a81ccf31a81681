"""The webhook: updates come to PUBLIC_URL and are kept before they are taken as said; else polling does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from support.clock import FakeClock
from support.telegram_intake import Intake, open_intake
from support.telegram_server import TelegramServer

from adapters.telegram.webhook import PATH, SECRET_HEADER, Webhook, derive
from bot.errors import RetryLater
from bot.masking import mask
from bot.ports import Update

PUBLIC = "https://bot.example.org"


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer() as server:
        yield server


@dataclass
class Hooked:
    """An intake fed by a webhook. `local` is where the web server really is; `running` ends when polling must do."""

    intake: Intake
    clock: FakeClock
    local: str
    running: asyncio.Task[None]

    async def is_set(self) -> None:
        await self.intake.telegram.world.wait_until(lambda: self.intake.telegram.webhook.url)

    async def slept(self, times: int) -> None:
        await self.intake.telegram.world.wait_until(lambda: len(self.clock.slept) >= times)

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None, secret: str = "") -> int:
        token = self.intake.telegram.token
        own = {SECRET_HEADER: derive(token, "webhook header")}
        url = f"{self.local}{PATH}{secret or derive(token, 'webhook path')}"
        async with aiohttp.ClientSession() as http:
            answer = await http.post(url, data=body, headers=own if headers is None else headers)
            return answer.status


@asynccontextmanager
async def hooked(
    folder: Path, telegram: TelegramServer, *, public_url: str = PUBLIC, led_to_us: bool = True
) -> AsyncIterator[Hooked]:
    clock = FakeClock(auto=False)
    async with open_intake(folder, telegram, clock=clock) as intake, contextlib.AsyncExitStack() as stack:
        webhook = Webhook(
            bot=intake.bot, clock=clock, line=intake.line, notice=intake.notice, public_url=public_url
        )
        app = web.Application()
        webhook.mount(app)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        local = f"http://127.0.0.1:{runner.addresses[0][1]}"
        telegram.webhook.routes[PUBLIC] = local if led_to_us else "http://127.0.0.1:9"
        running = asyncio.create_task(webhook.run(intake.take))
        try:
            yield Hooked(intake, clock, local, running)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_updates_that_telegram_brings_are_kept_and_handled(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    ada = telegram.world.user(7, "Ada")
    async with hooked(tmp_path, telegram) as hook:
        await hook.is_set()
        await telegram.world.private(ada).says(ada, "a happy dog")
        assert await hook.intake.until_handled(1) == ["a happy dog"]
        await telegram.world.wait_until(lambda: not telegram.world.updates.waiting)
        (row,) = await hook.intake.rows()
    assert row["sender"] == "7"
    (call,) = telegram.world.calls_of("setWebhook")
    assert call.params["allowed_updates"] == ["message", "callback_query", "my_chat_member"]
    assert not call.params.get("drop_pending_updates")


async def test_nothing_that_waited_is_dropped_by_setting_a_webhook(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    ada = telegram.world.user(7, "Ada")
    await telegram.world.private(ada).says(ada, "sent while the bot was away")
    async with hooked(tmp_path, telegram) as hook:
        assert await hook.intake.until_handled(1) == ["sent while the bot was away"]


async def test_an_update_that_cannot_be_kept_is_brought_again(
    telegram: TelegramServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = telegram.world.user(7, "Ada")
    async with hooked(tmp_path, telegram) as hook:
        put, busy = hook.intake.inbox.put, [RetryLater("the database is busy")]

        async def slow(updates: Sequence[Update]) -> Sequence[Update]:
            if busy:
                raise busy.pop()
            return await put(updates)

        monkeypatch.setattr(hook.intake.inbox, "put", slow)
        await telegram.world.private(ada).says(ada, "a happy dog")
        assert await hook.intake.until_handled(1) == ["a happy dog"]
    assert telegram.webhook.tries == 2


async def test_whoever_does_not_know_both_secrets_finds_nothing_there(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    forged = b'{"update_id": 1, "message": {"chat": {"id": 7, "type": "private"}, "from": {"id": 7}}}'
    async with hooked(tmp_path, telegram) as hook:
        await hook.is_set()
        assert await hook.post(forged, secret="guessed") == 404
        assert await hook.post(forged, secret="%C3%A4") == 404
        assert await hook.post(forged, headers={}) == 404
        assert await hook.post(forged, headers={SECRET_HEADER: "guessed"}) == 404
        assert await hook.intake.rows() == []
        assert await hook.post(forged) == 200


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"text"', b"{}", b'{"update_id": true}', b"\xff"])
async def test_what_is_no_update_is_refused(telegram: TelegramServer, tmp_path: Path, body: bytes) -> None:
    async with hooked(tmp_path, telegram) as hook:
        await hook.is_set()
        assert await hook.post(body) == 400


async def test_while_the_bot_starts_or_stops_telegram_is_asked_to_come_again(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    async with hooked(tmp_path, telegram) as hook:
        await hook.is_set()
        hook.running.cancel()
        await asyncio.gather(hook.running, return_exceptions=True)
        assert await hook.post(b'{"update_id": 1}') == 503


@pytest.mark.parametrize("public_url", ["http://bot.example.org", "https://bot.example.org:9000"])
async def test_an_address_that_telegram_cannot_use_means_polling_with_a_warning(
    telegram: TelegramServer, tmp_path: Path, public_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with hooked(tmp_path, telegram, public_url=public_url) as hook:
        await hook.running
    assert "polling instead" in caplog.text
    assert "webhook" in caplog.text


async def test_a_proxy_that_leads_elsewhere_is_noticed_and_polling_takes_over(
    telegram: TelegramServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ada = telegram.world.user(7, "Ada")
    async with hooked(tmp_path, telegram, led_to_us=False) as hook:
        await hook.is_set()
        await telegram.world.private(ada).says(ada, "a happy dog")
        await telegram.world.wait_until(lambda: telegram.webhook.error)
        for look in (1, 2, 3):
            await hook.slept(look)
            hook.clock.advance(60)
        await hook.running
    assert [kind for kind, _ in hook.intake.notices] == ["telegram-unreached"]
    assert "ClientConnectorError" in hook.intake.notices[0][1]
    assert len(telegram.world.updates.waiting) == 1


async def test_a_webhook_that_somebody_else_changed_is_set_again(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    async with hooked(tmp_path, telegram) as hook:
        await hook.is_set()
        ours = telegram.webhook.url
        telegram.webhook.url = "https://elsewhere.example.org/bot"
        await hook.slept(1)
        hook.clock.advance(60)
        await telegram.world.wait_until(lambda: telegram.webhook.url == ours)
        await hook.slept(2)
    assert [kind for kind, _ in hook.intake.notices] == ["telegram-taken"]


async def test_a_telegram_that_cannot_be_reached_is_asked_until_the_webhook_is_set(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    telegram.fault("setWebhook", "bad_gateway", times=2)
    async with hooked(tmp_path, telegram) as hook:
        for tries in (1, 2):
            await hook.slept(tries)
            hook.clock.advance(10)
        await hook.is_set()


def test_the_secrets_follow_from_the_token_alone_and_differ_from_each_other() -> None:
    path, header = derive("1:a", "webhook path"), derive("1:a", "webhook header")
    assert path == derive("1:a", "webhook path")
    assert len({path, header, derive("1:b", "webhook path")}) == 3
    assert path not in mask(f"POST {PATH}{path}")


async def test_the_address_with_its_secret_stays_out_of_the_log(
    telegram: TelegramServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    telegram.fault("setWebhook", "bad_request", description=f"bad webhook: {PUBLIC}{PATH}{'ab' * 32}")
    async with hooked(tmp_path, telegram) as hook:
        await hook.running
    assert "bad webhook" in caplog.text
    assert "abab" not in caplog.text
