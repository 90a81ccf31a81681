"""A job under way and its end, as messages, and the buttons below them; and that every screen fits every chat."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.small_talk import (
    ANN,
    TOM,
    Spoken,
    buttons,
    open_talk,
    words,
)

from bot.domain import Failure, FailureKind, Job, JobState, Picture, Progress, Video
from bot.errors import ProviderError, UserError
from bot.ports import Broken, Delivery
from bot.talk import Words
from bot.wording import units

LONG = "🦊 a fox " * 400
PICTURE = Picture("0" * 64, "image/jpeg", 1280, 720, 5)
ORIGINAL = Video("a.mp4", 83_000_000, 3840, 2160, Decimal(8), sound=True)
FITTED = Video("a.fit.mp4", 48_000_000, 1920, 1080, Decimal(8), sound=True)
LINK = "https://bot.example.org/v/7K3M9Q2XAB/ABCDEFGHJKMNPQRSTVWXYZ0123"
USUAL = (60.0, 150.0)
REFUSED = (
    "This request was refused by the model's safety rules, and that is final. Other words or another picture"
    " may pass. Your 30 credits are back."
)


async def an_end(bot: Spoken, **changes: Any) -> Job:
    """A job that ended with a video, with whatever else is said of it."""
    job = await bot.house.order(ANN)
    await bot.house.end(job.id)
    ended = await bot.house.job(job.id)
    return replace(ended, **{"outcome": ORIGINAL, **changes})


def failure(job: Job, kind: FailureKind, text: str = "", **changes: Any) -> Job:
    return replace(job, **{"outcome": Failure(kind, text), **changes})


# --- under way ---------------------------------------------------------------------------------------------------


async def test_the_status_names_the_state_the_request_and_that_one_may_leave(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN, prompt="a happy dog")
        waiting = bot.talk.status(job, await bot.house.studio.progress(job), "en")
        assert words(waiting).splitlines() == [
            "Waiting for a turn, next in line",
            "a happy dog",
            "Veo 3.1 Lite · 30 credits",
            "1 s so far · usually 1 to 2 min",
            "You can close the chat: it goes on without you.",
            "[Cancel]",
        ]
        running = replace(job, state=JobState.RUNNING, patience_told=True)
        shown = bot.talk.status(running, Progress(JobState.RUNNING, 40, usual=USUAL), "en")
        assert words(shown).startswith("KIE is making the video")
        assert "This takes longer than usual. Nothing is wrong yet" in words(shown)
        assert not shown.rows


async def test_the_status_tells_what_holds_a_job_up(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        await bot.house.office.pause("holiday")
        shown = words(bot.talk.status(job, await bot.house.studio.progress(job), "en"))
        assert "Waiting: the operator has paused new videos; cancelling is free" in shown
        assert "so far" not in shown


async def test_while_the_file_cannot_be_fetched_the_status_does_not_say_that_kie_is_making_it(
    tmp_path: Path,
) -> None:
    async with open_talk(tmp_path) as bot:
        bot.house.kie.downloads = [ProviderError(404, "not found")]
        job = await bot.house.order(ANN)
        for _ in range(100):
            await bot.house.step()
            if "not fetched" in await bot.house.kinds(job.id):
                break
            bot.house.clock.advance(1)
        job = await bot.house.job(job.id)
        shown = words(bot.talk.status(job, await bot.house.studio.progress(job), "en"))
        assert shown.startswith("KIE has made the video; fetching it takes a little longer")
        assert "you get the video or your credits back" in shown
        await bot.house.end(job.id)


async def test_a_status_where_others_read_it_keeps_the_words_of_a_private_request(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN, prompt="a secret plan")
        progress = await bot.house.studio.progress(job)
        assert "a secret plan" in words(bot.talk.status(job, progress, "en"))
        assert "a secret plan" not in words(bot.talk.status(job, progress, "en", public=True))


async def test_stop_on_the_status_message_turns_it_into_the_answer(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        status = bot.talk.status(job, await bot.house.studio.progress(job), "en")
        stopped = await bot.press(buttons(status)["Cancel"].action)
        assert words(stopped).startswith("Cancelled\nCancelled. Nothing was charged")
        assert not buttons(stopped)
        again = await bot.house.order(ANN)
        await bot.house.step()
        late = await bot.press(f"1:stop:{again.id}")
        assert "Too late to cancel" in late.toast
        assert words(late).startswith("KIE is making the video")
        assert not buttons(late)


# --- a video -----------------------------------------------------------------------------------------------------


async def test_the_caption_is_a_short_receipt_with_what_one_may_do_next(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        shown = bot.talk.caption(Delivery(await an_end(bot), "chat", 1, video=ORIGINAL), "en")
        assert words(shown).splitlines() == [
            "AI-generated · Veo 3.1 Lite · 30 credits",
            "[Again] [Change] [Animate on]",
            "[Receipt] [Report] [Delete]",
        ]


async def test_a_fitted_video_tells_from_what_in_true_numbers_and_leads_to_the_original(
    tmp_path: Path,
) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        fitted = Delivery(job, "chat", 1, video=FITTED, fitted=True, link=LINK)
        shown = bot.talk.caption(fitted, "en")
        assert "Fitted to this chat from 83 MB 4K." in words(shown)
        assert buttons(shown)["Original · 83 MB"].url == LINK
        without = bot.talk.caption(replace(fitted, link=None), "en")
        assert "83 MB 4K" in words(without)
        assert not any(button.url for button in buttons(without).values())


async def test_a_gift_and_a_refunded_video_say_so(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        late = failure(job, FailureKind.EXPIRED)
        gift = Delivery(late, "chat", 1, video=FITTED, fitted=True, link=LINK, gift=True)
        assert "a gift: it came after your credits were returned" in words(bot.talk.caption(gift, "en"))
        assert "Made smaller to fit this chat." in words(bot.talk.caption(gift, "en"))
        returned = Delivery(replace(job, refunded=True), "chat", 1, video=ORIGINAL)
        assert "30 credits, since returned" in words(bot.talk.caption(returned, "en"))


async def test_a_video_too_large_for_the_chat_comes_as_an_address(tmp_path: Path) -> None:
    async with open_talk(tmp_path, keep_videos_days=14) as bot:
        delivery = Delivery(await an_end(bot), "chat", 1, video=ORIGINAL, link=LINK)
        shown = bot.talk.link_only(delivery, "en")
        assert "Your video is ready" in words(shown)
        assert "too large for this chat (83 MB 4K)" in words(shown)
        assert "works for 14 days" in words(shown)
        assert LINK in words(shown)
        assert buttons(shown)["Open the video"].url == LINK


async def test_a_freed_watermark_offers_no_second_one(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        link = "https://sora.chatgpt.com/p/s_1"
        freed = replace(job, request=replace(job.request, prompt="", video_url=link))
        shown = bot.talk.caption(Delivery(freed, "chat", 1, video=ORIGINAL), "en")
        assert "Again" not in buttons(shown)
        assert "Animate on" in buttons(shown)


async def test_what_is_private_shows_in_public_neither_words_nor_reasons(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        ready = bot.talk.private_notice(job, "en")
        assert words(ready) == "Your video is ready. It is for your eyes only.\n[Get my video]"
        assert buttons(ready)["Get my video"].action == f"1:get:{job.id}"
        failed = bot.talk.private_notice(failure(job, FailureKind.POLICY, "nudity"), "en")
        assert "happy dog" not in words(failed)
        assert "nudity" not in words(failed)
        assert buttons(failed)["Why?"].action == f"1:rcpt:{job.id}"


async def test_the_attachment_is_described_by_its_request(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        assert bot.talk.described(job, "en") == "AI-generated video: a happy dog"
        assert units(bot.talk.described(replace(job, request=replace(job.request, prompt=LONG)), "en")) < 400


# --- no video ----------------------------------------------------------------------------------------------------


async def test_a_failure_says_why_in_plain_words_what_came_back_and_then_quotes_kie(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = failure(await an_end(bot), FailureKind.POLICY, "Your prompt was flagged by <filters>")
        shown = bot.talk.failed(job, "en")
        assert words(shown).splitlines()[:3] == [
            "No video",
            "a happy dog",
            REFUSED,
        ]
        assert Words("Your prompt was flagged by <filters>") in shown.parts
        assert list(buttons(shown)) == ["Change words", "Other model", "Receipt"]


async def test_in_a_group_a_failure_is_one_line_without_words_and_without_kies_text(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = failure(await an_end(bot), FailureKind.POLICY, "nudity")
        shown = bot.talk.failed(job, "en", public=True)
        assert words(shown).splitlines()[0] == "No video: declined by the model, 30 credits returned."
        assert "happy dog" not in words(shown)
        assert "nudity" not in words(shown)
        assert "Change words" in buttons(shown)


async def test_a_failure_offers_what_may_help(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        pictured = replace(job, request=replace(job.request, first=PICTURE))
        offered = {
            kind: list(buttons(bot.talk.failed(failure(pictured, kind), "en"))) for kind in FailureKind
        }
        assert offered[FailureKind.INPUT] == ["Change words", "Other picture", "Other model", "Receipt"]
        assert offered[FailureKind.BUSY][-2:] == ["Again", "Receipt"]
        assert all("Other model" in each for each in offered.values())


async def test_who_waited_in_vain_hears_that_it_may_still_come_as_a_gift(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = failure(await an_end(bot), FailureKind.EXPIRED)
        assert "yours as a gift" in words(bot.talk.failed(job, "en"))
        assert "gift" not in words(bot.talk.failed(replace(job, task_id=None), "en"))


async def test_a_status_message_of_a_failed_job_never_says_that_a_video_is_coming(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = failure(await an_end(bot), FailureKind.PROVIDER, state=JobState.SETTLED)
        assert words(bot.talk.status(job, Progress(JobState.SETTLED, 9), "en")).startswith("No video")


# --- receipt, get ------------------------------------------------------------------------------------------------


async def test_a_receipt_is_told_to_its_asker_alone(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        bot.house.kie.next_looks = [Broken(FailureKind.POLICY, "nudity")]
        job = await bot.house.order(ANN)
        await bot.house.end(job.id)
        receipt = await bot.press(f"1:rcpt:{job.id}", group=True)
        assert receipt.fresh is not None
        assert receipt.fresh.private
        told = words(receipt)
        assert f"Receipt for job {job.id}" in told
        assert "Asked: a happy dog" in told
        assert "Charged: 30 credits\nReturned: 30 credits" in told
        assert "KIE said: “nudity”" in told
        assert "Send it again" not in told
        with pytest.raises(UserError) as caught:
            await bot.press(f"1:rcpt:{job.id}", TOM)
        assert caught.value.key == "talk.not_yours"


async def test_getting_a_video_that_is_not_there_says_when_it_was_and_for_how_long(tmp_path: Path) -> None:
    async with open_talk(tmp_path, keep_videos_days=14) as bot:
        job = await bot.house.order(ANN)
        with pytest.raises(UserError, match="not ready yet: Waiting for a turn, next in line"):
            await bot.press(f"1:get:{job.id}")
        await bot.house.end(job.id)
        assert (await bot.press(f"1:get:{job.id}")).send is not None
        with pytest.raises(UserError):
            await bot.press(f"1:get:{job.id}", TOM)
        await bot.house.studio.remove(ANN, job.id)
        with pytest.raises(UserError, match=r"Your video of 2026-11-\d\d is no longer kept.* for 14 days"):
            await bot.press(f"1:get:{job.id}")
        bot.house.kie.next_looks = [Broken(FailureKind.PROVIDER, "oops")]
        failed = await bot.house.order(ANN)
        await bot.house.end(failed.id)
        with pytest.raises(UserError, match="has no video"):
            await bot.press(f"1:get:{failed.id}")


# --- report, delete ----------------------------------------------------------------------------------------------


async def test_anybody_may_report_a_video_once_they_are_sure(tmp_path: Path) -> None:
    async with open_talk(tmp_path, public_url="https://bot.example.org") as bot:
        job = await an_end(bot)
        asked = await bot.press(f"1:rprt:{job.id}", TOM, group=True)
        assert asked.fresh is not None
        assert asked.fresh.private
        assert bot.notices == []
        assert "Nothing was reported" in words(await bot.press(buttons(asked)["No, leave it"].action, TOM))
        thanked = await bot.press(buttons(asked)["Report it"].action, TOM)
        assert "Thank you" in words(thanked)
        ((kind, text, offered),) = bot.notices
        assert kind == f"report:{job.id}"
        assert "telegram:3 reported the video of job" in text
        assert "asked by telegram:2" in text
        assert "a happy dog" in text
        assert f"https://bot.example.org/v/{job.id}/" in text
        assert [button.label for button in offered] == ["Remove the video", "Block the asker"]


async def test_deleting_asks_first_and_then_takes_the_message_and_the_file(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        caption = bot.talk.caption(Delivery(job, "chat", 1, video=ORIGINAL), "en")
        asked = await bot.press(buttons(caption)["Delete"].action)
        assert "its credits stay spent" in words(asked)
        kept = await bot.press(buttons(asked)["No, keep it"].action)
        assert words(kept).splitlines() == words(caption).splitlines()
        gone = await bot.press(buttons(asked)["Yes, delete"].action)
        assert gone.delete
        after = await bot.house.job(job.id)
        assert after.removed
        assert isinstance(after.outcome, Video)
        assert not (bot.house.settings.videos_dir / after.outcome.file).exists()
        assert "no longer kept" in await bot.say("history")


async def test_keeping_a_fitted_video_or_an_address_brings_its_words_back(tmp_path: Path) -> None:
    async with open_talk(tmp_path, public_url="https://bot.example.org") as bot:
        await an_end(bot)
        job = (await bot.house.studio.history(ANN))[0]
        assert isinstance(job.outcome, Video)
        link = bot.house.studio.link(job)
        for screen in (
            bot.talk.caption(Delivery(job, "c", 1, video=FITTED, fitted=True, link=link), "en"),
            bot.talk.link_only(Delivery(job, "c", 1, video=job.outcome, link=link), "en"),
        ):
            asked = await bot.press(buttons(screen)["Delete"].action)
            kept = await bot.press(buttons(asked)["No, keep it"].action)
            assert kept.screen == screen


async def test_a_manager_only_takes_the_message_away_and_others_nothing(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await an_end(bot)
        asked = await bot.press(f"1:del:{job.id}", TOM, group=True, manager=True)
        assert "Its asker still finds the video in /history" in words(asked)
        assert (await bot.press(f"1:del:{job.id}:yes", TOM, group=True, manager=True)).delete
        assert not (await bot.house.job(job.id)).removed
        for action in (f"1:del:{job.id}", f"1:del:{job.id}:yes"):
            with pytest.raises(UserError) as caught:
                await bot.press(action, TOM, group=True)
            assert caught.value.key == "talk.not_yours"


async def test_a_video_on_its_way_is_not_deleted_under_its_delivery(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        with pytest.raises(UserError, match="has not ended yet"):
            await bot.press(f"1:del:{job.id}:yes")
