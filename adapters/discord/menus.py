"""The entries in a message's menu: they bring the whole message along, without any privileged intent."""

from __future__ import annotations

import discord
from discord import app_commands

from adapters.discord.commands import PROMPT_MOST, Interaction
from bot.talk import Wish
from bot.texts import say


async def _animate(interaction: Interaction, message: discord.Message) -> None:
    await interaction.client.desk.animate(interaction, message)


async def _film(interaction: Interaction, message: discord.Message) -> None:
    words = (
        message.clean_content.strip() or "\n".join(each.description or "" for each in message.embeds).strip()
    )
    await interaction.client.desk.order(interaction, Wish(prompt=words[:PROMPT_MOST]))


def menus() -> list[app_commands.ContextMenu]:
    return [
        app_commands.ContextMenu(name=say("discord.menu_animate"), callback=_animate),
        app_commands.ContextMenu(name=say("discord.menu_film"), callback=_film),
    ]
