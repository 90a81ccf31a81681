"""Webhooks of the Bot API stand-in: one queue for each chat, the secret header, retries with back-off (telegram.md 5)."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from support.telegram_schema import bad
from support.telegram_sends import Ask
from support.telegram_updates import Update
from support.telegram_world import World

_PORTS = (443, 80, 88, 8443)
_LOOPBACK = ("127.0.0.1", "localhost")
_SECRET = re.compile(r"[\w-]{1,256}", re.ASCII)
_SILENCE_SECONDS = 60
_LONGEST_WAIT = 60
_LONGEST_RETRY_AFTER = 3600
_IDLE_SECONDS = 0.5


@dataclass
class Webhook:
    """Where updates are sent. `scale` shortens the waits between tries; `routes` leads public addresses to local ones."""

    world: World
    scale: float = 0.01
    routes: dict[str, str] = field(default_factory=dict)
    url: str = ""
    secret: str | None = None
    connections: int = 40
    ip_address: str | None = None
    error: tuple[int, str] | None = None
    tries: int = 0
    _task: asyncio.Task[None] | None = None
    _session: aiohttp.ClientSession | None = None

    async def set(self, ask: Ask) -> Any:
        """setWebhook."""
        url = ask.params["url"]
        _check_address(url)
        if (secret := ask.get("secret_token")) and not _SECRET.fullmatch(secret):
            raise bad("secret token contains unallowed characters")
        self.world.updates.allow(ask.get("allowed_updates"))
        if ask.get("drop_pending_updates"):
            self.world.updates.drop()
        await self.close()
        self.url, self.secret, self.error = url, secret, None
        self.connections = ask.get("max_connections", 40)
        self.ip_address = ask.get("ip_address")
        self.world.updates.webhook = True
        self.world.updates.end_poll("terminated by setWebhook request")
        self._task = asyncio.create_task(self._deliver())
        return True

    async def delete(self, ask: Ask) -> Any:
        if ask.get("drop_pending_updates"):
            self.world.updates.drop()
        await self.close()
        self.url, self.secret = "", None
        self.world.updates.webhook = False
        return True

    async def info(self, ask: Ask) -> Any:
        updates = self.world.updates
        body: dict[str, Any] = {"url": self.url, "has_custom_certificate": False}
        body["pending_update_count"] = len(updates.waiting)
        if self.url:
            body |= {"max_connections": self.connections, "ip_address": self.ip_address or "127.0.0.1"}
        if self.error:
            body |= {"last_error_date": self.error[0], "last_error_message": self.error[1]}
        return body | ({"allowed_updates": sorted(updates.allowed)} if updates.allowed else {})

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._session:
            await self._session.close()
            self._session = None

    async def _deliver(self) -> None:
        """A failing update holds back its own queue only."""
        timeout = aiohttp.ClientTimeout(total=_SILENCE_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        room = asyncio.Semaphore(self.connections)
        news = asyncio.Event()
        self.world.updates.listen(news)
        lanes: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                news.clear()
                queues: dict[str, list[Update]] = defaultdict(list)
                for update in self.world.updates.waiting:
                    queues[update.lane].append(update)
                lanes = {name: task for name, task in lanes.items() if not task.done()}
                for name in set(queues) - set(lanes):
                    lanes[name] = asyncio.create_task(self._empty(queues[name], room, news))
                try:
                    await asyncio.wait_for(news.wait(), _IDLE_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self.world.updates.unlisten(news)
            for task in lanes.values():
                task.cancel()
            await asyncio.gather(*lanes.values(), return_exceptions=True)

    async def _empty(self, queue: list[Update], room: asyncio.Semaphore, news: asyncio.Event) -> None:
        for update in queue:
            tries = 0
            while update.expires > self.world.now():
                async with room:
                    wait = await self._post(update)
                if wait is None:
                    break
                # The first retry comes at once, then after 2, 4, 8 ... seconds.
                await asyncio.sleep((wait or (2**tries if tries else 0)) * self.scale)
                tries = min(tries + 1, 6)
            self.world.updates.done([update])
        news.set()

    async def _post(self, update: Update) -> float | None:
        """None when it was taken; else the seconds that the bot wants us to wait, 0 for none in particular."""
        assert self._session is not None
        headers = {"X-Telegram-Bot-Api-Secret-Token": self.secret} if self.secret else {}
        self.tries += 1
        try:
            async with self._session.post(self._address(), json=update.body, headers=headers) as answer:
                await answer.read()
                if 200 <= answer.status < 300:
                    return None
                self._failed(f"Wrong response from the webhook: {answer.status} {answer.reason}")
                wait = answer.headers.get("Retry-After", "0")
                return min(float(wait), _LONGEST_RETRY_AFTER) if wait.isdigit() else 0
        except (aiohttp.ClientError, TimeoutError) as error:
            self._failed(f"Connection failed: {type(error).__name__}")
            return 0

    def _failed(self, why: str) -> None:
        self.error = (self.world.date(), why)
        self.world.changed()

    def _address(self) -> str:
        for public, local in self.routes.items():
            if self.url.startswith(public):
                return local + self.url.removeprefix(public)
        return self.url


def _check_address(url: str) -> None:
    """HTTPS on one of four ports; plain HTTP only on loopback, which the real one would refuse."""
    parts = urlsplit(url)
    if parts.hostname in _LOOPBACK:
        return
    if parts.scheme != "https":
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if (parts.port or 443) not in _PORTS:
        raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
