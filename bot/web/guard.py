"""The door-keeper: one middleware that lets in, asks to log in, or refuses; and the security headers of every answer."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.ports import Clock
from bot.settings import Settings
from bot.texts import say
from bot.web import pages
from bot.web.exposure import Exposure, is_public
from bot.web.session import COOKIE, LIVES_SECONDS, Session

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with it browsers send `Origin: null` even from our own page.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal: also errors carry the security headers."""
    response.headers["Server"] = "kiebot"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


class Guard:
    """Keeps what is not public behind ADMIN_TOKEN as soon as somebody else could be asking (contract.md, HTTP)."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._exposure = Exposure.of(settings)
        token = settings.admin_token
        self._session = Session(token.reveal(), clock) if token else None

    def mount(self, app: web.Application) -> None:
        app.middlewares.append(self._middleware())
        app.on_response_prepare.append(add_headers)
        app.router.add_get("/login", self._log_in_page)
        app.router.add_post("/login", self._log_in)
        app.router.add_get("/look/{name:look\\.css}", pages.stylesheet)

    def is_admin(self, request: web.Request) -> bool:
        """Whether this request may see what is not public."""
        return not self._exposure.is_exposed(request.headers) or self._is_logged_in(request)

    def _middleware(self) -> Middleware:
        @web.middleware
        async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method not in ("GET", "HEAD") and not self._exposure.is_own_page(request.headers):
                return pages.problem(request, 403, say("web.foreign_page"))
            unknown = request.match_info.http_exception is not None
            if unknown or is_public(request.path) or self.is_admin(request):
                return await handler(request)
            return self._refuse(request)

        return keep

    def _is_logged_in(self, request: web.Request) -> bool:
        if self._session is None:
            return False
        cookie = request.cookies.get(COOKIE)
        if cookie and self._session.is_cookie(cookie):
            return True
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._session.is_braking():
            return False
        return self._session.is_token(token.strip())

    def _refuse(self, request: web.Request) -> web.Response:
        if self._session is None:
            return pages.problem(request, 403, say("web.no_admin_token"))
        if pages.wants_page(request):
            raise web.HTTPSeeOther(f"/login?next={quote(request.path_qs, safe='')}")
        return pages.problem(request, 401, say("web.log_in_first"), {"WWW-Authenticate": "Bearer"})

    # --- logging in ----------------------------------------------------------------------------------------------

    async def _log_in_page(self, request: web.Request) -> web.StreamResponse:
        target = _local(request.query.get("next", ""))
        if self.is_admin(request):
            raise web.HTTPSeeOther(target)
        if self._session is None:
            return pages.problem(request, 403, say("web.no_admin_token"))
        return pages.log_in(target)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        target, token = _local(str(form.get("next", ""))), str(form.get("token", ""))
        if self._session is None:
            return pages.problem(request, 403, say("web.no_admin_token"))
        if self._session.is_braking():
            return pages.log_in(target, say("web.log_in_brake"), 429)
        if not self._session.is_token(token.strip()):
            return pages.log_in(target, say("web.log_in_wrong"), 401)
        answer = web.HTTPSeeOther(target)
        answer.set_cookie(
            COOKIE,
            self._session.cookie(),
            max_age=LIVES_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=request.headers.get("Origin", "").startswith("https:"),
        )
        raise answer


def _local(target: str) -> str:
    """A path of ours to go on to; anything else (`//elsewhere`, `https:`) is the chat."""
    if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return "/chat"
