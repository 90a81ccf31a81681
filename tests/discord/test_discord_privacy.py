"""Who sees an answer is known before the acknowledgement, quickly, and never guessed towards the public side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.discord_live import open_live
from support.house import House, open_house

from adapters.discord import privacy
from adapters.discord.privacy import Privacy
from bot.domain import UserRef

ADA = UserRef("discord", "1")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@asynccontextmanager
async def reading_held_up(house: House) -> AsyncIterator[threading.Event]:
    """Nothing is read from the database until the event is set, or this ends."""
    free = threading.Event()
    held = asyncio.ensure_future(house.store.read(lambda tx: free.wait()))
    await asyncio.sleep(0)
    try:
        yield free
    finally:
        free.set()
        await held


async def test_what_cannot_be_known_in_time_is_private(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Privacy(house.studio)
    async with reading_held_up(house):
        with monkeypatch.context() as impatient:
            impatient.setattr(privacy, "WAIT_SECONDS", 0.01)
            assert await known.of(ADA)
    assert not await known.of(ADA)


async def test_who_asked_before_is_not_kept_waiting_by_a_busy_database(house: House) -> None:
    known = Privacy(house.studio)
    await house.studio.prefer(ADA, private=True)
    assert await known.of(ADA)
    async with reading_held_up(house):
        assert await asyncio.wait_for(known.of(ADA), 0.5)


async def test_a_setting_that_changes_while_it_is_read_is_read_again(house: House) -> None:
    known = Privacy(house.studio)
    async with reading_held_up(house) as free:
        reading = asyncio.ensure_future(known.of(ADA))
        await asyncio.sleep(0)
        known.changed(ADA)
        free.set()
        assert not await reading
    await house.studio.prefer(ADA, private=True)
    assert await known.of(ADA)


async def test_no_more_people_are_remembered_than_there_is_room_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "REMEMBERED", 2)
    known = Privacy(house.studio)
    for n in range(5):
        await known.of(UserRef("discord", str(n)))
    assert [each.external_id for each in known._known] == ["3", "4"]


async def test_results_only_for_me_counts_from_the_press_on_and_so_does_taking_it_back(
    tmp_path: Path,
) -> None:
    async def choose(value: str) -> None:
        settings = await live.ada.slash(live.channel, "settings").answered()
        await live.press(settings, "Results in groups")
        await live.press(settings, value)

    async def is_hidden() -> bool:
        return (await live.ada.slash(live.channel, "sora", prompt="a happy dog").answered()).ephemeral

    async with open_live(tmp_path) as live:
        assert not await is_hidden()
        await choose("only for me")
        assert await is_hidden()
        await choose("for everybody")
        assert not await is_hidden()
