"""What a callback hints at, and whether its signature holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.kie.callback import CallbackHint, read_callback, sign

KEY = "example-hmac-key"
TASK = "0123456789abcdef0123456789abcdef"
TIME = 1795000000
SIGNATURE = "4SFBcHlyv3kY/6kophwVuLXWhFhLtD+WucCZDfxoh8c="
HEADERS = {"X-Webhook-Timestamp": str(TIME), "X-Webhook-Signature": SIGNATURE}


def read(
    body: Any, headers: dict[str, str] = HEADERS, key: str | None = KEY, now: int = TIME
) -> CallbackHint:
    return read_callback(headers, json.dumps(body).encode(), key, now * 1000)


def test_the_signature_is_the_one_that_kie_documents() -> None:
    assert sign(TASK, str(TIME), KEY) == SIGNATURE


@pytest.mark.parametrize("body", [{"data": {"taskId": TASK}}, {"data": {"task_id": TASK}}, {"taskId": TASK}])
def test_the_task_is_found_wherever_kie_puts_its_id(body: dict[str, Any]) -> None:
    assert read(body) == CallbackHint(TASK, signed=True, fresh=True)


def test_the_signed_id_wins_over_another_one_in_the_body() -> None:
    assert read({"taskId": TASK, "data": {"taskId": "forged"}}).task_id == TASK


def test_headers_may_come_in_any_case() -> None:
    assert read({"taskId": TASK}, {name.lower(): value for name, value in HEADERS.items()}).signed


@pytest.mark.parametrize(
    "headers", [{}, {**HEADERS, "X-Webhook-Signature": "x"}, {**HEADERS, "X-Webhook-Timestamp": "1"}]
)
def test_a_wrong_or_absent_signature_is_told(headers: dict[str, str]) -> None:
    hint = read({"data": {"taskId": TASK}}, headers)
    assert (hint.task_id, hint.signed) == (TASK, False)


def test_without_a_key_nothing_is_said_about_the_signature() -> None:
    assert read({"data": {"taskId": TASK}}, key=None).signed is None


def test_an_old_but_rightly_signed_callback_is_a_stale_hint() -> None:
    assert read({"data": {"taskId": TASK}}, now=TIME + 301) == CallbackHint(TASK, signed=True, fresh=False)


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(max_size=30)))
def test_no_body_and_no_header_makes_the_reader_crash(body: bytes, headers: dict[str, str]) -> None:
    assert read_callback(headers, body, KEY, 0).signed is False


@pytest.mark.parametrize("task_id", [None, 5, "", "é", "x" * 300, ["a"]])
def test_what_cannot_be_a_task_id_is_no_hint(task_id: Any) -> None:
    assert read({"data": {"taskId": task_id}}).task_id is None
