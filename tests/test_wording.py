"""Quotes, progress, receipts and failures in words."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot import wording
from bot.domain import (
    ChatRef,
    Failure,
    FailureKind,
    Job,
    JobState,
    Progress,
    Quote,
    Request,
    Shot,
    UserRef,
    Video,
)

MADE = Video("a.mp4", 1_000, 1280, 720, Decimal("8.04"), True)
QUOTE = Quote(
    "veo-3-1:lite", "veo3", {}, Decimal(30), 30, "rule", aspect="16:9", seconds=8, quality="720p", sound=True
)
JOB = Job(
    id="0123456789",
    state=JobState.DELIVERED,
    user=UserRef("web", "ada"),
    user_id=1,
    payer="user:1",
    chat=ChatRef("web", "ada"),
    request=Request("veo-3-1:lite", prompt="Waves"),
    model="veo-3-1:lite",
    kie_model="veo3",
    input={},
    price=30,
    kie_credits=Decimal(30),
    created_at=1_795_000_000_000,
    due_at=0,
    settled_at=1_795_000_150_000,
    outcome=MADE,
)


def failed(kind: FailureKind, text: str = "it broke") -> Job:
    return replace(JOB, outcome=Failure(kind, text))


def test_a_quote_is_described_line_by_line_without_what_is_open() -> None:
    assert wording.describe(QUOTE, "Veo 3.1 Lite", after=70, usual=(72, 121)) == [
        ("Model", "Veo 3.1 Lite"),
        ("Length", "8 s"),
        ("Shape", "landscape 16:9"),
        ("Size", "720p"),
        ("Sound", "with sound"),
        ("Price", "30 credits"),
        ("Balance after", "70 credits"),
        ("Usual wait", "1 to 2 min"),
    ]
    bare = Quote("m", "m", {}, Decimal(1), 1, "rule")
    assert wording.describe(bare, "M") == [("Model", "M"), ("Price", "1 credit")]
    assert wording.in_short(QUOTE) == "8 s · landscape 16:9 · 720p · with sound"


def test_a_balance_that_is_not_enough_says_what_is_missing() -> None:
    assert ("Balance after", "not enough: 5 credits missing") in wording.describe(QUOTE, "M", after=-5)


@pytest.mark.parametrize(
    ("aspect", "words"),
    [("9:16", "portrait 9:16"), ("1:1", "square 1:1"), ("21:9", "landscape 21:9"), ("1.85:1", "1.85:1")],
)
def test_a_shape_is_named_by_its_orientation(aspect: str, words: str) -> None:
    assert wording.shape(aspect) == words


@pytest.mark.parametrize(
    ("usual", "words"),
    [
        ((120, 240), "2 to 4 min"),
        ((30, 60), "30 to 60 s"),
        ((30, 90), "1 to 2 min"),
        ((120, 121), "2 min"),
        ((100, 8000), "2 min to 2 h 13 min"),
    ],
)
def test_the_usual_wait_is_said_in_few_words(usual: tuple[float, float], words: str) -> None:
    assert wording.wait(usual) == words


def test_the_button_that_orders_begins_as_other_programs_expect() -> None:
    assert wording.confirm_label(45) == "✅ Confirm · 45 credits"


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(JobState.QUEUED, 5, place=1), "Waiting for a turn, next in line · 5 s so far"),
        (Progress(JobState.QUEUED, 5, place=3), "Waiting for a turn, number 3 in line · 5 s so far"),
        (
            Progress(JobState.RUNNING, 40, usual=(120, 240)),
            "KIE is making the video · 40 s so far · usually 2 to 4 min",
        ),
        (Progress(JobState.SETTLED, 130), "The video is here and on its way to you · 2 min so far"),
        (
            Progress(JobState.QUEUED, 5, place=1, waiting_for="progress.paused"),
            "Waiting for a turn, next in line · waiting: the operator has paused new videos; cancelling is free",
        ),
        (Progress(JobState.RUNNING, 5, waiting_for="the moon"), "KIE is making the video · the moon"),
    ],
)
def test_progress_tells_state_place_and_time_but_no_percentage(progress: Progress, line: str) -> None:
    assert wording.progress_line(progress) == line


def test_the_line_under_a_video_says_that_it_is_generated_by_what_and_for_how_much() -> None:
    assert wording.receipt_line(JOB, "Veo") == "AI-generated · Veo · 30 credits"
    assert "since returned" in wording.receipt_line(replace(JOB, refunded=True), "Veo")
    assert "a gift" in wording.receipt_line(failed(FailureKind.EXPIRED), "Veo")


def test_a_receipt_tells_what_was_asked_charged_and_returned() -> None:
    assert wording.receipt(JOB, "Veo") == [
        "Receipt for job 0123456789",
        "Asked: Waves",
        "Model: Veo",
        "Video: 8 s, 1280 × 720, with sound",
        "Charged: 30 credits",
        "Ordered: 2026-11-18 11:06 UTC",
        "Ready after: 2 min",
    ]
    lines = wording.receipt(failed(FailureKind.POLICY, "No heroes."), "Veo")
    assert "Returned: 30 credits" in lines
    assert "KIE said: “No heroes.”" in lines


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_is_a_plain_sentence_with_what_came_back(kind: FailureKind) -> None:
    text = wording.failure_text(failed(kind))
    assert text.endswith("Your 30 credits are back.")
    assert "it broke" not in text
    assert wording.failure_text(replace(failed(kind), price=1)).endswith("Your 1 credit is back.")


def test_kie_s_own_words_are_quoted_only_where_they_help_the_member() -> None:
    assert wording.failure_quote(failed(FailureKind.INPUT)) == "KIE said: “it broke”"
    assert wording.failure_quote(failed(FailureKind.ACCOUNT)) is None
    assert wording.failure_quote(failed(FailureKind.POLICY, " ")) is None
    assert wording.failure_quote(JOB) is None
    assert wording.failure_text(JOB) == ""


def test_a_cancel_is_answered_honestly() -> None:
    assert "30 credits returned" in wording.cancel_text(JOB, cancelled=True)
    assert "Too late" in wording.cancel_text(JOB, cancelled=False)


def test_a_video_is_described_by_its_words_or_scenes_at_a_readable_length() -> None:
    assert wording.described(JOB, "Veo") == "AI-generated video: Waves"
    scenes = Request("m", shots=(Shot("A seed"), Shot("A tree")))
    assert wording.described(replace(JOB, request=scenes), "Veo") == "AI-generated video: A seed A tree"
    assert wording.described(replace(JOB, request=Request("m")), "Veo") == "AI-generated video by Veo"
    assert len(wording.asked(replace(JOB, request=Request("m", prompt="word " * 500)))) <= 300
