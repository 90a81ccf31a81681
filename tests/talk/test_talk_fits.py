"""Every screen of commands and of jobs' ends, in every state: it fits every chat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path

from support.small_talk import ANN, BOSS, Spoken, assert_fits, buttons, open_talk, screens

from bot.domain import Failure, FailureKind, Job, JobState, Picture, Progress, Shot, Video
from bot.ports import Broken, Delivery
from bot.talk import Answer, Screen
from bot.talk.commands import COMMANDS
from bot.wording import units

LONG = "🦊 a fox " * 400
PICTURE = Picture("0" * 64, "image/jpeg", 1280, 720, 5)
ORIGINAL = Video("a.mp4", 83_000_000, 3840, 2160, Decimal(8), sound=True)
FITTED = Video("a.fit.mp4", 48_000_000, 1920, 1080, Decimal(8), sound=True)
LINK = "https://bot.example.org/v/7K3M9Q2XAB/ABCDEFGHJKMNPQRSTVWXYZ0123"
USUAL = (60.0, 150.0)
# the verbs of these parts that change nothing one could still want to look at
HARMLESS = {"hist", "model", "pref", "get", "rcpt", "rprt", "del"}


def every_job(job: Job) -> Iterator[Job]:
    """The longest and the emptiest of each kind."""
    long = replace(job.request, prompt=LONG, first=PICTURE, last=PICTURE)
    scenes = replace(job.request, prompt="", shots=(Shot(LONG), Shot("an end")))
    bare = replace(job.request, prompt="", video_url="https://sora.chatgpt.com/p/s_1")
    outcomes = [None, ORIGINAL, *(Failure(kind, LONG) for kind in FailureKind)]
    for request, outcome, state in product((long, scenes, bare), outcomes, JobState):
        for told in (False, True):
            yield replace(
                job, request=request, outcome=outcome, state=state, patience_told=told, refunded=told
            )


def every_end(bot: Spoken, job: Job) -> Iterator[Screen]:
    progress = Progress(job.state, 40_000, place=3, usual=USUAL)
    for waiting, public in product((None, "progress.paused", "progress.fetching"), (False, True)):
        yield bot.talk.status(job, replace(progress, waiting_for=waiting), "en", public)
    if isinstance(job.outcome, Failure):
        yield bot.talk.failed(job, "en")
        yield bot.talk.failed(job, "en", public=True)
    yield bot.talk.private_notice(job, "en")


def every_caption(bot: Spoken, job: Job) -> Iterator[Screen]:
    for fitted, link, gift in product((False, True), (None, LINK), (False, True)):
        delivery = Delivery(job, "chat", 1, video=FITTED, fitted=fitted, link=link, gift=gift)
        yield bot.talk.caption(delivery, "en")
        if link:
            yield bot.talk.link_only(delivery, "en")


async def test_every_message_about_any_job_fits_every_chat(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        seen = 0
        for job in every_job(await bot.house.order(ANN)):
            for screen in every_end(bot, job):
                assert_fits(screen, 4000)
                seen += 1
            for screen in every_caption(bot, job):
                assert_fits(screen, 900)
                seen += 1
        assert seen > 3000


async def test_every_screen_that_buttons_lead_to_fits_every_chat(tmp_path: Path) -> None:
    """Everything commands show, and whatever the buttons of that lead to, until nothing is new."""
    contact = "@helpdesk " * 60
    async with open_talk(
        tmp_path, support_contact=contact, max_queued_per_user=50, max_running=1, commands_per_minute=10_000
    ) as bot:
        house = bot.house
        house.kie.next_looks = [Broken(FailureKind.POLICY, LONG)]
        for prompt in (LONG, "a\nb\n\n\n" * 300, "🦊" * 900):
            job = await house.order(ANN, prompt=prompt)
            await house.end(job.id)
        for _ in range(12):
            await house.order(ANN, prompt=LONG)
        await house.step()
        await house.office.grant(ANN, 5, LONG[:4000])
        await house.office.pause(LONG)
        await house.withdraw("veo-3-1", LONG[:300])
        seen: set[str] = set()
        ahead = [await bot.talk.command(bot.asker(BOSS), "help")]
        ahead += [await bot.talk.command(bot.asker(), name) for name, _ in COMMANDS[4:-1]]
        ahead += [await bot.talk.operate(bot.asker(BOSS), "status")]
        for job in await house.studio.history(ANN, limit=20):
            delivery = Delivery(job, "chat", 1, video=FITTED, fitted=True, link=LINK)
            ahead.append(Answer(screen=bot.talk.caption(delivery, "en")))
            if isinstance(job.outcome, Failure):
                ahead.append(Answer(screen=bot.talk.failed(job, "en")))
        while ahead:
            answer = ahead.pop()
            for screen in screens(answer):
                assert_fits(screen)
            assert units(answer.toast) <= 200
            for button in buttons(answer).values():
                verb = button.action.partition(":")[2].partition(":")[0]
                last = button.action.rpartition(":")[2]
                if button.action in seen or verb not in HARMLESS or (verb == "del" and last == "yes"):
                    continue
                seen.add(button.action)
                ahead.append(await bot.press(button.action))
        assert {action.split(":")[1] for action in seen} == HARMLESS
