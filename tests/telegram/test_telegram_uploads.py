"""Videos on their way: streamed in pieces, timed by their size, and where things are said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import files
from support.telegram_sending import Desk, open_desk

from adapters.telegram.address import Address
from adapters.telegram.uploads import CHUNK, CLOUD_MOST, TAIL, Limit, Upload, seconds_for, thumbnail


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


async def test_a_file_is_read_in_pieces_and_noted_before_the_last_one(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    files.put(file, bytes(CHUNK * 2 + 5000))
    noted: list[int] = []
    pieces: list[int] = []

    async def at_last() -> None:
        noted.append(len(pieces))

    upload = Upload(file, "a.mp4", at_last=at_last)
    with upload:
        async for piece in upload.read(desk.bot):
            assert upload.whole == (len(pieces) == 3)
            pieces.append(len(piece))
    assert pieces == [CHUNK, CHUNK, 5000 - TAIL, TAIL]
    assert noted == [3]


async def test_an_upload_that_begins_anew_is_not_whole_until_its_own_end(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    files.put(file, bytes(CHUNK * 2))
    upload = Upload(file, "a.mp4")
    seen = []
    with upload:
        for pieces in (3, 2):
            reading = upload.read(desk.bot)
            for _ in range(pieces):
                await anext(reading)
            seen.append(upload.whole)
    assert seen == [True, False]


def test_a_request_gets_time_by_its_size() -> None:
    assert seconds_for(1_000_000) == 62
    assert seconds_for(45_000_000) == 150


def test_a_thumbnail_that_telegram_would_not_take_is_left_out(tmp_path: Path) -> None:
    small, large = tmp_path / "small.jpg", tmp_path / "large.jpg"
    small.write_bytes(bytes(1000))
    large.write_bytes(bytes(200_000))
    assert thumbnail(small)
    assert thumbnail(large) is None
    assert thumbnail(tmp_path / "none.jpg") is None
    assert thumbnail(None) is None


async def test_the_limit_is_telegrams_own_until_a_server_of_ones_own_is_used(desk: Desk) -> None:
    cloud = Limit("https://api.telegram.org/bot{token}/{method}", desk.memory)
    own = Limit("http://localhost:8081/bot{token}/{method}", desk.memory)
    assert await cloud.get() == 50_000_000
    assert await own.get() == 2_000_000_000


async def test_a_refusal_teaches_the_limit_for_a_week_and_for_that_server_only(desk: Desk) -> None:
    own = Limit("http://localhost:8081/bot", desk.memory)
    assert await own.learn(300_000_000) == CLOUD_MOST
    assert await own.learn(40_000_000) == await own.get() == 30_000_000
    assert await Limit("http://localhost:9000/bot", desk.memory).get() == 2_000_000_000
    desk.clock.advance(8 * 86_400)
    assert await own.get() == 2_000_000_000


@pytest.mark.parametrize(
    "address", [Address(5), Address(-100123, 7, 42), Address(-100123, None, 42), Address(-1, 7)]
)
def test_an_address_survives_as_text(address: Address) -> None:
    assert Address.parse(str(address)) == address
    with pytest.raises(ValueError, match=r"unpack|invalid"):
        Address.parse("nowhere")
