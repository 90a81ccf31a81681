"""Which transfers there are: source, target, amount, and the reference that lets each happen only once.

Accounts: `user:<id>`, `pool:<community>`, `job:<id>`, `house`, `issuance` (where granted credits come from),
`operator` (the operator's own use). Payers are users and pools; the other sides may go below zero.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUSE = "house"
ISSUANCE = "issuance"
OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement of `amount` credits; never changed, never deleted."""

    source: str
    target: str
    amount: int
    reference: str
    reason: str = ""


def user_account(user_id: int) -> str:
    return f"user:{user_id}"


def job_account(job: str) -> str:
    return f"job:{job}"


def is_payer(account: str) -> bool:
    """Whether the account has a balance that may not go below zero."""
    return account.startswith(("user:", "pool:"))


def is_job(account: str) -> bool:
    return account.startswith("job:")


def hold(job: str, payer: str, price: int) -> Transfer:
    return Transfer(payer, job_account(job), price, f"hold:{job}")


def settle(job: str, payer: str, price: int, earned: bool) -> Transfer:
    """The end of a hold, once: on to the house for a video, back to the payer for a failure."""
    return Transfer(job_account(job), HOUSE if earned else payer, price, f"settle:{job}")


def refund(job: str, payer: str, price: int, reason: str) -> Transfer:
    """Credits of a settled video given back, once."""
    return Transfer(HOUSE, payer, price, f"refund:{job}", reason)


def grant(account: str, amount: int, reference: str, reason: str) -> Transfer:
    """Credits made (or, with a negative amount, taken back) by the operator."""
    if amount < 0:
        return Transfer(account, ISSUANCE, -amount, reference, reason)
    return Transfer(ISSUANCE, account, amount, reference, reason)


def welcome_reference(user_id: int) -> str:
    return f"welcome:{user_id}"


def welcome(user_id: int, amount: int) -> Transfer:
    return Transfer(ISSUANCE, user_account(user_id), amount, welcome_reference(user_id), "welcome")


def top_up(job: str, payer: str, missing: int) -> Transfer:
    """What an operator's own order lacks."""
    return Transfer(OPERATOR, payer, missing, f"topup:{job}", "operator's own use")
