"""The page's HTTP API under `/chat/api/{user}/`: thin handlers, each calling one use case."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from adapters.web import views
from adapters.web.files import language_of
from adapters.web.live import Live
from adapters.web.pages import OpenPages
from adapters.web.reading import key_of, request_of, user_of
from bot.domain import ChatRef, Request, UserRef
from bot.errors import Hush, RetryLater, Stale, UserError
from bot.studio import Ask, Quoted, Studio, Unavailable
from bot.texts import in_credits, say
from bot.wording import cancel_text

PICTURE_MAX = 20_000_000  # bytes
_FIELDS = tuple(Request.__dataclass_fields__)

Handler = Callable[[web.Request, UserRef], Awaitable[web.StreamResponse]]


class Api:
    def __init__(self, studio: Studio, pages: OpenPages, *, sandbox: bool) -> None:
        self._studio = studio
        self._pages = pages
        self._live = Live(studio, pages)
        self._sandbox = sandbox

    def mount(self, app: web.Application) -> None:
        routes: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "start", self.start),
            ("GET", "events", self._live.events),
            ("GET", "history", self.history),
            ("GET", "ledger", self.ledger),
            ("POST", "pictures", self.take_picture),
            ("GET", r"pictures/{sha256:[0-9a-f]{64}}", self.show_picture),
            ("POST", "quotes", self.quote),
            ("GET", "drafts/{draft}", self.draft),
            ("POST", "drafts/{draft}", self.change),
            ("POST", "drafts/{draft}/order", self.order),
            ("POST", "jobs/{job}/cancel", self.cancel),
            ("POST", "jobs/{job}/again", self.again),
            ("GET", "jobs/{job}/details", self.details),
        )
        for method, path, handler in routes:
            app.router.add_route(method, f"/chat/api/{{user}}/{path}", said(handler))

    # --- looking -------------------------------------------------------------------------------------------------

    async def start(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        """What the page needs once: the models, and what kind of bot this is."""
        settings, language = self._studio.settings, language_of(request)
        welcome = settings.new_user_credits
        models = await self._studio.models()
        return _json(
            {
                "user": who.external_id,
                "sandbox": self._sandbox,
                "default_model": settings.default_model,
                "welcome": in_credits(welcome, language) if welcome else None,
                "support": settings.support_contact,
                "models": [views.model(each, settings.price_markup, language) for each in models],
            }
        )

    async def history(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        before = request.query.get("before", "")[:15]
        jobs = await self._studio.history(who, limit=20, before=int(before) if before.isdecimal() else None)
        return _json({"jobs": [await self._live.job(each, language_of(request)) for each in jobs]})

    async def ledger(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        account, language = (await self._studio.balance(who)).account, language_of(request)
        entries = []
        for each in await self._studio.ledger(who):
            move = each.transfer
            incoming = move.target == account
            entries.append(views.entry(each.at, move.amount, incoming, move.reference, move.reason, language))
        return _json({"entries": entries})

    async def details(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        return _json(await self._studio.details(who, request.match_info["job"]))

    # --- pictures ------------------------------------------------------------------------------------------------

    async def take_picture(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        await self._studio.admit(who, _chat(who))
        data = bytearray()
        async for chunk in request.content.iter_chunked(1 << 16):
            data += chunk
            if len(data) > PICTURE_MAX:
                raise UserError("web.picture_too_big", most=PICTURE_MAX // 1_000_000)
        picture = await self._studio.take_picture(who, bytes(data), request.query.get("name", ""))
        return _json({"sha256": picture.sha256, "width": picture.width, "height": picture.height})

    async def show_picture(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        picture = await self._studio.picture(who, request.match_info["sha256"])
        file = self._studio.settings.pictures_dir / picture.sha256
        headers = {"Content-Type": picture.mime, "Cache-Control": "private, max-age=86400"}
        return web.FileResponse(file, headers=headers)

    # --- quotes and orders ---------------------------------------------------------------------------------------

    async def quote(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        await self._studio.admit(who, _chat(who))
        data = await _data(request)
        asked = await request_of(self._studio, who, data.get("request"))
        ask = Ask(who, _chat(who), key_of(who, data), asked)
        result = await self._studio.quote(ask)
        # The first quote brings the welcome credits.
        self._pages.wake(who.external_id)
        return self._card(result, asked, ask.key, language_of(request))

    async def again(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        await self._studio.admit(who, _chat(who))
        key = key_of(who, await _data(request))
        job = await self._studio.job(who, request.match_info["job"])
        result = await self._studio.repeat(who, job.id, _chat(who), key)
        return self._card(result, job.request, key, language_of(request))

    async def draft(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        quoted = await self._studio.draft(who, request.match_info["draft"])
        return self._card(quoted, quoted.draft.request, quoted.draft.key, language_of(request))

    async def change(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        await self._studio.admit(who, _chat(who))
        data = await _data(request)
        asked = await request_of(self._studio, who, data.get("request"))
        choices = {name: getattr(asked, name) for name in _FIELDS}
        card = await self._changed(who, request.match_info["draft"], key_of(who, data), choices)
        return self._card(*card, language_of(request))

    async def order(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        """One press orders, at the price that stands on its card. A stale draft is quoted again at once, for the same
        card."""
        draft_id, language = request.match_info["draft"], language_of(request)
        data = await _data(request)
        key, price = key_of(who, data), data.get("price")
        try:
            job = await self._studio.order(who, draft_id, price if isinstance(price, int) else None)
        except Stale as stale:
            result, asked, fresh_key = await self._changed(who, draft_id, key, {})
            card = self._view(result, asked, fresh_key, language)
            return _json({"error": stale.text(language), "card": card}, 409)
        self._pages.wake(who.external_id)
        return _json(await self._live.job(job, language))

    async def cancel(self, request: web.Request, who: UserRef) -> web.StreamResponse:
        language = language_of(request)
        cancelled = await self._studio.cancel(who, request.match_info["job"])
        job = await self._studio.job(who, request.match_info["job"])
        self._pages.wake(who.external_id)
        view = await self._live.job(job, language)
        return _json({"text": cancel_text(job, cancelled, language), "job": view})

    async def _changed(
        self, who: UserRef, draft_id: str, key: str, choices: dict[str, Any]
    ) -> tuple[Quoted | Unavailable, Request, str]:
        """The draft with other choices; when its model has gone meanwhile, offers under the fresh `key`."""
        draft = (await self._studio.draft(who, draft_id)).draft
        asked = draft.request.change(**choices)
        result = await self._studio.change(who, draft_id, **choices)
        if isinstance(result, Quoted):
            return result, asked, draft.key
        return await self._studio.quote(Ask(who, _chat(who), key, asked)), asked, key

    def _card(
        self, result: Quoted | Unavailable, asked: Request, key: str, language: str
    ) -> web.StreamResponse:
        return _json(self._view(result, asked, key, language))

    def _view(self, result: Quoted | Unavailable, asked: Request, key: str, language: str) -> views.Json:
        name_of = self._studio.name_of
        if isinstance(result, Quoted):
            return views.quoted(result, name_of(result.draft.quote.model), language)
        names = [name_of(each.draft.quote.model) for each in result.offers]
        return views.unavailable(result, names, asked, key, language)


# --- in and out ------------------------------------------------------------------------------------------------------


def said(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Find the user; answer with the bot's own sentence what cannot be done."""

    async def answer(request: web.Request) -> web.StreamResponse:
        language = language_of(request)
        try:
            return await handler(request, user_of(request.match_info["user"]))
        except Hush as hush:
            return _json({"error": hush.text(language)}, 429)
        except UserError as error:
            return _json({"error": error.text(language)}, 422)
        except RetryLater:
            return _json({"error": say("web.busy", language)}, 503)

    return answer


def _chat(who: UserRef) -> ChatRef:
    return ChatRef("web", who.external_id, private=True)


async def _data(request: web.Request) -> dict[str, Any]:
    """The JSON object of the body. Raises UserError."""
    body = await request.read()
    try:
        data = json.loads(body)
        # Half a character (a lone surrogate) is fine in JSON, but nothing that we could store or send on.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise UserError("web.unreadable")
    return data


def _json(data: Any, status: int = 200) -> web.Response:
    return web.json_response(data, status=status, headers={"Cache-Control": "no-store"})
