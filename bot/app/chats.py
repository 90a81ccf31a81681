"""The chats on platforms of their own: those that have a token are connected, and told apart by nothing else."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bot.domain import Button, CommunityRef, UserRef
from bot.durable import DurableInbox, DurableMemory
from bot.engine.kit import Kit
from bot.errors import StartError
from bot.masking import Secret
from bot.ports import ChatAdapter
from bot.store import people
from bot.talk import Notice, Talk
from bot.texts import say

if TYPE_CHECKING:
    from bot.app import Core

log = logging.getLogger(__name__)


class LiveChat(ChatAdapter, Protocol):
    """A chat that is connected at start and at work beside the engine."""

    @property
    def link(self) -> str | None:
        """Where people find the bot there, as soon as that is known."""

    @property
    def refusal(self) -> str | None:
        """Why its platform does not accept the token now, while `run` goes on asking."""

    def mount(self, app: Any) -> None:
        """Add its routes to the web server."""

    async def start(self) -> None:
        """Raises StartError when the platform does not accept the token."""

    async def run(self) -> None:
        """Take in what is said, until `stop`. Raises what breaks it; StartError when the platform turns us down for
        good, after which deliveries raise RetryLater."""

    async def is_member(self, external_id: str, community: CommunityRef) -> bool:
        """Whether this user is a member of that community now, as far as the bot can see. Raises RetryLater."""

    async def stop(self) -> None:
        """Take nothing more in, and let what is being handled end. Deliveries still work."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Attendance:
    """Lets the chats run. One that its platform turns down ends alone, as long as another is left; `stopped` tells why,
    by platform."""

    chats: Sequence[LiveChat]
    notice: Notice
    stopped: dict[str, str] = field(default_factory=dict)

    @property
    def unheard(self) -> Mapping[str, str]:
        """Where nobody is heard now, and why: chats that were stopped, and those whose token is refused meanwhile."""
        refused = {each.platform: each.refusal for each in self.chats if each.refusal}
        return {**refused, **self.stopped}

    async def run(self, chat: LiveChat) -> None:
        """Raises what breaks the chat."""
        try:
            await chat.run()
        except StartError as error:
            self.stopped[chat.platform] = str(error)
            if len(self.stopped) == len(self.chats):
                raise
            text = say("notice.chat_stopped", platform=chat.platform.capitalize(), problem=error)
            log.critical("%s", text)
            await self.notice(f"{chat.platform}-stopped", text, ())


async def connect(
    core: Core, kit: Kit, adapters: dict[str, ChatAdapter], stack: AsyncExitStack
) -> Sequence[LiveChat]:
    """Start every chat that has a token, and add it to `adapters`. Raises StartError."""
    live: list[LiveChat] = []
    talk = Talk(
        studio=core.studio,
        office=core.office,
        tell=_teller(adapters),
        notice=notice_by(kit),
        is_member=_knower(live),
    )
    if token := core.settings.telegram_bot_token:
        live.append(_telegram(core, kit, talk, token))
    if token := core.settings.discord_bot_token:
        live.append(_discord(core, talk, token))
    for chat in live:
        stack.push_async_callback(chat.close)
        await chat.start()
        adapters[chat.platform] = chat
    return live


def _telegram(core: Core, kit: Kit, talk: Talk, token: Secret) -> LiveChat:
    # here, since the import costs two seconds and 170 MB
    from adapters.telegram.chat import TelegramChat

    return TelegramChat(
        token=token,
        api_url=core.settings.telegram_api_url,
        public_url=core.settings.public_url,
        clock=core.clock,
        inbox=DurableInbox(core.store, core.clock),
        memory=DurableMemory(core.store, core.clock),
        talk=talk,
        notice=notice_by(kit),
        operators=lambda: _operators(core),
        fit=core.media.fit,
    )


def _discord(core: Core, talk: Talk, token: Secret) -> LiveChat:
    # here, for the same reason
    from adapters.discord.chat import DiscordChat

    return DiscordChat(
        token,
        core.settings.discord_api_url,
        talk=talk,
        studio=core.studio,
        memory=DurableMemory(core.store, core.clock),
        clock=core.clock,
        fit=core.media.fit,
    )


def _teller(adapters: Mapping[str, ChatAdapter]) -> Callable[[UserRef, str], Awaitable[bool]]:
    async def tell(who: UserRef, text: str) -> bool:
        adapter = adapters.get(who.platform)
        return adapter is not None and await adapter.tell(who.external_id, text)

    return tell


def _knower(chats: Sequence[LiveChat]) -> Callable[[UserRef, CommunityRef], Awaitable[bool]]:
    async def is_member(who: UserRef, community: CommunityRef) -> bool:
        theirs = next((each for each in chats if each.platform == who.platform), None)
        return theirs is not None and await theirs.is_member(who.external_id, community)

    return is_member


def notice_by(kit: Kit) -> Notice:
    """Tells the operators, wherever they are."""

    async def notice(kind: str, text: str, buttons: Sequence[Button] = ()) -> None:
        await kit.notice(kind, text, buttons=buttons)

    return notice


async def _operators(core: Core) -> Sequence[UserRef]:
    claimed = await core.store.read(people.operators)
    return list(dict.fromkeys([*core.settings.operators, *claimed]))
