"""What can go wrong, by what the caller can do about it.

KiebotError
├── UserError        what was asked cannot be done; safe to show, says what to do instead
├── RetryLater       nothing was done; the same call may succeed later
├── ProviderError    KIE refused for a reason that asking again does not mend
│   └── AccountError     the KIE account needs its operator (key, balance, cap, maintenance): closes the gate
├── TooLarge         the chat refuses a file of this size; fit it to `limit` bytes and call again
├── RouteClosed      this way of delivering is shut; take the next
├── DeliveryUnknown  nobody knows whether the chat took the message
├── StartError       the bot cannot run like this; says what to change
└── StoreBroken      a COMMIT failed in a way that leaves its result unknown: stop, restart, look the key up
"""

from __future__ import annotations

from bot.texts import DEFAULT_LANGUAGE, say


class KiebotError(Exception):
    """The root of all our errors."""


class UserError(KiebotError):
    """A sentence of `bot.texts` for the person who asked, in whatever language they read."""

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def text(self, language: str = DEFAULT_LANGUAGE) -> str:
        return say(self.key, language, **self.values)

    def __str__(self) -> str:
        return self.text()


class Hush(UserError):
    """Said once already; repeating it would only add noise."""


class Stale(UserError):
    """A draft too old or quoted at another price; nothing was held."""


class RetryLater(KiebotError):
    """Nothing was done. `after` is the number of seconds the other side asked for, if it did."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class ProviderError(KiebotError):
    """KIE's answer was a refusal: `code` is the body code, the message KIE's own text with secrets masked."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"KIE answered {code}: {message}")
        self.code = code
        self.message = message


class AccountError(ProviderError):
    """401, 402, 403, 433, 455: no request of this account will pass until something changes."""


class TooLarge(KiebotError):
    """The chat takes at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the chat takes at most {limit} bytes")
        self.limit = limit


class RouteClosed(KiebotError):
    """This delivery route will not open again for this job."""


class DeliveryUnknown(KiebotError):
    """The chat may or may not have taken the message; look before sending again."""


class StartError(KiebotError):
    """One clear sentence: what is wrong and what to change."""


class StoreBroken(KiebotError):
    """The database can no longer be trusted by this process."""
