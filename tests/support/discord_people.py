"""People of the stand-in: everything a person can do in Discord's client that reaches a bot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support import discord_commands as commands
from support import discord_components as parts
from support import discord_messages as messages
from support.discord_commands import Form
from support.discord_files import Upload
from support.discord_interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from support.discord_messages import Message
from support.discord_places import Channel

if TYPE_CHECKING:
    from support.discord_world import World

Json = dict[str, Any]

Sent = Upload | Path | tuple[str, bytes | Path]


@dataclass(eq=False)
class User:
    """A person (or the bot). Acts begin at once; `await` the Interaction they return for the first answer."""

    world: World
    id: int
    name: str
    is_bot: bool = False
    installed: bool = False
    locale: str = "en-US"
    upload_limit: int = 0
    dm: Channel | None = None
    refuses_with: int | None = None

    def json(self) -> Json:
        return {
            "id": str(self.id),
            "username": self.name,
            "discriminator": "0000" if self.is_bot else "0",
            "global_name": None if self.is_bot else self.name.title(),
            "avatar": None,
            "bot": self.is_bot,
            "public_flags": 0,
        }

    @property
    def shares_a_server(self) -> bool:
        return any(each.bot_in and self.id in each.members for each in self.world.guilds.values())

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def close_dms(self) -> None:
        """Messages of the bot to this user are refused: 403/50007."""
        self.refuses_with = 50007

    def leave_common_servers(self) -> None:
        """Messages of the bot to this user are refused: 403/50278."""
        self.refuses_with = 50278

    def open_dms(self) -> None:
        self.refuses_with = None

    # --- acts

    def slash(self, channel: Channel, command: str, /, **options: Any) -> Interaction:
        """Use `/command` ("sora", "operator allow"); files as `("cat.png", bytes)` or a path, users as User."""
        name, *path = command.split()
        found = commands.find(self, channel, name)
        form = Form(self, channel)
        return self._command(channel, found, form.fill(found, path, options), form, f"/{command}")

    def autocomplete(
        self, channel: Channel, command: str, option: str, typed: str, /, **others: Any
    ) -> Interaction:
        """Type into an option that completes itself; the answer's `.choices` hold what the bot offers."""
        name, *path = command.split()
        found = commands.find(self, channel, name)
        form = Form(self, channel)
        filled = form.fill(found, path, {**others, option: typed}, focused=option)
        return self._command(channel, found, filled, form, f"/{command} {option}:{typed}", AUTOCOMPLETE)

    def context_menu(self, name: str, target: Message | User, channel: Channel | None = None) -> Interaction:
        """Use a menu command on a message, or on a user in `channel`."""
        form = Form(self, channel or (target.channel if isinstance(target, Message) else self.world.dm(self)))
        channel = form.channel
        kind = commands.MESSAGE_MENU if isinstance(target, Message) else commands.USER_MENU
        found = commands.find(self, channel, name, kind)
        if isinstance(target, Message):
            form.resolved["messages"] = {str(target.id): target.json()}
        else:
            form.mention(target)
        return self._command(channel, found, [], form, name, target_id=str(target.id))

    def _command(
        self,
        channel: Channel,
        command: Json,
        options: list[Json],
        form: Form,
        name: str,
        kind: int = COMMAND,
        **more: str,
    ) -> Interaction:
        data: Json = {"id": command["id"], "name": command["name"], "type": command["type"], **more}
        if options:
            data["options"] = options
        if form.resolved:
            data["resolved"] = form.resolved
        if command.get("guild_id"):
            data["guild_id"] = command["guild_id"]
        return self._start(channel, kind, data, name=name, owners=commands.owners_of(command, self, channel))

    def click(self, message: Message, what: str) -> Interaction:
        """Press the button with this label, beginning of a label, or custom_id."""
        button = _find(message, what, {parts.BUTTON})
        assert button.get("custom_id"), f"{what!r} is a link or a purchase: no interaction comes of it"
        data = {"component_type": parts.BUTTON, "custom_id": button["custom_id"], "id": button["id"]}
        return self._component(message, data, f"[{what}]")

    def select(self, message: Message, which: str | None, *chosen: str | User) -> Interaction:
        """Choose in the select with this custom_id or placeholder (None: the only one) by label, value or User."""
        select = _find(message, which, parts.SELECTS)
        form = Form(self, message.channel)
        values = _chosen(select, chosen, form)
        data = {"component_type": select["type"], "custom_id": select["custom_id"], "values": values}
        data |= {"id": select["id"]} | ({"resolved": form.resolved} if form.resolved else {})
        return self._component(message, data, f"[{which}: {chosen}]")

    def _component(self, message: Message, data: Json, name: str) -> Interaction:
        assert not message.deleted, "the message is gone"
        mine = not message.ephemeral or (message.interaction and message.interaction.user is self)
        assert mine, f"{self.name} does not see this ephemeral message"
        asked = message.interaction
        # Where the bot is no member, a component is there by the install of whoever made the message appear.
        owners = asked.owners if asked and "0" not in asked.owners else None
        return self._start(message.channel, COMPONENT, data, source=message, name=name, owners=owners)

    def submit_modal(self, opened: Interaction, values: dict[str, Any]) -> Interaction:
        """Fill in the modal that `opened` got, by label or custom_id: words, lists of labels or values, files."""
        modal = opened.modal
        assert modal is not None, "no modal was opened"
        form = Form(self, opened.channel)
        left = dict(values)
        components = [_submitted(each, left, form) for each in modal["components"]]
        assert not left, f"the modal has no {list(left)}"
        data: Json = {"custom_id": modal["custom_id"], "components": components}
        if form.resolved:
            data["resolved"] = form.resolved
        name = f"modal {modal['title']!r}"
        return self._start(
            opened.channel, MODAL_SUBMIT, data, source=opened.source, name=name, owners=opened.owners
        )

    def _start(self, channel: Channel, kind: int, data: Json, **more: Any) -> Interaction:
        interaction = Interaction(self, channel, kind, data, **more)
        interaction.redeliver()
        return interaction

    def says(
        self,
        channel: Channel,
        text: str,
        attachments: list[Sent] | None = None,
        reply_to: Message | None = None,
    ) -> Message:
        """Write a message."""
        if channel.guild:
            channel.guild.members.setdefault(self.id, False)
        files = [commands.attach(self.world, each) for each in attachments or []]
        reference = reply_to.id if reply_to else None
        return messages.create(
            channel, self, {"content": text}, files, reference=reference, kind=19 if reference else 0
        )

    def edits(self, message: Message, text: str) -> Message:
        return messages.edit(message, {"content": text}, {})

    def deletes(self, message: Message) -> None:
        messages.delete(message)

    def sees(self, message: Message) -> bool:
        """Whether this person is shown the message."""
        return not message.ephemeral or (message.interaction is not None and message.interaction.user is self)


def _find(message: Message, what: str | None, kinds: set[int] | frozenset[int]) -> Json:
    """The component meant by its custom_id, label or placeholder, or the beginning of its label."""
    offered = [each for each in parts.walk(message.components) if each["type"] in kinds]

    def exactly(each: Json) -> bool:
        return what in (None, each.get("custom_id"), parts.label_of(each), each.get("placeholder"))

    def partly(each: Json) -> bool:
        return (what or "") in parts.label_of(each)

    for test in (exactly, partly):
        if found := [each for each in offered if test(each)]:
            assert len(found) == 1, f"{what!r} means several of {message!r}"
            assert not found[0].get("disabled"), f"{what!r} is disabled"
            return found[0]
    raise AssertionError(
        f"no {what!r} among {[parts.label_of(each) or each['custom_id'] for each in offered]}"
    )


def _chosen(select: Json, chosen: tuple[Any, ...] | list[Any], form: Form) -> list[str]:
    low, high = select.get("min_values"), select.get("max_values") or 1
    low = 1 if low is None else low
    assert low <= len(chosen) <= high, f"choose {low} to {high}"
    if select["type"] == parts.USER_SELECT:
        return [form.mention(each) for each in chosen]
    by_label = {each["label"]: each["value"] for each in select["options"]}
    values = [by_label.get(each, each) for each in chosen]
    assert set(values) <= set(by_label.values()), f"{chosen} are not among {list(by_label)}"
    return values


def _submitted(part: Json, left: dict[str, Any], form: Form) -> Json:
    if part["type"] == parts.TEXT:
        return {"type": parts.TEXT, "id": part["id"]}
    if part["type"] == parts.ROW:
        inner = part["components"][0]
        return {
            "type": parts.ROW,
            "id": part["id"],
            "components": [_field(inner, inner["label"], left, form)],
        }
    field = _field(part["component"], part["label"], left, form)
    return {"type": parts.LABEL, "id": part["id"], "component": field}


def _field(component: Json, label: str, left: dict[str, Any], form: Form) -> Json:
    """One field as it is submitted; what the person did not touch keeps what it came with."""
    kind = component["type"]
    named = next((each for each in (label, component["custom_id"]) if each in left), None)
    given = left.pop(named) if named is not None else None
    field: Json = {"type": kind, "id": component["id"], "custom_id": component["custom_id"]}
    required = component.get("required") is not False
    if kind == parts.TEXT_INPUT:
        text = component.get("value") or "" if given is None else given
        low, high = component.get("min_length") or 0, component.get("max_length") or 4000
        assert text or not required, f"{label!r} is required"
        assert not text or low <= len(text) <= high, f"{label!r} takes {low} to {high} characters"
        return field | {"value": text}
    if kind == parts.FILE_UPLOAD:
        return field | {"values": _files(component, label, given or [], form)}
    if kind == parts.CHECKBOX:
        return field | {"value": bool(component.get("default") if given is None else given)}
    if given is None:
        given = [each["value"] for each in component.get("options") or [] if each.get("default")]
    chosen = given if isinstance(given, list | tuple) else [given]
    assert chosen or not required, f"{label!r} is required"
    values = _chosen(component, chosen, form) if chosen else []
    if kind == parts.RADIO:
        return field | {"value": values[0] if values else None}
    return field | {"values": values}


def _files(component: Json, label: str, given: Any, form: Form) -> list[str]:
    files = given if isinstance(given, list) else [given]
    low, high = component.get("min_values"), component.get("max_values") or 1
    low = (1 if component.get("required") is not False else 0) if low is None else low
    assert low <= len(files) <= high, f"{label!r} takes {low} to {high} files"
    return [form.attach(each) for each in files]
