"""Registers the commands with Discord, when they are not what was registered last."""

from __future__ import annotations

import hashlib
import json

import discord
from discord import app_commands

from bot.ports import Memory

NOTE = "discord:tree"


async def fingerprint(tree: app_commands.CommandTree[discord.Client]) -> str:
    """Changes when anything of what Discord would be told changes, the application included."""
    found = [each.to_dict(tree) for each in tree.get_commands()]
    told = json.dumps([tree.client.application_id, found], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def outline(command: app_commands.AppCommand) -> str:
    """As `kiebot check` compares it with what Discord tells later: kind, name and options."""
    return f"{command.type.value}:{command.name}({','.join(each.name for each in command.options)})"


async def sync(
    tree: app_commands.CommandTree[discord.Client], memory: Memory, *, force: bool = False
) -> int | None:
    """How many commands were registered; None when they stood already. Raises discord.HTTPException.

    Needs a client that has logged in. Overwriting them all at once counts towards no limit (discord.md 3).
    """
    now = await fingerprint(tree)
    noted = await memory.get(NOTE)
    if noted and not force and noted["hash"] == now:
        return None
    registered = await tree.sync()
    application, outlines = str(tree.client.application_id), sorted(map(outline, registered))
    await memory.put(NOTE, {"hash": now, "application": application, "commands": outlines})
    return len(registered)
