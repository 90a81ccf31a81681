"""What a reply means for the caller: KIE's error table (kie-api.md 1), mapped once. Pure."""

from __future__ import annotations

import re

from bot.domain import FailureKind, ModelState, ModelStatus
from bot.kie.classify import failure_kind, is_paused, is_refused_input, is_unknown_model
from bot.kie.parse import Reply, read_task_id
from bot.ports import Accepted, CreateAnswer, Refused, Unknown
from bot.texts import say

_NO_RECORD = re.compile(r"\bis null|not found|not exist", re.IGNORECASE)
SICK_ACCOUNT = frozenset({401, 402, 403, 433})


def account_trouble(reply: Reply) -> tuple[int, str] | None:
    """Code and text when the whole account, its key or our address is refused; also by a proxy, outside any envelope."""
    code = reply.status if reply.code is None else reply.code
    if code not in SICK_ACCOUNT:
        return None
    return code, (say("kie.blocked", text=reply.msg) if reply.code is None and code == 403 else reply.msg)


def is_flicker(reply: Reply) -> bool:
    """A read that may succeed when repeated: no envelope, rate limit, maintenance, any 5xx (kie-api.md 3)."""
    return reply.code is None or reply.code in (408, 429, 430, 455) or reply.code >= 500


def is_missing(reply: Reply) -> bool:
    """KIE knows no such task; any other 422 proves nothing about it."""
    return reply.code == 404 or (reply.code == 422 and _NO_RECORD.search(reply.msg) is not None)


def judge_create(reply: Reply, key_print: str) -> CreateAnswer:
    """Did KIE make a task: yes, surely not, or nobody knows?

    A task id is proof of a task under any code. Surely none: client errors (validation comes before billing,
    kie-api.md 1), and those 500s whose text is known as a refusal. `Server exception`, other 5xx, timeouts and
    whatever is no envelope leave it open.
    """
    task_id = read_task_id(reply.data)
    if task_id:
        return Accepted(task_id, key_print)
    trouble = account_trouble(reply)
    if trouble:
        return Refused(FailureKind.ACCOUNT, *trouble, account=True)
    if reply.code is None:
        return _judge_without_envelope(reply)
    return _judge_code(reply.code, reply.msg)


def _judge_code(code: int, text: str) -> CreateAnswer:
    kind = failure_kind(text, str(code))
    if code == 200 or code == 408:
        return _unclear(code, text)
    if code == 455:
        return Refused(FailureKind.BUSY, code, text, retry=True, account=True)
    if code == 505 or is_paused(text) or is_unknown_model(text):
        return Refused(FailureKind.PROVIDER, code, text, withdrawn=True)
    if code in (429, 430):
        return Refused(FailureKind.BUSY, code, text, retry=True)
    if code == 500 and is_refused_input(text):
        return Refused(FailureKind.INPUT, code, text)
    if 400 <= code < 500 or (code == 500 and kind is FailureKind.POLICY):
        return Refused(kind, code, text)
    return _unclear(code, text)


def _judge_without_envelope(reply: Reply) -> CreateAnswer:
    """Something before KIE answered. Only a client error says that the request was turned away."""
    if reply.status == 429:
        return Refused(FailureKind.BUSY, 429, reply.msg, retry=True)
    if 300 <= reply.status < 400 or reply.status in (404, 405):
        text = say("kie.wrong_address", status=reply.status)
        return Refused(FailureKind.ACCOUNT, reply.status, text, account=True)
    if 400 <= reply.status < 500 and reply.status not in (408, 499):
        return Refused(failure_kind(reply.msg, str(reply.status)), reply.status, reply.msg)
    return _unclear(reply.status, reply.msg)


def _unclear(code: int, text: str) -> Unknown:
    return Unknown(say("kie.answer_unclear", answer=f"{code} {text}".strip()))


def judge_probe(answer: CreateAnswer) -> ModelStatus | None:
    """What a creation with an empty input tells about a model (kie-models.md 3.4); None: nothing."""
    if isinstance(answer, Accepted):
        return ModelStatus(ModelState.ACTIVE)
    if isinstance(answer, Refused) and answer.withdrawn:
        state = ModelState.RETIRED if is_unknown_model(answer.text) else ModelState.PAUSED
        return ModelStatus(state, reason=answer.text)
    if isinstance(answer, Refused) and answer.kind is FailureKind.INPUT:
        return ModelStatus(ModelState.ACTIVE)
    return None
