"""What becomes of each of Discord's refusals, and what is known after each loss: the real discord.py over HTTP."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest
from support import files
from support.discord_live import MIB, Live, open_live
from support.discord_messages import delete

from adapters.discord.errors import Oversize, translate
from adapters.discord.render import plain
from adapters.discord.routes import address_of
from adapters.discord.sending import Post, Upload
from bot.errors import DeliveryUnknown, RetryLater, RouteClosed, TooLarge, UserError
from bot.ports import Delivery

LATE = 1200.0


class Hurried:
    """asyncio for discord.py, which sleeps for long between its tries."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.http, "asyncio", Hurried())


async def ready(live: Live, route: str, **options: Any) -> Delivery:
    """A video that is to be delivered by this route now."""
    return await live.attempt(await live.settled(await live.order(**options)), route)


def path_of(live: Live, route: str) -> tuple[str, str]:
    if route == "token":
        return "PATCH", "/webhooks/*/messages/@original"
    return "POST", f"/channels/{(live.dm if route == 'dm' else live.channel).id}/messages"


REFUSALS = {
    "token": [
        (401, 50027),
        (404, 10062),
        (404, 10015),
        (404, 10008),
        (401, 0),
        (404, 0),
        (400, 200000),
        (400, 50035),
    ],
    "channel": [
        (404, 10003),
        (403, 50001),
        (403, 50013),
        (400, 50083),
        (400, 200000),
        (403, 20009),
        (400, 50035),
        (403, 400001),
    ],
    "dm": [(403, 50007), (403, 50278), (403, 20009)],
}


@pytest.mark.parametrize("route", REFUSALS)
async def test_a_refusal_closes_its_route_and_is_not_repeated(route: str, tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, route)
        for status, code in REFUSALS[route]:
            fault = live.server.fault(*path_of(live, route), status=status, code=code, times=5)
            with pytest.raises(RouteClosed):
                await live.delivering.deliver(delivery)
            assert fault.hits == 1, code
            fault.times = 0
            if route == "channel":
                live.advance(301)
        assert live.videos() == []


@pytest.mark.parametrize("route", ["token", "channel", "dm"])
async def test_a_file_that_is_refused_for_its_size_teaches_a_lower_limit(route: str, tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.let_videos_have(19 * MIB)
        delivery = await ready(live, route)
        live.server.fault(*path_of(live, route), status=413, code=50045)
        for _ in range(2):  # the second time nobody is asked
            with pytest.raises(TooLarge) as refused:
                await live.delivering.deliver(delivery)
            assert refused.value.limit == 10 * MIB


@pytest.mark.parametrize(("status", "code"), [(401, 0), (403, 0), (404, 0), (429, 0), (400, 40003)])
async def test_what_is_no_fault_of_the_chats_is_tried_again_later(
    status: int, code: int, tmp_path: Path
) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        live.server.fault("POST", "/channels/*/messages", status=status, code=code, via=False)
        with pytest.raises(RetryLater):
            await live.delivering.deliver(delivery)


async def test_a_rate_limit_is_slept_through_and_a_long_one_left_to_the_engine(
    tmp_path: Path, hurried: None
) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        live.server.fault("POST", "/channels/*/messages", status=429, retry_after=900)
        with pytest.raises(RetryLater) as later:
            await live.delivering.deliver(delivery)
        assert later.value.after == 900
        live.server.fault("POST", "/channels/*/messages", status=429, retry_after=2)
        await live.delivering.deliver(delivery)
        assert len(live.videos()) == 1


@pytest.mark.parametrize("route", ["token", "channel", "dm"])
@pytest.mark.parametrize("after", [True, False], ids=["done", "not done"])
async def test_without_an_answer_the_chat_is_looked_at(
    route: str, after: bool, tmp_path: Path, hurried: None
) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, route)
        fault = live.server.fault(*path_of(live, route), status=502, after=after, times=None)
        with pytest.raises(DeliveryUnknown):
            await live.delivering.deliver(delivery)
        fault.times = 0
        found = await live.delivering.find(delivery)
        assert (found is not None) is after
        assert len(live.videos()) == int(after)
        if after:
            assert found == str(live.videos()[0].id)


async def test_an_upload_that_broke_off_was_surely_not_taken(tmp_path: Path) -> None:
    async with open_live(tmp_path, boost_tier=3) as live:
        live.let_videos_have(60 * MIB)
        delivery = await ready(live, "channel")
        live.server.fault("POST", "/channels/*/messages", drop=True)
        with pytest.raises(RetryLater):
            await live.delivering.deliver(delivery)


def test_an_upload_that_was_once_whole_may_have_arrived_whatever_its_next_try_did(tmp_path: Path) -> None:
    upload = Upload(Post(plain("")), files.put(tmp_path / "v.mp4", b"video"))
    at_first = upload.may_have_arrived
    upload.fp.read()
    upload.reset()
    upload.fp.read(2)
    assert (at_first, upload.may_have_arrived) == (False, True)
    upload.close()


async def test_a_dead_token_is_not_even_tried(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.kie.takes = LATE
        delivery = await live.attempt(await live.settled(await live.order()), "token")
        before = len(live.server.requests)
        with pytest.raises(RouteClosed):
            await live.delivering.deliver(delivery)
        assert len(live.server.requests) == before


async def test_a_channel_that_refused_us_is_left_alone_for_a_while(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        live.channel.deny("send_messages")
        for _ in range(3):
            with pytest.raises(RouteClosed):
                await live.delivering.deliver(delivery)
        assert len(live.server.seen("POST", "/channels/*/messages")) == 1
        live.channel.permit("send_messages")
        live.advance(301)
        await live.delivering.deliver(delivery)
        assert len(live.videos()) == 1


async def test_where_nothing_may_be_replied_to_the_video_comes_by_itself(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        live.channel.deny("read_message_history")
        await live.delivering.deliver(delivery)
        assert live.videos()[0].reference is None


async def test_a_card_that_was_deleted_does_not_stop_the_reply(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        delete(live.channel.messages[0])
        await live.delivering.deliver(delivery)
        assert len(live.videos()) == 1


async def test_a_second_attempt_within_minutes_gives_the_first_message(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        first = await live.delivering.deliver(delivery)
        second = await live.delivering.deliver(await live.attempt(delivery.job, "channel"))
        assert first == second
        assert len(live.videos()) == 1


async def test_when_nothing_can_be_known_it_says_so(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        live.channel.deny("read_message_history")
        await live.delivering._notes.sending(delivery)
        assert await live.delivering.find(delivery) is None  # Discord still knows the nonce
        live.advance(121)
        with pytest.raises(DeliveryUnknown):
            await live.delivering.find(delivery)


async def test_an_attempt_that_was_never_sent_left_nothing(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        before = len(live.server.requests)
        assert await live.delivering.find(delivery) is None
        assert len(live.server.requests) == before


async def test_a_video_is_found_below_hundreds_of_later_messages(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        message = await live.delivering._bring(delivery)
        for number in range(230):
            if number % 50 == 0:
                live.advance(1)
            live.ada.says(live.channel, "hi")
        live.advance(86_400)
        assert await live.delivering.find(delivery) == message


async def test_a_found_delivery_is_rounded_off_like_any_other(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "token")
        await live.delivering._bring(delivery)
        found = await live.delivering.find(delivery)
        assert [each.pings for each in live.posts(live.channel)] == [[], ["ada"]]
        assert await live.delivering.find(delivery) == found
        assert len(live.posts(live.channel)) == 2
        assert await live.notes(delivery.job) == ["sent"]


async def test_a_quick_private_video_never_takes_a_public_cards_place(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "token")
        private = replace(delivery.job, chat=replace(delivery.job.chat, private=True))
        with pytest.raises(RouteClosed):
            await live.delivering.deliver(replace(delivery, job=private))
        assert live.videos() == []


# --- sent again


async def test_a_video_is_sent_again_where_its_button_was_pressed(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.order()
        await live.finish(job)
        receipt = await live.ada.click(live.posts(live.channel)[0], "Receipt")
        answer = await receipt.shows("Receipt for job")
        await live.press(answer, "Send it again")
        assert [each.channel for each in live.videos()] == [live.channel, live.channel]


async def test_what_is_too_large_there_and_has_no_address_is_said(tmp_path: Path) -> None:
    async with open_live(tmp_path, boost_tier=3) as live:
        live.let_videos_have(60 * MIB)
        job = await live.finish(await live.order())
        live.guild.boost_tier = 0
        pressed = live.ada.click(live.posts(live.channel)[0], "Receipt")
        answer = await pressed.shows("Receipt for job")
        again = await live.press(answer, "Send it again")
        assert "too large for this chat" in "".join(each.text for each in again.replies())
        assert job.id in "".join(each.text for each in again.replies())
        assert len(live.videos()) == 1
        assert not any("on its way" in each.text for each in live.posts(live.channel))


async def test_without_a_way_to_whisper_nothing_private_is_sent(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        job = await live.settled(await live.order(private=True))
        live.ada.close_dms()
        late = replace(address_of(job), ticket=None)
        with pytest.raises(UserError):
            await live.delivering.send_again(job, late)
        assert live.videos() == []


# --- a word to somebody


async def test_a_word_reaches_a_person_once(tmp_path: Path, hurried: None) -> None:
    async with open_live(tmp_path) as live:
        live.server.fault("POST", "/channels/*/messages", status=502, after=True)
        assert await live.delivering.tell(str(live.ada.id), "You were given 5 credits.")
        assert [each.text for each in live.dm.messages] == ["You were given 5 credits."]


async def test_a_person_who_takes_no_messages_is_not_told(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        live.ada.leave_common_servers()
        assert not await live.delivering.tell(str(live.ada.id), "hello")
        assert not await live.delivering.tell("12345", "hello")


@pytest.mark.parametrize(("status", "code"), [(413, 40005), (413, 0), (400, 50045)])
def test_too_large_is_known_in_all_its_forms(status: int, code: int) -> None:
    class Answer:
        reason = "no"

        def __init__(self) -> None:
            self.status = status

    error = discord.HTTPException(Answer(), {"message": "too large", "code": code})
    assert isinstance(translate(error), Oversize)


async def test_a_dead_tokens_message_is_looked_at_by_the_bot_itself(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "token")
        message = await live.delivering._bring(delivery)
        live.server.fault("GET", "/webhooks/*/messages/@original", status=401, code=50027)
        assert await live.delivering.find(delivery) == message


async def test_a_hidden_message_behind_a_dead_token_is_past_knowing(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "token", private=True)
        await live.delivering._bring(delivery)
        live.advance(901)
        with pytest.raises(DeliveryUnknown):
            await live.delivering.find(delivery)


async def test_before_there_is_a_connection_nothing_is_lost(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        delivery = await ready(live, "channel")
        await live.chat.close()
        with pytest.raises(RetryLater):
            await live.delivering.deliver(delivery)
        assert not await live.delivering.tell(str(live.ada.id), "hello")
