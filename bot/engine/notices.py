"""Telling the operators: at once where they can be reached, else again and again; many of a kind in one message."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain import Button, UserRef
from bot.engine import rules
from bot.errors import KiebotError, RetryLater
from bot.store import Tx, notices, people
from bot.store.notices import Due
from bot.texts import say

if TYPE_CHECKING:
    from bot.engine.kit import Kit

log = logging.getLogger(__name__)

PAUSE_MS = 3_600_000  # of one kind, once in so long
TRIES = 30  # with these pauses about a day
AT_ONCE = 20
NAMED = 20

_MORE = {
    "gift": "notice.more_gift",
    "kept": "notice.more_kept",
    "lost": "notice.more_lost",
    "no-result": "notice.more_no_result",
    "orphan": "notice.more_orphan",
    "report": "notice.more_report",
    "unasked": "notice.more_unasked",
    "unfetchable": "notice.more_unfetchable",
}


@dataclass(frozen=True, slots=True)
class Note:
    """What operators are to be told of a step, kept by the very transaction that makes it: a process that dies right
    after it leaves the telling to the next."""

    kind: str
    text: str

    def keep(self, tx: Tx, now: int) -> Due | None:
        log.warning("notice (%s): %s", self.kind, self.text)
        return notices.put(tx, self.kind, self.text, (), now, PAUSE_MS)


async def tell_kept(kit: Kit, due: Due | None) -> None:
    """What a step's transaction kept, at once if that may be; else `tell_again` does."""
    try:
        if due:
            await _try(kit, due)
    except RetryLater as error:
        log.warning("the operators could not be told: %s", error)


async def tell(
    kit: Kit, kind: str, text: str, pause_ms: int, ends: str | None, buttons: Sequence[Button]
) -> None:
    """Keep the notice and tell it; what nobody could be told is left to `tell_again`."""
    now = kit.clock.now()

    def write(tx: Tx) -> Due | None:
        # what takes back something told is never one too many: else the last word would be the wrong one
        due = notices.put(tx, kind, text, buttons, now, 0 if ends and notices.stands(tx, ends) else pause_ms)
        if ends and due:
            notices.over(tx, ends)
        return due

    log.warning("notice (%s): %s", kind, text)
    try:
        if due := await kit.store.write(write):
            await _try(kit, due)
    except RetryLater as error:
        log.warning("the operators could not be told: %s", error)


async def tell_again(kit: Kit) -> None:
    """What could not be told yet, and the sum of what was too much to tell singly."""
    if not await kit.store.read(notices.waiting):
        return
    now = kit.clock.now()

    def write(tx: Tx) -> list[Due]:
        for name, subjects in notices.held(tx, now).items():
            notices.sum_up(tx, name, _sum(name, subjects), now)
        return notices.take(tx, now, AT_ONCE)

    for due in await kit.store.write(write):
        await _try(kit, due)


def _sum(name: str, subjects: Sequence[str]) -> str:
    about = ", ".join(subjects[:NAMED]) + (", …" if len(subjects) > NAMED else "")
    return say(_MORE.get(name, "notice.more"), n=len(subjects), family=name, about=about)


async def _try(kit: Kit, due: Due) -> None:
    reached = await _reach(kit, due)
    now = kit.clock.now()

    def write(tx: Tx) -> None:
        if reached:
            notices.told(tx, due, now)
        elif due.tries + 1 >= TRIES:
            log.warning("notice (%s) reached nobody and is given up", due.kind)
            notices.drop(tx, due)
        else:
            pause = rules.back_off(due.tries, first=15.0, most=rules.HOUR)
            notices.later(tx, due, now + int(pause * 1000))

    await kit.store.write(write)


async def _reach(kit: Kit, due: Due) -> bool:
    """Whether one operator at least has it now."""
    reached = False
    for who in await kit.store.read(lambda tx: _operators(kit, tx)):
        adapter = kit.adapters.get(who.platform)
        if adapter is None:
            continue
        try:
            reached = await adapter.tell(who.external_id, due.text, due.buttons) or reached
        except KiebotError as error:
            log.warning("the operator %s could not be told: %s", who, error)
        except Exception:
            log.warning("the operator %s could not be told", who, exc_info=True)
    return reached


def _operators(kit: Kit, tx: Tx) -> list[UserRef]:
    return list(dict.fromkeys([*kit.settings.operators, *people.operators(tx)]))
