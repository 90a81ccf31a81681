"""The chats of this machine for the adapter contract: the page over real HTTP, and the terminal with real files."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from support import files
from support.contract_place import PUBLIC_URL, SECRET, Place, Seen
from support.house import House, open_house

from adapters.terminal import TerminalChat
from adapters.web import WebChat
from bot.domain import ChatRef, Job, Request, UserRef
from bot.kie.callback import read_callback
from bot.meters import Meters
from bot.studio import Ask, Quoted
from bot.web import Snapshot, WebServer

ADA_IN_TERMINAL = UserRef("cli", "ada")


@dataclass
class WebPlace(Place):
    """What is told while the page is open stands in `told`."""

    client: httpx.AsyncClient
    told: list[str]

    async def ask(self, *, in_public: bool = False, private: bool = False) -> Job:
        assert not in_public
        request = {"model": "veo-3-1:lite", "prompt": SECRET}
        key = f"key-{next(_KEYS):08}"
        card = await self._post("quotes", {"key": key, "request": request})
        job = await self._post(f"drafts/{card['id']}/order", {"key": f"{key}-order"})
        return await self.house.job(job["id"])

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = await self.client.post(f"/chat/api/ada/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def seen(self) -> Sequence[Seen]:
        found = (await self.client.get("/chat/api/ada/history")).json()["jobs"]
        return [await self._seen(each) for each in reversed(found)] + [Seen(each) for each in self.told]

    async def _seen(self, job: Mapping[str, Any]) -> Seen:
        failure = job["failure"] or {}
        words = [job["status"], job["receipt_line"], failure.get("text"), failure.get("quote")]
        text = "\n".join(filter(None, words))
        if not job["video"]:
            return Seen(text)
        bytes_ = (await self.client.get(job["video"]["url"])).content
        return Seen(text, sha256(bytes_).hexdigest(), job["video"]["label"])

    async def tell_ada(self, text: str) -> bool:
        return await self.adapter.tell("ada", text)


@dataclass
class TerminalPlace(Place):
    """Her video is to lie at `target`."""

    target: Path

    async def ask(self, *, in_public: bool = False, private: bool = False) -> Job:
        assert not in_public
        chat, request = ChatRef("cli", str(self.target)), Request("veo-3-1:lite", prompt=SECRET)
        ask = Ask(ADA_IN_TERMINAL, chat, f"cli:{next(_KEYS)}", request)
        quoted = await self.house.studio.quote(ask)
        assert isinstance(quoted, Quoted)
        return await self.house.studio.order(ADA_IN_TERMINAL, quoted.draft.id)

    async def seen(self) -> Sequence[Seen]:
        folder = self.target.parent
        found = list(folder.iterdir()) if files.exists(folder) else []
        return [Seen("", sha256(each.read_bytes()).hexdigest()) for each in found]

    async def tell_ada(self, text: str) -> bool:
        return await self.adapter.tell("ada", text)


_KEYS = itertools.count(1)


@asynccontextmanager
async def web_place(folder: Path) -> AsyncIterator[Place]:
    async with open_house(folder, commands_per_minute=1000, http_port=0) as house:
        page = WebChat(house.studio)
        house.adapters["web"] = page
        server = _server(house, page)
        await server.start()
        try:
            async with httpx.AsyncClient(base_url=server.url) as client, _open_page(client) as told:
                yield WebPlace(house, page, client, told)
        finally:
            await server.stop()


@asynccontextmanager
async def _open_page(client: httpx.AsyncClient) -> AsyncIterator[list[str]]:
    """What the page is told by the bot, as it comes."""
    told: list[str] = []
    opened = asyncio.Event()

    async def listen() -> None:
        async with client.stream("GET", "/chat/api/ada/events", timeout=60) as stream:
            opened.set()
            name = ""
            async for line in stream.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name == "notice":
                    told.append(json.loads(value)["text"])

    listening = asyncio.create_task(listen())
    await asyncio.wait_for(opened.wait(), 5)
    try:
        yield told
    finally:
        listening.cancel()
        await asyncio.wait([listening])


def _server(house: House, page: WebChat) -> WebServer:
    async def health() -> Mapping[str, Mapping[str, Any]]:
        return {}

    async def snapshot() -> Snapshot:
        return Snapshot({}, {}, Decimal(0), {}, {})

    return WebServer(
        settings=house.settings,
        studio=house.studio,
        clock=house.clock,
        meters=Meters(),
        health=health,
        snapshot=snapshot,
        read_callback=read_callback,
        mounts=[page.mount],
    )


@asynccontextmanager
async def terminal_place(folder: Path) -> AsyncIterator[Place]:
    async with open_house(folder / "data", public_url=PUBLIC_URL) as house:
        terminal = TerminalChat()
        house.adapters["cli"] = terminal
        yield TerminalPlace(house, terminal, folder / "out" / "cat.mp4")
