"""KIE's replies as our values, tolerant of every oddity in kie-api.md 3 and 9 and kie-models.md 3.1. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from bot.kie.classify import failure_kind
from bot.ports import Broken, Done, LookAnswer, Open
from bot.texts import say


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer. `code` is the envelope's, None when the body is no envelope; `msg` is then its beginning."""

    status: int
    code: int | None
    msg: str
    data: Any = None
    after: float | None = None


def read_reply(status: int, text: str, retry_after: str = "") -> Reply:
    """The envelope `{code, msg, data}` (kie-api.md 1). HTTP status is nearly always 200; the truth is in `code`."""
    after = float(retry_after) if re.fullmatch(r"[0-9]{1,6}", retry_after) else None
    body = _object(text)
    code = _integer(body.get("code"))
    if code is None:
        return Reply(status, None, " ".join(text.split())[:200], after=after)
    return Reply(status, code, _text(body.get("msg") or body.get("message")), body.get("data"), after)


def read_task_id(data: Any) -> str | None:
    """The id of a new task, as opaque text: documented and live forms differ (kie-api.md 2)."""
    fields = data if isinstance(data, dict) else {}
    names = ("taskId", "task_id", "recordId")
    return next(filter(None, (_text(fields.get(name)) for name in names)), None)


def read_record(record: Mapping[str, Any]) -> LookAnswer:
    """The `data` of a recordInfo reply. Every field may be missing; an unknown state means: keep looking."""
    state = _text(record.get("state")).lower() or _flag_state(record.get("successFlag"))
    callback_url = _callback_url(record)
    if state == "success":
        return Done(result_urls(record), _cost(record), callback_url, record, task_seconds(record))
    if state == "fail":
        code, text = _text(record.get("failCode")), _text(record.get("failMsg"))
        kind = failure_kind(text, code)
        return Broken(kind, text or code or say("kie.no_reason"), _cost(record), callback_url, record)
    return Open(state or "unknown", callback_url)


def result_urls(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses of the result, from the first of the places where one stands.

    Veo above 720p comes first, since a 720p copy may stand beside it; `origin_urls`, that copy, comes last.
    """
    result = _decoded(record.get("resultJson"))
    listed = result if isinstance(result, list) else None
    result = result if isinstance(result, dict) else {}
    inner, response = _object(result.get("data")), _object(record.get("response"))
    places = (
        listed,
        inner.get("result_urls"),
        result.get("resultUrls"),
        _object(response.get("data")).get("result_urls"),
        response.get("resultUrls"),
        record.get("resultUrls"),
        result.get("resultWaterMarkUrls"),
        record.get("resultWaterMarkUrls"),
        inner.get("origin_urls"),
    )
    return next(filter(None, map(_addresses, places)), ())


def task_seconds(record: Mapping[str, Any]) -> float | None:
    """How long the task took at KIE, in seconds, or None.

    Its own two times tell it best: `costTime` is documented in milliseconds and sent in seconds (kie-api.md 3).
    """
    created, completed = number(record.get("createTime")), number(record.get("completeTime"))
    if created and completed and completed >= created:
        return float(completed - created) / 1000
    cost = number(record.get("costTime"))
    if not cost:
        return None
    # No task takes as few milliseconds as a slow one takes seconds: 10,000 s is nearly three hours.
    return float(cost) / 1000 if cost >= 10_000 else float(cost)


def model_ids(data: Any) -> frozenset[str]:
    """The ids in a reply of `GET /api/v1/models`: `model` or else `slug` of every object in any list (kie-api.md 6)."""
    found = set()
    for row in _rows(data):
        name = _text(row.get("model")) or _text(row.get("slug"))
        if name:
            found.add(name)
    return frozenset(found)


def number(value: Any) -> Decimal | None:
    """A sensible amount, sent as a number or as text; None for anything else, negative and endless ones included."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**15 else None


def _cost(record: Mapping[str, Any]) -> Decimal | None:
    first = number(record.get("creditsConsumed"))
    return number(record.get("consumeCredits")) if first is None else first


def _callback_url(record: Mapping[str, Any]) -> str | None:
    """The address given at creation. Never looked for inside `input`, which holds the member's own words."""
    param = _object(record.get("param")) or _object(record.get("paramJson"))
    return _text(param.get("callBackUrl")) or None


def _flag_state(flag: Any) -> str:
    return {1: "success", 2: "fail", 3: "fail"}.get(_integer(flag) or 0, "")


def _addresses(value: Any) -> tuple[str, ...]:
    value = _decoded(value) if isinstance(value, str) and value.lstrip().startswith("[") else value
    each = value if isinstance(value, list) else [value]
    texts = (item.strip() for item in each if isinstance(item, str))
    return tuple(dict.fromkeys(text for text in texts if text.startswith(("https://", "http://"))))


def _rows(data: Any) -> Iterator[dict[str, Any]]:
    lists = [data] if isinstance(data, list) else list(_object(data).values())
    for each in lists:
        if isinstance(each, list):
            yield from (row for row in each if isinstance(row, dict))


def _decoded(value: Any) -> Any:
    """JSON inside a string, even twice, or what stands there already; None when it cannot be read."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = _loaded(value)
        except (ValueError, RecursionError):
            return None
    return value


def _loaded(text: str) -> Any:
    """JSON that can be written down again: no NaN, and no half of a character, as texts cut in an emoji have."""
    value = json.loads(text, parse_constant=lambda _: None)
    if "\\u" in text:
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def _object(value: Any) -> dict[str, Any]:
    decoded = _decoded(value)
    return decoded if isinstance(decoded, dict) else {}


def _text(value: Any) -> str:
    """Words and numbers as text; anything else, and nothing, as the empty string."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _integer(value: Any) -> int | None:
    amount = number(value)
    return int(amount) if amount is not None and amount == int(amount) else None
