"""KIE keys: reading them, and telling them apart without revealing them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.errors import StartError
from bot.texts import say

_SHAPE = re.compile(r"(?:([\w-]+):)?([!-9;-~]{4,})")  # an account's name, then visible ASCII without a colon


@dataclass(frozen=True, slots=True)
class Key:
    """One KIE key; `account` names the purse and the limits it shares with others."""

    secret: str = field(repr=False)
    account: str = "kie"

    @property
    def print(self) -> str:
        return key_print(self.secret)


def key_print(secret: str) -> str:
    """Eight hex digits that tell keys apart. Hashed with a prefix, so that no table of plain hashes knows them."""
    return hashlib.sha256(f"kiebot key print {secret}".encode()).hexdigest()[:8]


def read_keys(texts: Sequence[str]) -> tuple[Key, ...]:
    """The keys written as `key` or `account:key`. Raises StartError, never quoting a key."""
    keys = []
    for text in texts:
        match = _SHAPE.fullmatch(text.strip())
        if not match:
            raise StartError(say("kie.bad_key"))
        keys.append(Key(match[2], match[1] or "kie"))
    if not keys:
        raise StartError(say("kie.no_key"))
    return tuple(keys)
