"""The servers and channels of the stand-in, and what the bot may do where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from support.discord_errors import refusal
from support.discord_files import MIB

if TYPE_CHECKING:
    from support.discord_messages import Message
    from support.discord_people import User
    from support.discord_world import World

Json = dict[str, Any]

PERMISSIONS = {
    "administrator": 1 << 3,
    "manage_guild": 1 << 5,
    "view_channel": 1 << 10,
    "send_messages": 1 << 11,
    "manage_messages": 1 << 13,
    "embed_links": 1 << 14,
    "attach_files": 1 << 15,
    "read_message_history": 1 << 16,
    "mention_everyone": 1 << 17,
    "use_application_commands": 1 << 31,
    "send_messages_in_threads": 1 << 38,
    "use_external_apps": 1 << 50,
}
EVERYONE = sum(PERMISSIONS.values()) - sum(
    PERMISSIONS[name] for name in ("administrator", "manage_guild", "manage_messages")
)
GUILD_TEXT, DM, GROUP_DM, THREAD = 0, 1, 3, 11


def stamp(ms: int) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


@dataclass(eq=False)
class Guild:
    """A server. `boost_tier` 2 lifts the upload limit to 50 MiB, 3 to 100 MiB. `rights` are what everybody's roles allow,
    the bot's included. `commands_only`: it added the commands, but not the bot."""

    world: World
    id: int
    name: str
    boost_tier: int = 0
    bot_in: bool = True
    locale: str = "en-US"
    commands_only: bool = False
    rights: int = EVERYONE
    members: dict[int, bool] = field(default_factory=dict)
    channels: list[Channel] = field(default_factory=list)

    def deny(self, *names: str) -> None:
        """Everybody's roles lose these permissions."""
        self.rights &= ~sum(PERMISSIONS[name] for name in names)

    @property
    def upload_limit(self) -> int:
        return max(self.world.default_limit, {2: 50 * MIB, 3: 100 * MIB}.get(self.boost_tier, 0))

    @property
    def admin_role(self) -> int:
        return self.id + 1

    def text_channel(self, name: str, *, nsfw: bool = False) -> Channel:
        return self._add(Channel(self.world, self.world.next_id(), GUILD_TEXT, name, self, nsfw=nsfw))

    def thread(self, parent: Channel, name: str) -> Channel:
        return self._add(Channel(self.world, self.world.next_id(), THREAD, name, self, parent=parent))

    def _add(self, channel: Channel) -> Channel:
        self.channels.append(channel)
        self.world.channels[channel.id] = channel
        if self.bot_in:
            kind = "THREAD" if channel.kind == THREAD else "CHANNEL"
            self.world.emit(f"{kind}_CREATE", channel.json(), self.id)
        return channel

    def member(self, user: User, *, admin: bool = False) -> User:
        """Make `user` a member (an administrator); returns the user."""
        self.members[user.id] = admin
        return user

    def kick_bot(self) -> None:
        """The bot is no longer a member."""
        self.bot_in = False
        self.world.emit("GUILD_DELETE", {"id": str(self.id)}, self.id)

    def invite_bot(self) -> None:
        self.bot_in = True
        self.world.emit("GUILD_CREATE", self.json(), self.id)

    def member_json(self, user: User, channel: Channel | None = None) -> Json:
        admin = self.members.setdefault(user.id, False)
        allowed = (1 << 53) - 1 if admin else (channel.open_to_all if channel else self.rights)
        return {
            "user": user.json(),
            "roles": [str(self.admin_role)] if admin else [],
            "nick": None,
            "avatar": None,
            "joined_at": stamp(self.world.clock.now()),
            "deaf": False,
            "mute": False,
            "pending": False,
            "flags": 0,
            "permissions": str(allowed),
        }

    def _role(self, role_id: int, name: str, permissions: int) -> Json:
        return {
            "id": str(role_id),
            "name": name,
            "permissions": str(permissions),
            "position": int(role_id != self.id),
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }

    def json(self) -> Json:
        """As in GUILD_CREATE."""
        empty = ["emojis", "features", "voice_states", "presences", "stickers", "soundboard_sounds"]
        empty += ["stage_instances", "guild_scheduled_events"]
        levels = ["verification_level", "explicit_content_filter", "mfa_level", "nsfw_level", "afk_timeout"]
        levels += ["default_message_notifications", "system_channel_flags", "premium_subscription_count"]
        nothing = ["icon", "splash", "banner", "afk_channel_id", "system_channel_id", "rules_channel_id"]
        everyone = self._role(self.id, "@everyone", self.rights)
        return {
            **{name: [] for name in empty},
            **dict.fromkeys(levels, 0),
            **dict.fromkeys(nothing),
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.id + 2),
            "preferred_locale": self.locale,
            "premium_tier": self.boost_tier,
            "roles": [everyone, self._role(self.admin_role, "admins", PERMISSIONS["administrator"])],
            "channels": [each.json() for each in self.channels if each.kind == GUILD_TEXT],
            "threads": [each.json() for each in self.channels if each.kind == THREAD],
            "members": [self.member_json(self.world.bot)],
            "member_count": len(self.members) + 1,
            "large": False,
            "unavailable": False,
            "joined_at": stamp(self.world.clock.now()),
        }


@dataclass(eq=False)
class Channel:
    """A text channel, thread, DM or group DM; `messages` are those that stand there, ephemeral ones included."""

    world: World
    id: int
    kind: int
    name: str
    guild: Guild | None = None
    parent: Channel | None = None
    people: list[User] = field(default_factory=list)
    nsfw: bool = False
    denied: set[str] = field(default_factory=set)
    uploads_limited: bool = False
    archived: bool = False
    deleted: bool = False
    messages: list[Message] = field(default_factory=list)
    by_id: dict[int, Message] = field(default_factory=dict)

    # --- what tests do

    def deny(self, *names: str) -> None:
        """The bot loses these permissions here ("attach_files", ...); losing view_channel hides the channel."""
        unknown = set(names) - set(PERMISSIONS)
        assert not unknown, f"no permissions: {unknown}"
        self.denied |= set(names)
        self._changed()

    def permit(self, *names: str) -> None:
        self.denied -= set(names)
        self._changed()

    def delete(self) -> None:
        """Discord's "delete channel": it and its messages are gone."""
        self.deleted = True
        if self.guild and self.guild.bot_in:
            self.guild.channels.remove(self)
            self.world.emit("CHANNEL_DELETE", self.json(), self.guild.id)

    @property
    def last(self) -> Message:
        """The newest message."""
        assert self.messages, f"nothing was posted in {self.name}"
        return self.messages[-1]

    async def shows(self, words: str, within: float = 5.0) -> Message:
        """Wait until a message here contains `words`."""
        return await self.world.until(
            lambda: next((each for each in reversed(self.messages) if words in each.text), None),
            within,
            f"{words!r} in {self.name}",
            lambda: str([each.text for each in self.messages]),
        )

    # --- rules

    def _changed(self) -> None:
        if self.guild and self.guild.bot_in:
            self.world.emit("CHANNEL_UPDATE", self.json(), self.guild.id)

    @property
    def open_to_all(self) -> int:
        """The permission bits everybody has here, the bot included."""
        denied = self.denied | (self.parent.denied if self.parent else set())
        if "send_messages" in denied:
            denied = denied | {"attach_files", "embed_links"}
        rights = self.guild.rights if self.guild else EVERYONE
        return rights & ~sum(PERMISSIONS[name] for name in denied)

    def bot_may(self, name: str) -> bool:
        return bool(self.open_to_all & PERMISSIONS[name])

    @property
    def within_reach(self) -> bool:
        """Whether the bot is there at all."""
        if self.guild:
            return self.guild.bot_in and self.bot_may("view_channel")
        return self.kind == DM and self.world.bot in self.people

    @property
    def upload_limit(self) -> int:
        return self.guild.upload_limit if self.guild else self.world.default_limit

    def require(self, *names: str) -> None:
        """Refuse unless the bot can see this channel and has these permissions."""
        if self.deleted:
            raise refusal(10003)
        if not self.within_reach:
            raise refusal(50001)
        if self.guild and not all(self.bot_may(name) for name in names):
            raise refusal(50013)

    @property
    def send_permission(self) -> str:
        return "send_messages_in_threads" if self.kind == THREAD else "send_messages"

    def json(self) -> Json:
        data: Json = {"id": str(self.id), "type": self.kind, "last_message_id": None, "flags": 0}
        if self.guild is None:
            others = [each.json() for each in self.people if each is not self.world.bot]
            data |= {"recipients": others}
            if self.kind == GROUP_DM:
                data |= {"name": self.name, "icon": None, "owner_id": others[0]["id"]}
            return data
        data |= {"guild_id": str(self.guild.id), "name": self.name, "nsfw": self.nsfw, "position": 0}
        data |= {"parent_id": None, "topic": None, "rate_limit_per_user": 0}
        denied = EVERYONE & ~self.open_to_all
        overwrite = {"id": str(self.guild.id), "type": 0, "allow": "0", "deny": str(denied)}
        data["permission_overwrites"] = [overwrite] if denied else []
        data["permissions"] = str(self.open_to_all)
        if self.parent:
            data |= self._thread_json(self.parent)
        return data

    def _thread_json(self, parent: Channel) -> Json:
        return {
            "parent_id": str(parent.id),
            "owner_id": str(self.world.bot.id),
            "message_count": len(self.messages),
            "member_count": 1,
            "thread_metadata": {
                "archived": self.archived,
                "auto_archive_duration": 1440,
                "archive_timestamp": stamp(self.world.clock.now()),
                "locked": self.archived,
            },
        }
