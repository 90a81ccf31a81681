"""Nothing that the session raises names the token: not its text, not what hangs on it."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiogram
import pytest
from aiogram.exceptions import AiogramError, ClientDecodeError, TelegramBadRequest, TelegramNetworkError
from aiohttp import web
from support.telegram_server import TOKEN, TelegramServer

from adapters.telegram.session import DownloadFailed, make_bot

SECRET = TOKEN.partition(":")[2]


@asynccontextmanager
async def bot_at(url: str) -> AsyncIterator[aiogram.Bot]:
    async with make_bot(TOKEN, url) as bot:
        yield bot


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[str]:
    """A server that answers everything with the address it was asked for, as many proxies do."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body.replace(b"URL", request.path.encode()))

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def shown(error: BaseException) -> str:
    """All that a log, a reporter or a debugger would show of it, chains included."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None:
        chain.append(found)
        found = found.__cause__ or found.__context__
    texts = [f"{each} {each!r} {each.args} {vars(each)}" for each in chain]
    return "\n".join([*traceback.format_exception(error), *texts])


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, b"<html>no route to URL</html>", ClientDecodeError),
        (404, b"no such file: URL", ClientDecodeError),
        (400, b'{"ok": false, "description": "wrong: URL"}', TelegramBadRequest),
        (200, b'{"ok": true, "result": {"id": "URL"}}', ClientDecodeError),
        (500, b"\xff\xfe", TelegramNetworkError),
    ],
)
async def test_an_answer_that_repeats_the_address_is_masked(
    status: int, body: bytes, kind: type[AiogramError]
) -> None:
    async with answering(status, body) as url, bot_at(url) as bot:
        with pytest.raises(kind) as caught:
            await bot.get_me()
    assert SECRET not in shown(caught.value)


async def test_a_host_that_is_not_there_is_masked() -> None:
    async with bot_at("http://127.0.0.1:9") as bot:
        with pytest.raises(TelegramNetworkError) as caught:
            await bot.get_me()
    assert SECRET not in shown(caught.value)


async def test_a_file_that_cannot_be_had_says_why_without_its_address() -> None:
    async with TelegramServer() as telegram, bot_at(telegram.url) as bot:
        with pytest.raises(DownloadFailed) as caught:
            await bot.download_file("photos/gone.jpg")
    assert caught.value.status == 404
    assert SECRET not in shown(caught.value)


async def test_a_download_that_breaks_off_says_so_without_its_address() -> None:
    async with bot_at("http://127.0.0.1:9") as bot:
        with pytest.raises(DownloadFailed) as caught:
            await bot.download_file("photos/any.jpg")
    assert caught.value.status is None
    assert SECRET not in shown(caught.value)
