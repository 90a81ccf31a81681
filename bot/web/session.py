"""The operator's log-in: a signed cookie derived from ADMIN_TOKEN, and a brake on guessing."""

from __future__ import annotations

import hashlib
import hmac
from collections import deque

from bot.ports import Clock

COOKIE = "kiebot_session"
LIVES_SECONDS = 30 * 86_400
WRONG_MOST = 10  # a minute, from everybody together: behind a proxy all come from one address


class Session:
    """Checks the token, and issues and checks cookies. The cookie says until when it holds; the token is not in it."""

    def __init__(self, token: str, clock: Clock) -> None:
        self._token = token.encode()
        self._key = hmac.new(self._token, b"kiebot session", hashlib.sha256).digest()
        self._clock = clock
        self._wrong: deque[float] = deque(maxlen=WRONG_MOST)

    def is_token(self, text: str) -> bool:
        """Whether `text` is the token. A wrong one counts towards the brake."""
        if hmac.compare_digest(_bytes(text), self._token):
            return True
        self._wrong.append(self._clock.monotonic())
        return False

    def is_braking(self) -> bool:
        """Whether too many wrong tokens came within a minute."""
        return len(self._wrong) == WRONG_MOST and self._clock.monotonic() - self._wrong[0] < 60

    def cookie(self) -> str:
        until = self._clock.now() // 1000 + LIVES_SECONDS
        return f"{until}.{self._sign(str(until))}"

    def is_cookie(self, text: str) -> bool:
        until, _, signature = text.partition(".")
        if not hmac.compare_digest(_bytes(signature), self._sign(until).encode()):
            return False
        return int(until) > self._clock.now() // 1000

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, _bytes(until), hashlib.sha256).hexdigest()


def _bytes(text: str) -> bytes:
    # A header may hold bytes that are no text; they must compare as different, not raise.
    return text.encode("utf-8", "surrogateescape")
