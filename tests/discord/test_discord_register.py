"""The registration of commands: what Discord is told of each, and that it is told only when something changed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.discord_server import DiscordServer
from support.simcord_world import World, open_world
from support.sources import ROOT

from adapters.discord import register
from bot.talk.commands import COMMANDS, OPERATOR_COMMANDS


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


def told(world: World) -> dict[str, dict[str, Any]]:
    """The commands by name, as they go over the wire."""
    tree = world.client.tree
    return {each.name: dict(each.to_dict(tree)) for each in tree.get_commands()}


def options(command: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in command.get("options", ())}


# --- when --------------------------------------------------------------------------------------------------------


async def test_commands_are_registered_once_and_again_only_when_they_changed(world: World) -> None:
    tree = world.client.tree
    assert await register.sync(tree, world.memory) == len(told(world))
    assert await register.sync(tree, world.memory) is None
    tree.remove_command("terms")
    assert await register.sync(tree, world.memory) == len(told(world))


async def test_forcing_registers_what_did_not_change(world: World) -> None:
    tree = world.client.tree
    await register.sync(tree, world.memory)
    assert await register.sync(tree, world.memory, force=True)


async def test_another_application_is_told_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await register.sync(world.client.tree, world.memory)
    monkeypatch.setattr(world.client._connection, "application_id", 42)
    first = await world.memory.get(register.NOTE)
    assert await register.fingerprint(world.client.tree) != first["hash"]


async def test_what_discord_refused_is_tried_again_at_the_next_start(world: World) -> None:
    world.env.inject_error("PUT", "/applications/*/commands", status=500)
    with pytest.raises(Exception, match="500"):
        await register.sync(world.client.tree, world.memory)
    assert await register.sync(world.client.tree, world.memory)


async def test_the_command_line_registers_them_whether_they_changed_or_not(tmp_path: Path) -> None:
    async with DiscordServer() as server:
        settings = {"DISCORD_BOT_TOKEN": server.token, "DISCORD_API_URL": server.api_url}
        for times in (1, 2):
            assert "are registered" in await kiebot(tmp_path, **settings)
            assert len(server.world.registrations) == times


async def test_the_command_line_says_which_setting_is_missing(tmp_path: Path) -> None:
    assert "DISCORD_BOT_TOKEN is not set" in await kiebot(tmp_path)


async def kiebot(folder: Path, **settings: str) -> str:
    """All that `kiebot discord sync` says."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DATA_DIR": str(folder), **settings}
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "discord", "sync"),
        env=environment,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    return said.decode()


# --- what --------------------------------------------------------------------------------------------------------


async def test_every_command_that_talk_knows_is_there(world: World) -> None:
    names = set(told(world))
    assert {name for name, _ in COMMANDS} | {"claim", "operator"} <= names
    inner = set(options(told(world)["operator"]))
    assert inner == {name for name, _ in OPERATOR_COMMANDS}
    assert {"Animate this image", "Make a video of this text"} <= names


async def test_members_commands_are_there_in_servers_direct_messages_and_user_installs(world: World) -> None:
    for name, command in told(world).items():
        if name != "operator":
            assert sorted(command["contexts"]) == [0, 1, 2], name
            assert sorted(command["integration_types"]) == [0, 1], name


async def test_operators_commands_are_hidden_until_somebody_shows_them(world: World) -> None:
    assert told(world)["operator"]["default_member_permissions"] in (0, "0")


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("sora", ["prompt", "image", "shape", "length", "quality", "watermark", "private"]),
        (
            "video",
            [
                *("prompt", "model", "image", "last_image", "shape"),
                *("length", "quality", "sound", "private"),
            ],
        ),
    ],
)
async def test_only_the_prompt_is_required(world: World, command: str, names: list[str]) -> None:
    found = options(told(world)[command])
    assert list(found) == names
    assert [name for name in found if found[name].get("required")] == ["prompt"]


async def test_options_carry_their_limits_and_choices(world: World) -> None:
    found = options(told(world)["video"])
    assert (found["prompt"]["min_length"], found["prompt"]["max_length"]) == (1, 6000)
    assert (found["length"]["min_value"], found["length"]["max_value"]) == (1, 60)
    assert found["model"]["autocomplete"]
    assert found["image"]["type"] == 11
    assert [each["value"] for each in found["sound"]["choices"]] == ["on", "off"]


async def test_everything_keeps_to_discords_limits(world: World) -> None:
    def check(command: dict[str, Any]) -> None:
        assert len(command["name"]) <= 32
        if command.get("type", 1) == 1:
            assert 1 <= len(command["description"]) <= 100
        assert len(command.get("options", ())) <= 25
        for option in command.get("options", ()):
            assert len(option.get("choices") or ()) <= 25
            check({**option, "type": 1})

    for command in told(world).values():
        check(command)
