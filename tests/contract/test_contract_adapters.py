"""What the engine may rely on in every chat: the same sentences against each adapter, over its real way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest
from support.contract_discord import discord_place
from support.contract_local import terminal_place, web_place
from support.contract_place import KIE_SAYS, PUBLIC_URL, SECRET, Place, Seen
from support.contract_telegram import telegram_place

from bot.domain import JobState, Progress
from bot.errors import DeliveryUnknown, RetryLater, RouteClosed, TooLarge

Open = Callable[[Path], AbstractAsyncContextManager[Place]]
PLACES: dict[str, Open] = {
    "web": web_place,
    "terminal": terminal_place,
    "telegram": telegram_place,
    "discord": discord_place,
}
CHATS = (
    "telegram",
    "discord",
)  # on platforms of their own, which can refuse, and where others may read along
TOLD = ("web", *CHATS)  # where words are read, not only files


class Hurried:
    """asyncio for discord.py, which sleeps for long between its tries."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
async def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    monkeypatch.setattr(discord.http, "asyncio", Hurried())
    async with PLACES[request.param](tmp_path) as opened:
        yield opened


def holds_in(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", names, indirect=True)


async def videos(place: Place) -> list[Seen]:
    return [each for each in await place.seen() if each.sha256]


def in_public(found: list[Seen]) -> str:
    return "\n".join(each.text + each.described + "".join(each.links) for each in found if each.public)


# --- the ways ----------------------------------------------------------------------------------------------------


@holds_in(*PLACES)
async def test_there_is_always_a_way(place: Place) -> None:
    assert place.adapter.routes(await place.ask())


@holds_in(*CHATS)
async def test_whatever_way_a_private_result_takes_nobody_else_sees_it(place: Place) -> None:
    job = await place.settled(await place.ask(in_public=True, private=True))
    ways = place.adapter.routes(job)
    assert ways
    for way in ways:
        with suppress(RouteClosed):
            await place.adapter.deliver(await place.attempt(job, way))
    found = list(await place.seen())
    assert not [each for each in found if each.public and each.sha256]
    assert SECRET not in in_public(found)
    assert [each for each in found if each.sha256 == place.sum]


@holds_in(*CHATS)
async def test_whatever_way_the_end_of_a_private_job_without_a_video_takes_nobody_else_reads_why(
    place: Place,
) -> None:
    job = await place.refused(await place.ask(in_public=True, private=True))
    for way in place.adapter.routes(job):
        with suppress(RouteClosed):
            await place.adapter.deliver(await place.attempt(job, way))
    said = in_public(list(await place.seen()))
    assert SECRET not in said
    assert KIE_SAYS not in said


# --- what arrives ------------------------------------------------------------------------------------------------


@holds_in(*PLACES)
async def test_a_video_arrives_once_and_whole(place: Place) -> None:
    await place.delivered(await place.ask())
    await place.house.live(120, every=10)
    (video,) = await videos(place)
    assert video.sha256 == place.sum


@holds_in(*CHATS)
async def test_a_video_asked_for_among_others_arrives_among_them_once_and_whole(place: Place) -> None:
    await place.delivered(await place.ask(in_public=True))
    (video,) = await videos(place)
    assert (video.sha256, video.public) == (place.sum, True)


@holds_in(*TOLD)
async def test_a_video_says_that_it_is_ai_generated_by_which_model_and_what_it_cost(place: Place) -> None:
    job = await place.delivered(await place.ask())
    (video,) = await videos(place)
    model = place.house.studio.name_of(job.model)
    assert f"AI-generated · {model} · {job.price} credits" in video.text.replace("\\", "")


@holds_in("web", "discord")
async def test_a_video_is_described_to_those_who_cannot_see_it(place: Place) -> None:
    await place.delivered(await place.ask())
    (video,) = await videos(place)
    assert video.described == f"AI-generated video: {SECRET}"


@holds_in(*TOLD)
async def test_a_failure_says_why_in_kies_own_words_too_and_what_was_returned(place: Place) -> None:
    await place.adapter.deliver(await place.attempt(await place.refused(await place.ask())))
    said = (await place.seen())[-1].text
    assert "refused by the model's safety rules" in said
    assert KIE_SAYS in said
    assert "30 credits" in said
    assert await videos(place) == []


@holds_in(*CHATS)
async def test_a_failure_among_others_says_only_that_and_what_was_returned(place: Place) -> None:
    await place.adapter.deliver(await place.attempt(await place.refused(await place.ask(in_public=True))))
    said = in_public(list(await place.seen()))
    assert "declined by the model, 30 credits returned" in said
    assert KIE_SAYS not in said


@holds_in(*TOLD)
async def test_a_video_that_comes_after_its_refund_says_that_it_is_a_gift(place: Place) -> None:
    await place.too_late(await place.ask())
    (video,) = await videos(place)
    assert "gift" in video.text
    assert video.sha256 == place.sum


# --- looking after a crash ---------------------------------------------------------------------------------------


@holds_in(*TOLD)
async def test_what_was_delivered_is_found_again_or_nobody_knows(place: Place) -> None:
    delivery = await place.attempt(await place.settled(await place.ask()))
    sent = await place.adapter.deliver(delivery)
    try:
        assert await place.adapter.find(delivery) == sent
    except DeliveryUnknown:
        assert len(await videos(place)) == 1


@holds_in(*CHATS)
async def test_what_was_never_sent_is_not_found(place: Place) -> None:
    delivery = await place.attempt(await place.settled(await place.ask()))
    assert await place.adapter.find(delivery) is None


# --- trouble -----------------------------------------------------------------------------------------------------


@holds_in(*CHATS)
async def test_too_large_a_video_is_refused_with_what_is_taken_and_its_link_is_given(place: Place) -> None:
    await place.take_less()
    delivery = await place.attempt(await place.settled(await place.ask()))
    with pytest.raises(TooLarge) as refused:
        await place.adapter.deliver(delivery)
    assert 0 < refused.value.limit < len(place.video)
    assert await videos(place) == []
    await place.adapter.deliver(replace(delivery, file=None))
    assert delivery.link
    assert delivery.link.startswith(PUBLIC_URL)
    assert [each for each in await place.seen() if delivery.link in each.links]


@holds_in(*CHATS)
@pytest.mark.parametrize("public", [False, True], ids=["alone", "among others"])
async def test_where_nobody_hears_the_bot_each_way_is_closed_and_the_video_is_kept(
    place: Place, public: bool
) -> None:
    job = await place.settled(await place.ask(in_public=public))
    await place.shut()
    for way in place.adapter.routes(job):
        with pytest.raises(RouteClosed):
            await place.adapter.deliver(await place.attempt(job, way))
    assert await videos(place) == []
    assert (await place.delivered(job)).delivered_to == "kept"


@holds_in(*CHATS)
async def test_a_busy_chat_gets_its_video_later_and_once(place: Place) -> None:
    delivery = await place.attempt(await place.settled(await place.ask()))
    await place.be_busy()
    with pytest.raises(RetryLater):
        await place.adapter.deliver(delivery)
    assert await videos(place) == []
    await place.delivered(delivery.job)
    assert len(await videos(place)) == 1


@holds_in(*CHATS)
async def test_after_a_lost_answer_nobody_knows_and_the_video_comes_at_most_twice(place: Place) -> None:
    job = await place.settled(await place.ask())
    delivery = await place.attempt(job, place.adapter.routes(job)[-1])
    await place.lose_answer()
    with pytest.raises(DeliveryUnknown):
        await place.adapter.deliver(delivery)
    assert len(await videos(place)) == 1
    await place.delivered(job)
    assert {each.sha256 for each in await videos(place)} == {place.sum}
    assert len(await videos(place)) <= 2


@holds_in(*PLACES)
@pytest.mark.parametrize("state", JobState)
async def test_telling_how_a_job_gets_on_never_fails(place: Place, state: JobState) -> None:
    job = await place.ask()
    if place.adapter.platform in CHATS:
        await place.shut()
    for seconds in (0.0, 60.0, 4000.0):
        place.house.clock.advance(seconds)
        await place.adapter.show(
            replace(job, state=state), Progress(state, seconds, place=2, usual=(60, 120))
        )


@holds_in(*TOLD)
async def test_a_private_word_arrives_or_is_known_not_to(place: Place) -> None:
    await place.ask()
    assert await place.tell_ada("two credits are yours")
    for _ in range(500):
        if "two credits are yours" in (await place.seen())[-1].text:
            break
        await asyncio.sleep(0.01)
    assert "two credits are yours" in (await place.seen())[-1].text
    assert not in_public(list(await place.seen()))
    assert not await place.adapter.tell("404", "hello")
