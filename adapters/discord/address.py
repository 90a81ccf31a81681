"""What delivery must know of where somebody asked, as the text that stands in `ChatRef.address`; and the notes beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self

from bot.domain import ChatRef, CommunityRef, UserRef

PLATFORM = "discord"
TOKEN_LIVES_MS = 15 * 60_000  # discord.md 1 row 1
# A request that starts just before the end may arrive after it.
TOKEN_MARGIN_MS = 20_000
NOTES_LIVE_SECONDS = 14 * 86_400


class Place(StrEnum):
    """The context of an interaction: a server's channel, the direct messages with the bot, or other people's."""

    SERVER = "server"
    BOT_DM = "bot_dm"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The token of one interaction: for 15 minutes it may write where it was pressed, whatever the bot may do there.

    It is a secret for that long. It must stand in the database nevertheless, since the job outlives the process that
    was spoken to; afterwards it is worth nothing. `expires` is Unix milliseconds, `limit` the most bytes of one file
    that this token may send (`attachment_size_limit`, discord.md 4). `hidden`: its original is seen by the asker only.
    """

    application: int
    token: str
    expires: int
    limit: int = 0
    hidden: bool = False

    def lives(self, now: int) -> bool:
        return now < self.expires - TOKEN_MARGIN_MS

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**_known(cls, data))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request was made. Ids are Discord's.

    `message` is the asking member's own message (a mention, a direct message), to reply to. `member` tells that the
    bot itself is there, so that it may write without a token; `permissions` what it may do there (a bit field), as
    Discord said when asked, or None when it did not. `hidden`: the card is for the asker's eyes only (ephemeral), so
    nothing but a token reaches it. `boost` is the server's boost tier. `stranger` tells that they wrote to the bot with
    nothing but an install of their own: whether it may write to them by itself is nowhere said (discord.md 2).
    """

    user: int
    channel: int
    place: Place = Place.SERVER
    guild: int | None = None
    thread: bool = False
    member: bool = True
    hidden: bool = False
    message: int | None = None
    permissions: int | None = None
    boost: int = 0
    stranger: bool = False
    ticket: Ticket | None = None

    @property
    def needs_press(self) -> bool:
        """Whether a press of the asker's may be the only way back once the token is dead."""
        return not self.member or self.stranger

    def pack(self) -> str:
        """Compact JSON without what is as usual."""
        data = {each.name: getattr(self, each.name) for each in fields(self)}
        usual = {each.name: each.default for each in fields(self)}
        short = {name: value for name, value in data.items() if value != usual[name]}
        if self.ticket:
            short["ticket"] = self.ticket.to_json()
        return json.dumps(short, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for a text that is none of ours."""
        try:
            data = _known(cls, json.loads(text))
            data["place"] = Place(data.get("place", Place.SERVER))
            if data.get("ticket"):
                data["ticket"] = Ticket.from_json(data["ticket"])
            return cls(**data)
        except (TypeError, KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"not a Discord address: {error}") from error

    def chat(self, private: bool = False) -> ChatRef:
        """As the core keeps it."""
        community = CommunityRef("discord-server", str(self.guild)) if self.guild else None
        return ChatRef(PLATFORM, self.pack(), community, private)

    def with_ticket(self, ticket: Ticket | None) -> Self:
        return replace(self, ticket=ticket)


@dataclass(frozen=True, slots=True)
class Card:
    """The one message that shows how a job is getting on: the card it was ordered by. `hidden`: only the ticket reaches
    it (ephemeral, or where the bot is no member). `picture` is the address of the first picture shown beside it."""

    channel: int
    message: int
    hidden: bool = False
    picture: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**_known(cls, data))


def _known(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """Only the fields this version has: an address outlives an upgrade."""
    names = {each.name for each in fields(cls)}
    return {name: value for name, value in data.items() if name in names}


# --- names of notes in Memory ------------------------------------------------------------------------------------


def ticket_note(job_id: str) -> str:
    """The newest Ticket for this job: of its Confirm, or of a later press."""
    return f"discord:token:{job_id}"


def card_note(job_id: str) -> str:
    """The Card of this job."""
    return f"discord:status:{job_id}"


def user_ref(user: int) -> UserRef:
    return UserRef(PLATFORM, str(user))
