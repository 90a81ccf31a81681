"""Every call that leaves for Telegram: paced, followed to where a group moved, its errors turned into ours."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import AiogramError
from aiogram.methods import TelegramMethod
from aiogram.types import Message
from aiohttp import ClientSession, ClientTimeout, TraceConfig, TraceRequestHeadersSentParams

from adapters.telegram.errors import Flood, Moved, Refused, TooOld, Unchanged, message_id_in, translate
from adapters.telegram.flow import Flow
from bot.errors import KiebotError, RetryLater
from bot.ports import Clock, Memory

log = logging.getLogger(__name__)

T = TypeVar("T")

CALL_SECONDS = 60.0
CONNECT_SECONDS = 15.0
DROPPED_AFTER_SECONDS = 15.0
PATIENCE_SECONDS = 60.0  # of an answer for its turn; who can come back later waits less
_SENDS = ("send", "copy", "forward")


@dataclass(slots=True)
class _Request:
    """`left`: bytes of it may have reached Telegram."""

    left: bool = True


_UNDER_WAY: ContextVar[_Request] = ContextVar("_UNDER_WAY")


class Calls:
    """Raises RouteClosed (this chat is shut), RetryLater (nothing was done), DeliveryUnknown (a send whose answer was
    lost), or `errors.Refused` (this very call cannot work). No text of theirs holds the token (telegram.md 10)."""

    def __init__(self, bot: Bot, clock: Clock, memory: Memory) -> None:
        self.bot = bot
        self._clock = clock
        self._memory = memory
        self._flow = Flow(clock)
        self._homes: dict[int, int] = {}
        self._trace = _trace()
        self._secrets = (bot.token, bot.token.partition(":")[2])

    async def __call__(
        self,
        method: TelegramMethod[T],
        *,
        chat: int | None = None,
        urgent: bool = False,
        within: float | None = None,
        patience: float = PATIENCE_SECONDS,
        at_last: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """Do it in its turn, waiting up to `patience` seconds for that; what is `urgent` (the answer to a press, taking
        something away) takes no turn. The request itself ends within `within` seconds; `at_last` comes right before it.

        An edit that changes nothing and an answer that comes too late count as done.
        """
        method, key = await self._addressed(method, chat)
        deadline = self._clock.monotonic() + patience
        while True:
            if not urgent:
                await self._flow.turn(key, deadline - self._clock.monotonic())
            if at_last:
                await at_last()
            try:
                return await self._ask(method, key, within)
            except Moved as moved:
                await self.moved(int(key), moved.chat)
                method, key = await self._addressed(method, moved.chat)
            except Flood as error:
                after = error.after or 0.0
                if self._clock.monotonic() + after > deadline:
                    raise
                if urgent:
                    await self._clock.sleep(after)

    async def try_edit(self, method: TelegramMethod[Any], *, chat: int | None = None) -> bool:
        """What may be dropped, above all progress: False when it was, for want of a free turn or of an answer.

        Raises RouteClosed and Refused.
        """
        method, key = await self._addressed(method, chat)
        if not self._flow.take_spare(key):
            return False
        try:
            await self._ask(method, key, DROPPED_AFTER_SECONDS)
        except Moved as moved:
            await self.moved(int(key), moved.chat)
            return False
        except RetryLater as error:
            log.info("dropped: %s", error)
            return False
        return True

    # --- groups that moved ---------------------------------------------------------------------------------------

    async def home(self, chat: int) -> int:
        """The chat's number now: a group that became a supergroup has another (telegram.md 4)."""
        if chat > 0:
            return chat
        if chat not in self._homes:
            self._homes[chat] = await self._memory.get(_moved_name(chat)) or chat
        return self._homes[chat]

    async def moved(self, old: int, new: int) -> None:
        """Remember it for good."""
        if old != new:
            log.info("the group %d is now %d", old, new)
            self._homes[old] = new
            await self._memory.put(_moved_name(old), new)

    async def _addressed(
        self, method: TelegramMethod[T], chat: int | None
    ) -> tuple[TelegramMethod[T], int | str]:
        """The method as its chat is numbered now, and whose turn it takes. Raises Refused for what would touch one of
        the chat's messages from before it moved: their numbers stand for others now."""
        asked = getattr(method, "chat_id", None)
        if not isinstance(asked, int):
            return method, method.__api_method__ if chat is None else await self.home(chat)
        home = await self.home(asked if chat is None else chat)
        if home == asked:
            return method, home
        if getattr(method, "message_id", None) is not None:
            raise Refused("the message was left behind when the group moved")
        # another message would be hung on
        changes: dict[str, Any] = {"chat_id": home}
        changes |= {
            name: None for name in ("reply_parameters", "message_thread_id") if getattr(method, name, None)
        }
        return method.model_copy(update=changes), home

    # --- one request ---------------------------------------------------------------------------------------------

    async def _ask(self, method: TelegramMethod[T], key: int | str, within: float | None) -> T:
        is_send = method.__api_method__.startswith(_SENDS) and method.__api_method__ != "sendChatAction"
        # aiohttp's own kind of time-out, passed through by aiogram: it ends a connection that is never made
        limit: Any = ClientTimeout(total=within or CALL_SECONDS, sock_connect=CONNECT_SECONDS)
        request = _Request()
        if isinstance(self.bot.session, AiohttpSession):
            request.left = False
            await self._watch(self.bot.session)
        before = _UNDER_WAY.set(request)
        try:
            result = await self.bot(method, request_timeout=limit)
        except AiogramError as error:
            found: KiebotError = translate(error, is_send=is_send, left=request.left, secrets=self._secrets)
            message_id = message_id_in(error) if is_send else None
        else:
            self._flow.passed()
            return result
        finally:
            _UNDER_WAY.reset(before)
        # out here, so that nothing of what was raised hangs on to it
        if message_id is not None:
            return cast("T", Message.model_construct(message_id=message_id))
        if isinstance(found, Unchanged | TooOld):
            return cast("T", True)
        if isinstance(found, Flood):
            self._flow.refused(key, found.after or 0.0)
        raise found

    async def _watch(self, session: AiohttpSession) -> None:
        """Learn from aiohttp when the first byte of a request leaves; before that, nothing can have been done."""
        client = await session.create_session()
        if self._trace not in client.trace_configs:
            client.trace_configs.append(self._trace)


def _trace() -> TraceConfig:
    async def sent(_: ClientSession, __: SimpleNamespace, ___: TraceRequestHeadersSentParams) -> None:
        request = _UNDER_WAY.get(None)
        if request:
            request.left = True

    trace = TraceConfig()
    trace.on_request_headers_sent.append(sent)
    trace.freeze()
    return trace


def _moved_name(chat: int) -> str:
    return f"telegram:moved:{chat}"
