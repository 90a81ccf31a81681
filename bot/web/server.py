"""One aiohttp server for everything that speaks HTTP to the bot."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from aiohttp import web

from bot.errors import StartError
from bot.meters import Meters
from bot.ports import Clock
from bot.settings import Settings
from bot.studio import Studio
from bot.texts import say
from bot.web.exposure import is_loopback
from bot.web.guard import Guard
from bot.web.routes import Health, ReadCallback, Routes, TakeSnapshot

BODY_MAX = 1_000_000  # bytes; a route that takes more reads its stream itself
STOP_SECONDS = 5.0

Mount = Callable[[web.Application], None]


class WebServer:
    """`health` gives checks by name, each with `ok`; `snapshot` what `/metrics` shows beside `meters`.

    `read_callback(headers, body, hmac_key, now)` says what a callback hints at. `mounts` add adapters' routes; theirs
    are behind ADMIN_TOKEN unless `exposure.is_public` lists them.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        studio: Studio,
        clock: Clock,
        meters: Meters,
        health: Health,
        snapshot: TakeSnapshot,
        read_callback: ReadCallback,
        hmac_key: str | None = None,
        mounts: Sequence[Mount] = (),
    ) -> None:
        self._settings = settings
        self._app = web.Application(client_max_size=BODY_MAX)
        guard = Guard(settings, clock)
        routes = Routes(
            studio=studio,
            guard=guard,
            health=health,
            snapshot=snapshot,
            meters=meters,
            read_callback=read_callback,
            hmac_key=hmac_key,
            clock=clock,
        )
        for mount in (guard.mount, routes.mount, *mounts):
            mount(self._app)
        self._runner: web.AppRunner | None = None

    async def start(self, *, any_port: bool = False) -> None:
        """Listen on HTTP_HOST:HTTP_PORT; with `any_port`, on a free one if that is taken. Raises StartError."""
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        try:
            await self._listen(self._settings.http_port)
        except OSError as error:
            if any_port and error.errno == errno.EADDRINUSE:
                await self._listen(0)
                return
            await self.stop()
            host, port = self._settings.http_host, self._settings.http_port
            raise StartError(say("web.port_taken", host=host, port=port, problem=error.strerror)) from None

    async def _listen(self, port: int) -> None:
        assert self._runner
        await web.TCPSite(self._runner, self._settings.http_host, port).start()

    async def stop(self) -> None:
        """Answer what is under way, within STOP_SECONDS, then close."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    @property
    def port(self) -> int:
        """The port in use, once started."""
        assert self._runner
        port: int = self._runner.addresses[0][1]
        return port

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        host = self._settings.http_host
        host = host if is_loopback(host) else "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
