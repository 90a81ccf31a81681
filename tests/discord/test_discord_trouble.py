"""A Discord that asks us to wait, breaks while we come, or turns us down: nobody else may suffer by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.clock import FakeClock
from support.discord_live import open_live
from support.discord_probe import aimed_at
from support.discord_server import DiscordServer
from support.house import House, open_house
from support.telegram_bot import BOSS, telegram_bot
from support.telegram_server import TelegramServer

from adapters.discord.chat import DiscordChat
from bot.app import open_sandboxed
from bot.domain import JobState, UserRef
from bot.durable import DurableMemory
from bot.errors import RetryLater, StartError
from bot.masking import Secret
from bot.settings import Settings
from bot.talk import Talk

COMMANDS = "/applications/*/commands"
SOON = 20.0  # real seconds


@dataclass
class Coming:
    """A bot that is about to connect. Time is the house's and Discord's alike."""

    house: House
    server: DiscordServer
    chat: DiscordChat
    running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.chat.start()
        self.running = asyncio.create_task(self.chat.run())

    async def comes(self) -> None:
        """Time passes until it is connected."""

        def look() -> bool:
            self.house.clock.advance(10)
            return bool(self.server.gateway.connected)

        await self.server.world.until(look, what="a connection")

    async def asleep(self, seconds: float) -> None:
        """Until somebody waits for so long."""
        await self.server.world.until(
            lambda: seconds in self.house.clock.slept, what=f"a wait of {seconds} s"
        )


@asynccontextmanager
async def coming(folder: Path) -> AsyncIterator[Coming]:
    async def nobody(who: UserRef, text: str) -> bool:
        return False

    async def nothing(*_: object) -> None:
        return None

    clock = FakeClock(auto=False)
    async with open_house(folder, clock) as house, DiscordServer(clock=clock) as server:
        talk = Talk(studio=house.studio, office=house.office, tell=nobody, notice=nothing)
        memory = DurableMemory(house.store, clock)
        token = Secret(server.token)
        with aimed_at(server):
            chat = DiscordChat(
                token, server.api_url, talk=talk, studio=house.studio, memory=memory, clock=clock
            )
            chat.client._connection.guild_ready_timeout = 0.01
            made = Coming(house, server, chat)
            try:
                yield made
            finally:
                await chat.stop()
                if made.running:
                    await asyncio.wait((made.running,))
                await chat.close()


# --- asked to wait -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/users/@me", "/oauth2/applications/@me", "/gateway/bot"])
async def test_a_long_wait_that_discord_asks_for_is_waited_and_not_shortened(
    tmp_path: Path, path: str
) -> None:
    async with coming(tmp_path) as bot:
        refused = bot.server.fault("GET", path, status=429, retry_after=430.0)
        await bot.start()
        await bot.asleep(430.0)
        bot.house.clock.advance(429)
        await asyncio.sleep(0.05)
        assert (refused.hits, bot.server.gateway.connected) == (1, [])
        bot.house.clock.advance(1)
        await bot.server.gateway.ready()


@pytest.mark.parametrize(
    "fault", [{"status": 429, "via": False, "retry_after": 90.0}, {"status": 403}, {"status": 503}]
)
@pytest.mark.parametrize("path", ["/users/@me", "/gateway/bot"])
async def test_who_is_turned_away_by_what_stands_before_discord_comes_back_later(
    tmp_path: Path, path: str, fault: dict[str, Any]
) -> None:
    async with coming(tmp_path) as bot:
        refused = bot.server.fault("GET", path, times=3, **fault)
        await bot.start()
        await bot.comes()
        assert (refused.hits, bot.server.gateway.identifies) == (3, 1)
        assert max(fault.get("retry_after", 0.0), 5.0) in bot.house.clock.slept


@pytest.mark.parametrize(
    "fault", [{"status": 429, "retry_after": 430.0}, {"status": 403}, {"status": 503}], ids=str
)
async def test_commands_that_discord_takes_later_are_registered_later_and_the_bot_works_meanwhile(
    tmp_path: Path, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with coming(tmp_path) as bot:
        bot.server.fault("PUT", COMMANDS, **fault)
        await bot.start()
        await bot.server.gateway.ready()
        await bot.asleep(fault.get("retry_after", 5.0))
        assert "the commands could not be registered and will be tried again" in caplog.text
        assert not bot.server.world.registrations
        bot.house.clock.advance(430)
        await bot.server.world.registered("sora")


async def test_commands_that_discord_refuses_are_not_sent_again_and_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with coming(tmp_path) as bot:
        refused = bot.server.fault("PUT", COMMANDS, status=400, code=50035, times=None)
        await bot.start()
        await bot.server.gateway.ready()
        await bot.server.world.until(lambda: "Discord did not take the commands" in caplog.text)
        await bot.chat.client.wait_until_ready()
        for _ in range(20):
            bot.house.clock.advance(600)
            await asyncio.sleep(0.001)
        assert refused.hits == 1
        assert bot.running
        assert not bot.running.done()


async def test_a_discord_that_does_not_answer_keeps_nobody_waiting_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.discord.chat.START_SECONDS", 0.1)
    async with coming(tmp_path) as bot:
        bot.server.fault("GET", "/users/@me", hang=1.0)
        await bot.start()
        assert bot.chat.link is None
        await bot.server.gateway.ready()


# --- turned down while running -----------------------------------------------------------------------------------


async def test_a_token_that_dies_while_the_bot_runs_ends_discord_with_the_remedy(tmp_path: Path) -> None:
    async with coming(tmp_path) as bot:
        await bot.start()
        await bot.server.gateway.ready()
        assert bot.running
        await bot.server.gateway.close(4004)
        with pytest.raises(StartError, match="DISCORD_BOT_TOKEN any more"):
            await asyncio.wait_for(bot.running, SOON)


@pytest.mark.parametrize("path", ["/users/@me", "/gateway/bot"])
async def test_a_token_that_died_while_discord_was_away_is_known_when_it_is_back(
    tmp_path: Path, path: str
) -> None:
    async with coming(tmp_path) as bot:
        bot.server.fault("GET", path, status=503)
        bot.server.fault("GET", path, status=401, times=None)
        await bot.start()
        assert bot.running
        if path == "/gateway/bot":
            await bot.asleep(5.0)
            bot.house.clock.advance(5)
        with pytest.raises(StartError, match="DISCORD_BOT_TOKEN"):
            await asyncio.wait_for(bot.running, SOON)


async def test_what_is_ready_waits_while_discord_knows_us_no_more_and_comes_with_the_next_token(
    tmp_path: Path,
) -> None:
    async with DiscordServer(clock=(clock := FakeClock(auto=False))) as server:
        with pytest.raises(StartError):
            await disowned(tmp_path, server, clock)
        async with open_live(tmp_path, server, clock=clock) as live:
            (job,) = await live.house.office.jobs()
            done = await live.finish(job)
            assert done.state is JobState.DELIVERED
            assert len(live.videos()) == 1


async def disowned(folder: Path, server: DiscordServer, clock: FakeClock) -> None:
    """A video is ready when the token dies. Raises what the chat ends with."""
    async with open_live(folder, server, clock=clock) as live:
        job = await live.settled(await live.order())
        await server.gateway.close(4004)
        # the client calls itself closed before its connections are
        await asyncio.wait({live.running}, timeout=SOON)
        with pytest.raises(RetryLater):
            await live.chat.deliver(await live.attempt(job, "channel"))
        assert not await live.chat.tell(str(live.ada.id), "nobody hears this")


async def test_a_dead_discord_token_leaves_telegram_at_work_and_tells_its_operators_and_readyz(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with DiscordServer() as discord, TelegramServer() as telegram:
        ada = telegram.world.user(7, "Ada")
        owner = telegram.world.user(int(BOSS.external_id), "Boss")
        boss = telegram.world.private(owner)
        settings: dict[str, Any] = {
            "discord_bot_token": Secret(discord.token),
            "discord_api_url": discord.api_url,
        }
        await boss.says(owner, "/start")
        with aimed_at(discord):
            async with telegram_bot(tmp_path, telegram, **settings) as opened:
                await discord.gateway.ready()
                await discord.gateway.close(4004)
                await telegram.world.wait_until(lambda: any("Discord" in each.text for each in boss.messages))
                await telegram.world.private(ada).says(ada, "/help")
                await telegram.world.wait_until(lambda: telegram.world.private(ada).messages)
                assert opened.bot.web
                async with (
                    aiohttp.ClientSession() as http,
                    http.get(f"{opened.bot.web.url}/readyz") as answer,
                ):
                    assert answer.status == 503
                    (stopped,) = (await answer.json())["checks"]["chats"]["stopped"].items()
        assert stopped[0] == "discord"
        assert "DISCORD_BOT_TOKEN" in stopped[1]
        assert any(each.levelno == logging.CRITICAL for each in caplog.records)


async def test_a_dead_token_of_the_only_chat_ends_the_bot(tmp_path: Path) -> None:
    async with DiscordServer() as discord:
        token = Secret(discord.token)
        settings = Settings(http_port=0, discord_bot_token=token, discord_api_url=discord.api_url)
        with aimed_at(discord):
            opened = open_sandboxed(settings, tmp_path, faults={}, speed=10_000.0, chats=True)
            async with opened as (bot, _):
                running = asyncio.create_task(bot.run(asyncio.Event()))
                await discord.gateway.ready()
                await discord.gateway.close(4004)
                with pytest.raises(ExceptionGroup) as caught:
                    await asyncio.wait_for(running, SOON)
        assert caught.group_contains(StartError, match="DISCORD_BOT_TOKEN")
