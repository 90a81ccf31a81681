"""`/cancel JOB`: that one, or why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.small_talk import ANN, TOM, open_talk

from bot.errors import UserError


async def test_cancel_with_a_job_stops_it_or_says_why_not(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job, other = await bot.house.order(ANN), await bot.house.order(ANN)
        assert await bot.say("cancel", f"{job.id.lower()} please") == (
            "Cancelled. Nothing was charged: 30 credits returned."
        )
        assert [bool((await bot.house.job(each.id)).outcome) for each in (job, other)] == [True, False]
        with pytest.raises(UserError, match="already ended"):
            await bot.say("cancel", job.id)
        await bot.house.step()
        assert "Too late to cancel" in await bot.say("cancel", other.id)
        for name, who in (("N0NSENSE", ANN), (other.id, TOM)):
            with pytest.raises(UserError) as caught:
                await bot.say("cancel", name, who)
            assert caught.value.key == "order.no_job"


async def test_a_number_that_names_no_job_leads_to_the_history_which_shows_those_that_do(
    tmp_path: Path,
) -> None:
    async with open_talk(tmp_path) as bot:
        jobs = [await bot.house.order(ANN) for _ in range(2)]
        with pytest.raises(UserError, match=r"You have no job N0NSENSE\. /history shows"):
            await bot.say("cancel", "n0nsense")
        history = await bot.say("history")
        assert all(f"job {job.id}" in history for job in jobs)
