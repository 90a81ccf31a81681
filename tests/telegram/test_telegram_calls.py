"""Calls to Telegram over real HTTP: what each refusal and each lost answer means, and who waits for whom."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiogram.exceptions import ClientDecodeError
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteMessage,
    EditMessageText,
    GetChat,
    GetMe,
    SendMessage,
    TelegramMethod,
)
from aiohttp import web
from support.telegram_chats import Chat
from support.telegram_sending import Desk, open_desk
from support.telegram_server import TOKEN

from adapters.telegram import calls as module
from adapters.telegram.calls import Calls
from adapters.telegram.errors import Flood, Oversize, Refused, message_id_in, translate
from adapters.telegram.session import make_bot
from bot.errors import DeliveryUnknown, KiebotError, RetryLater, RouteClosed


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


def hello(chat: int, text: str = "Hello") -> SendMessage:
    return SendMessage(chat_id=chat, text=text)


def texts(chat: Chat) -> list[str]:
    return [each.text for each in chat.messages]


async def error_of(calls: Calls, method: TelegramMethod[Any], **how: Any) -> KiebotError:
    with pytest.raises(KiebotError) as raised:
        await calls(method, **how)
    return raised.value


# --- what an answer means ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "description"),
    [
        ("forbidden", "Forbidden: bot was blocked by the user"),
        ("forbidden", "Forbidden: bot was kicked from the supergroup chat"),
        ("forbidden", "Forbidden: user is deactivated"),
        ("forbidden", "Forbidden: bot can't initiate conversation with a user"),
        ("bad_request", "Bad Request: chat not found"),
        ("bad_request", "Bad Request: need administrator rights in the channel chat"),
        ("bad_request", "Bad Request: not enough rights to send text messages to the chat"),
    ],
)
async def test_a_chat_that_is_shut_closes_the_route(desk: Desk, kind: str, description: str) -> None:
    desk.server.fault("sendMessage", kind, description=description)
    assert isinstance(await error_of(desk.calls, hello(desk.ada.id)), RouteClosed)


async def test_any_other_refusal_is_of_this_call_alone(desk: Desk) -> None:
    error = await error_of(desk.calls, hello(desk.ada.id, "<b>open"))
    assert isinstance(error, Refused)
    assert "can't parse entities" in str(error)


async def test_an_edit_that_changes_nothing_counts_as_done(desk: Desk) -> None:
    sent = await desk.calls(hello(desk.ada.id))
    edit = EditMessageText(chat_id=desk.ada.id, message_id=sent.message_id, text="Hello")
    assert await desk.calls(edit)


async def test_an_answer_to_a_press_that_comes_too_late_is_no_error(desk: Desk) -> None:
    assert await desk.calls(AnswerCallbackQuery(callback_query_id="1"), urgent=True)


async def test_a_token_that_is_refused_is_no_chats_fault(desk: Desk) -> None:
    desk.server.fault("sendMessage", "unauthorized")
    error = await error_of(desk.calls, hello(desk.ada.id))
    assert isinstance(error, RetryLater)
    assert error.after == 60


@pytest.mark.parametrize(
    ("data", "meaning"),
    [
        ("<html><title>413 Request Entity Too Large</title></html>", Oversize),
        ("<html><title>502 Bad Gateway</title></html>", DeliveryUnknown),
        ({"ok": True, "result": {"message_id": 413}}, DeliveryUnknown),
    ],
)
def test_a_proxy_that_finds_a_file_too_large_says_so_in_html(
    data: object, meaning: type[KiebotError]
) -> None:
    error = ClientDecodeError("Failed to decode object", ValueError(), data)
    assert isinstance(translate(error, is_send=True, left=True, secrets=()), meaning)


# --- answers that do not come ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "bad_gateway", "error"])
async def test_a_send_without_an_answer_is_unknown_and_anything_else_is_asked_again(
    desk: Desk, fault: str
) -> None:
    desk.server.fault("*", fault, times=2)
    assert isinstance(await error_of(desk.calls, hello(desk.ada.id)), DeliveryUnknown)
    assert isinstance(await error_of(desk.calls, GetChat(chat_id=desk.ada.id)), RetryLater)


async def test_a_send_that_takes_too_long_is_unknown(desk: Desk) -> None:
    desk.server.fault("sendMessage", "hang_after", seconds=30)
    assert isinstance(await error_of(desk.calls, hello(desk.ada.id), within=0.2), DeliveryUnknown)
    assert texts(desk.private) == ["Hello"]


async def test_where_nobody_listens_nothing_was_done(desk: Desk) -> None:
    await desk.server.stop()
    await desk.bot.session.close()
    error = await error_of(desk.calls, hello(desk.ada.id))
    assert isinstance(error, RetryLater)


async def test_a_connection_that_is_never_made_means_that_nothing_was_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        bot = make_bot(TOKEN, f"http://127.0.0.1:{address[1]}")
        error = await error_of(Calls(bot, desk.clock, desk.memory), hello(desk.ada.id))
        await bot.session.close()
        for each in waiting:
            each.close()
    assert isinstance(error, RetryLater)


async def test_a_send_whose_answer_aiogram_cannot_read_still_gives_the_messages_id(desk: Desk) -> None:
    async def answer(_: web.Request) -> web.Response:
        result = {"message_id": 77, "date": 1, "chat": {"id": "of a new kind"}}
        return web.json_response({"ok": True, "result": result})

    app = web.Application()
    app.router.add_post("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bot = make_bot(TOKEN, f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        sent = await Calls(bot, desk.clock, desk.memory)(hello(desk.ada.id))
        assert sent.message_id == 77
        assert sent.video is None
    finally:
        await bot.session.close()
        await runner.cleanup()


def test_an_unreadable_refusal_gives_no_message_id() -> None:
    assert message_id_in(ClientDecodeError("no", ValueError(), {"ok": False, "message_id": 7})) is None
    assert message_id_in(ClientDecodeError("no", ValueError(), "<html>502</html>")) is None


@pytest.mark.parametrize(
    ("fault", "details"),
    [
        ("drop_after", {}),
        ("bad_gateway", {}),
        ("unauthorized", {"description": f"Unauthorized: {TOKEN}"}),
        ("bad_request", {"description": f"Bad Request: wrong /bot{TOKEN}/sendMessage"}),
        ("flood", {"retry_after": 500, "description": f"Too Many Requests: {TOKEN}"}),
    ],
)
async def test_no_error_holds_the_token_not_even_behind_it(
    desk: Desk, fault: str, details: dict[str, Any]
) -> None:
    desk.server.fault("sendMessage", fault, **details)
    error: BaseException | None = await error_of(desk.calls, hello(desk.ada.id))
    while error:
        assert TOKEN.partition(":")[2] not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


# --- floods ------------------------------------------------------------------------------------------------------


async def test_a_short_flood_is_waited_through_by_the_clock(desk: Desk) -> None:
    desk.server.fault("sendMessage", "flood", retry_after=7)
    await desk.calls(hello(desk.ada.id))
    assert texts(desk.private) == ["Hello"]
    assert sum(desk.clock.slept) == pytest.approx(7)


async def test_a_flood_longer_than_the_patience_is_left_to_the_caller(desk: Desk) -> None:
    desk.server.fault("sendMessage", "flood", retry_after=7)
    error = await error_of(desk.calls, hello(desk.ada.id), patience=5)
    assert isinstance(error, Flood)
    assert error.after == 7
    # and who comes meanwhile is not even sent
    error = await error_of(desk.calls, hello(desk.ada.id), patience=5)
    assert isinstance(error, RetryLater)
    assert len(desk.world.calls_of("sendMessage")) == 1


async def test_a_flooded_chat_holds_no_other_chat_up(desk: Desk) -> None:
    desk.server.fault("sendMessage", "flood", retry_after=50)
    await error_of(desk.calls, hello(desk.ada.id), patience=1)
    await desk.calls(hello(desk.group.id), patience=1)
    assert texts(desk.group) == ["Hello"]


async def test_a_flood_in_several_chats_pauses_all_but_answers_to_presses(desk: Desk) -> None:
    desk.server.fault("sendMessage", "flood", times=3, retry_after=50)
    for number in range(3):
        await error_of(desk.calls, hello(100 + number), patience=1)
    assert isinstance(await error_of(desk.calls, hello(desk.ada.id), patience=1), Flood)
    assert await desk.calls(AnswerCallbackQuery(callback_query_id="1"), urgent=True, patience=1)
    await desk.calls(hello(desk.ada.id))
    assert texts(desk.private) == ["Hello"]


async def test_a_press_is_answered_after_a_short_flood(desk: Desk) -> None:
    desk.server.fault("answerCallbackQuery", "flood", retry_after=2)
    assert await desk.calls(AnswerCallbackQuery(callback_query_id="1"), urgent=True)
    assert len(desk.world.calls_of("answerCallbackQuery")) == 2


async def test_progress_is_dropped_where_results_wait(desk: Desk) -> None:
    sent = await desk.calls(hello(desk.ada.id))
    edits = [EditMessageText(chat_id=desk.ada.id, message_id=sent.message_id, text=str(n)) for n in range(6)]
    done = [await desk.calls.try_edit(each) for each in edits]
    assert done[0]
    assert not all(done)
    assert desk.clock.slept == []
    await asyncio.gather(*(desk.calls(hello(desk.ada.id, f"result {n}")) for n in range(4)))
    assert texts(desk.private)[1:] == [f"result {n}" for n in range(4)]


async def test_progress_that_telegram_refuses_is_dropped_and_slows_the_chat_down(desk: Desk) -> None:
    sent = await desk.calls(hello(desk.ada.id))
    desk.server.fault("editMessageText", "flood", retry_after=30)
    edit = EditMessageText(chat_id=desk.ada.id, message_id=sent.message_id, text="1 s so far")
    assert not await desk.calls.try_edit(edit)
    desk.clock.advance(10)
    assert not await desk.calls.try_edit(edit)
    desk.clock.advance(25)
    assert await desk.calls.try_edit(edit)


# --- groups that move --------------------------------------------------------------------------------------------


async def test_a_group_that_became_a_supergroup_is_followed_at_once_and_remembered(desk: Desk) -> None:
    group = desk.world.group("Old", [desk.ada])
    new = await group.migrate_group()
    await desk.calls(hello(group.id))
    desk.restart()
    await desk.calls(hello(group.id, "again"))
    assert texts(desk.world.chat(new.id)) == ["Hello", "again"]
    assert len(desk.world.calls_of("sendMessage")) == 3
    assert await desk.calls.home(group.id) == new.id


async def test_a_move_that_was_told_is_followed_without_asking(desk: Desk) -> None:
    group = desk.world.group("Old", [desk.ada])
    new = await group.migrate_group()
    await desk.calls.moved(group.id, new.id)
    await desk.calls(hello(group.id))
    assert len(desk.world.calls_of("sendMessage")) == 1


async def test_a_message_from_before_the_move_is_never_taken_for_another_with_its_number(desk: Desk) -> None:
    group = desk.world.group("Old", [desk.ada])
    before = await desk.calls(hello(group.id))
    new = await group.migrate_group()
    await desk.calls.moved(group.id, new.id)
    while (after := await desk.calls(hello(group.id, "a result"))).message_id < before.message_id:
        pass
    edit = EditMessageText(chat_id=group.id, message_id=after.message_id, text="something else")
    with pytest.raises(Refused, match="left behind"):
        await desk.calls(edit)
    with pytest.raises(Refused, match="left behind"):
        await desk.calls(DeleteMessage(chat_id=group.id, message_id=after.message_id))
    with pytest.raises(Refused, match="left behind"):
        await desk.calls.try_edit(edit)
    assert "a result" in texts(desk.world.chat(new.id))
    assert "something else" not in texts(desk.world.chat(new.id))


async def test_calls_of_no_chat_take_their_turn_by_themselves(desk: Desk) -> None:
    me = await desk.calls(GetMe())
    assert me.username == "kie_video_bot"
