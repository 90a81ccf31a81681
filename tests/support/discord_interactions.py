"""Interactions of the stand-in: what the bot is told, and what it may answer when (discord.md 2)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from support import discord_components as parts
from support import discord_messages as messages
from support.discord_components import EPHEMERAL, LOADING, V2
from support.discord_errors import invalid, refusal
from support.discord_files import Body
from support.discord_messages import Message
from support.discord_places import DM, PERMISSIONS, Channel

if TYPE_CHECKING:
    from support.discord_people import User
    from support.discord_world import World

Json = dict[str, Any]
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
# Which answers each kind of interaction takes.
ANSWERS = {
    COMMAND: {MESSAGE, DEFERRED, MODAL},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    AUTOCOMPLETE: {CHOICES},
    MODAL_SUBMIT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}


class Interaction:
    """One act of a person that the bot is asked to answer. Awaited, it waits for the acknowledgement."""

    def __init__(
        self,
        user: User,
        channel: Channel,
        kind: int,
        data: Json,
        *,
        source: Message | None = None,
        name: str = "",
        owners: Json | None = None,
    ) -> None:
        self.user = user
        self.channel = channel
        self.kind = kind
        self.source = source
        self.name = name
        self.world: World = channel.world
        self.id = self.world.next_id()
        self.token = self.world.new_token()
        self.created_at = self.world.clock.now()
        self.owners = owners if owners is not None else owners_for(user, channel)
        self.acked_after: float | None = None
        self.answer: int | None = None
        self.response: Message | None = None
        self.followups: list[Message] = []
        self.posts = 0
        self.updated = False
        self.modal: Json | None = None
        self.choices: list[Json] | None = None
        self.refused: list[str] = []
        self.payload = self._payload(data)
        self.world.interactions.append(self)
        self.world.by_token[self.token] = self

    def __repr__(self) -> str:
        return f"<Interaction {self.name!r} by {self.user.name}: answer {self.answer}, {self.response}>"

    # --- what tests do

    def __await__(self) -> Generator[Any, None, Interaction]:
        return self.acknowledged().__await__()

    async def acknowledged(self, within: float = 5.0) -> Interaction:
        """Wait for the first answer."""
        return await self.until(lambda each: each.acked, within)

    async def answered(self, within: float = 5.0) -> Message:
        """Wait until the reply says more than "thinking" (after an update: until the message was updated)."""
        await self.until(lambda each: each._is_answered, within)
        assert self.response is not None
        return self.response

    async def until(self, look: Callable[[Interaction], Any], within: float = 5.0) -> Interaction:
        """Wait until `look(interaction)` is true."""
        await self.world.until(
            lambda: look(self), within, f"an answer to {self.name!r}", lambda: f"{self!r} {self.refused}"
        )
        return self

    async def shows(self, words: str, within: float = 5.0) -> Message:
        """Wait until the reply or a follow-up contains `words`."""
        return await self.world.until(
            lambda: next((each for each in self.replies() if words in each.text), None),
            within,
            f"{words!r} in answer to {self.name!r}",
            lambda: str(self.replies()),
        )

    def replies(self) -> list[Message]:
        """Everything posted by its token."""
        return ([self.response] if self.response else []) + self.followups

    def redeliver(self) -> None:
        """Tell the bot the very same once more."""
        guild = self.channel.guild
        self.world.emit("INTERACTION_CREATE", self.payload, guild.id if guild else None)

    @property
    def acked(self) -> bool:
        return self.acked_after is not None

    @property
    def failed(self) -> bool:
        """Discord shows "The application did not respond"."""
        return not self.acked and self.age > self.world.ack_deadline

    @property
    def _is_answered(self) -> bool:
        if self.answer == DEFERRED_UPDATE:
            return self.updated or bool(self.followups)
        return self.response is not None and not self.response.loading

    # --- the rules of answering

    @property
    def age(self) -> float:
        return (self.world.clock.now() - self.created_at) / 1000

    def require_live(self) -> None:
        """Refuse what comes by a dead token, or before the first answer."""
        if self.age > self.world.token_life:
            raise refusal(50027)
        if not self.acked:
            raise refusal(10015)

    @property
    def upload_limit(self) -> int:
        return max(self.channel.upload_limit, self.user.upload_limit)

    @property
    def forced_ephemeral(self) -> int:
        """Private by force: user installs where external apps may not speak."""
        allowed = "0" in self.owners or self.channel.open_to_all & PERMISSIONS["use_external_apps"]
        return 0 if allowed else EPHEMERAL

    def acknowledge(self, body: Body) -> None:
        """The first answer."""
        if self.acked:
            raise refusal(40060)
        if self.age > self.world.ack_deadline:
            raise refusal(10062)
        answer, data = body.json["type"], body.json.get("data") or {}
        if answer not in ANSWERS[self.kind]:
            raise invalid(("type", f"an interaction of type {self.kind} cannot be answered by {answer}"))
        if answer in (DEFERRED_UPDATE, UPDATE) and self.source is None:
            raise invalid(("type", "there is no message to update"))
        if answer == DEFERRED and (data.get("flags") or 0) & ~EPHEMERAL:
            raise invalid(("data.flags", "only EPHEMERAL may be set on a deferral"))
        self._apply(answer, data, body)
        self.answer, self.acked_after = answer, self.age
        self.world.ring()

    def _apply(self, answer: int, data: Json, body: Body) -> None:
        if answer == MESSAGE:
            self.response = self._post(data, body, data.get("flags") or 0)
        elif answer == DEFERRED:
            self.response = self._post({}, body, LOADING | (data.get("flags") or 0))
        elif answer == DEFERRED_UPDATE:
            self.response = self.source
        elif answer == UPDATE:
            assert self.source
            self.response = self.source
            self.edit(self.source, data, body)
        elif answer == CHOICES:
            self.choices = data.get("choices") or []
        elif answer == MODAL:
            parts.check_modal(data)
            self.modal = data | {"components": parts.numbered(data["components"])}

    def _post(self, data: Json, body: Body, flags: int, *, reference: int | None = None) -> Message:
        flags |= self.forced_ephemeral
        new = messages.take_files(self.world, body, self.upload_limit, ephemeral=bool(flags & EPHEMERAL))
        if self.source and reference is None:
            reference = self.source.id
        return messages.create(
            self.channel,
            self.world.bot,
            data,
            messages.arrange(data, new, []),
            flags=flags & (EPHEMERAL | LOADING | V2 | 1 << 2 | 1 << 12),
            reference=reference,
            interaction=self,
            kind=20 if self.kind == COMMAND else 0,
        )

    def edit(self, message: Message, data: Json, body: Body) -> Message:
        """PATCH by the token."""
        new = messages.take_files(self.world, body, self.upload_limit, ephemeral=message.ephemeral)
        messages.edit(message, data, new)
        if message is self.response:
            self.updated = True
        return message

    def follow_up(self, data: Json, body: Body) -> Message:
        """POST by the token: after a deferral the first one completes the deferred reply, if that still stands."""
        if self.response is not None and self.response.loading and not self.response.deleted:
            return self.edit(self.response, data, body)
        if "0" not in self.owners and self.posts >= 5:
            raise refusal(40094)
        original = self.response.id if self.response else None
        message = self._post(data, body, data.get("flags") or 0, reference=original)
        self.posts += 1
        self.followups.append(message)
        self.world.ring()
        return message

    def message(self, which: str) -> Message:
        """`@original`, or one of its messages by id."""
        self.require_live()
        if which == "@original":
            if self.response is None or self.response.deleted:
                raise refusal(10008)
            return self.response
        for each in self.replies():
            if str(each.id) == which and not each.deleted:
                return each
        raise refusal(10008)

    # --- as JSON

    def metadata(self) -> Json:
        data: Json = {"id": str(self.id), "type": self.kind, "user": self.user.json()}
        data["authorizing_integration_owners"] = self.owners
        if self.kind == COMPONENT and self.source:
            data["interacted_message_id"] = str(self.source.id)
        if self.kind == MODAL_SUBMIT:
            trigger = {"id": str(self.id), "type": COMMAND, "user": self.user.json(), "name": self.name}
            data["triggering_interaction_metadata"] = trigger | {
                "authorizing_integration_owners": self.owners
            }
        return data | {"name": self.name}

    def callback_json(self) -> Json:
        """What `with_response=true` gives."""
        data: Json = {"interaction": {"id": str(self.id), "type": self.kind}}
        if self.answer in (CHOICES, MODAL):
            return data
        if self.response is not None:
            data["interaction"] |= {
                "response_message_id": str(self.response.id),
                "response_message_loading": self.response.loading,
                "response_message_ephemeral": self.response.ephemeral,
            }
            if self.answer != DEFERRED_UPDATE:
                data["resource"] = {"type": self.answer, "message": self.response.json()}
        return data

    def _payload(self, data: Json) -> Json:
        channel = self.channel
        payload: Json = {
            "id": str(self.id),
            "application_id": str(self.world.app_id),
            "type": self.kind,
            "token": self.token,
            "version": 1,
            "data": data,
            "channel": channel.json(),
            "channel_id": str(channel.id),
            "locale": self.user.locale,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": self.owners,
            "context": context_of(channel),
            "attachment_size_limit": self.upload_limit,
            "app_permissions": str(self._app_permissions()),
        }
        if channel.guild:
            guild = channel.guild
            payload["guild_id"] = str(guild.id)
            payload["guild"] = {"id": str(guild.id), "locale": guild.locale, "features": []}
            payload["guild_locale"] = guild.locale
            payload["member"] = guild.member_json(self.user, channel)
        else:
            payload["user"] = self.user.json()
        if self.source is not None:
            payload["message"] = self.source.json()
        return payload

    def _app_permissions(self) -> int:
        if self.channel.within_reach or "0" in self.owners:
            return self.channel.open_to_all
        # Without membership the app gets what a user install may do, whatever the channel denies to members.
        names = ("embed_links", "attach_files", "send_messages", "use_external_apps")
        return sum(PERMISSIONS[name] for name in names) & self.channel.open_to_all


def context_of(channel: Channel) -> int:
    """0: server, 1: DM with the bot, 2: any other private channel."""
    if channel.guild:
        return 0
    return 1 if channel.kind == DM and channel.world.bot in channel.people else 2


def owners_for(user: User, channel: Channel) -> Json:
    """By whose installation the app is there: key 0 a server's, key 1 the user's."""
    owners: Json = {}
    context = context_of(channel)
    if channel.guild and (channel.guild.bot_in or channel.guild.commands_only):
        owners["0"] = str(channel.guild.id)
    elif context == 1 and (not user.installed or user.shares_a_server):
        owners["0"] = "0"
    if user.installed:
        owners["1"] = str(user.id)
    assert owners, (
        f"{user.name} cannot use the app here: the bot is no member, and they have not installed it"
    )
    return owners
