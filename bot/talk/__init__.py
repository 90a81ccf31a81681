"""What the bot says and does when it is talked to: the same in every chat; chats only render and carry it."""

from __future__ import annotations

from bot.talk.base import Notice, Tell
from bot.talk.talk import Talk
from bot.talk.values import (
    Answer,
    Asker,
    Fields,
    Heading,
    Part,
    Question,
    Screen,
    Small,
    Text,
    Wish,
    Words,
)

__all__ = [
    "Answer",
    "Asker",
    "Fields",
    "Heading",
    "Notice",
    "Part",
    "Question",
    "Screen",
    "Small",
    "Talk",
    "Tell",
    "Text",
    "Wish",
    "Words",
]
