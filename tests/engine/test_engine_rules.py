"""When to look, when to try again, whose turn it is: the pure rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain import FailureKind
from bot.engine import rules
from bot.engine.gate import remedy
from bot.store.jobs import Head
from bot.texts import sentences

SECONDS = st.floats(0, 1e6)
HEADS = st.lists(
    st.builds(
        Head,
        job_id=st.text("ABC123", min_size=4, max_size=6),
        user_id=st.integers(1, 6),
        created_at=st.integers(0, 50),
        running=st.integers(0, 4),
        last_turn=st.integers(0, 60),
    ),
    max_size=25,
    unique_by=lambda head: head.job_id,
)


@given(SECONDS, st.floats(1, 3600), st.integers(1, 100_000))
def test_all_tasks_together_are_never_looked_at_more_often_than_the_account_allows(
    elapsed: float, typical: float, running: int
) -> None:
    pause = rules.poll_interval(elapsed, typical, running)
    assert pause >= 3.0
    assert running / pause <= rules.LOOKS_PER_SECOND * rules.LOOK_BUDGET + 1e-6


@given(st.floats(1, 3600), st.integers(1, 8))
def test_a_few_tasks_are_looked_at_within_ten_seconds_of_the_usual_moment(typical: float, n: int) -> None:
    assert rules.poll_interval(typical, typical, n) <= 10.0
    assert rules.poll_interval(1e6, typical, n) <= 120.0
    assert 2.0 <= rules.first_look(typical) <= 20.0


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(10, 1000))
def test_pauses_grow_up_to_a_limit(attempts: int, first: float, most: float) -> None:
    pauses = [rules.back_off(each, first, most) for each in (attempts, attempts + 1)]
    assert first <= pauses[0] <= pauses[1] <= most


@given(st.lists(st.floats(1, 100_000), max_size=60), st.floats(1, 3600))
def test_what_is_usual_and_when_patience_ends_follow_from_real_durations(
    durations: list[float], typical: float
) -> None:
    low, high = rules.usual(durations, typical)
    assert low <= high
    patience = rules.patience(durations)
    assert patience >= rules.PATIENCE_AT_LEAST
    if len(durations) >= 20:
        longer = sum(each > patience for each in durations)
        assert longer <= len(durations) * 0.05 + 1


@given(HEADS, st.integers(1, 4))
def test_turns_are_fair(heads: list[Head], most: int) -> None:
    order = rules.fair_order(heads, most)
    by_id = {head.job_id: head for head in heads}
    chosen = [by_id[each] for each in order]
    assert len({head.user_id for head in chosen}) == len(chosen), "at most one turn a user"
    assert {head.user_id for head in chosen} == {head.user_id for head in heads if head.running < most}
    assert all(head.running < most for head in chosen)
    ranks = [(head.running, rules.waiting_since(head)) for head in chosen]
    assert ranks == sorted(ranks)
    assert order == rules.fair_order(list(reversed(heads)), most)


def test_without_a_callback_a_lost_answer_is_given_up_within_a_minute_else_after_half_an_hour() -> None:
    assert rules.lost_after(120, with_callback=False) <= 60
    assert rules.lost_after(120, with_callback=True) == 30 * 60
    assert rules.lost_after(1200, with_callback=True) == 3600


@given(st.sampled_from([401, 402, 403, 433, 455, 0, 999]), st.integers(1, 1000))
def test_a_sick_account_is_tried_again_less_and_less_often_and_its_remedy_has_words(
    code: int, times: int
) -> None:
    found = remedy(code)
    assert found.key in sentences()
    assert found.first <= found.pause(times) <= found.pause(times + 1) <= found.longest


def test_every_kind_of_failure_is_one_that_members_are_told_about() -> None:
    assert {f"chat.failure_{kind}" for kind in FailureKind} <= set(sentences())
