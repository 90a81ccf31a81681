"""`kiebot check` looks at the token, at what the bot sees in groups, and at how its updates come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.telegram_bot import settings_for
from support.telegram_server import TelegramServer

from adapters.telegram.session import make_bot
from bot.check import examine
from bot.check.finding import Finding
from bot.clock import SystemClock
from bot.masking import Secret
from bot.store import OwnerLock

NOWHERE = "http://127.0.0.1:9"
PUBLIC = "https://bot.example.org"


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer() as server:
        yield server


async def found(
    telegram: TelegramServer, folder: Path, *, running: bool = False, **settings: Any
) -> dict[str, Finding]:
    nowhere = {"kie_api_url": NOWHERE, "kie_upload_url": NOWHERE}
    made = settings_for(telegram, folder, **nowhere, **settings)
    lock = OwnerLock(made.database_path)
    if running:
        made.database_path.touch()
        assert lock.take()
    try:
        findings = await examine(made, SystemClock())
    finally:
        lock.free()
    return {each.name: each for each in findings if each.name.startswith("telegram")}


async def set_webhook(telegram: TelegramServer, url: str) -> None:
    async with make_bot(telegram.token, telegram.url) as bot:
        await bot.set_webhook(url)


async def test_a_token_that_works_is_told_with_the_bots_name(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    findings = await found(telegram, tmp_path)
    assert all(each.ok and not each.remedy for each in findings.values())
    assert "@kie_video_bot" in findings["telegram"].text
    assert "privacy mode is on" in findings["telegram_groups"].text
    assert "asks Telegram for updates itself" in findings["telegram_updates"].text


async def test_a_token_that_is_refused_leads_to_botfather(telegram: TelegramServer, tmp_path: Path) -> None:
    wrong = Secret("123456789:" + "x" * 35)
    findings = await found(telegram, tmp_path, telegram_bot_token=wrong)
    assert not findings["telegram"].ok
    assert "401" in findings["telegram"].text
    assert "@BotFather" in findings["telegram"].remedy


async def test_a_telegram_that_does_not_answer_is_told_without_the_token(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    (finding,) = (await found(telegram, tmp_path, telegram_api_url=NOWHERE)).values()
    assert not finding.ok
    assert "TELEGRAM_API_URL" in finding.remedy
    assert telegram.token not in finding.text


async def test_an_address_that_is_not_telegrams_is_told(telegram: TelegramServer, tmp_path: Path) -> None:
    telegram.fault("getMe", "bad_gateway")
    (finding,) = (await found(telegram, tmp_path)).values()
    assert not finding.ok
    assert finding.remedy


async def test_a_bot_that_sees_everything_in_groups_is_advised_to_see_less(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    telegram.world.privacy_mode = False
    finding = (await found(telegram, tmp_path))["telegram_groups"]
    assert finding.ok
    assert "/setprivacy" in finding.remedy


@pytest.mark.parametrize("running", [False, True])
async def test_a_webhook_of_another_program_is_a_conflict_as_soon_as_the_bot_runs(
    telegram: TelegramServer, tmp_path: Path, running: bool
) -> None:
    await set_webhook(telegram, "https://elsewhere.example.org/secret-path")
    finding = (await found(telegram, tmp_path, running=running))["telegram_updates"]
    assert finding.ok is not running
    assert "elsewhere.example.org" in finding.text
    assert "secret-path" not in finding.text
    assert "/revoke" in finding.remedy


async def test_a_webhook_that_works_is_told_and_one_that_fails_is_bad(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    telegram.webhook.routes[PUBLIC] = NOWHERE
    await set_webhook(telegram, f"{PUBLIC}/telegram/webhook/abc")
    good = (await found(telegram, tmp_path, running=True, public_url=PUBLIC))["telegram_updates"]
    ada = telegram.world.user(7, "Ada")
    await telegram.world.private(ada).says(ada, "a happy dog")
    await telegram.world.wait_until(lambda: telegram.webhook.error)
    bad = (await found(telegram, tmp_path, running=True, public_url=PUBLIC))["telegram_updates"]
    assert (good.ok, bad.ok) == (True, False)
    assert "waiting: 1" in bad.text
    assert "PUBLIC_URL" in bad.remedy


async def test_an_address_that_cannot_be_a_webhook_is_advice(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    finding = (await found(telegram, tmp_path, public_url="http://127.0.0.1:9"))["telegram_updates"]
    assert finding.ok
    assert "https" in finding.remedy


async def test_the_next_start_sets_a_webhook_when_there_is_a_public_address(
    telegram: TelegramServer, tmp_path: Path
) -> None:
    finding = (await found(telegram, tmp_path, public_url="https://127.0.0.1:9"))["telegram_updates"]
    assert finding.ok
    assert not finding.remedy
    assert telegram.world.calls_of("getUpdates") == []
