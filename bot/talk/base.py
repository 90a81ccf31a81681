"""What the parts of Talk share: the doors, the language, and the shape of an action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import cache

from bot import texts
from bot.domain import Button, ChatRef, CommunityRef, Picture, UserRef
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
# is_member(who, community): whether their chat says so now. Raises RetryLater where it cannot tell
IsMember = Callable[[UserRef, CommunityRef], Awaitable[bool]]

# An action is `<version>:<verb>:<rest>`; buttons of an earlier version are answered politely.
VERSION = "1"
# Confirm, and every Cancel: of a card, a job, a question.
_NEVER_TOO_MUCH = tuple(f"{VERSION}:{verb}" for verb in ("ok:", "no:", "stop:", "dlg:cancel"))
ACTION_MAX = 64  # bytes; telegram.md 3


# Nobody let this person in, nor the community they ask in; what they are told depends on where that is.
CLOSED = ("access.closed", "access.closed_alone")


async def member_of_nothing(who: UserRef, community: CommunityRef) -> bool:
    """Of chats that have no communities."""
    return False


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


@cache
def _languages() -> Sequence[str]:
    return texts.languages()


def best_language(wishes: Sequence[str], ours: Sequence[str]) -> str:
    """The first of the wished languages (`de`, `pt-BR`) that we speak, else English."""
    spoken = (wish.replace("_", "-").partition("-")[0].lower() for wish in wishes)
    return next((language for language in spoken if language in ours), texts.DEFAULT_LANGUAGE)


class Base:
    """Made once, by the composition root."""

    def __init__(
        self,
        *,
        studio: Studio,
        office: Office,
        tell: Tell,
        notice: Notice,
        is_member: IsMember = member_of_nothing,
    ) -> None:
        self.studio = studio
        self.office = office
        self._tell = tell
        self._notice = notice
        self._is_member = is_member

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
        self.studio.keep_pace(asker.who)
        await self.let_in(asker)

    async def let_in(self, asker: Asker) -> None:
        """Access and block alone. Raises UserError."""
        try:
            await self.studio.let_in(asker.who, asker.chat)
        except UserError as problem:
            alone = asker.chat.community is None or asker.guest
            if problem.key == "access.closed" and alone:
                # never a community that is not the bot's: everybody there would be let in
                raise UserError("access.closed_alone", who=asker.who) from None
            raise

    async def admit_as_there(self, asker: Asker, there: ChatRef) -> Asker:
        """As `admit`, to go on with what they asked for `there`. Returns them as `let_in_as_there` does."""
        self.studio.keep_pace(asker.who)
        return await self.let_in_as_there(asker, there)

    async def let_in_as_there(self, asker: Asker, there: ChatRef) -> Asker:
        """Access and block alone, to go on with what they asked for `there`: in a private chat the community there lets
        them in too, as long as they are a member of it. Returns them as that community's then, so that what comes of it
        can be ordered. Raises UserError, RetryLater."""
        try:
            await self.let_in(asker)
            return asker
        except UserError as problem:
            if problem.key not in CLOSED or asker.chat.community or there.community is None:
                raise
            closed = problem
        theirs = replace(asker, chat=replace(asker.chat, community=there.community))
        try:
            await self.let_in(theirs)
        except UserError as problem:
            raise (closed if problem.key in CLOSED else problem) from None
        if not await self._is_member(asker.who, there.community):
            raise UserError("access.left", who=asker.who)
        return theirs

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
            if problem.key not in CLOSED:
                raise

    def admit_press(self, who: UserRef, action: str = "") -> None:
        """To a button, before anything is done for it: nobody keeps a chat busy by hammering one. Confirm and Cancel are
        never too much. Raises UserError or Hush."""
        if not action.startswith(_NEVER_TOO_MUCH):
            self.studio.admit_press(who)

    async def take_picture(self, asker: Asker, data: bytes, name: str = "") -> Picture:
        """Check, clean and keep a picture. Raises UserError."""
        return await self.studio.take_picture(asker.who, data, name)
