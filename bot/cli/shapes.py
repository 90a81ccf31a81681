"""Domain values as the JSON of the commands (contract.md, `kiebot`). Times are Unix milliseconds, UTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain import Balance, Event, Failure, Job, ModelState, Outcome, Quote
from bot.store.money import Entry
from bot.studio import ModelView, Quoted

Json = dict[str, Any]


def balance(who: object, value: Balance) -> Json:
    return {
        "account": value.account,
        "who": str(who),
        "available": value.available,
        "held": value.held,
    }


def entry(account: str, value: Entry) -> Json:
    """A transfer as one account sees it: `amount` is below zero when credits left."""
    move = value.transfer
    return {
        "at": value.at,
        "amount": move.amount if move.target == account else -move.amount,
        "source": move.source,
        "target": move.target,
        "reference": move.reference,
        "reason": move.reason,
    }


def job(value: Job, videos: Path) -> Json:
    return {
        "id": value.id,
        "state": value.state,
        "user": str(value.user),
        "payer": value.payer,
        "model": value.model,
        "prompt": value.request.prompt,
        "price": value.price,
        "kie_credits": value.kie_credits,
        "kie_cost": value.kie_cost,
        "task_id": value.task_id,
        "outcome": outcome(value, videos),
        "refunded": value.refunded,
        "delivered_to": value.delivered_to,
        "created_at": value.created_at,
        "submitted_at": value.submitted_at,
        "settled_at": value.settled_at,
        "ended_at": value.ended_at,
    }


def outcome(value: Job, videos: Path) -> Json | None:
    ended: Outcome | None = value.outcome
    if ended is None:
        return None
    if isinstance(ended, Failure):
        return {"kind": "failure", "reason": ended.kind, "text": ended.text}
    return {
        "kind": "video",
        "file": None if value.removed else str((videos / ended.file).absolute()),
        "size": ended.size,
        "width": ended.width,
        "height": ended.height,
        "seconds": ended.seconds,
        "sound": ended.sound,
    }


def whole_job(value: Job, events: Sequence[Event], videos: Path) -> Json:
    """A job with all that is known of it."""
    return {
        **job(value, videos),
        "request": value.request.to_json(),
        "kie_model": value.kie_model,
        "input": dict(value.input),
        "events": [{"at": each.at, "kind": each.kind, "detail": dict(each.detail)} for each in events],
    }


def model(value: ModelView, markup: Decimal) -> Json:
    """`price_from` is in credits for each `unit`, exact: it is rounded up only once, for a whole request."""
    return {
        "id": value.id,
        "name": value.name,
        "family": value.family,
        "kind": value.kind,
        "tier": value.tier,
        "state": value.status.state,
        "since": value.status.since,
        "reason": value.status.reason,
        "stand_ins": list(value.stand_ins),
        "price_from": None if value.price_from is None else value.price_from * markup,
        "unit": value.unit,
        "offered": value.sold and value.status.state is ModelState.ACTIVE,
        "options": asdict(value.options),
    }


def quote(value: Quote, body: Mapping[str, Any]) -> Json:
    return {
        "model": value.model,
        "price": value.credits,
        "kie_credits": value.kie_credits,
        "rule": value.rule,
        "aspect": value.aspect,
        "seconds": value.seconds,
        "quality": value.quality,
        "sound": value.sound,
        "notes": list(value.notes),
        "body": dict(body),
    }


def offer(value: Quoted, command: str) -> Json:
    """`command` is what to type to order it."""
    return {
        "model": value.draft.quote.model,
        "price": value.draft.price,
        "changes": list(value.changes),
        "command": command,
    }
