"""One HTTP call to KIE at a time: headers, time limits, and the answer read into a `Reply` without secrets."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from bot import __version__
from bot.errors import AccountError, RetryLater
from bot.kie.keys import Key
from bot.kie.parse import Reply, read_reply
from bot.kie.verdict import account_trouble, is_flicker
from bot.masking import MASK
from bot.meters import Meters
from bot.ports import Clock

log = logging.getLogger(__name__)

USER_AGENT = f"kiebot/{__version__}"  # KIE's CDN refuses the default agents of some libraries
PAUSES = (0.5, 2.0)  # seconds before the second and the third try of what may be repeated
_QUICK = httpx.Timeout(20, connect=10)
_SLOW = httpx.Timeout(60, connect=10)


class Wire:
    """Two clients: `steady` keeps connections for reads; `fresh` opens one per call.

    A create goes over a fresh connection: on a kept one, which KIE may just be closing, it could be lost unanswered,
    while one that cannot be opened proves that nothing was sent. Downloads use it too: it never carries a key.
    """

    def __init__(self, keys: Sequence[Key], clock: Clock, meters: Meters) -> None:
        self._secrets = [key.secret for key in keys]
        self._clock = clock
        self._meters = meters
        trust = httpx.create_ssl_context(trust_env=False)
        agent = {"User-Agent": USER_AGENT}
        self._steady = httpx.AsyncClient(verify=trust, headers=agent, trust_env=False)
        once = httpx.Limits(max_keepalive_connections=0)
        self.fresh = httpx.AsyncClient(verify=trust, headers=agent, trust_env=False, limits=once)

    async def close(self) -> None:
        await self._steady.aclose()
        await self.fresh.aclose()

    async def create(self, url: str, key: Key, body: Mapping[str, Any]) -> Reply:
        """Sent once. Raises httpx.HTTPError."""
        response = await self.fresh.post(url, json=body, headers=_authorization(key), timeout=_SLOW)
        return self._reply("create", response)

    async def get(self, url: str, key: Key, params: Mapping[str, str] | None = None) -> Reply:
        response = await self._steady.get(url, params=params, headers=_authorization(key), timeout=_QUICK)
        return self._reply(url.rsplit("/", 1)[-1], response)

    async def post(self, url: str, key: Key, body: Mapping[str, Any]) -> Reply:
        response = await self._steady.post(url, json=body, headers=_authorization(key), timeout=_QUICK)
        return self._reply(url.rsplit("/", 1)[-1], response)

    async def upload(self, url: str, key: Key, fields: Mapping[str, str], file: Path, mime: str) -> Reply:
        """A multipart form whose file is read from the disk as it is sent."""
        with file.open("rb") as stream:
            response = await self._steady.post(
                url,
                data=fields,
                files={"file": (fields["fileName"], stream, mime)},
                headers=_authorization(key),
                timeout=_SLOW,
            )
        return self._reply("upload", response)

    async def repeat(self, what: str, send: Callable[[], Awaitable[Reply]]) -> Reply:
        """A call that may be repeated: network errors and flickers are tried again, thrice in all.

        Raises RetryLater after that, AccountError when the account is sick.
        """
        pauses = iter(PAUSES)
        while True:
            after = None
            try:
                reply = await send()
            except httpx.HTTPError as error:
                reason = type(error).__name__
            else:
                trouble = account_trouble(reply)
                if trouble:
                    raise AccountError(*trouble)
                if not is_flicker(reply):
                    return reply
                reason, after = f"{reply.code or f'HTTP {reply.status}'} {reply.msg}".strip(), reply.after
            pause = next(pauses, None)
            if pause is None:
                raise RetryLater(f"{what}: {reason}", after)
            log.info("%s flickered (%s), trying again", what, reason)
            await self._clock.sleep(pause)

    def _reply(self, call: str, response: httpx.Response) -> Reply:
        # Only our keys: a mask of all that looks secret would also blot out the callback's token, which is compared.
        text = response.text
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        reply = read_reply(response.status_code, text, response.headers.get("Retry-After", ""))
        self._meters.count("kie_calls", call=call, code=str(reply.code or response.status_code))
        return reply


def _authorization(key: Key) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.secret}"}
