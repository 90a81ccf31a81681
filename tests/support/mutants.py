"""`python -m support.mutants [NAME]`: take one safeguard away at a time, and see the named test catch it.

Each works in a copy of the tree. A mutant that its catcher does not notice ends the run with status 1.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("bot", "adapters", "tests", "bench", "pyproject.toml")


@dataclass(frozen=True)
class Change:
    """In `file`, `old` (which stands there exactly once) becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A safeguard taken away. `catcher` is the test that must fail then."""

    name: str
    promise: str
    catcher: str
    changes: Sequence[Change]


SUBMIT, DELIVER, WATCH = "bot/engine/submit.py", "bot/engine/deliver.py", "bot/engine/watch.py"
JOBS, SPINE = "bot/store/jobs.py", "bot/store/migrations/0001_spine.sql"
MONEY, QUOTES, DB = "bot/store/money.py", "bot/studio/quotes.py", "bot/store/db.py"

MUTANTS = [
    Mutant(
        "the SUBMITTING commit",
        "P2",
        "tests/engine/test_engine_crash.py::test_the_process_dies_at_each_write_and_the_job_still_ends_once[a video-before]",
        [
            Change(
                SUBMIT,
                "    sent = await _begin(",
                "    answer = await create(job.kie_model, body, callback)\n    sent = await _begin(",
            ),
            Change(SUBMIT, "    answer = await create(job.kie_model, body, callback)\n    kit.", "    kit."),
        ],
    ),
    Mutant(
        "the unique reference",
        "P3",
        "tests/money/test_money_ledger.py::test_the_same_reference_moves_credits_once",
        [
            Change(SPINE, "    CONSTRAINT transfers_reference UNIQUE (reference),\n", ""),
            Change(MONEY, '" ON CONFLICT (reference) DO NOTHING"', '""'),
        ],
    ),
    Mutant(
        "the lease number",
        "P1",
        "tests/engine/test_engine_queue.py::test_an_engine_whose_lease_was_taken_over_does_not_put_down_what_another_holds",
        [
            Change(
                JOBS,
                "UPDATE jobs SET lease = lease + 1, leased_until = ? WHERE",
                "UPDATE jobs SET leased_until = ? WHERE",
            ),
        ],
    ),
    Mutant(
        "FULL",
        "P1",
        "tests/crash/test_crash_machine.py::test_what_is_committed_is_on_the_disk_before_anybody_is_answered",
        [
            Change(
                DB,
                'connection.execute("PRAGMA synchronous = FULL")',
                'connection.execute("PRAGMA synchronous = NORMAL")',
            )
        ],
    ),
    Mutant(
        "the delivery row",
        "P8",
        "tests/engine/test_engine_deliver.py::test_a_crash_between_sending_and_writing_down_makes_no_second_message_where_the_chat_can_tell",
        [
            Change(
                DELIVER,
                "    number = await kit.store.write(lambda tx: deliveries.begin(tx, job, route, now))\n"
                "    if number is None:\n        raise LeaseLost(job.id)\n"
                "    delivery = _delivery(kit, job, route, number)\n",
                "    number = 1\n    delivery = _delivery(kit, job, route, number)\n",
            )
        ],
    ),
    Mutant(
        "the grace",
        "P9",
        "tests/engine/test_engine_watch.py::test_a_task_that_kie_does_not_know_yet_is_no_failure",
        [
            Change(WATCH, "        case Open() | Missing():\n", "        case Missing():\n"
                   '            await kit.fail(job, Failure(FailureKind.PROVIDER, "unknown"))\n'
                   "        case Open():\n"),
        ],
    ),
    Mutant(
        "the file before the settlement",
        "P3",
        "tests/engine/test_engine_watch.py::test_a_file_that_cannot_be_had_is_refunded_and_leaves_no_rest",
        [
            Change(
                WATCH,
                '        video = await fetch(kit, answer.urls, f"{job.id}.mp4")\n',
                '        video = Video(f"{job.id}.mp4", 1, 16, 9, answer.cost or type(job.kie_credits)(1), False)\n',
            )
        ],
    ),
    Mutant(
        "the draft key",
        "P2",
        "tests/studio/test_studio_quotes.py::test_the_same_message_twice_gives_the_same_draft",
        [
            Change(SPINE, "    CONSTRAINT drafts_key UNIQUE (key, n)\n", "    CHECK (n >= 0)\n"),
            Change(
                QUOTES,
                "        known = {draft.n: draft for draft in drafts.by_key(tx, ask.key)}\n",
                "        known: dict[int, Draft] = {}\n",
            ),
        ],
    ),
    Mutant(
        "the nonce",
        "P8",
        "tests/discord/test_discord_delivery.py::test_a_second_attempt_within_minutes_gives_the_first_message",
        [
            Change(
                "adapters/discord/delivery.py",
                "replace(post, nonce=nonce(delivery)))",
                "replace(post, nonce=new_id()))",
            )
        ],
    ),
]  # fmt: skip


def caught(mutant: Mutant) -> bool:
    """Whether its catcher fails in a tree without the safeguard. Raises ValueError when the code has moved on."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        for each in COPIED:
            copy(ROOT / each, tree / each)
        for change in mutant.changes:
            file = tree / change.file
            text = file.read_text("utf-8")
            if text.count(change.old) != 1:
                raise ValueError(f"{mutant.name}: {change.file} no longer says {change.old!r} once")
            file.write_text(text.replace(change.old, change.new), "utf-8")
        # the catcher must fail as a test, not for want of one
        return pytest_status(tree, mutant.catcher) == 1


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def pytest_status(tree: Path, *tests: str) -> int:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if run.returncode != 1:
        print(run.stdout[-2000:], run.stderr[-2000:], file=sys.stderr)
    return run.returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("name", nargs="*", help="only those whose name holds this")
    wanted = parser.parse_args().name
    status = 0
    for mutant in MUTANTS:
        if wanted and not any(word in mutant.name for word in wanted):
            continue
        good = caught(mutant)
        status |= not good
        print(
            f"{'caught ' if good else 'MISSED '} {mutant.promise:4} without {mutant.name}: {mutant.catcher}",
            flush=True,
        )
    return status


if __name__ == "__main__":
    sys.exit(main())
