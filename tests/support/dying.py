"""Points at which a process of the bot dies by SIGKILL. The product has no hook for them: what it calls is replaced, in a
process that was begun for it, before anything runs."""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import httpx

Moment = Literal["before", "sent", "answered"]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_statement(before: str, after: str, times: int) -> None:
    """Whoever opens the database: before the `times`-th statement with `before` in it, or right after the `times`-th
    COMMIT of a transaction in which `after` was said."""
    countdown, marked = _countdown(times), False

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            nonlocal marked
            if before and before in sql:
                countdown()
            done = super().execute(sql, *values)
            marked = marked or bool(after and after in sql)
            if sql == "COMMIT" and marked:
                marked = False
                countdown()
            return done

    _connect_by(Connection)


def after_commit(number: int) -> None:
    """Whoever opens the database, the number-th COMMIT that succeeds is the last thing this process does."""
    countdown = _countdown(number)

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            done = super().execute(sql, *values)
            if sql == "COMMIT":
                countdown()
            return done

    _connect_by(Connection)


def _countdown(times: int) -> Callable[[], None]:
    """What dies when it is called so many times."""
    left = times

    def call() -> None:
        nonlocal left
        left -= 1
        if not left:
            die()

    return call


def _connect_by(connection: type[sqlite3.Connection]) -> None:
    sqlite3.connect = functools.partial(sqlite3.connect, factory=connection)  # type: ignore[assignment]


def at_call(path: str, moment: Moment) -> None:
    """At the first request to KIE whose path ends so: before its first byte, with all bytes sent, or with the answer
    come."""
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def sent(event: str, _: object) -> None:
        if event == "http11.send_request_body.complete":
            die()

    async def handle(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(path):
            return await send(self, request)
        if moment == "before":
            die()
        if moment == "sent":
            request.extensions["trace"] = sent
        response = await send(self, request)
        die()
        return response

    httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]


def with_a_part(folder: str) -> None:
    """With all bytes of a file in a folder of this name written, and the file's name still that of a part."""
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        file = Path(f"/proc/self/fd/{descriptor}").resolve()
        sync(descriptor)
        if file.suffix == ".part" and file.parent.name == folder:
            die()

    os.fsync = fsync  # type: ignore[assignment]
