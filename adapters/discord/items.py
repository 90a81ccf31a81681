"""Buttons: known by the shape of what they carry, so that they work after restarts and upgrades."""

from __future__ import annotations

import re
from typing import Any, Self

import discord
from discord import ui


class Press(ui.DynamicItem[ui.Button[Any]], template=r"(?P<action>\d+:[a-z]+(?::.*)?)"):
    """Any button of Talk's, of this version or another: Talk says what it does."""

    def __init__(self, item: ui.Button[Any], action: str) -> None:
        super().__init__(item)
        self.action = action

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        assert isinstance(item, ui.Button)
        return cls(item, match["action"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.presses.pressed(interaction, self.action)


class Open(ui.DynamicItem[ui.Button[Any]], template=r"ask:(?P<id>[0-9A-Z]+)"):
    """Opens the form of a question that was asked in a message."""

    def __init__(self, item: ui.Button[Any], form_id: str) -> None:
        super().__init__(item)
        self.form_id = form_id

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        assert isinstance(item, ui.Button)
        return cls(item, match["id"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.presses.opened(interaction, self.form_id)


class Choose(ui.DynamicItem[ui.Select[Any]], template=r"choose:(?P<n>[0-9]+)"):
    """A long list of choices, each of which carries what a button would."""

    def __init__(self, item: ui.Select[Any]) -> None:
        super().__init__(item)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        assert isinstance(item, ui.Select)
        return cls(item)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.presses.pressed(interaction, self.item.values[0])


ITEMS = (Press, Open, Choose)


def is_ours(custom_id: str) -> bool:
    """Whether one of the items above answers it."""
    return any(each.__discord_ui_compiled_template__.fullmatch(custom_id) for each in ITEMS)


def open_action(form_id: str) -> str:
    return f"ask:{form_id}"


def is_component(interaction: discord.Interaction[Any]) -> bool:
    return interaction.type is discord.InteractionType.component
