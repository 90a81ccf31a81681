"""The entries in a message's menu: they bring the whole message along, without any privileged intent."""

from __future__ import annotations

import discord
from discord import app_commands

from adapters.discord.commands import PROMPT_MOST, Interaction
from bot.errors import UserError
from bot.talk import Wish
from bot.texts import say


async def _animate(interaction: Interaction, message: discord.Message) -> None:
    await interaction.client.desk.animate(interaction, message)


async def _film(interaction: Interaction, message: discord.Message) -> None:
    desk, shown = interaction.client.desk, "\n".join(each.description or "" for each in message.embeds)
    words = (message.clean_content.strip() or shown).strip()
    if len(words) > PROMPT_MOST:
        # the first of them alone would be a video of something else
        length, most = f"{len(words):,}", f"{PROMPT_MOST:,}"
        await desk.refuse(interaction, UserError("discord.text_too_long", n=length, most=most))
    else:
        await desk.order(interaction, Wish(prompt=words))


def menus() -> list[app_commands.ContextMenu]:
    return [
        app_commands.ContextMenu(name=say("discord.menu_animate"), callback=_animate),
        app_commands.ContextMenu(name=say("discord.menu_film"), callback=_film),
    ]
