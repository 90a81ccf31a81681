"""When to look, when to try again, when to give up, and whose turn it is: pure functions over numbers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import quantiles

from bot.domain import Job
from bot.store.jobs import Head

MINUTE = 60.0
HOUR = 3600.0

LOOKS_PER_SECOND = 10  # KIE's limit for a key (kie-api.md 2, Limits)
LOOK_BUDGET = 0.8  # the share polling may use; the rest is for callbacks and gifts
MISSING_GRACE = 60.0  # recordInfo may not know a new task for a while (kie-api.md 3, Unknown task)
LOST_WITHOUT_CALLBACK = 60.0
LONGEST_ASKED = HOUR  # whoever asks to be left alone for longer is asked again all the same
PATIENCE_AT_LEAST = 30 * MINUTE
FETCH_TRIES = 5
EMPTY_TRIES = 5
UPLOAD_GOOD_FOR = 20 * HOUR
ADDRESS_LIVES = 24 * HOUR  # results die after a day (kie-api.md 3, Lifetimes)
# While KIE cannot be asked nobody knows whether a video is there, so looking goes on for so long beyond the end clock:
# what KIE had finished by then it keeps for a day. After that there is nothing to be had that came in time.
UNASKED_GRACE = ADDRESS_LIVES


def back_off(attempts: int, first: float = 2.0, most: float = 300.0) -> float:
    """Seconds until try number `attempts` + 1: 2, 4, 8 ... up to five minutes."""
    return min(most, first * 2.0 ** min(attempts, 16))


def pause(attempts: int, asked: float | None) -> float:
    """Seconds to wait: what the other side asked for, if it did, but no longer than the clocks can stand."""
    return min(asked, LONGEST_ASKED) if asked else back_off(attempts)


def first_look(typical: float) -> float:
    """Seconds after submission until the first look: a video is never done at once."""
    return min(20.0, max(2.0, typical * 0.25))


def poll_interval(elapsed: float, typical: float, running: int) -> float:
    """Seconds until the next look at a task that has run for `elapsed`.

    Close together around the typical duration, further apart later, and never more in sum than the account's share of
    looks allows for all `running` tasks.
    """
    if elapsed < typical * 1.5:
        wanted = min(10.0, max(3.0, typical / 12))
    else:
        wanted = min(120.0, max(5.0, elapsed / 10))
    return max(wanted, running / (LOOKS_PER_SECOND * LOOK_BUDGET))


def usual(durations: Sequence[float], typical: float) -> tuple[float, float]:
    """What a member may expect, in seconds: the middle half of real durations, else round the typical one."""
    if len(durations) < 4:
        return (typical * 0.75, typical * 1.5)
    low, _, high = quantiles(durations, n=4)
    return (low, high)


def patience(durations: Sequence[float]) -> float:
    """Seconds after which the member is told that it takes longer: the 95th percentile, at least 30 minutes."""
    if len(durations) < 20:
        return PATIENCE_AT_LEAST
    return max(PATIENCE_AT_LEAST, quantiles(durations, n=20)[-1])


def is_over(elapsed: float, give_up_hours: float, asked: bool = True) -> bool:
    """Whether the end clock ends a job at KIE: on KIE's own word as soon as it has run out, without one much later."""
    return elapsed > give_up_hours * HOUR + (0.0 if asked else UNASKED_GRACE)


def lost_after(typical: float, with_callback: bool) -> float:
    """Seconds after which a submission whose answer was lost is given up (architecture.md, SUBMITTING)."""
    return max(30 * MINUTE, typical * 3) if with_callback else LOST_WITHOUT_CALLBACK


def fair_order(heads: Sequence[Head], most_each: int) -> list[str]:
    """Whose queued job goes next: who has least under way, then who has waited longest: since they asked, or since
    their last turn if that is later. At most one a user."""
    able = [head for head in heads if head.running < most_each]
    ordered = sorted(able, key=lambda head: (head.running, waiting_since(head), head.created_at, head.job_id))
    first = {head.user_id: head.job_id for head in reversed(ordered)}
    return [head.job_id for head in ordered if first[head.user_id] == head.job_id]


def waiting_since(head: Head) -> int:
    """Unix ms."""
    return max(head.created_at, head.last_turn)


def elapsed(job: Job, now: int) -> float:
    """Seconds since the job was submitted, or asked while it waits."""
    return max(0.0, (now - (job.submitted_at or job.created_at)) / 1000)


def same_callback(url: str | None, job: Job) -> bool:
    """Whether a task's callback address is the one that went along with this job's submission."""
    return bool(url) and str(url).endswith(callback_path(job.id, job.callback_token))


def callback_path(job_id: str, token: str) -> str:
    return f"/kie/callback/{job_id}/{token}"
