"""Groups: coming in, being let in, moving, and being shown the door."""

from __future__ import annotations

import logging

from aiogram.methods import GetChatMember
from aiogram.types import ChatMemberRestricted, ChatMemberUpdated, Message

from adapters.telegram.address import Address
from adapters.telegram.calls import Calls
from adapters.telegram.errors import Refused
from adapters.telegram.messages import GROUPS, PLATFORM, community_ref, user_ref
from adapters.telegram.replies import Replies
from adapters.telegram.spots import Spot
from bot.domain import ChatRef, CommunityRef
from bot.errors import RouteClosed, UserError
from bot.ports import Memory
from bot.talk import Asker, Heading, Part, Screen, Small, Talk, Text
from bot.talk.base import CLOSED
from bot.texts import say

log = logging.getLogger(__name__)

MINUTE, HOUR = 60.0, 3600.0
# Joining is told by several updates, and an upgrade looks like joining.
ONE_HELLO_SECONDS = 60.0
INSIDE = ("creator", "administrator", "member")


class Groups:
    """What concerns a whole group. `username` is the bot's."""

    def __init__(self, *, calls: Calls, talk: Talk, memory: Memory, replies: Replies, username: str) -> None:
        self._calls = calls
        self._talk = talk
        self._memory = memory
        self._replies = replies
        self._username = username

    async def membership(self, change: ChatMemberUpdated) -> None:
        """The bot was added, removed, blocked or unblocked (telegram.md 6). A shut chat is noted until it opens."""
        chat = change.chat
        if not _is_inside(change.new_chat_member):
            await self._memory.put(_closed(chat.id), change.new_chat_member.status)
            return
        await self._memory.drop(_closed(chat.id))
        if chat.type in GROUPS and not _is_inside(change.old_chat_member):
            await self._hello(change)

    async def moved(self, old: int, new: int) -> None:
        """A group became a supergroup, with another id (telegram.md 4)."""
        await self._talk.office.moved(community_ref(old), community_ref(new))
        await self._calls.moved(old, new)
        await self._memory.put(_hello(new), "moved", seconds=ONE_HELLO_SECONDS)

    async def refuse(self, spot: Spot, problem: UserError) -> None:
        """Say why not; in a group, whether it is let in is said once an hour."""
        text = problem.text(spot.asker.language)
        if spot.in_group and problem.key.startswith("access."):
            is_closed = problem.key in CLOSED
            # what only one person sees has not been said to the others
            to_all = is_closed and not spot.whisper
            about = f"{spot.address.chat}" if to_all else f"{spot.address.chat}:{spot.user.id}"
            if not await self._memory.put_first(f"telegram:refused:{about}", problem.key, seconds=HOUR):
                return
            if is_closed:
                text = self._closed_text(community_ref(spot.address.chat), spot.asker.language)
        await self._replies.text(spot, text)

    async def ask_to_show_themselves(self, spot: Spot) -> None:
        """Nobody can be charged for what a whole group or channel asks; nobody can be slowed down either, so this is
        said once a minute."""
        note = f"telegram:anonymous:{spot.address.chat}"
        if not await self._memory.put_first(note, "told", seconds=MINUTE):
            return
        await self._replies.text(spot, say("telegram.write_as_yourself", spot.asker.language))

    async def _hello(self, change: ChatMemberUpdated) -> None:
        chat, who = change.chat.id, user_ref(change.from_user)
        if not await self._memory.put_first(_hello(chat), "said", seconds=ONE_HELLO_SECONDS):
            return
        language = await self._talk.language(who, change.from_user.language_code or "")
        community = community_ref(chat)
        parts: list[Part] = [
            Heading(say("telegram.hello", language)),
            Text(say("telegram.hello_how", language, bot=self._username)),
        ]
        if not await self._is_let_in(community):
            parts.append(Text(self._closed_text(community, language)))
        parts.append(Small(say("telegram.hello_privacy", language)))
        address = Address(chat)
        where = ChatRef(PLATFORM, str(address), community)
        asker = Asker(who, where, f"telegram:hello:{chat}", language, in_public=True)
        await self._replies.show(Spot(change.from_user, asker, address), Screen(tuple(parts)))

    def _closed_text(self, community: CommunityRef, language: str) -> str:
        return say("telegram.group_closed", language, group=community, bot=self._username)

    async def _is_let_in(self, community: CommunityRef) -> bool:
        decided = {each["who"]: each["allowed"] for each in await self._talk.office.access()}
        return bool(decided.get(str(community), self._talk.studio.settings.access == "open"))


async def is_member(calls: Calls, group: int, user: int) -> bool:
    """Whether this person is in that group, as far as the bot can see into it. Raises RetryLater."""
    try:
        found = await calls(GetChatMember(chat_id=group, user_id=user), urgent=True)
    except (Refused, RouteClosed) as error:
        log.info("telegram:%d is not seen in telegram-chat:%d: %s", user, group, error)
        return False
    return _is_inside(found)


def new_home(message: Message) -> tuple[int, int] | None:
    """The old and the new id, if the message tells that a group moved."""
    if message.migrate_to_chat_id:
        return message.chat.id, message.migrate_to_chat_id
    if message.migrate_from_chat_id:
        return message.migrate_from_chat_id, message.chat.id
    return None


def _is_inside(member: object) -> bool:
    if isinstance(member, ChatMemberRestricted):
        return member.is_member
    return getattr(member, "status", "") in INSIDE


def _closed(chat: int) -> str:
    return f"telegram:closed:{chat}"


def _hello(chat: int) -> str:
    return f"telegram:hello:{chat}"
