"""The aiogram bot and its HTTP session: the one place where the token is kept out of whatever is raised."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    DetailedAiogramError,
    TelegramAPIError,
    TelegramNetworkError,
    TelegramUnauthorizedError,
)
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import LinkPreviewOptions
from aiohttp import ClientError, ClientResponseError

from bot.masking import mask

TOKEN_FORBIDDEN = 421
EXCERPT = 300  # characters of an answer nobody can read that are worth a line in the log


class DownloadFailed(AiogramError):
    """A file of Telegram's could not be had. `status` is HTTP's, None when there was no answer; 404 means that its
    address has run out and `getFile` gives another (telegram.md 1)."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(f"a file could not be downloaded: {reason}")
        self.status = status


def make_bot(token: str, api_url: str) -> Bot:
    """A bot that speaks HTML, shows no link previews, and whose errors never name its token (telegram.md 10)."""
    server = TelegramAPIServer.from_base(api_url)
    default = DefaultBotProperties(
        parse_mode="HTML",
        # not link_preview_is_disabled, which aiogram sends under a name that the API has dropped
        link_preview=LinkPreviewOptions(is_disabled=True),
        allow_sending_without_reply=True,
    )
    return Bot(token, session=Session(token, server), default=default)


class Session(AiohttpSession):
    """Raises aiogram's errors with the token masked in their texts, and without those of aiohttp behind them, whose
    addresses hold it."""

    def __init__(self, token: str, api: TelegramAPIServer) -> None:
        super().__init__(api=api)
        # the half behind the id is the secret one
        self._secrets = (token, token.partition(":")[2])

    async def make_request(
        self, bot: Bot, method: TelegramMethod[TelegramType], *args: Any, **named: Any
    ) -> TelegramType:
        try:
            return await super().make_request(bot, method, *args, **named)
        except AiogramError as error:
            clean = self._clean(error)
        except UnicodeDecodeError:
            clean = TelegramNetworkError(method, "the answer is no text")
        # out here, so that nothing of what aiohttp raised hangs on to it
        raise clean

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        try:
            return super().check_response(bot, method, status_code, content)
        except TelegramAPIError as error:
            if status_code == TOKEN_FORBIDDEN:  # which aiogram has no name for (telegram.md 4)
                raise TelegramUnauthorizedError(method, error.message) from None
            raise

    async def stream_content(self, *args: Any, **named: Any) -> AsyncGenerator[bytes, None]:
        """Raises DownloadFailed."""
        stream = super().stream_content(*args, **named)
        try:
            async with aclosing(stream):
                async for chunk in stream:
                    yield chunk
            return
        except ClientResponseError as error:
            failed = DownloadFailed(f"HTTP {error.status}", error.status)
        except (ClientError, TimeoutError) as error:
            failed = DownloadFailed(type(error).__name__)
        raise failed

    async def close(self) -> None:
        """Without aiogram's quarter of a second for TLS to end: aiohttp itself waits for that by now."""
        if self._session:
            await self._session.close()

    def _clean(self, error: AiogramError) -> AiogramError:
        if isinstance(error, ClientDecodeError):
            what = type(error.original).__name__
            return ClientDecodeError(error.message, ValueError(what), self._masked(str(error.data))[:EXCERPT])
        if isinstance(error, DetailedAiogramError):
            error.message = self._masked(error.message)
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)

    def _masked(self, text: str) -> str:
        return mask(text, self._secrets)
