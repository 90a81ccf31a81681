"""The commands of members, as Discord shows them: typed options with their limits, described in words."""

from __future__ import annotations

from typing import Any, TypeAlias

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from adapters.discord.buttons import shortened
from adapters.discord.desk import Desk
from adapters.discord.pictures import Upload
from adapters.discord.shelf import Shelf
from adapters.discord.turns import Hearer
from bot.talk import Wish
from bot.talk.commands import COMMANDS
from bot.texts import say

PROMPT_MOST, SECONDS_MOST = 6000, 60  # an option takes 6000 characters at most, discord.md 3
DESCRIPTION_MOST = 100

_ABOUT = dict(COMMANDS)


class Counter(Hearer):
    """The client, as far as commands need it."""

    desk: Desk
    shelf: Shelf


Interaction: TypeAlias = "discord.Interaction[Counter]"


def about(name: str) -> str:
    """What a command does, as Talk says it everywhere."""
    return shortened(say(_ABOUT[name]), DESCRIPTION_MOST)


def chosen(**choices: Any) -> dict[str, Any]:
    """The choices that were made."""
    return {name: value for name, value in choices.items() if value is not None}


SORA_SHAPES = [
    Choice(name=say("discord.landscape"), value="landscape"),
    Choice(name=say("discord.portrait"), value="portrait"),
]
SHAPES = [
    *SORA_SHAPES,
    Choice(name=say("discord.square"), value="square"),
    *(Choice(name=each, value=each) for each in ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")),
]
TIERS = [
    Choice(name=say("discord.tier_standard"), value="standard"),
    Choice(name=say("discord.tier_pro"), value="pro"),
    Choice(name=say("discord.tier_pro_hd"), value="pro-hd"),
]
WATERMARKS = [
    Choice(name=say("discord.watermark_remove"), value="remove"),
    Choice(name=say("discord.watermark_keep"), value="keep"),
]
SOUNDS = [
    Choice(name=say("discord.sound_on"), value="on"),
    Choice(name=say("discord.sound_off"), value="off"),
]

Prompt = Range[str, 1, PROMPT_MOST]
Seconds = Range[int, 1, SECONDS_MOST]


@app_commands.command(name="sora", description=about("sora"))
@app_commands.describe(
    prompt=say("discord.opt_prompt"),
    image=say("discord.opt_image"),
    shape=say("discord.opt_shape"),
    length=say("discord.opt_length"),
    quality=say("discord.opt_tier"),
    watermark=say("discord.opt_watermark"),
    private=say("discord.opt_private"),
)
@app_commands.choices(shape=SORA_SHAPES, quality=TIERS, watermark=WATERMARKS)
async def sora(
    interaction: Interaction,
    prompt: Prompt,
    image: discord.Attachment | None = None,
    shape: str | None = None,
    length: Seconds | None = None,
    quality: str | None = None,
    watermark: str | None = None,
    private: bool | None = None,
) -> None:
    remove = None if watermark is None else watermark == "remove"
    choices = chosen(aspect=shape, seconds=length, tier=quality, remove_watermark=remove)
    wish = Wish("sora", prompt=prompt, choices=choices)
    await interaction.client.desk.order(interaction, wish, uploads(image), private=private)


@app_commands.command(name="video", description=about("video"))
@app_commands.describe(
    prompt=say("discord.opt_prompt"),
    model=say("discord.opt_model"),
    image=say("discord.opt_image"),
    last_image=say("discord.opt_last_image"),
    shape=say("discord.opt_shape"),
    length=say("discord.opt_length"),
    quality=say("discord.opt_quality"),
    sound=say("discord.opt_sound"),
    private=say("discord.opt_private"),
)
@app_commands.choices(shape=SHAPES, sound=SOUNDS)
async def video(
    interaction: Interaction,
    prompt: Prompt,
    model: Range[str, 1, 100] | None = None,
    image: discord.Attachment | None = None,
    last_image: discord.Attachment | None = None,
    shape: str | None = None,
    length: Seconds | None = None,
    quality: Range[str, 1, 40] | None = None,
    sound: str | None = None,
    private: bool | None = None,
) -> None:
    heard = None if sound is None else sound == "on"
    choices = chosen(aspect=shape, seconds=length, quality=quality, sound=heard)
    wish = Wish("video", prompt=prompt, model=model or "", choices=choices)
    await interaction.client.desk.order(
        interaction, wish, uploads(image), uploads(last_image), private=private
    )


@video.autocomplete("model")
async def model_choices(interaction: Interaction, current: str) -> list[Choice[str]]:
    return interaction.client.shelf.models(current)


@video.autocomplete("quality")
async def quality_choices(interaction: Interaction, current: str) -> list[Choice[str]]:
    return interaction.client.shelf.qualities(interaction.namespace.model or "", current)


@app_commands.command(name="storyboard", description=about("storyboard"))
@app_commands.describe(private=say("discord.opt_private"))
async def storyboard(interaction: Interaction, private: bool | None = None) -> None:
    await interaction.client.desk.storyboard(interaction, private=private)


@app_commands.command(name="unwatermark", description=about("unwatermark"))
@app_commands.describe(url=say("discord.opt_url"), private=say("discord.opt_private"))
async def unwatermark(interaction: Interaction, url: Range[str, 8, 500], private: bool | None = None) -> None:
    await interaction.client.desk.order(interaction, Wish("unwatermark", video_url=url), private=private)


@app_commands.command(name="cancel", description=about("cancel"))
@app_commands.describe(job=say("discord.opt_cancel_job"))
async def cancel(interaction: Interaction, job: Range[str, 1, 20] | None = None) -> None:
    await interaction.client.desk.tell(interaction, "cancel", job or "")


@app_commands.command(name="report", description=about("report"))
@app_commands.describe(job=say("discord.opt_report_job"))
async def report(interaction: Interaction, job: Range[str, 1, 20]) -> None:
    await interaction.client.desk.tell(interaction, "report", job)


@app_commands.command(name="claim", description=say("discord.about_claim"))
@app_commands.describe(code=say("discord.opt_code"))
async def claim(interaction: Interaction, code: Range[str, 1, 40]) -> None:
    await interaction.client.desk.tell(interaction, "claim", code)


# Commands without options, which only tell something.
PLAIN: tuple[str, ...] = ("models", "balance", "history", "settings", "help", "terms", "privacy", "forget")


def _plain(name: str) -> app_commands.Command[Any, ..., None]:
    async def tell(interaction: Interaction) -> None:
        await interaction.client.desk.tell(interaction, name)

    return app_commands.Command(name=name, description=about(name), callback=tell)


def commands() -> list[app_commands.Command[Any, ..., None]]:
    """All commands of members."""
    return [video, sora, storyboard, unwatermark, cancel, report, claim, *map(_plain, PLAIN)]


def uploads(attachment: discord.Attachment | None) -> tuple[Upload, ...]:
    return (Upload.of(attachment),) if attachment else ()
