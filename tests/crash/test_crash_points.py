"""P1 to P3: `kiebot run` killed at points that no COMMIT marks: around the bytes of its calls to KIE, with half a file, and
in media work; and media work that is killed alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from support.dying import Moment
from support.files import names
from support.kill_crowd import judged
from support.kill_house import NO_WAITING, Life, Zygote, open_kill_house
from support.kill_media import gone, work_held
from support.kill_rounds import MUCH_LATER, settled
from support.kill_telegram import Order, TelegramCrowd, open_crowd, open_telegram

from bot.texts import in_credits

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEP_SECONDS = 20.0
CREATE, UPLOAD = "/createTask", "/file-stream-upload"
A_MINUTE = 61.0  # after which a lost answer is given up where KIE cannot call
# what KIE may have made of a request by then
MADE: dict[Moment, set[int]] = {"before": {0}, "sent": {0, 1}, "answered": {1}}


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(tmp_path: Path, zygote: Zygote) -> AsyncIterator[TelegramCrowd]:
    """Where KIE calls when it is done, so that nobody waits for a look."""
    async with (
        open_kill_house(tmp_path, zygote, speed=NO_WAITING) as house,
        open_telegram(house, random.Random(1), "callbacks") as opened,
    ):
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def uncalled(tmp_path: Path, zygote: Zygote) -> AsyncIterator[TelegramCrowd]:
    """Where KIE cannot call."""
    async with open_crowd(tmp_path, zygote, seed=1, speed=NO_WAITING) as opened:
        yield opened


def wish(crowd: TelegramCrowd, picture: bool = False) -> Order:
    """One member's, in their own chat."""
    ada = crowd.people[0]
    return crowd.new(user=ada, chat=crowd.telegram.world.private(ada), picture=picture, cancel=False)


async def begin(crowd: TelegramCrowd) -> Life:
    """A life whose web server is up."""
    life = await crowd.house.begin()
    async with asyncio.timeout(STEP_SECONDS):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", crowd.house.port)
                writer.close()
                return life
            await asyncio.sleep(0.02)


async def end(crowd: TelegramCrowd, life: Life) -> dict[str, Any]:
    """The only job, as it ended, told once; its receipt and its events agree with that."""
    await settled(crowd.house)
    assert await life.stop() == 0, crowd.house.last_words()
    counts = await judged(crowd)
    assert (counts.jobs, counts.ends_twice) == (1, 0)
    (job,) = await crowd.house.jobs()
    await check_receipt(crowd, job)
    return job


async def check_receipt(crowd: TelegramCrowd, job: dict[str, Any]) -> None:
    """Its credits moved once, and the member is told so."""
    (order,) = crowd.orders
    shown = await crowd.house.tell("jobs", "show", job["id"])
    (moved,) = [event for event in shown["events"] if event["kind"] in ("settled", "failed")]
    if job["outcome"]["kind"] == "video":
        assert moved["detail"]["charged"] == job["price"]
        assert in_credits(job["price"]) in order.videos[0].text
    else:
        assert moved["detail"]["returned"] == job["price"]
        assert in_credits(job["price"]) in order.refusals[-1].text


def parts(crowd: TelegramCrowd) -> list[str]:
    return [name for name in names(crowd.house.data / "videos") if name.endswith(".part")]


# --- around the bytes of calls to KIE


@pytest.mark.parametrize("moment", ["before", "sent", "answered"])
async def test_killed_around_the_bytes_of_the_paid_request_it_is_never_sent_again_and_refunded_in_a_minute(
    uncalled: TelegramCrowd, moment: Moment
) -> None:
    life, order = await uncalled.house.begin(call=CREATE, moment=moment), wish(uncalled)
    pursuing = asyncio.create_task(uncalled.pursue(order))
    await uncalled.house.died(life)
    uncalled.house.pass_time(A_MINUTE)
    life = await uncalled.house.begin()
    await asyncio.wait_for(pursuing, STEP_SECONDS)
    job = await end(uncalled, life)
    assert job["outcome"]["reason"] == "lost"
    assert len(uncalled.house.kie.created) in MADE[moment]


@pytest.mark.parametrize("moment", ["sent", "answered"])
async def test_killed_around_the_bytes_of_the_paid_request_what_kie_made_of_it_is_delivered_when_kie_can_call(
    crowd: TelegramCrowd, moment: Moment
) -> None:
    house = crowd.house
    house.kie.faults.set("stuck-generating")
    life, order = await house.begin(call=CREATE, moment=moment), wish(crowd)
    pursuing = asyncio.create_task(crowd.pursue(order))
    await house.died(life)
    life = await begin(crowd)
    made = len(house.kie.created)
    house.kie.faults.clear()
    if not made:
        assert await life.stop() == 0
        house.pass_time(MUCH_LATER)
        life = await house.begin()
    await asyncio.wait_for(pursuing, STEP_SECONDS)
    job = await end(crowd, life)
    assert job["outcome"]["kind"] == ("video" if made else "failure")
    assert len(house.kie.created) == made
    assert made in MADE[moment]


@pytest.mark.parametrize("moment", ["sent", "answered"])
async def test_killed_while_a_picture_goes_to_kie_its_video_comes(
    crowd: TelegramCrowd, moment: Moment
) -> None:
    life, order = await crowd.house.begin(call=UPLOAD, moment=moment), wish(crowd, picture=True)
    pursuing = asyncio.create_task(crowd.pursue(order))
    await crowd.house.died(life)
    life = await crowd.house.begin()
    await asyncio.wait_for(pursuing, STEP_SECONDS)
    assert (await end(crowd, life))["outcome"]["kind"] == "video"


# --- files and media work


async def test_killed_with_a_video_half_on_the_disk_the_whole_one_comes_and_no_rest_stays(
    crowd: TelegramCrowd,
) -> None:
    life, order = await crowd.house.begin(part="videos"), wish(crowd)
    pursuing = asyncio.create_task(crowd.pursue(order))
    await crowd.house.died(life)
    assert len(parts(crowd)) == 1
    life = await crowd.house.begin()
    await asyncio.wait_for(pursuing, STEP_SECONDS)
    assert (await end(crowd, life))["outcome"]["kind"] == "video"
    assert parts(crowd) == []


async def test_killed_in_the_middle_of_media_work_the_video_comes_once_and_no_half_file_stays(
    crowd: TelegramCrowd,
) -> None:
    crowd.house.kie.faults.set("stuck-generating")
    life, order = await crowd.house.begin(), wish(crowd)
    await crowd.ask(order)
    await crowd.confirm(order)
    async with work_held(crowd.house, life) as work:
        assert len(parts(crowd)) == 2  # the video as it came, and its thumbnail
        await crowd.house.kill(life)
        await gone(work.pid)
    life = await crowd.house.begin()
    await crowd.telegram.world.wait_until(lambda: order.has_ended, STEP_SECONDS)
    assert parts(crowd) == []
    assert (await end(crowd, life))["outcome"]["kind"] == "video"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV], ids=lambda how: how.name)
async def test_media_work_that_is_killed_alone_is_done_again_by_the_bot_that_goes_on(
    crowd: TelegramCrowd, how: signal.Signals
) -> None:
    crowd.house.kie.faults.set("stuck-generating")
    life, order = await crowd.house.begin(), wish(crowd)
    await crowd.ask(order)
    await crowd.confirm(order)
    async with work_held(crowd.house, life) as work:
        os.kill(work.pid, how)
        await gone(work.pid)
        await crowd.telegram.world.wait_until(lambda: order.has_ended, STEP_SECONDS)
    assert parts(crowd) == []
    assert (await end(crowd, life))["outcome"]["kind"] == "video"
    assert crowd.house.kills == 0
