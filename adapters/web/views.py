"""Domain values as the page's JSON: everything a person reads is already in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from bot import wording
from bot.domain import Balance, Failure, Job, JobState, ModelState, Progress, Request, Video, price_in_credits
from bot.studio import ModelView, Quoted, Unavailable
from bot.texts import in_credits, say

Json = dict[str, Any]

_STATES = {
    ModelState.ACTIVE: "web.state_active",
    ModelState.PAUSED: "web.state_paused",
    ModelState.RETIRED: "web.state_retired",
}
_ENTRIES = {
    "hold": "web.entry_hold",
    "settle": "web.entry_settle",
    "refund": "web.entry_refund",
    "welcome": "web.entry_welcome",
    "topup": "web.entry_topup",
}


def balance(value: Balance, language: str) -> Json:
    held = say("web.set_aside", language, price=in_credits(value.held, language)) if value.held else ""
    return {
        "available": value.available,
        "held": value.held,
        "text": in_credits(value.available, language),
        "held_text": held,
    }


def model(view: ModelView, markup: Decimal, language: str) -> Json:
    options = asdict(view.options)
    options["sizes"] = [size["word"] for size in options["sizes"]]
    price = None if view.price_from is None else price_in_credits(view.price_from, markup)
    return {
        "id": view.id,
        # Variants of one model (`Kling 2.6 (text)`, `(image)`) are one choice; which is meant follows from the request.
        "name": view.plain_name,
        "family": view.family,
        "kind": view.kind,
        "tier": view.tier,
        "state": view.status.state,
        "state_text": say(_STATES[view.status.state], language),
        "since": view.status.since,
        "reason": view.status.reason,
        "sold": view.sold,
        "price": None if price is None else _price_from(price, view.unit, language),
        "options": options,
    }


def _price_from(price: int, unit: str, language: str) -> str:
    key = "web.from_second" if "second" in unit else "web.from_video"
    return say(key, language, price=in_credits(price, language))


def request(value: Request) -> Json:
    """A request as the page sends it, so that it can be changed and sent again."""
    frames = [(value.first, "first"), (value.last, "last")]
    pictures = [*frames, *((each, "reference") for each in value.references)]
    return {
        "model": value.model,
        "prompt": value.prompt,
        "pictures": [
            {"sha256": each.sha256, "role": role, "width": each.width, "height": each.height}
            for each, role in pictures
            if each
        ],
        "shots": [
            {"text": shot.text, "seconds": None if shot.seconds is None else float(shot.seconds)}
            for shot in value.shots
        ],
        "video_url": value.video_url,
        "aspect": value.aspect,
        "seconds": value.seconds,
        "quality": value.quality,
        "sound": value.sound,
        "remove_watermark": value.remove_watermark,
        "seed": value.seed,
        "negative_prompt": value.negative_prompt,
    }


def quoted(value: Quoted, name: str, language: str) -> Json:
    draft = value.draft
    lines = wording.describe(draft.quote, name, after=value.after, usual=value.usual, language=language)
    return {
        "kind": "quote",
        "id": draft.id,
        "key": draft.key,
        "model": draft.quote.model,
        "name": name,
        "price": in_credits(draft.price, language),
        "credits": draft.price,
        "confirm": wording.confirm_label(draft.price, language),
        "lines": lines,
        "summary": wording.in_short(draft.quote, language),
        "notes": list(draft.quote.notes),
        "changes": list(value.changes),
        "privacy": say("chat.privacy", language) if value.tell_privacy else None,
        "too_poor": value.after < 0,
        "request": request(draft.request),
        "created_at": draft.created_at,
        "job": draft.job_id,
    }


def unavailable(value: Unavailable, names: Sequence[str], asked: Request, key: str, language: str) -> Json:
    """A model that is not active, and what is offered in its place. `names` are those of the offers' models."""
    status = value.status
    title = "web.unavailable_paused" if status.state is ModelState.PAUSED else "web.unavailable_retired"
    told = status.since is None or status.since in status.reason
    since = "" if told else say("web.since", language, date=status.since)
    return {
        "kind": "unavailable",
        "key": key,
        "title": say(title, language, model=value.name),
        "reason": " ".join(part for part in (status.reason, since) if part),
        "lead": say("web.offers" if value.offers else "web.no_offers", language),
        "offers": [quoted(each, name, language) for each, name in zip(value.offers, names, strict=True)],
        "privacy": say("chat.privacy", language) if any(each.tell_privacy for each in value.offers) else None,
        "request": request(asked),
    }


def job(value: Job, name: str, progress: Progress | None, video: Video | None, language: str) -> Json:
    """`progress` of a job without an outcome yet; `video` if there is one, be it a gift."""
    ended = value.outcome is not None
    return {
        "id": value.id,
        "key": value.key,
        "state": "ended" if ended else value.state,
        "created_at": value.created_at,
        "request": request(value.request),
        "model": value.model,
        "name": name,
        "price": in_credits(value.price, language),
        "progress": _progress(value, progress, language) if progress and not ended else None,
        "video": _video(value, video, name, language) if video else None,
        "failure": _failure(value, language),
        "gone": say("chat.removed", language) if ended and value.removed else None,
        "status": _status(value, progress, video, language),
        "receipt_line": wording.receipt_line(value, name, language),
        "receipt": wording.receipt(value, name, language) if ended else [],
    }


def _status(value: Job, progress: Progress | None, video: Video | None, language: str) -> str:
    if value.outcome is None:
        return wording.state_words(progress, language) if progress else ""
    if isinstance(value.outcome, Video):
        return say("chat.ready", language)
    return say("chat.gift" if video else "chat.failed", language)


def _progress(value: Job, progress: Progress, language: str) -> Json:
    return {
        "words": wording.state_words(progress, language),
        "waiting": wording.waiting_words(progress, language),
        "usual": wording.usual_wait(progress.usual, language) if progress.usual else "",
        "since": value.submitted_at or value.created_at,
        "slow": say("chat.slow", language) if value.patience_told else None,
        "can_cancel": value.state is JobState.QUEUED,
    }


def _video(value: Job, video: Video, name: str, language: str) -> Json:
    address = f"/v/{value.id}/{value.video_token}"
    return {
        "url": address,
        "poster": f"{address}?thumbnail" if video.thumbnail else None,
        "download": f"{address}?download",
        "width": video.width,
        "height": video.height,
        "label": wording.described(value, name, language),
    }


def _failure(value: Job, language: str) -> Json | None:
    if not isinstance(value.outcome, Failure):
        return None
    return {
        "reason": value.outcome.kind,
        "text": wording.failure_text(value, language),
        "quote": wording.failure_quote(value, language),
    }


def entry(at: int, amount: int, incoming: bool, reference: str, reason: str, language: str) -> Json:
    """A transfer as its owner sees it. `reference` tells what it was for (`hold:<job>`)."""
    kind, _, subject = reference.partition(":")
    sentence = _ENTRIES.get(kind, "web.entry_grant")
    return {
        "at": at,
        "text": say(sentence, language, job=subject, reason=reason),
        "amount": ("+" if incoming else "−") + in_credits(amount, language),
    }
