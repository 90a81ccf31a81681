"""P2: KIE's calls from end to end: a whole bot, called back by our stand-in of KIE in every wrong way, and by others."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from support.called_bot import MUCH_LATER, CalledBot, open_called_bot, signed

from bot.domain import Failure, FailureKind, Job, JobState, Video

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://attacker.example/not-your-video.mp4"
LOST = FailureKind.LOST
ONCE, TWICE = {"known": 1}, {"known": 2}
WITH_ITS_RESENDS = 4  # KIE calls three times more when it is refused


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CalledBot]:
    """One for all cases, each of which is a job of its own."""
    async with open_called_bot(tmp_path_factory.mktemp("called")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_wrong_any_more(bot: CalledBot) -> Iterator[None]:
    yield
    bot.kie.faults.clear()


@dataclass(frozen=True)
class Case:
    """What goes wrong at KIE, how the calls are answered, and how the job ends: with createTask's answer, and without."""

    faults: dict[str, str]
    answered: dict[str, int] = field(default_factory=lambda: ONCE)
    end: FailureKind | None = None
    end_without: FailureKind | None = None

    def __str__(self) -> str:
        return " ".join(self.faults) or "nothing wrong"


CASES = [
    Case({}),
    Case({"callback-twice": ""}, TWICE),
    Case({"callback-concurrent": ""}, TWICE),
    Case({"callback-late": "0.5"}),
    Case({"callback-early": "0.4"}),
    Case({"null-record": "0.5"}),
    Case({"callback-task-id-key": ""}),
    Case({"callback-old-timestamp": ""}),
    Case({"callback-altered-body": ""}),
    # what it says of a task that failed is a lie
    Case({"callback-altered-body": "", "fail": "busy"}, end=FailureKind.BUSY, end_without=FailureKind.BUSY),
    Case({"callback-bad-signature": ""}, {"unsigned": WITH_ITS_RESENDS}, end_without=LOST),
    Case({"callback-none": ""}, {}, end_without=LOST),
    # the call comes before createTask is answered
    Case({"slow-create": "0.3"}),
]


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_however_kies_call_comes_the_job_ends_once_as_kies_record_says_and_is_asked_for_once(
    bot: CalledBot, case: Case, lost: bool, caplog: pytest.LogCaptureFixture
) -> None:
    prompt = f"{case} {lost}"
    for name, value in {**case.faults, **({"drop-reply": ""} if lost else {})}.items():
        bot.kie.faults.set(name, value)
    job = await bot.order(prompt)
    task = await bot.task(prompt)
    await bot.until(lambda: task.ended, "the end of its task")
    await bot.until(lambda: bot.callbacks == case.answered, f"{case.answered}")
    wanted = case.end_without if lost else case.end
    if wanted is LOST:
        await still_open_and_then_given_up(bot, job)
        await bot.until(lambda: f"notice (lost:{job.id})" in caplog.text, "a notice to the operator")
    ended = await bot.until_ended(job)
    kind = ended.outcome.kind if isinstance(ended.outcome, Failure) else None
    assert (kind, ended.task_id) == (wanted, None if wanted is LOST else task.id)
    assert bot.callbacks == case.answered
    await bot.check(ended, prompt)


async def still_open_and_then_given_up(bot: CalledBot, job: Job) -> None:
    """Its calls have come, but none that tells of its task: half an hour is waited for one."""
    found = await bot.until_job(job, lambda found: found.state is JobState.SUBMITTING, "the paid step")
    assert found.hinted_task is None
    await bot.until(lambda: not bot.bot.engine.steps_under_way, "rest")
    assert (await bot.job(job)).state is JobState.SUBMITTING
    bot.clock.advance(MUCH_LATER)


def told(task_id: str, state: str = "success") -> dict[str, Any]:
    """The body of a call that says whatever it likes."""
    result = json.dumps({"resultUrls": [ELSEWHERE]}) if state == "success" else None
    data = {"taskId": task_id, "state": state, "resultJson": result, "failMsg": "no", "creditsConsumed": 999}
    return {"code": 200 if state == "success" else 501, "msg": "forged", "data": data}


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
async def test_no_forged_or_replayed_call_ends_a_job_or_gives_it_another_task(
    bot: CalledBot, lost: bool
) -> None:
    other = await ended_before(bot, f"another's {lost}")
    assert other.task_id
    prompt = f"forged at {lost}"
    bot.kie.faults.set("stuck-generating")
    if lost:
        bot.kie.faults.set("drop-reply")
    job = await bot.order(prompt)
    task = await bot.task(prompt)
    address = bot.bodies(prompt)[0]["callBackUrl"]
    open_state = JobState.SUBMITTING if lost else JobState.RUNNING
    await bot.until_job(job, lambda found: found.state is open_state, str(open_state))
    for body, headers, status in forgeries(task.id, other.task_id):
        before = await bot.job(job)
        assert await bot.call(address, body, **headers) == status
        seen = await bot.until_looked(before)
        assert (seen.state, seen.outcome) == (open_state, None), body
        assert seen.task_id == (None if lost else task.id)
    before = await bot.job(job)
    assert await bot.call(address[:-3] + "xyz", told(task.id), **signed(task.id)) == 404
    assert await bot.call(f"{bot.url}/kie/callback/nobody/nothing", told(task.id), **signed(task.id)) == 404
    assert await bot.call(address, told(task.id, "fail"), **signed(task.id)) == 200
    running = await bot.until_looked(before)
    assert (running.state, running.task_id) == (JobState.RUNNING, task.id)
    bot.kie.faults.clear()
    ended = await bot.until_ended(job)
    assert isinstance(ended.outcome, Video)
    await bot.check(ended, prompt)


def forgeries(task_id: str, others: str) -> list[tuple[bytes | dict[str, Any], dict[str, str], int]]:
    """Calls to a job's own address, and how each is answered: what no key of KIE's has signed is refused."""
    an_hour_ago = time.time() - 3600
    return [
        (told(task_id), {}, 401),
        (told(task_id), signed(task_id, key="a-key-of-somebody-else"), 401),
        (told(task_id), signed(others), 401),
        (told(task_id), {**signed(task_id), "X-Webhook-Timestamp": "1"}, 401),
        # genuine calls about somebody else's task
        (told(others), signed(others), 200),
        (told(others, "fail"), signed(others, at=an_hour_ago), 200),
        (told("no-such-task"), signed("no-such-task"), 200),
        (b"not JSON", signed(task_id), 401),
        (b"[" * 100_000, signed(task_id), 401),
    ]


async def ended_before(bot: CalledBot, prompt: str) -> Job:
    job = await bot.order(prompt)
    ended = await bot.until_ended(job)
    await bot.check(ended, prompt)
    return ended


async def test_a_call_replayed_after_the_end_changes_nothing(bot: CalledBot) -> None:
    prompt = "replayed"
    ended = await ended_before(bot, prompt)
    await bot.until(lambda: bot.callbacks == ONCE, "the call itself")
    address, task_id = bot.bodies(prompt)[0]["callBackUrl"], ended.task_id
    assert task_id
    for state in ("success", "fail", "success"):
        assert await bot.call(address, told(task_id, state), **signed(task_id)) == 200
    lease = ended.lease
    await ended_before(bot, "one more after the replays")
    assert (after := await bot.job(ended)) == ended, after
    assert after.lease == lease
