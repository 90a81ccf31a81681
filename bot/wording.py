"""Quotes, progress, receipts and failures in words: the same in every chat. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from bot.domain import Failure, FailureKind, Job, JobState, Progress, Quote, Video
from bot.texts import DEFAULT_LANGUAGE, duration, in_credits, say, sentences

# Where the failure's text is KIE's own and of use to the member; the others are ours or the operator's affair.
_QUOTED = frozenset({FailureKind.POLICY, FailureKind.INPUT, FailureKind.BUSY, FailureKind.PROVIDER})
# what `Progress.waiting_for` says while KIE has the video and we do not
FETCHING = "progress.fetching"
_ASKED_MAX = 300
_KIE_TEXT_MAX = 600
_IN_SHORT = {
    FailureKind.POLICY: "chat.short_policy",
    FailureKind.INPUT: "chat.short_input",
    FailureKind.BUSY: "chat.short_busy",
    FailureKind.PROVIDER: "chat.short_provider",
    FailureKind.ACCOUNT: "chat.short_account",
    FailureKind.LOST: "chat.short_lost",
    FailureKind.CANCELLED: "chat.short_cancelled",
    FailureKind.UNFETCHABLE: "chat.short_unfetchable",
    FailureKind.EXPIRED: "chat.short_expired",
}
_ENTRIES = {
    "hold": "info.entry_hold",
    "settle": "info.entry_settle",
    "refund": "info.entry_refund",
    "welcome": "info.entry_welcome",
    "topup": "info.entry_topup",
}


# --- measures ----------------------------------------------------------------------------------------------------


def units(text: str) -> int:
    """The length of a text in UTF-16 units, as chats count it (telegram.md 3)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, most: int) -> str:
    """The text, or as much of it as `most` UTF-16 units hold, with an ellipsis."""
    if units(text) <= most:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: (most - 1) * 2].decode("utf-16-le", "ignore")
    return kept.rstrip() + "…"


def file_size(size: int) -> str:
    """`83 MB`, `4.2 MB`; `size` is in bytes, 10^6 a megabyte."""
    megabytes = size / 1_000_000
    return f"{max(megabytes, 0.1):.1f} MB" if megabytes < 10 else f"{megabytes:.0f} MB"


def resolution(video: Video) -> str:
    """`4K`, `1080p`: what people call a picture of this size."""
    short = min(video.width, video.height)
    return "4K" if short >= 2160 else f"{short}p"


def days(n: int, language: str = DEFAULT_LANGUAGE) -> str:
    """`1 day`, `14 days`."""
    return say("info.day" if n == 1 else "info.days", language, n=n)


def date(at: int) -> str:
    """`2026-05-03`, in UTC; `at` is in Unix milliseconds."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")


def moment(at: int) -> str:
    """`2026-05-03 14:20`, in UTC; `at` is in Unix milliseconds."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")


# --- quotes ------------------------------------------------------------------------------------------------------


def describe(
    quote: Quote,
    model_name: str,
    *,
    after: int | None = None,
    usual: tuple[float, float] | None = None,
    language: str = DEFAULT_LANGUAGE,
) -> list[tuple[str, str]]:
    """A quote's card, line by line, as label and value; what the model leaves open is left out.

    `after` is the balance once it is paid, in credits (below zero: what is missing); `usual` is in seconds.
    """
    lines = {
        "chat.label_model": model_name,
        **_choices(quote, language),
        "chat.label_price": in_credits(quote.credits, language),
        "chat.label_after": "" if after is None else _after(after, language),
        "chat.label_wait": "" if usual is None else wait(usual, language),
    }
    return [(say(label, language), value) for label, value in lines.items() if value]


def in_short(quote: Quote, language: str = DEFAULT_LANGUAGE) -> str:
    """The choices in force on one line: `8 s · landscape 16:9 · 720p · with sound`."""
    return " · ".join(value for value in _choices(quote, language).values() if value)


def _choices(quote: Quote, language: str) -> dict[str, str]:
    sound = {True: "chat.sound_on", False: "chat.sound_off", None: ""}[quote.sound]
    return {
        "chat.label_length": say("words.seconds", language, n=quote.seconds) if quote.seconds else "",
        "chat.label_shape": shape(quote.aspect, language) if quote.aspect else "",
        "chat.label_size": quote.quality or "",
        "chat.label_sound": say(sound, language) if sound else "",
    }


def _after(after: int, language: str) -> str:
    if after < 0:
        return say("chat.after_short", language, missing=in_credits(-after, language))
    return in_credits(after, language)


def shape(aspect: str, language: str = DEFAULT_LANGUAGE) -> str:
    """`landscape 16:9`; what is no ratio stays as it is."""
    width, colon, height = aspect.partition(":")
    if not (colon and width.isdigit() and height.isdigit()):
        return aspect
    turned = (int(width) > int(height)) - (int(width) < int(height))
    word = {1: "chat.landscape", 0: "chat.square", -1: "chat.portrait"}[turned]
    return say(word, language, ratio=aspect)


def confirm_label(price: int, language: str = DEFAULT_LANGUAGE) -> str:
    """The button that orders; its beginning is fixed by contract.md."""
    return say("chat.confirm", language, price=in_credits(price, language))


# --- under way ---------------------------------------------------------------------------------------------------


def wait(usual: tuple[float, float], language: str = DEFAULT_LANGUAGE) -> str:
    """`2 to 4 min`, `40 s`; `usual` is in seconds."""
    low, high = usual
    if low < 90 <= high:
        # `1 to 2 min` reads better than `72 s to 2 min`.
        first = say("words.minutes", language, n=max(1, round(low / 60)))
    else:
        first = duration(low, language)
    last = duration(high, language)
    if first == last:
        return last
    number, _, unit = first.partition(" ")
    first = number if unit == last.partition(" ")[2] else first
    return say("chat.between", language, first=first, last=last)


def usual_wait(usual: tuple[float, float], language: str = DEFAULT_LANGUAGE) -> str:
    """`usually 2 to 4 min`; `usual` is in seconds."""
    return say("chat.usually", language, time=wait(usual, language))


def state_words(progress: Progress, language: str = DEFAULT_LANGUAGE) -> str:
    """The state of a job that has not ended, with its place in the queue."""
    if progress.state is JobState.QUEUED and progress.place is not None:
        key = "chat.queued_next" if progress.place <= 1 else "chat.queued_place"
        return say(key, language, place=progress.place)
    if progress.state in (JobState.SETTLED, JobState.DELIVERED):
        return say("chat.arriving", language)
    if progress.waiting_for == FETCHING:
        return say("chat.fetching", language)
    return say(f"chat.{progress.state}", language)


def waiting_words(progress: Progress, language: str = DEFAULT_LANGUAGE) -> str | None:
    """Why something outside holds the job up, if it does."""
    why = progress.waiting_for
    return say(why, language) if why and why in sentences() else why


def progress_line(progress: Progress, language: str = DEFAULT_LANGUAGE) -> str:
    """`KIE is making the video · 40 s so far · usually 2 to 4 min`; never a percentage."""
    parts = [state_words(progress, language)]
    waiting = waiting_words(progress, language)
    if waiting:
        return " · ".join([*parts, waiting])
    return " · ".join([*parts, time_line(progress, language)])


def time_line(progress: Progress, language: str = DEFAULT_LANGUAGE) -> str:
    """`40 s so far · usually 2 to 4 min`."""
    parts = [say("chat.elapsed", language, time=duration(progress.elapsed, language))]
    if progress.usual:
        parts.append(usual_wait(progress.usual, language))
    return " · ".join(parts)


def cancel_text(job: Job, cancelled: bool, language: str = DEFAULT_LANGUAGE) -> str:
    """The honest answer to a cancel: free while queued, impossible later."""
    key = "chat.cancel_done" if cancelled else "chat.cancel_late"
    return say(key, language, price=in_credits(job.price, language))


# --- the end -----------------------------------------------------------------------------------------------------


def receipt_line(job: Job, model_name: str, language: str = DEFAULT_LANGUAGE) -> str:
    """The line under a video: that it is AI-generated, by which model, for how much."""
    key = "chat.caption"
    if isinstance(job.outcome, Failure):
        key = "chat.caption_gift"
    elif job.refunded:
        key = "chat.caption_refunded"
    return say(key, language, model=model_name, price=in_credits(job.price, language))


def described(job: Job, model_name: str, language: str = DEFAULT_LANGUAGE) -> str:
    """The description that goes with the attachment, for those who cannot see it."""
    words = asked(job)
    if not words:
        return say("chat.described_bare", language, model=model_name)
    return say("chat.described", language, prompt=words)


def asked(job: Job) -> str:
    """The words of the request, cut to a readable length; empty when there were none."""
    words = job.request.prompt.strip() or " ".join(shot.text for shot in job.request.shots)
    return cut(words, _ASKED_MAX)


def excerpt(job: Job, most: int) -> str:
    """The words of the request on one line of at most `most` UTF-16 units."""
    return cut(" ".join(asked(job).split()), most)


def failure_text(job: Job, language: str = DEFAULT_LANGUAGE) -> str:
    """Why there is no video and what was returned, in plain words. Empty for a job without a failure."""
    if not isinstance(job.outcome, Failure):
        return ""
    why = say(f"chat.failure_{job.outcome.kind}", language)
    key = "chat.returned_one" if job.price == 1 else "chat.returned"
    return f"{why} {say(key, language, price=in_credits(job.price, language))}"


def failure_in_short(job: Job, language: str = DEFAULT_LANGUAGE) -> str:
    """`declined by the model, 45 credits returned`: for everybody's eyes. Empty for a job without a failure."""
    if not isinstance(job.outcome, Failure):
        return ""
    why = say(_IN_SHORT[job.outcome.kind], language)
    return say("chat.short", language, why=why, price=in_credits(job.price, language))


def kie_text(job: Job) -> str | None:
    """KIE's own text, where it helps the member."""
    failure = job.outcome
    if not isinstance(failure, Failure) or failure.kind not in _QUOTED or not failure.text.strip():
        return None
    return cut(failure.text.strip(), _KIE_TEXT_MAX)


def failure_quote(job: Job, language: str = DEFAULT_LANGUAGE) -> str | None:
    """KIE's own text, quoted, where it helps the member."""
    text = kie_text(job)
    return say("chat.said", language, text=text) if text else None


def receipt(job: Job, model_name: str, language: str = DEFAULT_LANGUAGE) -> list[str]:
    """What was asked, charged and returned, and why, line by line."""
    words = asked(job)
    price = in_credits(job.price, language)
    lines = [say("chat.receipt_job", language, job=job.id)]
    if words:
        lines.append(say("chat.receipt_asked", language, prompt=words))
    lines.append(say("chat.receipt_model", language, model=model_name))
    if isinstance(job.outcome, Video):
        lines.append(_video_line(job.outcome, language))
    money = "chat.receipt_held" if job.outcome is None else "chat.receipt_charged"
    lines.append(say(money, language, price=price))
    if isinstance(job.outcome, Failure) or job.refunded:
        lines.append(say("chat.receipt_returned", language, price=price))
    if isinstance(job.outcome, Failure):
        why = say(f"chat.failure_{job.outcome.kind}", language)
        lines.append(say("chat.receipt_why", language, text=why))
        lines += filter(None, [failure_quote(job, language)])
    lines.append(say("chat.receipt_ordered", language, date=moment(job.created_at)))
    if isinstance(job.outcome, Video) and job.settled_at:
        time = duration((job.settled_at - job.created_at) / 1000, language)
        lines.append(say("chat.receipt_took", language, time=time))
    return lines


def _video_line(video: Video, language: str) -> str:
    return say(
        "chat.receipt_video",
        language,
        seconds=_number(video.seconds),
        width=video.width,
        height=video.height,
        sound=say("chat.sound_on" if video.sound else "chat.sound_off", language),
    )


def _number(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.1')).normalize():f}"


# --- credits -----------------------------------------------------------------------------------------------------


def entry(amount: int, incoming: bool, reference: str, reason: str, language: str = DEFAULT_LANGUAGE) -> str:
    """A transfer as its owner sees it: `−30 credits · for video ABC`. `reference` tells what it was for (`hold:<job>`)."""
    kind, _, subject = reference.partition(":")
    granted = "info.entry_grant" if incoming else "info.entry_taken"
    what = say(_ENTRIES.get(kind, granted), language, job=subject, reason=cut(reason, 80))
    sign = "+" if incoming else "−"
    return f"{sign}{in_credits(amount, language)} · {what}"
