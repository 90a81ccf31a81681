"""The card of an order: whatever comes in whatever order, it ends up saying what became of the job."""

from __future__ import annotations

from pathlib import Path

from support.discord_live import MIB, Live, open_live
from support.discord_messages import Message

from bot.domain import FailureKind, JobState
from bot.errors import RetryLater
from bot.ports import Broken

ORIGINAL = "/webhooks/*/messages/@original"
TWENTY_MINUTES = 1200.0


async def a_card(live: Live) -> Message:
    return await live.ada.slash(live.channel, "sora", prompt="a cat").answered()


async def test_a_status_that_discord_takes_late_does_not_write_over_the_video(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        card = await a_card(live)
        late = live.server.fault("PATCH", ORIGINAL, hang=1.0)
        live.ada.click(card, "✅ Confirm")
        await live.server.world.until(lambda: late.hits)
        (job,) = await live.house.office.jobs()
        await live.finish(job)
        await live.quiet()
        assert card.unseen() == []
        assert [each.name for each in card.attachments] == [f"{job.id}.mp4"]
        assert "Again" in card.buttons()


async def test_a_status_that_had_to_be_sent_again_does_not_write_over_the_reason(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        card = await a_card(live)
        live.kie.next_looks.append(Broken(FailureKind.POLICY, "KIE does not like cats"))
        live.server.fault("PATCH", ORIGINAL, status=502)
        live.ada.click(card, "✅ Confirm")
        await live.server.world.until(lambda: live.server.seen("PATCH", ORIGINAL)[-1].status == 502)
        (job,) = await live.house.office.jobs()
        await live.finish(job)
        await live.quiet()
        assert "declined by the model" in card.text
        assert "Receipt" in card.buttons()


async def test_confirm_pressed_again_after_the_video_came_elsewhere_leads_to_it(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        card = await a_card(live)
        live.server.fault("PATCH", ORIGINAL, drop=True, times=2)  # the card keeps its button
        await live.ada.click(card, "✅ Confirm")
        await live.quiet()
        (job,) = await live.house.office.jobs()
        assert "✅ Confirm · 30 credits" in card.buttons()
        job = await live.settled(job)
        for note in ("token", "status"):
            await live.memory.drop(f"discord:{note}:{job.id}")
        await live.finish(job)
        assert live.videos()
        await live.ada.click(card, "✅ Confirm")
        await live.quiet()
        assert "Your video is ready" in card.text
        assert list(card.buttons()) == ["Open the video"]


async def test_a_database_that_is_busy_right_after_the_order_does_not_say_that_nothing_happened(
    tmp_path: Path,
) -> None:
    async with open_live(tmp_path) as live:
        card = await a_card(live)
        notes, busy = live.memory.put, [True]

        async def put(name: str, *given: object, **more: object) -> None:
            if busy and name.startswith("discord:token:"):
                busy.pop()
                raise RetryLater("the database is busy")
            await notes(name, *given, **more)  # type: ignore[arg-type]

        live.memory.put = put  # type: ignore[method-assign]
        pressed = await live.ada.click(card, "✅ Confirm")
        await live.quiet()
        assert "✅ Confirm · 30 credits" not in card.buttons()
        assert pressed.followups == []
        (job,) = await live.house.office.jobs()
        assert (await live.finish(job)).state is JobState.DELIVERED


async def test_a_video_that_fits_no_way_is_offered_on_its_card(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        live.let_videos_have(30 * MIB)
        live.house.media.unfittable = True
        job = await live.order()
        assert (await live.finish(job)).delivered_to == "kept"
        (card,) = live.posts(live.channel)
        assert "Your video is ready" in card.text
        assert "waits for you for 30 days" in card.text
        assert list(card.buttons()) == ["Get my video"]


async def test_a_kept_video_that_does_not_fit_here_does_not_keep_the_others_back(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        live.ada.close_dms()
        live.house.media.unfittable = True
        jobs = []
        for size in (30 * MIB, MIB):
            live.let_videos_have(size)
            jobs.append(await live.order())
            await live.settled(jobs[-1])
        live.channel.deny("send_messages")
        for job in jobs:
            assert (await live.finish(job)).delivered_to == "kept"
        await live.ada.slash(live.guild.text_channel("other"), "balance").answered()
        await live.quiet()
        assert [file.name for each in live.videos() for file in each.attachments] == [f"{jobs[1].id}.mp4"]


async def test_a_card_is_left_pointing_at_its_video_although_a_connection_breaks(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = TWENTY_MINUTES
        job = await live.order()
        card = live.posts(live.channel)[0]
        await live.settled(job)
        live.server.fault("PATCH", f"/channels/{live.channel.id}/messages/*", drop=True)
        await live.finish(job)
        assert "Your video is ready" in card.text
