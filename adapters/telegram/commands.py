"""Commands as people type them, and which of them are ours."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.talk.commands import COMMANDS, OPERATOR_COMMANDS

MAKING = frozenset(["video", "sora", "storyboard", "unwatermark"])
OPERATING = frozenset(name for name, _ in OPERATOR_COMMANDS)
# Every command that this bot answers to, in groups without being named.
ANSWERED = frozenset({*(name for name, _ in COMMANDS), *MAKING, *OPERATING, "start", "claim", "report"})

# Telegram, too, takes the comma of `/video, a dog` for the end of the command.
_COMMAND = re.compile(r"/([a-z0-9_]{1,32})(?:@(\w+))?(?:[,;:.]*(?:\s+|$))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Command:
    """`/name text`; the name is in small letters."""

    name: str
    text: str = ""


def command_of(text: str, username: str) -> Command | None:
    """The command at the front, if it is not another bot's (`/video@other_bot`)."""
    found = _COMMAND.match(text)
    if not found or is_for_another(text, username):
        return None
    return Command(found[1].lower(), text[found.end() :].strip())


def meant_as_one(text: str) -> Command | None:
    """What begins as a command and is none of anybody's, such as `/видео`; it is no prompt either."""
    return Command(text[1:].split(" ", 1)[0].strip()) if text.startswith("/") else None


def is_for_another(text: str, username: str) -> bool:
    """A command that names another bot."""
    found = _COMMAND.match(text)
    return bool(found and found[2] and found[2].lower() != username.lower())


def mention_at_front(text: str, username: str) -> str | None:
    """What follows the bot's name (`@our_bot a happy dog`); None when it does not stand in front."""
    found = re.match(rf"@{re.escape(username)}(?!\w)[\s,:]*", text, re.IGNORECASE)
    return text[found.end() :].strip() if found else None
