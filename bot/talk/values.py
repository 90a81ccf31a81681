"""What a chat hands to Talk and gets back, in words that hold for every chat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from bot.domain import Button, ChatRef, Job, Picture, Shot, UserRef


@dataclass(frozen=True, slots=True)
class Asker:
    """Who speaks, where, and by which message. `key` names that message (`telegram:<chat>:<message>`), so that hearing
    it twice does nothing twice. `manager` tells that the chat itself says they administer this community, `in_public`
    that others read what they are answered, `guest` that the bot is no member of this community. `has_fields`: commands
    there have fields by name (`/operator allow who:telegram:123`), not a line of words (`/allow telegram:123`)."""

    who: UserRef
    chat: ChatRef
    key: str
    language: str = "en"
    manager: bool = False
    in_public: bool = False
    guest: bool = False
    has_fields: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """A member's request before the rules: what they said and chose. `command` is video, sora, storyboard or unwatermark.

    `choices` are fields of `domain.Request` by name (`aspect`, `seconds`, `quality`, `sound`, `remove_watermark`) and
    `tier` of Sora (standard, pro, pro-hd). `pictures` are in the order they came; which is first, last or reference
    follows from the model.
    """

    command: str = "video"
    prompt: str = ""
    model: str = ""
    choices: Mapping[str, Any] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    last: Picture | None = None
    shots: tuple[Shot, ...] = ()
    video_url: str | None = None

    def change(self, **choices: Any) -> Self:
        return replace(self, **choices)


# --- what a message shows ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Fields:
    """Lines of label and value."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Somebody's own words, quoted: a prompt, KIE's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Small:
    """A note in small print."""

    text: str


Part = Heading | Text | Fields | Words | Small


@dataclass(frozen=True, slots=True)
class Screen:
    """What a message says and offers; plain words that the chat escapes and lays out, never more than fits a message.

    `private`: for its reader's eyes only (a balance, a history): in public it goes to their private chat.
    """

    parts: tuple[Part, ...]
    rows: tuple[tuple[Button, ...], ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Something the bot wants to be told. The chat asks it (a reply, a form), keeps it in its Memory, and hands the
    answer to `Talk.answer`.

    `kind` is `picture` (one or more pictures), `words` (a text, `current` being what stands now), `scene` (the next
    scene of a storyboard) or `which` (numbers of pictures); `about` is whatever Talk needs to go on, plain data.
    """

    kind: str
    text: str
    about: Mapping[str, Any]
    current: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "text": self.text, "about": dict(self.about), "current": self.current}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to happen in the chat. Any of these, together:

    `screen` replaces what the pressed message shows (or, after a command, is a message of its own); `toast` is a short
    notice to the presser (at most 200 characters); `fresh` a further message of its own; `question` is to be asked;
    `ordered`: the message is now this job's status message; `send`: bring this job's video here again;
    `delete`: take the pressed message away.
    """

    screen: Screen | None = None
    toast: str = ""
    fresh: Screen | None = None
    question: Question | None = None
    ordered: Job | None = None
    send: Job | None = None
    delete: bool = False
