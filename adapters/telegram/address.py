"""Where something is said in Telegram: a chat, a topic in it, a message to hang on; as the text of `ChatRef.address`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Address:
    """`message` is what an answer replies to, `topic` the `message_thread_id` of a forum's topic (telegram.md 6)."""

    chat: int
    topic: int | None = None
    message: int | None = None

    def __str__(self) -> str:
        """`-100123/7/42`; what is not known stays empty."""
        return f"{self.chat}/{self.topic or ''}/{self.message or ''}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for a text that is no address."""
        chat, topic, message = text.split("/")
        return cls(int(chat), int(topic) if topic else None, int(message) if message else None)

    @property
    def in_group(self) -> bool:
        """Telegram numbers people above zero, groups below."""
        return self.chat < 0
