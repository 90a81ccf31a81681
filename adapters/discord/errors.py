"""What Discord's refusals mean for us, decided once: from discord.py's errors to our own (discord.md 11)."""

from __future__ import annotations

import logging

import aiohttp
import discord

from bot.errors import DeliveryUnknown, KiebotError, RetryLater, RouteClosed

log = logging.getLogger(__name__)

OUT_OF_ORDER_SECONDS = 60.0
# What can come out of a call: refusals, waits longer than the client's patience, a network or an answer that broke.
TROUBLE = (
    discord.HTTPException,
    discord.RateLimited,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    ValueError,
)


# What keeps us from connecting, and passes: whoever is turned away like this comes back later.
UNREACHABLE = (
    discord.HTTPException,
    discord.RateLimited,
    discord.GatewayNotFound,
    aiohttp.ClientError,
    OSError,
    TimeoutError,
)


class Refused(RouteClosed):
    """Discord says no to this, and would say so again."""


class TokenDead(Refused):
    """Nothing can be written by this interaction's token any more."""


class Gone(Refused):
    """The channel or the message was deleted."""


class NoRights(Refused):
    """The bot may not see this channel, or not do this in it."""


class PersonClosed(Refused):
    """This person takes no direct messages from us."""


class Blocked(Refused):
    """The server's AutoMod, or Discord's own filter, does not let it pass."""


class UploadsLimited(Refused):
    """The server takes words from us, but no files now."""


class ReplyForbidden(Refused):
    """Nothing may be replied to here; a message of its own may pass."""


class EditsUsedUp(Refused):
    """A message older than an hour was edited too often."""


class Malformed(Refused):
    """Our own request was wrong: somebody must mend the program."""


class Oversize(KiebotError):
    """More bytes in a file than are taken here."""


_MEANINGS: dict[int, type[KiebotError]] = {
    50027: TokenDead,
    10062: TokenDead,
    10015: TokenDead,
    10003: Gone,
    10008: Gone,
    50083: Gone,  # an archived thread that is also locked
    50001: NoRights,
    50013: NoRights,
    50007: PersonClosed,
    50278: PersonClosed,
    40005: Oversize,
    50045: Oversize,
    200000: Blocked,
    20009: Blocked,
    400001: UploadsLimited,
    160002: ReplyForbidden,
    30046: EditsUsedUp,
    40094: Refused,  # five follow-ups are all there are
    40003: RetryLater,  # too many direct messages opened at once
    50035: Malformed,
}


def answer_in(error: Exception) -> discord.HTTPException | None:
    """What Discord, or a proxy before it, answered, also where discord.py only says that it found no gateway; None when no
    answer came."""
    found = error.__cause__ if isinstance(error, discord.GatewayNotFound) else error
    return found if isinstance(found, discord.HTTPException) else None


def asked_wait(error: Exception) -> float:
    """For how many seconds Discord wants to be left alone (0: it does not say)."""
    if isinstance(error, discord.RateLimited):
        return error.retry_after
    answer = answer_in(error)
    told = str(answer.response.headers.get("Retry-After", "")) if answer else ""
    return float(told) if told.isdecimal() else 0.0


def translate(error: Exception, *, by_token: bool = False, may_have_happened: bool = True) -> KiebotError:
    """One of TROUBLE as an error of ours. `by_token`: the call was made with an interaction's token.

    `may_have_happened`: without an answer nobody knows whether it was done, and doing it twice would show.
    """
    if isinstance(error, discord.RateLimited):
        return RetryLater("rate limited", error.retry_after)
    if isinstance(error, discord.HTTPException) and error.status < 500:
        return _refusal(error, by_token)
    # a connection that was never made has carried nothing
    never_left = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    text = f"{type(error).__name__}: {error}"
    return RetryLater(text) if never_left or not may_have_happened else DeliveryUnknown(text)


def _refusal(error: discord.HTTPException, by_token: bool) -> KiebotError:
    text = f"{error.status}/{error.code}: {error.text}"
    meaning = _MEANINGS.get(error.code)
    if meaning is None:
        meaning = _by_status(error, by_token)
    if meaning is Malformed:
        log.error("Discord calls a request of ours wrong: %s", text)
    elif meaning is Blocked:
        log.warning("a message was held back by a filter: %s", text)
    return RetryLater(text, OUT_OF_ORDER_SECONDS) if meaning is RetryLater else meaning(text)


def _by_status(error: discord.HTTPException, by_token: bool) -> type[KiebotError]:
    status = error.status
    if status == 413:
        return Oversize
    if by_token and status in (401, 404):
        return TokenDead  # also within its 15 minutes, as some report (discord.md 2)
    # our own token, a proxy in between, Cloudflare: nobody's chat's fault. Discord's own refusals have a code
    if status in (401, 408, 429) or (status in (403, 404) and not error.code):
        return RetryLater
    return Refused if status in (403, 404) else Malformed
