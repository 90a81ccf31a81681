"""The page itself: hand-written files, with their sentences filled in from `bot.texts`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from aiohttp import web

from bot.texts import DEFAULT_LANGUAGE, languages, sentences

_FOLDER = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SENTENCE = re.compile(r"\{(language|web\.\w+)\}")


def language_of(request: web.Request) -> str:
    """The first language the browser wants and we have."""
    have = languages()
    for part in request.headers.get("Accept-Language", "").split(","):
        tag = part.split(";")[0].strip().lower().split("-")[0]
        if tag in have:
            return tag
    return DEFAULT_LANGUAGE


def page_sentences(language: str) -> dict[str, str]:
    """The page's own sentences by key, in `language` as far as it goes."""
    both = {**sentences(), **sentences(language)}
    return {key: text for key, text in both.items() if key.startswith("web.")}


class PageFiles:
    """Serves `page/`. Read once, at the start; nothing outside that folder can be asked for."""

    def __init__(self) -> None:
        self._files = {
            file.name: file.read_text(encoding="utf-8")
            for file in sorted(_FOLDER.iterdir())
            if file.suffix in _TYPES
        }

    def mount(self, app: web.Application) -> None:
        app.router.add_get("/chat", self._index)
        app.router.add_get("/chat/", self._index)
        app.router.add_get("/chat/texts.js", self._texts)
        app.router.add_get(r"/chat/{name:[\w-]+\.(?:js|css|svg)}", self._file)

    async def _index(self, request: web.Request) -> web.Response:
        language = language_of(request)
        known: Mapping[str, str] = {**page_sentences(language), "language": language}
        html = _SENTENCE.sub(lambda found: escape(known[found[1]]), self._files["index.html"])
        return _answer(html, "text/html")

    async def _texts(self, request: web.Request) -> web.Response:
        texts = page_sentences(language_of(request))
        return _answer(f"export default {json.dumps(texts, ensure_ascii=False)};\n", "text/javascript")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        return _answer(self._files[name], _TYPES[Path(name).suffix])


def _answer(text: str, kind: str) -> web.Response:
    return web.Response(text=text, content_type=kind, headers={"Cache-Control": "no-cache"})
