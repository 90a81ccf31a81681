"""A job's life through the real studio, store and engine."""

from __future__ import annotations

from pathlib import Path

from support.house import open_house

from bot.domain import JobState, Video


async def test_an_order_becomes_a_delivered_video_and_exactly_its_price_is_paid(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.live(90)
        done = await house.job(job.id)
        assert done.state is JobState.DELIVERED
        assert isinstance(done.outcome, Video)
        assert done.message_id == "m1"
        assert len(house.kie.sent) == 1
        assert await house.available() == 1000 - job.price
        assert await house.kinds(job.id) == [
            "ordered",
            "submitting",
            "accepted",
            "answered",
            "settled",
            "delivered",
        ]
        await house.verify()
