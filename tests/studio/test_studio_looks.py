"""What a member may look at, and being forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.files import holding, names
from support.house import ADA, BOB, open_house

from bot.domain import ChatRef, JobState, ModelState, UserRef
from bot.errors import UserError
from bot.store import jobs
from bot.studio import Ask, Quoted

WORDS = "a wombat named Ferdinand"
NAME = UserRef("telegram", "5550192837")


async def test_history_is_a_users_own_newest_first_and_in_pages(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_queued_per_user=10) as house:
        made = []
        for _ in range(5):
            made.append((await house.order()).id)
            house.clock.advance(1)
        await house.order(BOB)
        page = await house.studio.history(ADA, limit=3)
        assert [job.id for job in page] == made[:1:-1]
        rest = await house.studio.history(ADA, limit=3, before=page[-1].created_at)
        assert [job.id for job in rest] == made[1::-1]
        assert await house.studio.history(UserRef("web", "nobody")) == ()


async def test_progress_tells_the_place_the_time_and_what_is_usual(tmp_path: Path) -> None:
    async with open_house(tmp_path, max_running=1) as house:
        first = await house.order()
        house.clock.advance(1)
        second = await house.order(BOB)
        house.clock.advance(30)
        found = await house.studio.progress(second)
        assert (found.state, found.place, found.elapsed) == (JobState.QUEUED, 2, 30.0)
        assert found.usual is not None
        await house.step()
        running = await house.studio.progress(await house.job(first.id))
        assert (running.state, running.place, running.elapsed) == (JobState.RUNNING, None, 0.0)
        assert (await house.studio.progress(second)).place == 1


async def test_what_is_usual_is_learnt_from_real_durations(tmp_path: Path) -> None:
    async with open_house(tmp_path, new_user_credits=10_000) as house:
        house.kie.takes = 300
        for _ in range(4):
            job = await house.order()
            await house.end(job.id, every=5)
        low, high = (await house.quote()).usual
        assert 295 <= low <= high <= 330


async def test_details_show_what_was_sent_and_what_came_back_and_no_secret_address(tmp_path: Path) -> None:
    async with open_house(tmp_path, callback_base="https://bot.example") as house:
        job = await house.order()
        await house.end(job.id)
        found = await house.studio.details(ADA, job.id)
        assert found["exchange"]["submitting"]["input"] == dict(job.input)
        assert found["exchange"]["accepted"] == {"task_id": "task1"}
        assert found["events"][0]["kind"] == "ordered"
        assert job.callback_token not in str(found)
        with pytest.raises(UserError, match="no job"):
            await house.studio.details(BOB, job.id)


async def test_a_link_shows_the_video_only_with_its_token_and_only_while_it_is_kept(tmp_path: Path) -> None:
    async with open_house(tmp_path, public_url="https://bot.example") as house:
        job = await house.order()
        assert await house.studio.public_video(job.id, job.video_token) is None
        await house.end(job.id)
        assert house.studio.link(job) == f"https://bot.example/v/{job.id}/{job.video_token}"
        assert await house.studio.public_video(job.id, job.video_token) is not None
        for job_id, token in ((job.id, "guess"), (job.id, ""), ("NOJOB", job.video_token)):
            assert await house.studio.public_video(job_id, token) is None
        await house.office.remove(job.id)
        assert await house.studio.public_video(job.id, job.video_token) is None


async def test_the_list_of_models_tells_their_state(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.withdraw("sora-2-text-to-video", "gone")
        found = {each.id: each for each in await house.studio.models()}
        assert len(found) == len(house.studio.catalog)
        assert found["sora-2-text-to-video"].status.state is ModelState.PAUSED
        assert found["sora-2-text-to-video"].stand_ins
        assert found["veo-3-1:lite"].status.state is ModelState.ACTIVE


async def test_preferences_are_kept_and_forgotten_one_by_one(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        assert await house.studio.preferences(ADA) == {}
        await house.studio.prefer(ADA, aspect="portrait", sound=False)
        await house.studio.prefer(ADA, aspect=None, seconds=8)
        assert await house.studio.preferences(ADA) == {"sound": False, "seconds": 8}
        assert await house.studio.preferences(BOB) == {}


# --- being forgotten -------------------------------------------------------------------------------------------------


async def test_nothing_is_left_of_a_forgotten_person_but_nameless_transfers(tmp_path: Path) -> None:
    async with open_house(tmp_path, operators=(NAME,), public_url="https://bot.example") as house:
        who, chat = NAME, ChatRef("web", f"chat-of-{NAME.external_id}")
        picture = await house.studio.take_picture(who, b"a picture of Ferdinand")
        house.kie.looks["task1"] = []
        ids = []
        for n in range(2):
            request = (await house.quote(BOB, prompt=WORDS, first=picture)).draft.request
            key = f"telegram:{NAME.external_id}:{n}"
            quoted = await house.studio.quote(Ask(who, chat, key, request))
            assert isinstance(quoted, Quoted)
            job = await house.studio.order(who, quoted.draft.id)
            ids.append(job.id)
        await house.store.write(lambda tx: tx.run("DELETE FROM drafts WHERE user_id <> ?", job.user_id))
        await house.end(*ids)
        await house.studio.prefer(who, nickname="Ferdinand")
        await house.office.allow(who)
        assert len(names(house.settings.videos_dir)) == 2
        balance = await house.studio.balance(who)
        await house.studio.forget(who)
        for text in (WORDS, "Ferdinand", NAME.external_id, picture.sha256):
            assert holding(house.settings.data_dir, text) == []
        assert names(house.settings.videos_dir) == names(house.settings.pictures_dir) == []
        assert (
            await house.store.read(
                lambda tx: tx.value("SELECT available FROM balances WHERE account = ?", job.payer)
            )
            == balance.available
        )
        for job_id in ids:
            assert (await house.job(job_id)).user == UserRef("gone", str(job.user_id))
            assert await house.studio.public_video(job_id, job.video_token) is None
        await house.verify()
        with pytest.raises(UserError, match="Nothing is stored"):
            await house.studio.forget(who)


async def test_a_picture_that_somebody_else_sent_too_stays_theirs(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        shared = await house.studio.take_picture(ADA, b"the same cat")
        own = await house.studio.take_picture(ADA, b"her cat")
        assert await house.studio.take_picture(BOB, b"the same cat") == shared
        await house.studio.forget(ADA)
        assert await house.studio.picture(BOB, shared.sha256) == shared
        assert own.sha256 not in names(house.settings.pictures_dir)


async def test_a_picture_that_is_just_being_taken_survives_somebody_elses_forgetting(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.quote(ADA)
        picture = await house.media.picture(b"on its way")
        await house.studio.forget(ADA)
        assert names(house.settings.pictures_dir) == [picture.sha256]


async def test_nobody_is_forgotten_while_a_video_of_theirs_is_in_the_making(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        with pytest.raises(UserError, match="1 of your videos"):
            await house.studio.forget(ADA)
        await house.end(job.id)
        await house.studio.forget(ADA)


async def test_who_is_forgotten_while_the_video_is_on_its_way_still_leaves_a_job_that_ends(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        house.chat.ways = ()
        job = await house.order()
        while (await house.job(job.id)).outcome is None:
            await house.step()
            house.clock.advance(20)
        await house.studio.forget(ADA)
        (done,) = await house.end(job.id, every=600)
        assert done.delivered_to == "kept"
        assert house.chat.messages == []
        await house.verify()


async def test_seen_is_noted_once(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        job = await house.order()
        await house.end(job.id)
        await house.studio.seen(job.id)
        first = house.clock.now()
        house.clock.advance(60)
        await asyncio.gather(*(house.studio.seen(job.id) for _ in range(3)))
        assert await house.value("SELECT seen_at FROM jobs WHERE id = ?", job.id) == first
        assert await house.store.read(lambda tx: jobs.get(tx, job.id)) is not None
