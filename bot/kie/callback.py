"""Reading KIE's callbacks (kie-api.md 4). A callback carries no truth: it only hints which task to look at."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FRESH_SECONDS = 300
_LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class CallbackHint:
    """`signed` is None without a key to check with. `fresh`: its time lies within 300 s of ours; KIE documents no
    window and sends again after failures, so a stale hint is still a hint.
    """

    task_id: str | None
    signed: bool | None
    fresh: bool = False


def sign(task_id: str, timestamp: str, hmac_key: str) -> str:
    """The signature as in `X-Webhook-Signature`: HMAC-SHA256 of `<task id>.<timestamp>`, in Base64."""
    digest = hmac.new(hmac_key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def read_callback(headers: Mapping[str, str], body: bytes, hmac_key: str | None, now: int) -> CallbackHint:
    """What a request to the callback address hints at, whatever it holds. `now` is in Unix milliseconds.

    The signature covers the task id and the time, not the body: state and addresses in it are never read.
    """
    named = {name.lower(): value for name, value in headers.items()}
    timestamp = named.get("x-webhook-timestamp", "")
    signature = named.get("x-webhook-signature", "")
    task_ids = _task_ids(body)
    first = task_ids[0] if task_ids else None
    fresh = _is_fresh(timestamp, now)
    if not hmac_key:
        return CallbackHint(first, None, fresh)
    for task_id in task_ids:
        if hmac.compare_digest(sign(task_id, timestamp, hmac_key).encode(), signature.encode()):
            return CallbackHint(task_id, True, fresh)
    return CallbackHint(first, False, fresh)


def _task_ids(body: bytes) -> list[str]:
    """Everywhere the documentation or its samples put the task id, likeliest first."""
    try:
        message: Any = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if not isinstance(message, dict):
        return []
    data = message.get("data")
    data = data if isinstance(data, dict) else {}
    found = (data.get("taskId"), data.get("task_id"), message.get("taskId"))
    return [
        each for each in found if isinstance(each, str) and each.isascii() and 0 < len(each) <= _LONGEST_ID
    ]


def _is_fresh(timestamp: str, now: int) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now / 1000 - int(timestamp)) <= FRESH_SECONDS
