"""What must hold at each COMMIT and whenever KIE is asked to make something: looked at in that very moment."""

from __future__ import annotations

from dataclasses import dataclass

from support.sim_fate import Fate

from bot.store import Tx, backup, provider

UNDER_WAY = "SELECT COUNT(*) FROM jobs WHERE state IN ('submitting', 'running')"


@dataclass
class Guard:
    """Asks the database in its own words, not by the product's queries. `closed` holds, while nothing may be sent, the
    jobs whose submission was committed before."""

    fate: Fate
    cut_off: set[str]  # prompts whose submission another worker has given up, though it may still be sent
    unknown: set[str]  # jobs of which a restored backup cannot know whether they were sent
    max_running: int
    max_running_per_user: int
    closed: frozenset[str] | None = None

    def opened(self, tx: Tx) -> None:
        """A process began: what others had begun to send is never sent again."""
        self.closed = frozenset() if self._shut(tx) else None

    def committed(self, tx: Tx) -> None:
        if not self._shut(tx):
            self.closed = None
        elif self.closed is None:
            self.closed = frozenset(
                row["id"] for row in tx.all("SELECT id FROM jobs WHERE state = 'submitting'")
            )

    def _shut(self, tx: Tx) -> str | None:
        if tx.value("SELECT 1 FROM meta WHERE key = ?", backup.PAUSED):
            return "paused"
        now = self.fate.clock.now()
        return next((f"gate {gate.code}" for gate in provider.gates(tx) if gate.shut(now)), None)

    def asked(self, tx: Tx, prompt: str) -> None:
        """KIE is asked to make this."""
        job = tx.one(
            "SELECT id, user_id, state FROM jobs WHERE json_extract(request, '$.prompt') = ?", prompt
        )
        if job and job["id"] in self.unknown:
            self.fate.accuse(
                f"{job['id']} was sent, though it may have been before the restored backup was made"
            )
        if prompt in self.cut_off:
            return
        if job is None or job["state"] != "submitting":
            self.fate.accuse(f"{prompt} was sent without being written down first")
            return
        shut = self._shut(tx)
        if shut and self.closed is not None and job["id"] not in self.closed:
            self.fate.accuse(f"{job['id']} was sent while nothing may be: {shut}")
        if (number := tx.value(UNDER_WAY)) > self.max_running:
            self.fate.accuse(f"{number} run, {self.max_running} may")
        if (number := tx.value(f"{UNDER_WAY} AND user_id = ?", job["user_id"])) > self.max_running_per_user:
            self.fate.accuse(f"{number} of one user's run, {self.max_running_per_user} may")
