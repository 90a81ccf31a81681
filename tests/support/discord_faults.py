"""What goes wrong on demand between a bot and the stand-in: refusals, silence, broken connections, rate limits."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web


@dataclass
class Fault:
    """One thing that goes wrong the next `times` times, `files`: only with requests that bring some. See
    `DiscordServer.fault`."""

    method: str
    path: str
    status: int | None = None
    code: int = 0
    message: str = "told to fail"
    retry_after: float = 0.0
    via: bool = True
    is_global: bool = False
    after: bool = False
    drop: bool = False
    hang: float = 0.0
    times: int | None = 1
    files: bool = False
    hits: int = 0

    def takes(self, request: web.Request, path: str) -> bool:
        left = self.times is None or self.hits < self.times
        fits = not self.files or request.content_type.startswith("multipart/")
        return left and fits and self.method in ("*", request.method) and fnmatchcase(path, self.path)

    def answer(self) -> web.Response:
        assert self.status is not None
        headers: dict[str, str] = {}
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.status == 429:
            body |= {"retry_after": self.retry_after, "global": self.is_global}
            headers["Retry-After"] = str(max(1, round(self.retry_after)))
            if self.via:
                headers["Via"] = "1.1 google"
        return json_response(body, self.status, headers)


@dataclass
class Bucket:
    """At most `limit` requests in `per` seconds of real time; the next ones get 429, told by Discord's headers."""

    method: str
    path: str
    limit: int
    per: float
    taken: dict[str, deque[float]] = field(default_factory=dict)
    refused: int = 0

    def take(self, path: str) -> tuple[dict[str, str], float]:
        """The headers for this request, and for how many seconds it is refused (0: it is not)."""
        now = time.monotonic()
        taken = self.taken.setdefault(path, deque())
        while taken and taken[0] <= now - self.per:
            taken.popleft()
        wait = taken[0] + self.per - now if len(taken) >= self.limit else 0.0
        if wait:
            self.refused += 1
        else:
            taken.append(now)
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.limit - len(taken)),
            "X-RateLimit-Reset": f"{time.time() + self.per:.3f}",
            "X-RateLimit-Reset-After": f"{taken[0] + self.per - now:.3f}",
            "X-RateLimit-Bucket": f"{abs(hash((self.method, self.path))):x}",
        }
        return headers, wait


class FaultPlan:
    """The faults and rate limits that are set, first come first served."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.buckets: list[Bucket] = []

    def next(self, request: web.Request, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.takes(request, path):
                fault.hits += 1
                return fault
        return None

    def limit(self, method: str, path: str) -> tuple[dict[str, str], web.Response | None]:
        for bucket in self.buckets:
            if bucket.method == method and fnmatchcase(path, bucket.path):
                headers, wait = bucket.take(path)
                if wait:
                    busy = Fault(method, path, 429, message="You are being rate limited.", retry_after=wait)
                    return headers, busy.answer()
                return headers, None
        return {}, None


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON as Discord sends it: the content type has no charset, which discord.py insists on."""
    if body is None:
        return web.Response(status=status, headers=headers)
    headers = {**(headers or {}), "Content-Type": "application/json"}
    return web.Response(body=json.dumps(body).encode(), status=status, headers=headers)


class HungUp(web.Response):
    """No answer: nobody is there to read it."""


def hang_up(request: web.Request) -> HungUp:
    """Break the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return HungUp()
