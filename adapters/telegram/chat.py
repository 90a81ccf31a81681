"""Telegram as the engine and the composition root see it: owns the parts, starts and stops them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiogram.exceptions import AiogramError
from aiogram.types import User
from aiohttp import web

from adapters.telegram.calls import Calls
from adapters.telegram.commands import ANSWERED
from adapters.telegram.delivery import Delivering, Fit
from adapters.telegram.dispatch import Dispatch, insist
from adapters.telegram.groups import is_member
from adapters.telegram.handlers import Handling
from adapters.telegram.intake import Line, Poll
from adapters.telegram.reading import PLATFORM, Raw, Reader
from adapters.telegram.session import make_bot
from adapters.telegram.setup import Introduction
from adapters.telegram.trouble import Kind, trouble
from adapters.telegram.webhook import Webhook
from bot.domain import Button, CommunityRef, Job, Progress, UserRef
from bot.errors import StartError
from bot.masking import Secret
from bot.ports import Clock, Delivery, Inbox, Memory
from bot.talk import Notice, Talk
from bot.texts import say

log = logging.getLogger(__name__)

START_SECONDS = 10


class TelegramChat:
    """`ports.ChatAdapter`, and what starts and stops with the bot. `operators` tells who they are now, `fit` is that of
    `ports.Media`."""

    platform = PLATFORM

    def __init__(
        self,
        *,
        token: Secret,
        api_url: str,
        public_url: str | None,
        clock: Clock,
        inbox: Inbox,
        memory: Memory,
        talk: Talk,
        notice: Notice,
        operators: Callable[[], Awaitable[Sequence[UserRef]]],
        fit: Fit,
    ) -> None:
        self._bot = make_bot(token.reveal(), api_url)
        self._clock = clock
        self._inbox = inbox
        self._memory = memory
        self._talk = talk
        self._notice = notice
        self._operators = operators
        self._calls = Calls(self._bot, clock, memory)
        self._delivering = Delivering(calls=self._calls, talk=talk, memory=memory, clock=clock, fit=fit)
        self._line = Line(clock, notice)
        self._webhook = Webhook(
            bot=self._bot, clock=clock, line=self._line, notice=notice, public_url=public_url
        )
        self._me: User | None = None
        self._dispatch: Dispatch | None = None
        self._intake: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def link(self) -> str | None:
        return f"https://t.me/{self._me.username}" if self._me else None

    @property
    def refusal(self) -> str | None:
        return self._line.refusal

    # --- starting and stopping -----------------------------------------------------------------------------------

    def mount(self, app: web.Application) -> None:
        """Add the webhook's route."""
        self._webhook.mount(app)

    async def start(self) -> None:
        """Ask Telegram who we are. Raises StartError when it does not accept the token; that it cannot be reached is
        only a warning: `run` goes on asking."""
        try:
            self._me = await self._bot.get_me(request_timeout=START_SECONDS)
        except AiogramError as error:
            found = trouble(error)
            if found.kind is Kind.REFUSED:
                raise StartError(say("telegram_setup.token", problem=found.text)) from None
            log.warning("Telegram cannot be reached yet, the bot starts without it: %s", found.text)
        else:
            log.info("Telegram knows the bot as @%s", self._me.username)

    async def run(self) -> None:
        """Take updates in until `stop`, or until cancelled. Raises whatever breaks it."""
        if self._stopped:
            return
        self._intake = asyncio.create_task(self._take_in(), name="telegram intake")
        try:
            await asyncio.wait((self._intake,))
        finally:
            self._intake.cancel()
        if not self._intake.cancelled():
            self._intake.result()

    async def stop(self) -> None:
        """Take nothing more in, and let running handlers end; what is left waits for the next start."""
        self._stopped = True
        if self._intake:
            self._intake.cancel()
        if self._dispatch:
            await self._dispatch.lanes.stop()

    async def close(self) -> None:
        if self._dispatch:
            await self._dispatch.lanes.stop(0)
        await self._bot.session.close()

    async def _take_in(self) -> None:
        me = self._me = self._me or await self._meet()
        handling = Handling(
            bot=self._bot,
            me=me,
            talk=self._talk,
            memory=self._memory,
            calls=self._calls,
            delivering=self._delivering,
            introduce=self._introduce,
        )
        dispatch = self._dispatch = Dispatch(
            bot=self._bot, inbox=self._inbox, clock=self._clock, handling=handling, notice=self._notice
        )
        reader = Reader(me.id, me.username or "", ANSWERED)

        async def take(raws: Sequence[Raw]) -> None:
            await dispatch.take(reader.read(raws))

        await dispatch.resume()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._introduce(), name="telegram introduction")
            await self._webhook.run(take)
            await self._webhook.remove()
            await Poll(
                bot=self._bot, clock=self._clock, line=self._line, take=take, room=dispatch.lanes.room
            ).run()

    async def _meet(self) -> User:
        while True:
            try:
                me = await self._bot.get_me()
            except AiogramError as error:
                await self._line.failed(error)
            else:
                self._line.works()
                return me

    async def _introduce(self) -> None:
        operators = await insist(self._operators, self._clock)
        await Introduction(self._bot, self._memory).give(operators)

    # --- what the engine asks ------------------------------------------------------------------------------------

    def routes(self, job: Job) -> Sequence[str]:
        return self._delivering.routes(job)

    async def show(self, job: Job, progress: Progress) -> None:
        await self._delivering.show(job, progress)

    async def deliver(self, delivery: Delivery) -> str:
        return await self._delivering.deliver(delivery)

    async def find(self, delivery: Delivery) -> str | None:
        return await self._delivering.find(delivery)

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        return await self._delivering.tell(external_id, text, buttons)

    async def is_member(self, external_id: str, community: CommunityRef) -> bool:
        """Raises RetryLater."""
        return await is_member(self._calls, int(community.external_id), int(external_id))
