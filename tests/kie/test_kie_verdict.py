"""The table of KIE's answers to a creation: accepted, surely refused, or nobody knows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import FailureKind, ModelState
from bot.kie.parse import Reply, read_reply
from bot.kie.verdict import judge_create, judge_probe
from bot.ports import Accepted, CreateAnswer, Refused, Unknown


def judge(code: int, msg: str = "", data: Any = None, status: int = 200) -> CreateAnswer:
    return judge_create(read_reply(status, json.dumps({"code": code, "msg": msg, "data": data})), "print")


def plain(status: int, text: str = "") -> CreateAnswer:
    return judge_create(read_reply(status, text), "print")


def flags(answer: CreateAnswer) -> set[str]:
    assert isinstance(answer, Refused)
    return {name for name in ("withdrawn", "retry", "account") if getattr(answer, name)}


def test_a_task_id_is_proof_of_a_task() -> None:
    assert judge(200, data={"taskId": "t", "recordId": "t"}) == Accepted("t", "print")
    assert judge(200, data={"recordId": "t"}) == Accepted("t", "print")
    assert judge(500, "Server exception, please try again later", {"taskId": "t"}) == Accepted("t", "print")


@pytest.mark.parametrize("code", [401, 402, 403, 433])
def test_a_sick_account_is_refused_as_a_whole(code: int) -> None:
    answer = judge(code, "words of KIE")
    assert flags(answer) == {"account"}
    assert answer == Refused(FailureKind.ACCOUNT, code, "words of KIE", account=True)


def test_maintenance_closes_the_account_for_a_while() -> None:
    assert flags(judge(455)) == {"account", "retry"}


@pytest.mark.parametrize("answer", [judge(429), judge(429, status=429), plain(429, "slow down")])
def test_too_many_creations_may_be_sent_again(answer: CreateAnswer) -> None:
    assert flags(answer) == {"retry"}


def test_the_cdn_turning_us_away_is_explained() -> None:
    answer = plain(403, "error code: 1010")
    assert flags(answer) == {"account"}
    assert isinstance(answer, Refused)
    assert answer.text.startswith("error code: 1010 (The network in front of KIE")


@pytest.mark.parametrize(
    "answer",
    [
        judge(500, "This interface is temporarily paused."),
        judge(422, "The model name you specified is not supported. Please check it."),
        judge(505, "This feature is disabled"),
    ],
)
def test_a_model_switched_off_is_told_as_withdrawn(answer: CreateAnswer) -> None:
    assert flags(answer) == {"withdrawn"}


@pytest.mark.parametrize(
    ("code", "msg", "kind"),
    [
        (422, "n_frames must be text", FailureKind.INPUT),
        (400, "bad parameter", FailureKind.INPUT),
        (500, "This field is required", FailureKind.INPUT),
        (500, "resolution is not within the range of allowed options", FailureKind.INPUT),
        (422, "Invalid prompt: prompt contains prohibited content", FailureKind.POLICY),
        (500, "Your prompt was flagged as violating content policies", FailureKind.POLICY),
        (404, "no such endpoint", FailureKind.PROVIDER),
    ],
)
def test_a_request_refused_for_itself_is_final(code: int, msg: str, kind: FailureKind) -> None:
    assert judge(code, msg) == Refused(kind, code, msg)


@pytest.mark.parametrize(
    "answer",
    [
        judge(200),
        judge(200, data={}),
        judge(408, "upstream timeout"),
        judge(500, "Server exception, please try again later"),
        judge(500, "something new"),
        judge(501, "Generation failed"),
        plain(200, "<html>hello</html>"),
        plain(200, '{"code":200,"data":{"taskI'),
        plain(200, ""),
        plain(408),
        plain(500),
        plain(502, "Bad gateway"),
        plain(503),
        plain(524, "error code: 524"),
    ],
)
def test_whatever_leaves_it_open_is_unknown(answer: CreateAnswer) -> None:
    assert isinstance(answer, Unknown)


@pytest.mark.parametrize("status", [301, 307, 404, 405])
def test_an_address_that_is_not_kie_closes_the_gate_instead_of_failing_every_job(status: int) -> None:
    assert flags(plain(status, "nothing here")) == {"account"}


@pytest.mark.parametrize("status", [400, 413, 431])
def test_a_proxy_that_dislikes_one_request_fails_only_that_one(status: int) -> None:
    assert flags(plain(status, "no")) == set()


@given(st.integers(0, 999), st.one_of(st.none(), st.integers(0, 999)), st.text(max_size=40))
def test_only_rate_limits_and_maintenance_may_ever_be_sent_again(
    status: int, code: int | None, text: str
) -> None:
    answer = judge_create(Reply(status, code, text), "print")
    if isinstance(answer, Refused) and answer.retry:
        assert (status if code is None else code) in (429, 430, 455)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (judge(500, "prompt is required"), ModelState.ACTIVE),
        (judge(422, "prompt must not be empty"), ModelState.ACTIVE),
        (judge(200, data={"taskId": "t"}), ModelState.ACTIVE),
        (judge(500, "This interface is temporarily paused."), ModelState.PAUSED),
        (judge(422, "The model name you specified is not supported"), ModelState.RETIRED),
        (judge(500, "Server exception, please try again later"), None),
    ],
)
def test_the_free_probe_tells_live_from_dead(answer: CreateAnswer, state: ModelState | None) -> None:
    status = judge_probe(answer)
    assert (status and status.state) == state
