"""Telegram's intake against the stand-in: everything real but what becomes of an update, which is only noted."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiogram
from aiogram.types import Message, Update
from support.clock import FakeClock
from support.telegram_server import TelegramServer

from adapters.telegram.dispatch import Dispatch
from adapters.telegram.intake import Line, Poll
from adapters.telegram.reading import Raw, Reader
from adapters.telegram.session import make_bot
from bot.domain import Button
from bot.durable import DurableInbox
from bot.ports import Clock
from bot.store import Store, schema
from bot.talk import Notice

COMMANDS = ("video", "sora", "help")


def words(update: Update) -> str:
    """What an update says: a text, a caption, or the data of a button."""
    if update.callback_query:
        return update.callback_query.data or ""
    if isinstance(update.message, Message):
        return update.message.text or update.message.caption or ""
    return update.event_type


@dataclass
class Desk:
    """Handles updates by noting their words. `faults` are raised by the words they are for, one at a time; words with a
    `gate` wait there until it is opened."""

    handled: list[str] = field(default_factory=list)
    albums: list[int] = field(default_factory=list)
    sorry: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def handle(self, update: Update, *others: Update) -> None:
        said = words(update)
        self.begun.append(said)
        if said in self.gates:
            await self.gates[said].wait()
        if self.faults[said]:
            raise self.faults[said].pop(0)
        self.handled.append(said)
        if others:
            self.albums.append(1 + len(others))

    async def apologise(self, update: Update) -> None:
        self.sorry.append(words(update))


@dataclass
class Intake:
    """`notices` are what the operators were told, by kind."""

    telegram: TelegramServer
    store: Store
    inbox: DurableInbox
    bot: aiogram.Bot
    line: Line
    reader: Reader
    dispatch: Dispatch
    desk: Desk
    notice: Notice
    notices: list[tuple[str, str]]

    async def take(self, raws: Sequence[Raw]) -> None:
        await self.dispatch.take(self.reader.read(raws))

    async def until_handled(self, count: int) -> list[str]:
        await self.telegram.world.wait_until(lambda: len(self.desk.handled) >= count)
        return self.desk.handled

    async def rows(self) -> list[dict[str, Any]]:
        """The inbox as it lies in the database."""
        found = await self.store.read(lambda tx: tx.all("SELECT * FROM inbox ORDER BY seq"))
        return [dict(row) for row in found]


@asynccontextmanager
async def open_intake(
    folder: Path, telegram: TelegramServer, *, clock: Clock | None = None, desk: Desk | None = None
) -> AsyncIterator[Intake]:
    """Ready to take updates in. Opened again on the same folder it is the next process."""
    clock, desk = clock or FakeClock(), desk or Desk()
    path = folder / "kiebot.db"
    if not path.exists():
        schema.migrate(path)
    notices: list[tuple[str, str]] = []

    async def notice(kind: str, text: str, buttons: Sequence[Button] = ()) -> None:
        notices.append((kind, text))

    bot = make_bot(telegram.token, telegram.url)
    me = telegram.world.bot
    async with Store(path) as store:
        inbox = DurableInbox(store, clock)
        dispatch = Dispatch(bot=bot, inbox=inbox, clock=clock, handling=desk, notice=notice)
        reader = Reader(me.id, me.username or "", COMMANDS)
        line = Line(clock, notice)
        try:
            yield Intake(telegram, store, inbox, bot, line, reader, dispatch, desk, notice, notices)
        finally:
            await dispatch.lanes.stop(0)
            await bot.session.close()


@asynccontextmanager
async def polling(
    folder: Path,
    telegram: TelegramServer,
    *,
    clock: Clock | None = None,
    desk: Desk | None = None,
    seconds: int = 30,
) -> AsyncIterator[Intake]:
    """Polling until the end of the block; then stopped without ceremony, as by a kill."""
    clock = clock or FakeClock()
    async with open_intake(folder, telegram, clock=clock, desk=desk) as intake:
        poll = Poll(
            bot=intake.bot,
            clock=clock,
            line=intake.line,
            take=intake.take,
            room=intake.dispatch.lanes.room,
            seconds=seconds,
        )
        await intake.dispatch.resume()
        running = asyncio.create_task(poll.run())
        try:
            yield intake
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
