"""The climates of simulated lives: which troubles there are, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Climate:
    """How often each trouble happens, as probabilities; `callbacks` tells whether KIE can call us. `frozen`: there is a
    second worker, and one that is about to submit or to deliver may freeze for longer than its lease lives. `away`: KIE
    cannot be asked for hours or days. `jumps`: the machine's clock is set, or the machine sleeps. `restored`: after a
    life the operator puts back a backup that was made in the middle of it."""

    lost_answer: float = 0.0
    refused: float = 0.0
    busy: float = 0.0
    fails: float = 0.0
    empty: float = 0.0
    never: float = 0.0
    late: float = 0.0
    flicker: float = 0.0
    unfetchable: float = 0.0
    dry: float = 0.0
    withdrawn: float = 0.0
    forged: float = 0.0
    chat_later: float = 0.0
    chat_closed: float = 0.0
    chat_unsure: float = 0.0
    chat_blind: float = 0.0
    too_large: float = 0.0
    busy_database: float = 0.0
    full_disk: float = 0.0
    away: float = 0.0
    jumps: float = 0.0
    restored: float = 0.0
    slow: float = 0.03
    frozen: float = 0.0
    callbacks: bool = True
    public: bool = True


CLIMATES: Mapping[str, Climate] = {
    "calm": Climate(),
    "lossy": Climate(lost_answer=0.3, flicker=0.2, chat_unsure=0.2, chat_later=0.2),
    "lying": Climate(lost_answer=0.2, forged=0.6, flicker=0.4, empty=0.1, fails=0.1, unfetchable=0.3),
    "slow": Climate(late=0.5, never=0.1, unfetchable=0.2, chat_later=0.3),
    "poor": Climate(dry=0.1, busy=0.2, refused=0.1, flicker=0.1, full_disk=0.02),
    "closing": Climate(withdrawn=0.05, refused=0.2, chat_closed=0.3, too_large=0.3),
    "blind": Climate(chat_unsure=0.4, chat_blind=0.7, chat_closed=0.1, lost_answer=0.1),
    "silent": Climate(callbacks=False, public=False, lost_answer=0.2, flicker=0.3),
    "away": Climate(away=0.01, late=0.2, flicker=0.1, unfetchable=0.1, chat_later=0.1, lost_answer=0.1),
    "jumping": Climate(
        jumps=0.02, late=0.3, never=0.05, lost_answer=0.1, flicker=0.1, dry=0.03, chat_later=0.2, chat_unsure=0.1,
        chat_blind=0.1,
    ),
    "restored": Climate(
        restored=0.4, lost_answer=0.15, late=0.2, fails=0.05, flicker=0.1, chat_later=0.3, chat_unsure=0.1,
    ),
    "frozen": Climate(callbacks=False, public=False, frozen=0.3, slow=0.0, late=0.3),
    "all at once": Climate(
        lost_answer=0.1, refused=0.05, busy=0.1, fails=0.1, empty=0.05, never=0.03, late=0.1, flicker=0.1,
        unfetchable=0.1, dry=0.03, withdrawn=0.01, forged=0.2, chat_later=0.1, chat_closed=0.05,
        chat_unsure=0.1, chat_blind=0.3, too_large=0.1, busy_database=0.03, full_disk=0.01, away=0.001, jumps=0.002,
    ),
}  # fmt: skip
