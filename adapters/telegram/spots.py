"""One message or press of one person, and where it is answered."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aiogram.types import CallbackQuery, InaccessibleMessage, Message, User

from adapters.telegram.address import Address
from adapters.telegram.messages import GROUPS, PLATFORM, community_ref, user_ref
from bot.domain import ChatRef
from bot.talk import Asker, Talk


@dataclass(frozen=True, slots=True)
class Spot:
    """`address.message` is what answers hang on; `query` and `pressed` are set when a button was pressed. `whisper` is
    the id of a message that only its sender and the bot see, which has no other (telegram.md 6)."""

    user: User
    asker: Asker
    address: Address
    query: str = ""
    pressed: Message | InaccessibleMessage | None = None
    whisper: int | None = None

    @property
    def in_group(self) -> bool:
        return self.asker.in_public

    def as_manager(self, manager: bool) -> Spot:
        return replace(self, asker=replace(self.asker, manager=manager))

    @property
    def shown_to_one(self) -> Message | None:
        """The pressed message, when it is one that only its presser sees."""
        return (
            self.pressed if isinstance(self.pressed, Message) and self.pressed.ephemeral_message_id else None
        )


class Spots:
    """Finds out what a message does not tell: the language its sender chose, and where they want their results."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def of_message(self, message: Message, user: User) -> Spot:
        whisper = message.ephemeral_message_id
        # these ids are given again
        number = f"whisper:{whisper}:{message.date:%Y%m%d%H%M%S}" if whisper else str(message.message_id)
        return await self._make(user, f"{PLATFORM}:{message.chat.id}:{number}", message)

    async def of_press(self, press: CallbackQuery, message: Message | InaccessibleMessage) -> Spot:
        spot = await self._make(press.from_user, f"{PLATFORM}:press:{press.id}", message)
        return replace(spot, query=press.id, pressed=message)

    async def _make(self, user: User, key: str, message: Message | InaccessibleMessage) -> Spot:
        who, chat = user_ref(user), message.chat
        address = Address(chat.id, _topic(message), message.message_id or None)
        where = ChatRef(PLATFORM, str(address))
        if chat.type in GROUPS:
            wants_private = (await self._talk.studio.preferences(who)).get("private")
            where = replace(where, community=community_ref(chat.id), private=bool(wants_private))
        language = await self._talk.language(who, user.language_code or "")
        whisper = message.ephemeral_message_id if isinstance(message, Message) else None
        asker = Asker(who, where, key, language, in_public=where.community is not None)
        return Spot(user, asker, address, whisper=whisper)


def _topic(message: Message | InaccessibleMessage) -> int | None:
    """Only a message in a topic names one that can be sent to (telegram.md 6)."""
    if isinstance(message, Message) and message.is_topic_message:
        return message.message_thread_id
    return None
