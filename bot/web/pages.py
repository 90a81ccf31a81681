"""The server's own few pages: logging in, and a problem said in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

from aiohttp import web

from bot.texts import say

_FOLDER = Path(__file__).parent / "look"


@cache
def _template(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _page(name: str, status: int, **values: str) -> web.Response:
    html = _template(name)
    for key, value in values.items():
        html = html.replace(f"{{{key}}}", escape(value))
    headers = {"Cache-Control": "no-store"}
    return web.Response(text=html, status=status, content_type="text/html", headers=headers)


def wants_page(request: web.Request) -> bool:
    """Whether a person is looking, rather than a program."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")


def problem(
    request: web.Request, status: int, sentence: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A sentence as a page for people, as JSON for programs."""
    if wants_page(request):
        answer = _page("problem.html", status, title=say("web.problem_title"), sentence=sentence)
    else:
        answer = web.json_response({"error": sentence}, status=status, headers={"Cache-Control": "no-store"})
    answer.headers.update(headers or {})
    return answer


def log_in(target: str, sentence: str = "", status: int = 200) -> web.Response:
    return _page(
        "log_in.html",
        status,
        title=say("web.log_in_title"),
        about=say("web.log_in_about"),
        label=say("web.log_in_label"),
        button=say("web.log_in_button"),
        sentence=sentence,
        target=target,
    )


async def stylesheet(_: web.Request) -> web.Response:
    return web.Response(text=_template("look.css"), content_type="text/css")
