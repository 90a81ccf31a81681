"""The webhook: Telegram brings updates to PUBLIC_URL; the same inbox keeps them before the answer is 200."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging

from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest
from aiohttp import web

from adapters.telegram.intake import Line, Take
from adapters.telegram.reading import ALLOWED, update_id
from bot.errors import RetryLater
from bot.ports import Clock
from bot.talk.base import Notice
from bot.texts import say

log = logging.getLogger(__name__)

PATH = "/telegram/webhook/"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
LOOK_SECONDS = 60.0
FAILED_LOOKS = 3
RETRY_AFTER = {"Retry-After": "5"}


def derive(token: str, purpose: str) -> str:
    """A secret of the token's that need not be stored (contract.md, HTTP)."""
    return hmac.new(token.encode(), f"kiebot {purpose}".encode(), hashlib.sha256).hexdigest()


class Webhook:
    """`run` returns when Telegram cannot use this address: then polling has to do."""

    def __init__(self, *, bot: Bot, clock: Clock, line: Line, notice: Notice, public_url: str | None) -> None:
        self._bot = bot
        self._clock = clock
        self._line = line
        self._notice = notice
        self._secret = derive(bot.token, "webhook path")
        self._header = derive(bot.token, "webhook header")
        self._url = f"{public_url}{PATH}{self._secret}" if public_url else None
        self._take: Take | None = None
        self._has_come = False

    def mount(self, app: web.Application) -> None:
        app.router.add_post(PATH + "{secret}", self._receive)

    async def run(self, take: Take) -> None:
        """Have updates brought here and given to `take`. Returns at once without PUBLIC_URL."""
        if self._url is None:
            return
        self._take = take
        try:
            if await self._set():
                log.info("Telegram brings updates to PUBLIC_URL")
                await self._watch()
        finally:
            self._take = None

    async def remove(self) -> None:
        """Polling is refused while one is set. What waits there stays (telegram.md 5)."""
        while True:
            try:
                await self._bot.delete_webhook(drop_pending_updates=False)
            except AiogramError as error:
                await self._line.failed(error)
            else:
                return

    # --- receiving -----------------------------------------------------------------------------------------------

    async def _receive(self, request: web.Request) -> web.Response:
        """Anything but 200 makes Telegram bring it again later."""
        is_ours = _same(request.match_info["secret"], self._secret)
        if not is_ours or not _same(request.headers.get(SECRET_HEADER, ""), self._header):
            raise web.HTTPNotFound
        try:
            raw = json.loads(await request.read())
        except ValueError:
            raise web.HTTPBadRequest from None
        if update_id(raw) is None:
            raise web.HTTPBadRequest
        if self._take is None:
            return web.Response(status=503, headers=RETRY_AFTER)
        try:
            await self._take([raw])
        except RetryLater as error:
            log.error("an update could not be kept, Telegram will bring it again: %s", error)
            return web.Response(status=503, headers=RETRY_AFTER)
        self._has_come = True
        return web.Response()

    # --- Telegram's side -----------------------------------------------------------------------------------------

    async def _set(self) -> bool:
        """False when Telegram refuses the address."""
        assert self._url
        while True:
            try:
                await self._bot.set_webhook(self._url, secret_token=self._header, allowed_updates=ALLOWED)
            except TelegramBadRequest as error:
                log.warning("Telegram cannot use PUBLIC_URL, polling instead: %s", error.message)
                return False
            except AiogramError as error:
                await self._line.failed(error)
            else:
                self._line.works()
                return True

    async def _watch(self) -> None:
        """Returns when updates wait at Telegram and none came through, look after look."""
        failed = 0
        problem = ""
        while failed < FAILED_LOOKS:
            await self._clock.sleep(LOOK_SECONDS)
            try:
                info = await self._bot.get_webhook_info()
            except AiogramError as error:
                await self._line.failed(error)
                continue
            self._line.works()
            if info.url != self._url:
                log.error("somebody else changed this bot's webhook; it is set again")
                await self._notice("telegram-taken", say("telegram_setup.webhook_taken"), ())
                if not await self._set():
                    return
            failed = failed + 1 if info.pending_update_count and not self._has_come else 0
            problem = info.last_error_message or "no answer"
            self._has_come = False
        log.error("Telegram cannot reach PUBLIC_URL (%s), polling instead", problem)
        await self._notice("telegram-unreached", say("telegram_setup.unreached", problem=problem), ())


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())
