"""KIE's API as the core sees it: implements `bot.ports.Provider`, and what operators ask of KIE besides."""

from __future__ import annotations

import itertools
import mimetypes
import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx

from bot.domain import FailureKind, ModelStatus
from bot.errors import AccountError, ProviderError, RetryLater
from bot.kie.address import Resolve, resolve_name
from bot.kie.download import Downloader
from bot.kie.keys import Key, read_keys
from bot.kie.limiter import Pace
from bot.kie.parse import Reply, model_ids, number, read_record
from bot.kie.verdict import is_missing, judge_create, judge_probe
from bot.kie.wire import Wire
from bot.meters import Meters
from bot.ports import Clock, Create, CreateAnswer, LookAnswer, Missing, Refused, Unknown
from bot.texts import say

API_URL = "https://api.kie.ai"
UPLOAD_URL = "https://kieai.redpandaai.co"
_PATIENCE = 1.0  # seconds that a creation waits for its turn
_FOLDER = "kiebot"

# Errors that come before the first byte of a request leaves us.
_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class KieClient:
    """Use as `async with KieClient(...)`. `keys` are `key` or `account:key`; creations take turns among them.

    Raises StartError for a key that cannot be one. Every text that comes out of it is free of keys.
    """

    def __init__(
        self,
        keys: Sequence[str],
        *,
        clock: Clock,
        api_url: str = API_URL,
        upload_url: str = UPLOAD_URL,
        resolve: Resolve = resolve_name,
        meters: Meters | None = None,
    ) -> None:
        self._keys = read_keys(keys)
        self._turns = itertools.cycle(self._keys)
        self._paces = {key.account: Pace(clock) for key in self._keys}
        self._api = api_url.rstrip("/") + "/api/v1"
        self._upload_url = upload_url.rstrip("/") + "/api/file-stream-upload"
        self._wire = Wire(self._keys, clock, meters or Meters())
        self._downloader = Downloader(self._wire.fresh, clock, (api_url, upload_url), resolve)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._wire.close()

    # --- bot.ports.Provider

    async def turn(self) -> Create:
        """Waits at most a second for a place within the limits of a key, which take turns; good for one creation now.

        Raises RetryLater when it would take longer with each of them.
        """
        full = RetryLater("no key")
        for key in itertools.islice(self._turns, len(self._keys)):
            try:
                await self._paces[key.account].create(_PATIENCE)
            except RetryLater as error:
                full = error
            else:
                return partial(self._create, key)
        raise full

    async def create(
        self, model: str, body_input: Mapping[str, Any], callback_url: str | None
    ) -> CreateAnswer:
        """A turn and its creation, for what needs no record in between. Raises RetryLater like `turn`."""
        send = await self.turn()
        return await send(model, body_input, callback_url)

    async def _create(
        self, key: Key, model: str, body_input: Mapping[str, Any], callback_url: str | None
    ) -> CreateAnswer:
        """Make a task. Sent at most once, whatever happens (kie-api.md 2)."""
        body: dict[str, Any] = {"model": model, "input": dict(body_input)}
        if callback_url:
            body["callBackUrl"] = callback_url
        try:
            reply = await self._wire.create(f"{self._api}/jobs/createTask", key, body)
        except _NOTHING_SENT as error:
            text = say("kie.unreachable", reason=type(error).__name__)
            return Refused(FailureKind.BUSY, 0, text, retry=True)
        except httpx.HTTPError as error:
            return Unknown(say("kie.answer_lost", reason=type(error).__name__))
        return judge_create(reply, key.print)

    async def look(self, task_id: str, key_print: str | None = None) -> LookAnswer:
        """The state of a task (kie-api.md 3). `key_print`, from Accepted, spares asking every account.

        Raises RetryLater for a flicker that lasts, AccountError when the account is sick.
        """
        for key in self._keys_for(key_print):
            answer = await self._look(task_id, key)
            if not isinstance(answer, Missing):
                return answer
        return Missing()

    async def upload(self, file: Path, mime: str) -> str:
        """Hand a picture over under a name of its own: equal names overwrite (kie-api.md 5). Good for 20 hours.

        Raises RetryLater, AccountError, ProviderError.
        """
        key = next(self._turns)

        async def send() -> Reply:
            name = secrets.token_hex(16) + (mimetypes.guess_extension(mime) or "")
            fields = {"uploadPath": _FOLDER, "fileName": name}
            return await self._wire.upload(self._upload_url, key, fields, file, mime)

        data = _data(await self._wire.repeat("upload", send))
        found = data if isinstance(data, dict) else {}
        for url in (found.get("downloadUrl"), found.get("fileUrl")):
            if isinstance(url, str) and url.startswith(("https://", "http://")):
                return url
        raise RetryLater("upload: the answer holds no address")

    async def download(self, url: str, target: Path, max_bytes: int) -> int:
        """Stream a result to `target`; returns its size in bytes. See Downloader.fetch for what is raised."""
        return await self._downloader.fetch(url, target, max_bytes)

    async def balance(self) -> Decimal:
        """KIE credits left on the first key's account (kie-api.md 6). Raises RetryLater, AccountError, ProviderError."""
        amount = number(await self._get("chat/credit"))
        if amount is None:
            raise RetryLater("balance: the answer holds no number")
        return amount

    # --- for operators

    async def models(self) -> frozenset[str]:
        """The ids of all models KIE lists now (kie-models.md 3.3). Raises RetryLater, AccountError, ProviderError."""
        found = model_ids(await self._get("models"))
        if not found:
            raise RetryLater("models: the answer lists none")
        return found

    async def probe(self, model: str) -> ModelStatus | None:
        """Whether a model is alive, by a free creation with an empty input (kie-models.md 3.4); None: cannot tell.

        Raises RetryLater when nothing was learnt for now, AccountError.
        """
        answer = await self.create(model, {}, None)
        if isinstance(answer, Refused) and answer.retry:
            raise RetryLater(f"probe: {answer.text}")
        if isinstance(answer, Refused) and answer.account:
            raise AccountError(answer.code, answer.text)
        return judge_probe(answer)

    async def download_url(self, url: str) -> str:
        """A link to a result of KIE's, good for 20 minutes (kie-api.md 5). Raises RetryLater, AccountError, ProviderError."""
        key = self._keys[0]
        address = f"{self._api}/common/download-url"
        link = _data(await self._wire.repeat("link", lambda: self._wire.post(address, key, {"url": url})))
        if not isinstance(link, str) or not link.startswith(("https://", "http://")):
            raise RetryLater("link: the answer holds no address")
        return link

    # --- within

    async def _look(self, task_id: str, key: Key) -> LookAnswer:
        async def send() -> Reply:
            await self._paces[key.account].look()
            return await self._wire.get(f"{self._api}/jobs/recordInfo", key, {"taskId": task_id})

        reply = await self._wire.repeat("look", send)
        if is_missing(reply):
            return Missing()
        if reply.code != 200 or not isinstance(reply.data, dict):
            raise RetryLater(f"look: {reply.code} {reply.msg}")
        return read_record(reply.data)

    async def _get(self, path: str) -> Any:
        key = self._keys[0]
        return _data(await self._wire.repeat(path, lambda: self._wire.get(f"{self._api}/{path}", key)))

    def _keys_for(self, key_print: str | None) -> list[Key]:
        """The key that made the task; else one of each account, since accounts do not see each other's tasks."""
        named = [key for key in self._keys if key.print == key_print]
        return named or list({key.account: key for key in reversed(self._keys)}.values())


def _data(reply: Reply) -> Any:
    if reply.code != 200:
        raise ProviderError(reply.code or 0, reply.msg)
    return reply.data
