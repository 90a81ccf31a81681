"""Every shape in which KIE has been seen to answer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import FailureKind
from bot.kie.parse import model_ids, number, read_record, read_reply, read_task_id, result_urls, task_seconds
from bot.ports import Broken, Done, Open

FULL, SMALL, MARKED = "https://m.example/full.mp4", "https://m.example/720.mp4", "https://m.example/wm.mp4"
HOOK = "https://bot.example/kie/callback/J/T"


def done(**fields: Any) -> Done:
    answer = read_record({"taskId": "t", "state": "success", **fields})
    assert isinstance(answer, Done)
    return answer


RESULTS = {
    "a list inside text": {"resultJson": json.dumps({"resultUrls": [FULL]})},
    "an object": {"resultJson": {"resultUrls": [FULL]}},
    "text inside text": {"resultJson": json.dumps(json.dumps({"resultUrls": [FULL]}))},
    "one address instead of a list": {"resultJson": json.dumps({"resultUrls": FULL})},
    "a list written as text": {"resultJson": json.dumps({"resultUrls": json.dumps([FULL])})},
    "only a list": {"resultJson": json.dumps([FULL])},
    "Veo above 720p": {"resultJson": json.dumps({"data": {"origin_urls": [SMALL], "result_urls": [FULL]}})},
    "Veo with both forms": {
        "resultJson": json.dumps({"resultUrls": [SMALL], "data": {"result_urls": [FULL]}})
    },
    "only the small copy": {"resultJson": json.dumps({"data": {"origin_urls": [FULL]}})},
    "the response": {"resultJson": "", "response": {"resultUrls": [FULL]}},
    "the response as text": {"resultJson": None, "response": json.dumps({"resultUrls": [FULL]})},
    "the record itself": {"resultUrls": [FULL]},
    "with a watermark": {"resultJson": json.dumps({"resultUrls": [], "resultWaterMarkUrls": [FULL]})},
    "both, unmarked first": {
        "resultJson": json.dumps({"resultUrls": [FULL], "resultWaterMarkUrls": [MARKED]})
    },
    "an empty list but a response": {"resultJson": "[]", "response": {"resultUrls": [FULL]}},
    "broken text but a response": {"resultJson": '{"resultUrls":["htt', "response": {"resultUrls": [FULL]}},
}


@pytest.mark.parametrize("fields", RESULTS.values(), ids=RESULTS.keys())
def test_the_result_is_found_in(fields: dict[str, Any]) -> None:
    assert done(**fields).urls == (FULL,)


@pytest.mark.parametrize(
    "result", ["", None, "{", "null", "[]", "{}", '{"resultUrls":null}', '{"resultUrls":[7,"ftp://x"]}', 5]
)
def test_a_success_without_a_result_says_so(result: Any) -> None:
    assert done(resultJson=result).urls == ()


@pytest.mark.parametrize("state", ["waiting", "queuing", "generating", "succeeded", "something-new"])
def test_every_other_state_means_keep_looking(state: str) -> None:
    assert read_record({"taskId": "t", "state": state}) == Open(state)


def test_a_record_without_a_state_is_read_by_its_flag() -> None:
    assert isinstance(read_record({"successFlag": 1}), Done)
    assert isinstance(read_record({"successFlag": 3}), Broken)
    assert read_record({"successFlag": 0}) == read_record({}) == Open("unknown")


@pytest.mark.parametrize(
    "param",
    [
        {"model": "m", "input": {"prompt": "p"}, "callBackUrl": HOOK},
        json.dumps({"model": "m", "input": {"prompt": "p"}, "callBackUrl": HOOK}),
        json.dumps({"model": "m", "input": json.dumps({"prompt": "p"}), "callBackUrl": HOOK}),
    ],
    ids=["object", "text", "input as text"],
)
@pytest.mark.parametrize("state", ["waiting", "success", "fail"])
def test_the_callback_address_is_found(param: Any, state: str) -> None:
    answer = read_record({"state": state, "param": param})
    assert isinstance(answer, Open | Done | Broken)
    assert answer.callback_url == HOOK


def test_a_member_cannot_smuggle_a_callback_address_in() -> None:
    answer = read_record(
        {"state": "waiting", "param": json.dumps({"input": json.dumps({"callBackUrl": HOOK})})}
    )
    assert answer == Open("waiting", None)


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"creditsConsumed": 30}, Decimal(30)),
        ({"creditsConsumed": 5916.25}, Decimal("5916.25")),
        ({"creditsConsumed": "12.5"}, Decimal("12.5")),
        ({"creditsConsumed": 0, "consumeCredits": 9}, Decimal(0)),
        ({"consumeCredits": 9}, Decimal(9)),
        ({"creditsConsumed": float("nan")}, None),
        ({"creditsConsumed": -1}, None),
        ({"creditsConsumed": True}, None),
        ({}, None),
    ],
)
def test_the_cost_is_exact_or_absent(fields: dict[str, Any], cost: Decimal | None) -> None:
    assert done(**fields).cost == cost


@pytest.mark.parametrize("code", [None, "", "500", 500, "GENERATION_FAILED"])
def test_a_failure_is_read_whatever_its_code_looks_like(code: Any) -> None:
    answer = read_record(
        {"state": "fail", "failCode": code, "failMsg": "Generation failed", "creditsConsumed": 0}
    )
    assert isinstance(answer, Broken)
    assert (answer.kind, answer.text, answer.cost) == (FailureKind.PROVIDER, "Generation failed", Decimal(0))


def test_a_failure_without_words_tells_its_code_or_that_there_was_none() -> None:
    coded, silent = (
        read_record({"state": "fail", "failCode": "sora_content_violation"}),
        read_record({"state": "fail"}),
    )
    assert isinstance(coded, Broken)
    assert (coded.kind, coded.text) == (FailureKind.POLICY, "sora_content_violation")
    assert isinstance(silent, Broken)
    assert silent.text == "KIE gave no reason."


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"createTime": 1795000000000, "completeTime": 1795000187800, "costTime": 188}, 187.8),
        ({"costTime": 188}, 188),
        ({"costTime": 188000}, 188),
        ({"costTime": None, "createTime": 5, "completeTime": None}, None),
        ({}, None),
    ],
)
def test_the_time_a_task_took_is_told_in_seconds(fields: dict[str, Any], seconds: float | None) -> None:
    assert task_seconds(fields) == seconds


@pytest.mark.parametrize(
    "data",
    [
        {"total": 2, "models": [{"model": "a/b", "slug": "x"}, {"slug": "c"}, {"title": "no name"}]},
        [{"model": "a/b"}, {"model": "c"}, "noise"],
        {"total": 2, "records": [{"model": "a/b"}, {"model": "c"}]},
    ],
)
def test_the_list_of_models_is_read_wherever_it_stands(data: Any) -> None:
    assert model_ids(data) == {"a/b", "c"}


def test_an_envelope_may_spell_its_message_in_two_ways_and_its_code_as_text() -> None:
    assert read_reply(200, '{"code":"422","message":"no"}').msg == "no"
    assert read_reply(200, '{"code":"422","message":"no"}').code == 422


@pytest.mark.parametrize("text", ["", "<html>", "[1]", '{"msg":"x"}', '{"code":200,"ms', '{"code":true}'])
def test_what_is_no_envelope_has_no_code(text: str) -> None:
    assert read_reply(200, text).code is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([FULL, "success"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | st.builds(json.dumps, inner)
    ),
    max_leaves=8,
)
FIELDS = [
    "taskId", "state", "param", "paramJson", "resultJson", "response", "resultUrls", "failCode", "failMsg",
    "costTime", "createTime", "completeTime", "creditsConsumed", "consumeCredits", "successFlag", "data",
    "result_urls", "origin_urls", "resultWaterMarkUrls", "callBackUrl",
]  # fmt: skip
RECORDS = st.dictionaries(
    st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=8
)
STATES = st.sampled_from(["success", "fail", "waiting", "SUCCESS", ""])


@given(RECORDS, STATES)
def test_no_record_makes_the_reader_crash(record: dict[str, Any], state: str) -> None:
    answer = read_record({**record, "state": state})
    assert isinstance(answer, Done | Broken | Open)
    assert all(url.startswith("http") for url in result_urls(record))
    task_seconds(record)


@given(JSON)
def test_no_json_makes_the_envelope_crash(data: Any) -> None:
    reply = read_reply(200, json.dumps(data), "x")
    task_id = read_task_id(reply.data)
    assert task_id is None or task_id
    assert "" not in model_ids(data)
    assert (number(data) or 0) >= 0


def test_a_text_cut_in_the_middle_of_an_emoji_can_be_written_down() -> None:
    reply = read_reply(
        200, r'{"code":200,"data":{"state":"fail","failMsg":"no \ud83d","creditsConsumed":NaN}}'
    )
    answer = read_record(reply.data)
    assert isinstance(answer, Broken)
    assert answer.text == "no ?"
    assert answer.raw == {"state": "fail", "failMsg": "no ?", "creditsConsumed": None}


def test_json_nested_without_end_is_no_envelope() -> None:
    assert read_reply(200, "[" * 100_000).code is None
