"""Discord's refusals: HTTP status, code and words (discord.md 11)."""

from __future__ import annotations

from typing import Any

KNOWN: dict[int, tuple[int, str]] = {
    0: (401, "401: Unauthorized"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    30046: (429, "Maximum number of edits to messages older than 1 hour reached. Try again later"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    40094: (400, "This interaction has reached the maximum number of follow-up messages"),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50083: (400, "Thread is archived"),
    50278: (403, "Cannot send messages to this user due to having no mutual guilds"),
    160002: (403, "Cannot reply without permission to read message history"),
    400001: (403, "File uploads are limited in this guild"),
}


class ApiError(Exception):
    """What Discord answers instead of doing what it was asked."""

    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status}/{code}: {message} {errors or ''}")
        self.status = status
        self.body: dict[str, Any] = {"message": message, "code": code}
        if errors:
            self.body["errors"] = errors


def refusal(code: int) -> ApiError:
    """The refusal with this code, as Discord words it."""
    status, message = KNOWN[code]
    return ApiError(status, code, message)


def invalid(*wrong: tuple[str, str]) -> ApiError:
    """400/50035 for these `(path, what is wrong)`; a path's parts are separated by dots."""
    errors: dict[str, Any] = {}
    for path, message in wrong:
        place = errors
        for part in filter(None, path.split(".")):
            place = place.setdefault(part, {})
        place.setdefault("_errors", []).append({"code": "INVALID", "message": message})
    return ApiError(400, 50035, "Invalid Form Body", errors)
