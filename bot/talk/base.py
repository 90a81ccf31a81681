"""What the parts of Talk share: the doors, the language, and the shape of an action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cache

from bot import texts
from bot.domain import Button, Picture, UserRef
from bot.errors import UserError
from bot.office import Office
from bot.studio import Studio
from bot.talk.values import Answer, Asker

# tell(who, text): a private word to a user, where they can be reached
Tell = Callable[[UserRef, str], Awaitable[bool]]
# what a button's verb does: given the presser and the rest of its action
Pressed = Callable[[Asker, str], Awaitable[Answer]]
# notice(kind, text, buttons): one word to the operators in their chats, at most once in a while for each kind
Notice = Callable[[str, str, Sequence[Button]], Awaitable[None]]

# An action is `<version>:<verb>:<rest>`; buttons of an earlier version are answered politely.
VERSION = "1"
ACTION_MAX = 64  # bytes; telegram.md 3


def action(verb: str, *rest: object) -> str:
    """What a button carries: only ids, never state (telegram.md 3)."""
    made = ":".join([VERSION, verb, *(str(each) for each in rest)])
    assert len(made.encode()) <= ACTION_MAX, made
    return made


def parse_action(text: str) -> tuple[str, str]:
    """The verb and the rest. Raises UserError for one that this version does not know."""
    version, _, rest = text.partition(":")
    verb, _, rest = rest.partition(":")
    if version != VERSION or not verb:
        raise UserError("talk.old_button")
    return verb, rest


def plain_name(name: str) -> str:
    """A model's name as members read it: which variant of it is meant (`Kling 2.6 (image)`) follows from what they send."""
    return name.partition(" (")[0]


@cache
def _languages() -> Sequence[str]:
    return texts.languages()


def best_language(wishes: Sequence[str], ours: Sequence[str]) -> str:
    """The first of the wished languages (`de`, `pt-BR`) that we speak, else English."""
    spoken = (wish.replace("_", "-").partition("-")[0].lower() for wish in wishes)
    return next((language for language in spoken if language in ours), texts.DEFAULT_LANGUAGE)


class Base:
    """Made once, by the composition root."""

    def __init__(self, *, studio: Studio, office: Office, tell: Tell, notice: Notice) -> None:
        self.studio = studio
        self.office = office
        self._tell = tell
        self._notice = notice

    async def language(self, who: UserRef, chat_language: str = "") -> str:
        """The user's chosen language, else what their chat says, as far as we speak it."""
        ours = _languages()
        if len(ours) == 1:
            return ours[0]
        chosen = (await self.studio.preferences(who)).get("language", "")
        return best_language([chosen, chat_language], ours)

    async def check_mine(self, asker: Asker, thing_id: str, gone: str) -> None:
        """Raises UserError for a draft or job that is somebody else's, and the sentence `gone` where there is none."""
        owned = await self.studio.owns(asker.who, thing_id)
        if owned is None:
            raise UserError(gone)
        if not owned:
            raise UserError("talk.not_yours")

    async def admit(self, asker: Asker) -> None:
        """Access, block and pace; asked before any picture is fetched. Raises UserError or Hush."""
        await self.studio.admit(asker.who, asker.chat)

    async def admit_anybody(self, asker: Asker) -> None:
        """Pace alone, for what strangers may ask too: nobody keeps a chat busy with `/help`. Raises UserError or Hush."""
        try:
            await self.admit(asker)
        except UserError as problem:
            if not problem.key.startswith("access."):
                raise

    async def admit_owner(self, asker: Asker) -> None:
        """Pace and block, for what is theirs by now: a video that was paid for in a community may be fetched where that
        community does not let them in. Raises UserError or Hush."""
        try:
            await self.admit(asker)
        except UserError as problem:
            if problem.key != "access.closed":
                raise

    async def take_picture(self, asker: Asker, data: bytes, name: str = "") -> Picture:
        """Check, clean and keep a picture. Raises UserError."""
        return await self.studio.take_picture(asker.who, data, name)
