"""The Bot API stand-in, called by the real aiogram over HTTP: updates, presses, webhooks, faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.types import BufferedInputFile, CallbackQuery, InaccessibleMessage
from aiohttp import web
from support.clock import FakeClock
from support.telegram_caller import QuickSession, Scene, buttons, scene
from support.telegram_control import telegram_process
from support.telegram_media import tiny_mp4


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def on(clock: FakeClock) -> AsyncIterator[Scene]:
    async with scene(clock) as opened:
        yield opened


# --- polling


async def test_what_a_person_writes_is_polled_once_and_answered(on: Scene) -> None:
    await on.chat.says(on.ada, "/start abc")
    (update,) = await on.updates()
    assert update.message
    assert update.message.from_user
    assert (update.message.text, update.message.from_user.language_code) == ("/start abc", "en")
    assert update.message.entities
    assert (update.message.entities[0].type, update.message.entities[0].length) == ("bot_command", 6)
    await on.bot.send_message(on.ada.id, "Hello")
    assert (await on.chat.wait_for(lambda m: m.text == "Hello")).reply_to is None
    assert await on.updates() == []


async def test_updates_come_again_until_an_offset_confirms_them(on: Scene) -> None:
    await on.chat.says(on.ada, "one")
    await on.chat.says(on.ada, "two")
    first = await on.bot.get_updates()
    again = await on.bot.get_updates(offset=first[0].update_id)
    assert [each.update_id for each in again] == [each.update_id for each in first]
    assert [
        each.message.text for each in await on.bot.get_updates(offset=first[1].update_id) if each.message
    ] == ["two"]


async def test_who_asks_for_the_same_again_at_once_gets_one_update(on: Scene) -> None:
    for text in ("one", "two"):
        await on.chat.says(on.ada, text)
    assert len(await on.bot.get_updates()) == 2
    assert len(await on.bot.get_updates()) == 1


async def test_a_negative_offset_forgets_all_but_the_last(on: Scene) -> None:
    for text in ("one", "two", "three"):
        await on.chat.says(on.ada, text)
    (last,) = await on.bot.get_updates(offset=-1)
    assert last.message
    assert last.message.text == "three"
    assert len(on.world.updates.waiting) == 1


async def test_a_limit_leaves_the_rest_for_later(on: Scene) -> None:
    for text in ("one", "two", "three"):
        await on.chat.says(on.ada, text)
    assert len(await on.bot.get_updates(limit=2)) == 2


async def test_a_long_poll_ends_as_soon_as_somebody_writes(on: Scene) -> None:
    poll = asyncio.create_task(on.updates(30))
    await on.world.wait_until(lambda: on.world.updates.is_polled)
    await on.chat.says(on.ada, "hello")
    async with asyncio.timeout(2):
        assert len(await poll) == 1


async def test_the_older_of_two_pollers_is_sent_away(on: Scene) -> None:
    older = asyncio.create_task(on.updates(30))
    await on.world.wait_until(lambda: on.world.updates.is_polled)
    younger = asyncio.create_task(on.updates(30))
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request"):
        await older
    await on.chat.says(on.ada, "hello")
    assert len(await younger) == 1


async def test_the_kinds_of_updates_asked_for_are_remembered(on: Scene) -> None:
    await on.bot.get_updates(allowed_updates=["callback_query"])
    await on.chat.says(on.ada, "hello")
    assert await on.bot.get_updates() == []
    await on.bot.get_updates(allowed_updates=[])
    await on.chat.says(on.ada, "hello again")
    assert await on.texts() == ["hello again"]


async def test_messages_wait_a_day_and_presses_two_and_a_half_minutes(on: Scene, clock: FakeClock) -> None:
    sent = await on.bot.send_message(on.ada.id, "Choose", reply_markup=buttons(Go="go"))
    await on.chat.says(on.ada, "hello")
    await on.chat.press(on.ada, on.chat.last, "Go")
    assert sent.message_id == on.chat.last.id
    clock.advance(151)
    assert [each.kind for each in on.world.updates.waiting] == ["message"]
    clock.advance(24 * 3600)
    assert await on.updates() == []


async def test_confirmed_updates_come_again_when_a_fault_says_so(on: Scene) -> None:
    await on.chat.says(on.ada, "hello")
    (first,) = await on.updates()
    assert await on.updates() == []
    on.server.fault("getUpdates", "repeat")
    (again,) = await on.updates()
    assert again.update_id == first.update_id


@pytest.mark.parametrize("strange", ["future", "nonsense"])
async def test_an_update_that_no_client_reads_makes_aiogram_deaf(on: Scene, strange: str) -> None:
    if strange == "future":
        on.world.future_update(on.ada)
    else:
        on.world.nonsense_update()
    with pytest.raises(ClientDecodeError):
        await on.bot.get_updates()


async def test_a_deep_link_starts_the_bot_with_its_payload(on: Scene) -> None:
    await on.chat.starts(on.ada, "again_Xy-1")
    assert await on.texts() == ["/start again_Xy-1"]
    with pytest.raises(AssertionError, match="no such link"):
        await on.chat.starts(on.ada, "a b")


async def test_what_a_person_changes_comes_as_an_edited_message(on: Scene) -> None:
    await on.chat.edits(on.ada, await on.chat.says(on.ada, "a dig"), "a dog")
    edited = (await on.updates())[-1].edited_message
    assert edited
    assert (edited.text, bool(edited.edit_date)) == ("a dog", True)


# --- presses


async def pressed(on: Scene, *, inaccessible: bool = False) -> tuple[CallbackQuery, str]:
    await on.bot.send_message(on.ada.id, "Choose", reply_markup=buttons(Go="go:1", Stop="stop:1"))
    press = await on.chat.press(on.ada, on.chat.last, "Go", inaccessible=inaccessible)
    query = (await on.updates())[-1].callback_query
    assert query
    return query, press.id


async def test_a_press_is_answered_once(on: Scene) -> None:
    query, press = await pressed(on)
    assert query.data == "go:1"
    await query.answer("Gone", show_alert=True)
    told = await on.world.presses[press].answer()
    assert (told.text, told.alert) == ("Gone", True)
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await query.answer("Again")


async def test_a_press_is_too_old_after_two_and_a_half_minutes(on: Scene, clock: FakeClock) -> None:
    query, _ = await pressed(on)
    clock.advance(151)
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await query.answer()


async def test_an_answer_to_a_press_has_two_hundred_characters(on: Scene) -> None:
    query, _ = await pressed(on)
    with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
        await query.answer("x" * 201)
    await query.answer("x" * 200)
    assert on.world.presses[query.id].answered


async def test_a_press_on_a_message_out_of_reach_shows_no_message(on: Scene) -> None:
    query, _ = await pressed(on, inaccessible=True)
    assert isinstance(query.message, InaccessibleMessage)


async def test_a_button_that_is_not_there_cannot_be_pressed(on: Scene) -> None:
    await on.bot.send_message(on.ada.id, "Choose", reply_markup=buttons(Go="go"))
    with pytest.raises(AssertionError, match="0 buttons say 'Fly'"):
        await on.chat.press(on.ada, on.chat.last, "Fly")
    # Unless an earlier version of the bot has shown it.
    await on.chat.press(on.ada, on.chat.last, data="fly:v0")
    (update,) = await on.updates()
    assert update.callback_query
    assert update.callback_query.data == "fly:v0"


# --- the token, the method


async def test_a_wrong_token_is_unauthorized_and_a_malformed_one_is_not_found(on: Scene) -> None:
    api = TelegramAPIServer.from_base(on.server.url)
    async with Bot(on.server.token[:-1] + "X", session=QuickSession(api=api)) as stranger:
        with pytest.raises(TelegramUnauthorizedError):
            await stranger.get_me()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{on.server.url}/bot12/getMe") as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (404, 404)
        async with session.get(f"{on.server.url}/bot{on.server.token}/getEverything") as answer:
            assert "method not found" in (await answer.json())["description"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"chat_id": 1001, "text": "x", "colour": "red"}, "sendMessage has no parameter colour"),
        ({"chat_id": 1001}, "message text is empty"),
        ({"text": "x"}, "chat_id is empty"),
        ({"chat_id": 1001, "text": "x", "disable_notification": "perhaps"}, "must be of type Boolean"),
        ({"chat_id": 1001, "text": "x", "reply_markup": {"rows": []}}, "expected as reply markup"),
        ({"chat_id": 1001, "text": "x", "reply_parameters": {"message": 1}}, "has no field message"),
        ({"chat_id": 77, "text": "x"}, "chat not found"),
    ],
)
async def test_what_the_schema_does_not_know_is_refused_by_name(
    on: Scene, body: dict[str, object], told: str
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{on.server.url}/bot{on.server.token}/sendMessage", json=body) as answer,
    ):
        assert answer.status == 400
        assert told in (await answer.json())["description"]


async def test_form_and_json_bodies_mean_the_same(on: Scene) -> None:
    url = f"{on.server.url}/bot{on.server.token}/SENDmessage"
    async with aiohttp.ClientSession() as session:
        await (await session.post(url, data={"chat_id": "1001", "text": "form"})).read()
        await (await session.post(url, json={"chat_id": 1001, "text": "json"})).read()
    assert [each.text for each in on.chat.messages] == ["form", "json"]


# --- faults


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        ("flood", {"retry_after": 7}, TelegramRetryAfter),
        ("forbidden", {}, TelegramForbiddenError),
        ("bad_request", {"description": "Bad Request: TOPIC_CLOSED"}, TelegramBadRequest),
        ("migrate", {"migrate_to_chat_id": -1009}, TelegramMigrateToChat),
        ("unauthorized", {}, TelegramUnauthorizedError),
        ("bad_gateway", {}, ClientDecodeError),
        ("drop_before", {}, TelegramNetworkError),
    ],
)
async def test_a_fault_meets_the_calls_it_is_ordered_for_and_nothing_is_done(
    on: Scene, kind: str, details: dict[str, Any], error: type[Exception]
) -> None:
    on.server.fault("sendMessage", kind, skip=1, **details)
    await on.bot.send_message(on.ada.id, "before")
    with pytest.raises(error):
        await on.bot.send_message(on.ada.id, "into the fault")
    await on.bot.send_message(on.ada.id, "after")
    assert [each.text for each in on.chat.messages] == ["before", "after"]


async def test_too_many_requests_are_told_in_the_body_and_in_the_header(on: Scene) -> None:
    on.server.fault("getMe", "flood", retry_after=7)
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{on.server.url}/bot{on.server.token}/getMe") as answer,
    ):
        told = (await answer.json())["parameters"]["retry_after"], answer.headers["Retry-After"]
        assert (answer.status, *told) == (429, 7, "7")


async def test_a_connection_may_break_after_the_message_was_sent(on: Scene) -> None:
    on.server.fault("sendMessage", "drop_after")
    with pytest.raises(TelegramNetworkError):
        await on.bot.send_message(on.ada.id, "sent all the same")
    assert on.chat.last.text == "sent all the same"


@pytest.mark.parametrize(("kind", "is_sent"), [("hang", False), ("hang_after", True)])
async def test_a_call_may_hang_until_the_caller_gives_up(on: Scene, kind: str, is_sent: bool) -> None:
    on.server.fault("sendMessage", kind)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(on.bot.send_message(on.ada.id, "hello"), 0.2)
    assert bool(on.chat.messages) is is_sent


async def test_a_slow_upload_takes_its_time(on: Scene) -> None:
    on.server.fault("sendVideo", "slow", seconds=0.3)
    start = asyncio.get_running_loop().time()
    await on.bot.send_video(on.ada.id, BufferedInputFile(tiny_mp4(), "a.mp4"))
    assert asyncio.get_running_loop().time() - start >= 0.3


async def test_a_video_may_be_scheduled_or_come_back_as_an_animation(on: Scene) -> None:
    on.server.fault("sendVideo", "scheduled")
    scheduled = await on.bot.send_video(on.ada.id, BufferedInputFile(tiny_mp4(), "a.mp4"))
    on.server.fault("sendVideo", "animation")
    silent = await on.bot.send_video(on.ada.id, BufferedInputFile(tiny_mp4(), "a.mp4"))
    assert (scheduled.message_id, silent.video) == (0, None)
    assert silent.animation
    with pytest.raises(TelegramBadRequest, match="can't use file of type Animation as Video"):
        await on.bot.send_video(on.ada.id, silent.animation.file_id)


async def test_a_fault_that_does_not_exist_cannot_be_ordered(on: Scene) -> None:
    with pytest.raises(ValueError, match="no fault earthquake"):
        on.server.fault("sendMessage", "earthquake")


# --- webhooks


class Hook:
    """A bot's web server: takes what comes, fails the first `failing` times."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.taken: list[tuple[str | None, str | None]] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.failing:
            self.failing -= 1
            return web.Response(status=500)
        self.taken.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), body["message"]["text"]))
        return web.Response()


@pytest.fixture
async def hook() -> AsyncIterator[tuple[Hook, str]]:
    opened = Hook()
    app = web.Application()
    app.router.add_post("/hook", opened.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield opened, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_webhook_gets_updates_with_its_secret_and_ends_polling(
    on: Scene, hook: tuple[Hook, str]
) -> None:
    poll = asyncio.create_task(on.updates(30))
    await on.world.wait_until(lambda: on.world.updates.is_polled)
    await on.bot.set_webhook(f"{hook[1]}/hook", secret_token="s3cret")
    with pytest.raises(TelegramConflictError, match="terminated by setWebhook"):
        await poll
    await on.chat.says(on.ada, "hello")
    await on.world.wait_until(lambda: hook[0].taken == [("s3cret", "hello")])
    with pytest.raises(TelegramConflictError, match="while webhook is active"):
        await on.updates()
    await on.bot.delete_webhook()
    assert await on.updates() == []


async def test_a_failing_webhook_is_tried_again_in_order_and_told_of(
    on: Scene, hook: tuple[Hook, str]
) -> None:
    hook[0].failing = 3
    on.server.webhook.routes["https://bot.example"] = hook[1]
    await on.bot.set_webhook("https://bot.example/hook")
    for text in ("one", "two"):
        await on.chat.says(on.ada, text)
    await on.world.wait_until(lambda: [text for _, text in hook[0].taken] == ["one", "two"])
    info = await on.bot.get_webhook_info()
    assert info.last_error_message
    assert "500" in info.last_error_message
    assert on.server.webhook.tries == 5


async def test_a_webhook_must_be_https_on_one_of_four_ports(on: Scene) -> None:
    for url in ("http://bot.example/hook", "https://bot.example:8080/hook"):
        with pytest.raises(TelegramBadRequest, match="bad webhook"):
            await on.bot.set_webhook(url)


# --- a process of its own


async def test_it_runs_as_a_process_and_is_played_from_another() -> None:
    async with telegram_process() as remote:
        await remote.do("user", user=1001, name="Ada")
        await remote.do("says", user=1001, text="/start")
        await remote.do("fault", method="getMe", kind="flood", retry_after=3)
        api = TelegramAPIServer.from_base(remote.url)
        async with Bot(remote.token, session=QuickSession(api=api)) as bot:
            (update,) = await bot.get_updates(timeout=2)
            assert update.message
            await update.message.as_(bot).reply("Hello", reply_markup=buttons(Go="go"))
            with pytest.raises(TelegramRetryAfter):
                await bot.get_me()
        (sent,) = await remote.do("messages", chat=1001)
        assert (sent["text"], sent["buttons"], sent["reply_to"]) == ("Hello", {"Go": "go"}, 1)
        await remote.do("press", user=1001, message=sent["id"], button="Go")
        assert await remote.do("pending") == 2
        calls = await remote.do("calls")
        assert [each["method"] for each in calls] == ["getUpdates", "sendMessage", "getMe"]
        with pytest.raises(AssertionError, match="KeyError"):
            await remote.do("says", user=5, text="who am I")
