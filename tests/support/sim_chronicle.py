"""What the simulation sees of each job and member at each COMMIT, by a clock that nobody sets."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from support.clock import FakeClock

from bot.domain import JobState
from bot.store import Tx

STATES = tuple(JobState)


@dataclass
class Chronicle:
    """`times` are seconds that really passed until a job was first seen in a state. `numbers` are all the user numbers
    that a member ever had; `erased` tells of each job of a forgotten member how many attempts to deliver stood then."""

    clock: FakeClock
    prompts: dict[str, str] = field(default_factory=dict)
    times: defaultdict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    numbers: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    erased: dict[str, int] = field(default_factory=dict)
    _forgotten: set[int] = field(default_factory=set)

    def committed(self, tx: Tx) -> None:
        now = self.clock.monotonic()
        for row in tx.all("SELECT id, state FROM jobs"):
            if row["id"] not in self.prompts:
                self.prompts[row["id"]] = tx.value(
                    "SELECT json_extract(request, '$.prompt') FROM jobs WHERE id = ?", row["id"]
                )
            self.times[row["id"]].setdefault(row["state"], now)
        for row in tx.all("SELECT external_id, user_id FROM identities WHERE platform = 'web'"):
            self.numbers[row["external_id"]].add(row["user_id"])
        for row in tx.all("SELECT id FROM users WHERE forgotten_at IS NOT NULL"):
            if row["id"] not in self._forgotten:
                self._forgotten.add(row["id"])
                self._erase(tx, row["id"])

    def _erase(self, tx: Tx, user_id: int) -> None:
        rows = tx.all(
            "SELECT j.id, COUNT(d.number) AS attempts FROM jobs j LEFT JOIN deliveries d ON d.job_id = j.id"
            " WHERE j.user_id = ? GROUP BY j.id",
            user_id,
        )
        self.erased.update({row["id"]: row["attempts"] for row in rows})

    def restored(self, tx: Tx) -> None:
        """A backup took the database's place: what was seen after it was made has not been."""
        states = {
            row["id"]: list(STATES[: STATES.index(row["state"]) + 1])
            for row in tx.all("SELECT id, state FROM jobs")
        }
        users = {row["id"] for row in tx.all("SELECT id FROM users")}
        for job_id, times in list(self.times.items()):
            kept = {state: at for state, at in times.items() if state in states.get(job_id, ())}
            self.times[job_id] = kept
        for who in self.numbers:
            self.numbers[who] &= users
        self.erased = {job_id: number for job_id, number in self.erased.items() if job_id in states}

    def between(self, job_id: str, first: str, last: str) -> float:
        """Seconds that really passed from one state to the other; states may be skipped."""
        times = self.times[job_id]
        return times[last] - times[first]
