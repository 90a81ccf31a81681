"""Which ways lead back to an asker, by what the job says of where it was asked; and what is noted on them. Pure, but for
the notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.discord.address import NOTES_LIVE_SECONDS, Address, Card, Place, Ticket, card_note, ticket_note
from bot.domain import NOTICE, Job, JobState
from bot.ports import Clock, Delivery, Memory
from bot.talk.base import action

# The asker's own token; a message of the bot's where it was asked; one to the asker alone; a line in public that it
# waits, without words or picture (discord.md 2).
TOKEN, CHANNEL, DM = "token", "channel", "dm"

NONCE_MOST = 25
NONCE_SECONDS = 120.0  # Discord says "a few minutes"


def address_of(job: Job) -> Address:
    """Where it was asked; a text of an unknown make leaves the direct messages."""
    try:
        return Address.parse(job.chat.address)
    except ValueError:
        return Address(int(job.user.external_id), 0, Place.ELSEWHERE, member=False)


def routes(job: Job) -> Sequence[str]:
    """Best first. What is private never goes where others read, not even when nothing else is left (product.md, P8)."""
    address = address_of(job)
    if address.place is Place.BOT_DM:
        return (TOKEN, CHANNEL)
    if not address.member:
        return (TOKEN, DM)
    return (TOKEN, DM, NOTICE) if is_private(job) else (TOKEN, CHANNEL, DM)


def is_private(job: Job) -> bool:
    """For the asker's eyes only. Their direct messages are that anyway."""
    address = address_of(job)
    return address.place is not Place.BOT_DM and (job.chat.private or address.hidden)


def in_sight(job: Job, ticket: Ticket | None = None) -> bool:
    """Whether others read along where it was asked, or what `ticket` writes to."""
    return address_of(job).place is not Place.BOT_DM and not (ticket and ticket.hidden)


def has_one_nonce(delivery: Delivery) -> bool:
    """Whether all attempts by the same route have the same nonce, so that Discord itself answers a second one with the
    first. What is sent later about a job (a gift, its video once more) has one for each attempt."""
    return not delivery.gift and delivery.job.state is not JobState.DELIVERED


def nonce(delivery: Delivery, more: str = "") -> str:
    """At most 25 characters (discord.md 2). `more` is for a second message about the same."""
    number = "" if has_one_nonce(delivery) else str(delivery.number)
    made = f"{delivery.job.id}{delivery.route[:1]}{more}{number}"
    assert len(made) <= NONCE_MOST, made
    return made


# --- knowing a message again -------------------------------------------------------------------------------------


def carries(message: Mapping[str, Any], delivery: Delivery) -> bool:
    """Whether this message, as Discord gives it, is what that delivery sends: by the buttons, which name the job."""
    job = delivery.job
    if str(message["id"]) == job.message_id:
        return False  # what was delivered before is sent again as another message
    marks: tuple[str, ...]
    if delivery.route == NOTICE:
        marks = (action("get", job.id), action("rcpt", job.id))
    elif delivery.video:
        marks = (action("del", job.id),)
    else:
        marks = (action("rcpt", job.id),)
    return any(
        each == mark or each.startswith(f"{mark}:")
        for each in _presses(message.get("components", ()))
        for mark in marks
    )


def _presses(components: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in components:
        if "custom_id" in each:
            yield each["custom_id"]
        yield from _presses(each.get("components", ()))


# --- notes -------------------------------------------------------------------------------------------------------


class Notes:
    """What is remembered of a job's way, across restarts."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self._memory = memory
        self._clock = clock

    async def ticket(self, job: Job) -> Ticket | None:
        """The newest token for this job, while it lives."""
        note = await self._memory.get(ticket_note(job.id))
        ticket = Ticket.from_json(note) if note else None
        return ticket if ticket and ticket.lives(self._clock.now()) else None

    async def card(self, job: Job) -> Card | None:
        note = await self._memory.get(card_note(job.id))
        return Card.from_json(note) if note else None

    async def turned_away(self, job: Job, why: str) -> None:
        """The channel where it was asked does not take it; `why` is the key of what its asker is told of that."""
        await self._memory.put(f"discord:away:{job.id}", why, seconds=NOTES_LIVE_SECONDS, owner=job.user)

    async def away(self, job: Job) -> str:
        return await self._memory.get(f"discord:away:{job.id}") or ""

    async def over(self, job: Job) -> None:
        """The end is there: nothing more is shown on the card, and nothing sent by its token."""
        await self._memory.drop(card_note(job.id))
        await self._memory.drop(ticket_note(job.id))

    async def sending(self, delivery: Delivery, message: str | None = None) -> None:
        """This attempt is about to be sent, or has become `message`."""
        note = {"number": delivery.number, "at": self._clock.now(), "message": message}
        await self._memory.put(_sent(delivery), note, seconds=NOTES_LIVE_SECONDS, owner=delivery.job.user)

    async def sent(self, delivery: Delivery) -> Mapping[str, Any] | None:
        """What is noted of this very attempt: `at` in ms, and `message` if an answer came."""
        note = await self._memory.get(_sent(delivery))
        return note if note and note["number"] == delivery.number else None


def _sent(delivery: Delivery) -> str:
    return f"discord:sent:{delivery.job.id}"
