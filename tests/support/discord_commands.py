"""Commands of the stand-in: the rules of registering them (discord.md 3), and filling them in as a client does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.discord_errors import ApiError, invalid
from support.discord_files import Upload
from support.discord_interactions import context_of, owners_for
from support.discord_messages import upload_json
from support.discord_places import Channel

if TYPE_CHECKING:
    from support.discord_people import User
    from support.discord_world import World

Json = dict[str, Any]
Wrong = tuple[str, str]
SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
AT_MOST = {SLASH: 100, USER_MENU: 15, MESSAGE_MENU: 15}
SUB, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ATTACHMENT, NUMBER = 1, 2, 3, 4, 5, 6, 7, 11, 10
NAME = re.compile(r"^[-_'\w]{1,32}$")
CREATIONS_A_DAY = 200


# --- registering


def register(world: World, guild_id: int | None, commands: list[Json]) -> list[Json]:
    """Overwrite the commands of a scope; those of the same name and type keep their ids."""
    wrong = [
        (f"{number}.{path}", why)
        for number, each in enumerate(commands)
        for path, why in _check(each, guild_id)
    ]
    kinds = Counter(each.get("type") or SLASH for each in commands)
    wrong += [
        ("", f"more than {AT_MOST[kind]} of type {kind}") for kind in kinds if kinds[kind] > AT_MOST[kind]
    ]
    names = Counter((each["name"], each.get("type") or SLASH) for each in commands)
    wrong += [("", f"Application command names must be unique: {name}") for name in names if names[name] > 1]
    if wrong:
        raise invalid(*wrong)
    old = {(each["name"], each["type"]): each["id"] for each in world.commands.get(guild_id, [])}
    world.command_creations += len(names.keys() - old.keys())
    if world.command_creations > CREATIONS_A_DAY:
        raise ApiError(400, 30034, "Max number of daily application command creates has been reached (200)")
    world.commands[guild_id] = [_stored(world, guild_id, each, old) for each in commands]
    world.registrations.append((guild_id, [each["name"] for each in commands]))
    world.ring()
    return world.commands[guild_id]


def _stored(world: World, guild_id: int | None, command: Json, old: Mapping[tuple[str, int], str]) -> Json:
    kind = command.get("type") or SLASH
    allowed = command.get("default_member_permissions")
    stored = {
        "nsfw": False,
        "options": [],
        "integration_types": [0],
        "contexts": None,
        "name_localizations": None,
        "description_localizations": None,
        **{name: value for name, value in command.items() if value is not None},
        "id": old.get((command["name"], kind)) or str(world.next_id()),
        "application_id": str(world.app_id),
        "type": kind,
        "description": command.get("description") or "",
        "default_member_permissions": None if allowed is None else str(allowed),
        "version": str(world.next_id()),
    }
    if guild_id is not None:
        stored["guild_id"] = str(guild_id)
    return stored


def _check(command: Json, guild_id: int | None) -> Iterator[Wrong]:
    kind = command.get("type") or SLASH
    if kind == SLASH:
        yield from _check_names(command, "")
        if not command.get("description"):
            yield "description", "This field is required"
        yield from _check_options(command.get("options") or [], "options", depth=0)
    elif command.get("description") or command.get("options"):
        yield "description", "Context menu commands cannot have description"
    if guild_id is not None and (command.get("contexts") or command.get("integration_types")):
        yield "contexts", "only global commands have contexts and integration types"
    if (size := _letters(command)) > 8000:
        yield "", f"Command exceeds maximum size (8000): {size}"


def _check_names(each: Json, path: str) -> Iterator[Wrong]:
    for name in (each["name"], *(each.get("name_localizations") or {}).values()):
        if not NAME.match(name) or name != name.lower():
            yield f"{path}name", f"Command name is invalid: {name!r}"


def _check_options(options: list[Json], path: str, depth: int) -> Iterator[Wrong]:
    kinds = {each["type"] for each in options}
    if kinds & {SUB, GROUP} and kinds - {SUB, GROUP}:
        yield path, "subcommands and options do not mix"
    if GROUP in kinds and depth:
        yield path, "groups do not nest"
    names = [each["name"] for each in options]
    if len(set(names)) < len(names):
        yield path, "Option names must be unique"
    required = [bool(each.get("required")) for each in options]
    if required != sorted(required, reverse=True):
        yield path, "Required options must be placed before non-required options"
    for number, each in enumerate(options):
        yield from _check_names(each, f"{path}.{number}.")
        if each.get("choices") and each.get("autocomplete"):
            yield f"{path}.{number}", "choices and autocomplete exclude each other"
        if any(
            isinstance(one["value"], str) and len(one["value"]) > 100 for one in each.get("choices") or []
        ):
            yield f"{path}.{number}.choices", "value must be 100 or fewer in length"
        if each["type"] in (SUB, GROUP):
            yield from _check_options(each.get("options") or [], f"{path}.{number}.options", depth + 1)


def _letters(each: Json) -> int:
    """Characters that count towards 8000: the longest of each field's localisations."""
    total = 0
    for name in ("name", "description"):
        words = [each.get(name) or "", *(each.get(f"{name}_localizations") or {}).values()]
        total += max(map(len, words))
    if isinstance(each.get("value"), str):
        total += len(each["value"])
    return total + sum(_letters(inner) for name in ("options", "choices") for inner in each.get(name) or [])


# --- using


def find(user: User, channel: Channel, name: str, kind: int = SLASH) -> Json:
    """The registered command, if Discord shows it to this user here; else AssertionError says why not."""
    world = channel.world
    guild_id = channel.guild.id if channel.guild else None
    found = [
        each
        for scope in dict.fromkeys((guild_id, None))
        for each in world.commands.get(scope, [])
        if each["name"] == name and each["type"] == kind
    ]
    assert found, f"no command {name!r}; registered: {_names(world)}"
    command = found[0]
    contexts = command["contexts"]
    assert contexts is None or context_of(channel) in contexts, f"{name} is not offered in this context"
    assert not command["nsfw"] or channel.nsfw, f"{name} is offered in age-restricted channels only"
    owners = owners_for(user, channel)
    wanted = {str(each) for each in command["integration_types"]}
    assert wanted & set(owners), f"{name} is not offered: installed for {set(owners)}, wants {wanted}"
    admin = channel.guild is None or channel.guild.members.get(user.id, False)
    needed = command["default_member_permissions"]
    assert needed is None or admin, f"{name} is hidden from {user.name}, who is no administrator"
    return command


def _names(world: World) -> list[str]:
    return [each["name"] for scope in world.commands.values() for each in scope]


def owners_of(command: Json, user: User, channel: Channel) -> Json:
    """The installations by which this command is there."""
    wanted = {str(each) for each in command["integration_types"]}
    return {key: value for key, value in owners_for(user, channel).items() if key in wanted}


class Form:
    """A command's options as a person filled them in, and what they refer to."""

    def __init__(self, user: User, channel: Channel) -> None:
        self._user = user
        self.channel = channel
        self.resolved: Json = {}

    def fill(
        self, command: Json, path: Iterable[str], values: Mapping[str, Any], focused: str | None = None
    ) -> list[Json]:
        """Options as in the payload; AssertionError for what a client would not send."""
        step, *rest = [*path, ""]
        options = {each["name"]: each for each in command.get("options") or []}
        if step:
            assert step in options, f"no subcommand {step!r} of {command['name']}; there are {list(options)}"
            inner = self.fill(options[step], [each for each in rest if each], values, focused)
            return [{"type": options[step]["type"], "name": step, "options": inner}]
        unknown = set(values) - set(options)
        assert not unknown, f"{command['name']} has no options {unknown}; it has {list(options)}"
        missing = [name for name, each in options.items() if each.get("required") and name not in values]
        assert focused or not missing, f"{command['name']} requires {missing}"
        filled = []
        for name, value in values.items():
            option = options[name]
            entry = {"type": option["type"], "name": name}
            entry["value"] = value if name == focused else self._value(option, value)
            if name == focused:
                entry["focused"] = True
            filled.append(entry)
        return filled

    def _value(self, option: Json, value: Any) -> Any:
        kind, name = option["type"], option["name"]
        if kind == ATTACHMENT:
            return self.attach(value)
        if kind == USER:
            return self.mention(value)
        if kind == CHANNEL:
            self.resolved.setdefault("channels", {})[str(value.id)] = value.json()
            return str(value.id)
        wanted: tuple[type, ...] = {STRING: (str,), INTEGER: (int,), BOOLEAN: (bool,), NUMBER: (int, float)}[
            kind
        ]
        assert isinstance(value, wanted), f"{name}: {value!r} is not what the option takes"
        if choices := option.get("choices"):
            by_name = {each["name"]: each["value"] for each in choices}
            value = by_name.get(value, value)
            assert value in by_name.values(), f"{name}: {value!r} is not among {list(by_name.values())}"
        if kind == STRING:
            low, high = option.get("min_length") or 0, option.get("max_length") or 6000
            assert low <= len(value) <= high, f"{name}: {len(value)} characters, wants {low} to {high}"
        if kind in (INTEGER, NUMBER):
            low, high = option.get("min_value"), option.get("max_value")
            assert low is None or value >= low, f"{name}: {value} is below {low}"
            assert high is None or value <= high, f"{name}: {value} is above {high}"
        return value

    def attach(self, file: Upload | Path | tuple[str, bytes | Path]) -> str:
        """Upload a file as people do in commands and modals: ephemeral, gone after a while."""
        upload = attach(self.channel.world, file, ephemeral=True)
        url = self.channel.world.files.link(upload, self.channel.id, self.channel.world.clock.now())
        self.resolved.setdefault("attachments", {})[str(upload.id)] = upload_json(upload, url)
        return str(upload.id)

    def mention(self, user: User) -> str:
        self.resolved.setdefault("users", {})[str(user.id)] = user.json()
        if guild := self.channel.guild:
            member = guild.member_json(user, self.channel)
            del member["user"]
            self.resolved.setdefault("members", {})[str(user.id)] = member
        return str(user.id)


def attach(
    world: World, file: Upload | Path | tuple[str, bytes | Path], *, ephemeral: bool = False
) -> Upload:
    """A file that a person sends: `("cat.png", bytes or path)`, a path, or one sent before."""
    if isinstance(file, Upload):
        return file
    name, data = (file.name, file) if isinstance(file, Path) else file
    upload = world.files.add(name, data, world.next_id(), ephemeral=ephemeral)
    if ephemeral:
        upload.gone_at = world.clock.now() + int(world.ephemeral_files_life * 1000)
    return upload
