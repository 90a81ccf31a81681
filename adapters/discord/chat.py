"""Discord as the engine sees it: the client on one side, delivery on the other, started and stopped together."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence

import discord

from adapters.discord import register
from adapters.discord.address import PLATFORM
from adapters.discord.again import Fit
from adapters.discord.client import DiscordClient
from adapters.discord.errors import UNREACHABLE, answer_in, asked_wait
from bot.domain import Button, CommunityRef, Job, Progress
from bot.errors import RetryLater, StartError
from bot.masking import Secret
from bot.ports import Clock, Delivery, Memory
from bot.studio import Studio
from bot.talk import Talk
from bot.texts import say

log = logging.getLogger(__name__)

SHELF_SECONDS = 60.0
START_SECONDS = 15.0  # the other chats wait for us
INSTALL_RIGHTS = 274878024704  # what posting later needs, discord.md 2
TRY_AGAIN_SECONDS = (5.0, 15.0, 60.0, 300.0)
DEAD_TOKEN, PRIVILEGED = 4004, 4014  # close codes
# Whether commands are taken is Discord's answer; these are about who asks, or how often.
NOT_NOW = frozenset({403, 408, 429})


class DiscordChat:
    """`ports.ChatAdapter`. `start`, then `run` beside the engine until `stop`; deliveries work until `close`.

    `fit` is `ports.Media.fit`, for a video that is wanted again and is too large there.
    """

    platform = PLATFORM

    def __init__(
        self,
        token: Secret,
        api_url: str,
        *,
        talk: Talk,
        studio: Studio,
        memory: Memory,
        clock: Clock,
        fit: Fit | None = None,
    ) -> None:
        self._token = token
        self._api_url = api_url
        self._memory = memory
        self._clock = clock
        self._logged_in = asyncio.Event()
        self._asked_wait = 0.0
        self._registering = asyncio.Lock()
        self._stopping = asyncio.Event()
        self.client = DiscordClient(
            talk=talk, studio=studio, memory=memory, clock=clock, api_url=api_url, fit=fit
        )
        self._delivering = self.client.delivering

    # --- its life ------------------------------------------------------------------------------------------------

    @property
    def link(self) -> str | None:
        """Where a server's owner adds the bot, once Discord has told who it is."""
        application = self.client.application_id
        if application is None:
            return None
        return discord.utils.oauth_url(application, permissions=discord.Permissions(INSTALL_RIGHTS))

    @property
    def refusal(self) -> str | None:
        """Whoever turns us down ends `run`."""
        return None

    def mount(self, app: object) -> None:
        """Discord speaks to us over the gateway only."""

    async def start(self) -> None:
        """Log in. Raises StartError for a token that Discord does not know; a Discord that cannot be reached now is
        waited for by `run`, so that the other chats may work meanwhile."""
        # Its debug lines hold whole payloads: tokens of interactions, members' words.
        logging.getLogger("discord").setLevel(max(logging.WARNING, logging.getLogger().level))
        await self.client.shelf.refresh()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._log_in()
        except UNREACHABLE as error:
            self._put_off(error)

    async def run(self) -> None:
        """Until `stop`. Raises StartError when Discord turns the token or the intents down for good; what is to be
        delivered then waits."""
        stopping = asyncio.create_task(self._stopping.wait(), name="discord stopping")
        works = [
            asyncio.create_task(self._keep_connected(), name="discord connection"),
            asyncio.create_task(self._keep_registered(), name="discord commands"),
            asyncio.create_task(self._keep_shelf(), name="discord shelf"),
        ]
        try:
            await asyncio.wait((stopping, *works), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (stopping, *works):
                each.cancel()
            ended = await asyncio.gather(*works, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def stop(self) -> None:
        """Hear nothing more, and let what is being answered end."""
        self._stopping.set()
        for shard in self.client.shards.values():
            await shard.disconnect()
        await self.client.answering.idle()

    async def close(self) -> None:
        await self.client.close()

    async def register(self, *, force: bool = False) -> int | None:
        """Tell Discord our commands, if they changed. Returns how many, None when nothing had to be done. Raises
        StartError, RetryLater."""
        try:
            await self._log_in()
            async with self._registering:
                return await register.sync(self.client.tree, self._memory, force=force)
        except UNREACHABLE as error:
            answer = answer_in(error)
            if answer and answer.status < 500 and answer.status not in NOT_NOW:
                raise StartError(say("discord.not_registered", problem=error)) from error
            raise RetryLater(f"Discord cannot be reached: {error}", asked_wait(error) or None) from error

    async def _log_in(self) -> None:
        if self._logged_in.is_set():
            return
        # One process speaks to one Discord; the gateway's address is asked of it.
        discord.http.Route.BASE = self._api_url
        # Each try opens connections of its own; those of the one before would stay open.
        await self.client.http.close()
        self.client.http.connector = discord.utils.MISSING
        try:
            await self.client.login(self._token.reveal())
        except discord.LoginFailure:
            raise StartError(say("discord.bad_token")) from None
        self._logged_in.set()

    async def _keep_connected(self) -> None:
        """discord.py reconnects by itself; what it gives up on is tried again after a while."""
        await self._clock.sleep(self._asked_wait)
        for tries in itertools.count():
            self._asked_wait = 0.0
            try:
                await self._log_in()
                await self.client.connect()
            except discord.ConnectionClosed as closed:
                raise _turned_down(closed.code) from closed
            except discord.PrivilegedIntentsRequired as error:
                raise _turned_down(PRIVILEGED) from error
            except UNREACHABLE as error:
                answer = answer_in(error)
                if answer and answer.status == 401:
                    raise _turned_down(DEAD_TOKEN) from error
                self._put_off(error)
            await self._clock.sleep(_pause(tries, self._asked_wait))

    def _put_off(self, error: Exception) -> None:
        log.warning("Discord cannot be reached and will be tried again: %r", answer_in(error) or error)
        self._asked_wait = asked_wait(error)

    async def _keep_registered(self) -> None:
        """Beside the connection: a bot whose commands could not be registered still serves those that were."""
        await self._logged_in.wait()
        for tries in itertools.count():
            try:
                count = await self.register()
            except RetryLater as error:
                log.warning("the commands could not be registered and will be tried again: %s", error)
                await self._clock.sleep(_pause(tries, error.after or 0.0))
                continue
            except StartError as error:
                log.warning("the commands could not be registered: %s", error)
            else:
                if count is not None:
                    log.info("%d commands were registered with Discord", count)
            break
        await self._stopping.wait()

    async def _keep_shelf(self) -> None:
        while True:
            await self._clock.sleep(SHELF_SECONDS)
            try:
                await self.client.shelf.refresh()
            except RetryLater as error:
                log.info("the models could not be read again: %s", error)

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
        return await self._delivering.is_member(external_id, community.external_id)


def _pause(tries: int, asked: float) -> float:
    """Seconds until the next try: longer and longer, and no shorter than Discord asked for."""
    return max(asked, TRY_AGAIN_SECONDS[min(tries, len(TRY_AGAIN_SECONDS) - 1)])


def _turned_down(code: int) -> StartError:
    return StartError(
        say("discord.dead_token") if code == DEAD_TOKEN else say("discord.turned_down", code=code)
    )
