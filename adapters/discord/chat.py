"""Discord as the engine sees it: the client on one side, delivery on the other, started and stopped together."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence

import aiohttp
import discord

from adapters.discord import register
from adapters.discord.address import PLATFORM
from adapters.discord.again import Fit
from adapters.discord.client import DiscordClient
from adapters.discord.delivery import Delivering
from bot.domain import Button, Job, Progress
from bot.errors import RetryLater, StartError
from bot.masking import Secret
from bot.ports import Clock, Delivery, Memory
from bot.studio import Studio
from bot.talk import Talk
from bot.texts import say

log = logging.getLogger(__name__)

SHELF_SECONDS = 60.0
INSTALL_RIGHTS = 274878024704  # what posting later needs, discord.md 2
TRY_AGAIN_SECONDS = (5.0, 15.0, 60.0, 300.0)
UNREACHABLE = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    discord.DiscordServerError,
    discord.GatewayNotFound,
)


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
        self._logged_in = False
        self._stopping = asyncio.Event()
        self.client = DiscordClient(talk=talk, studio=studio, memory=memory, clock=clock)
        self._delivering = Delivering(
            self.client, talk=talk, studio=studio, memory=memory, clock=clock, fit=fit
        )
        self.client.answering.send_again = self._delivering.send_again

    # --- its life ------------------------------------------------------------------------------------------------

    @property
    def link(self) -> str | None:
        """Where a server's owner adds the bot, once Discord has told who it is."""
        application = self.client.application_id
        if application is None:
            return None
        return discord.utils.oauth_url(application, permissions=discord.Permissions(INSTALL_RIGHTS))

    def mount(self, app: object) -> None:
        """Discord speaks to us over the gateway only."""

    async def start(self) -> None:
        """Log in. Raises StartError for a token that Discord does not know; a Discord that cannot be reached now is
        waited for by `run`, so that the other chats may work meanwhile."""
        # Its debug lines hold whole payloads: tokens of interactions, members' words.
        logging.getLogger("discord").setLevel(max(logging.WARNING, logging.getLogger().level))
        await self.client.shelf.refresh()
        try:
            await self._log_in()
        except UNREACHABLE as error:
            log.warning("Discord cannot be reached and will be tried again: %s", error)

    async def run(self) -> None:
        """Until `stop`. Raises StartError when Discord turns the token or the intents down for good."""
        stopping = asyncio.create_task(self._stopping.wait(), name="discord stopping")
        works = [
            asyncio.create_task(self._keep_connected(), name="discord connection"),
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
            return await register.sync(self.client.tree, self._memory, force=force)
        except UNREACHABLE as error:
            raise RetryLater(f"Discord cannot be reached: {error}") from error
        except discord.HTTPException as error:
            raise StartError(say("discord.not_registered", problem=error)) from error

    async def _log_in(self) -> None:
        if self._logged_in:
            return
        # One process speaks to one Discord; the gateway's address is asked of it.
        discord.http.Route.BASE = self._api_url
        try:
            await self.client.login(self._token.reveal())
        except discord.LoginFailure:
            raise StartError(say("discord.bad_token")) from None
        self._logged_in = True

    async def _keep_connected(self) -> None:
        """discord.py reconnects by itself; what it gives up on is tried again after a while."""
        for tries in itertools.count():
            try:
                await self._log_in()
                await self._registered()
                await self.client.connect()
            except discord.ConnectionClosed as closed:
                raise StartError(say("discord.turned_down", code=closed.code)) from closed
            except discord.PrivilegedIntentsRequired as error:
                raise StartError(say("discord.turned_down", code=4014)) from error
            except UNREACHABLE as error:
                log.warning("Discord cannot be reached and will be tried again: %s", error)
            await self._clock.sleep(TRY_AGAIN_SECONDS[min(tries, len(TRY_AGAIN_SECONDS) - 1)])

    async def _registered(self) -> None:
        """A bot whose commands could not be registered still serves those that were."""
        try:
            count = await self.register()
        except (RetryLater, StartError) as error:
            log.warning("the commands could not be registered: %s", error)
        else:
            if count is not None:
                log.info("%d commands were registered with Discord", count)

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
