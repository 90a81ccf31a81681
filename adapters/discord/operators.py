"""The commands of operators: hidden by default, and checked by Talk, since a server may show them to anyone."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.app_commands import Range

from adapters.discord.address import user_ref
from adapters.discord.buttons import shortened
from adapters.discord.commands import DESCRIPTION_MOST, Interaction
from bot.domain import UserRef
from bot.talk.commands import OPERATOR_COMMANDS
from bot.texts import say

_ABOUT = dict(OPERATOR_COMMANDS)
CREDITS_MOST = 1_000_000


def about(name: str) -> str:
    return shortened(say(_ABOUT[name]), DESCRIPTION_MOST)


def target(user: discord.User | discord.Member | None) -> UserRef | None:
    return user_ref(user.id) if user else None


class Operator(app_commands.Group):
    """`/operator …`."""

    def __init__(self) -> None:
        super().__init__(
            name="operator",
            description=say("discord.about_operator"),
            default_permissions=discord.Permissions.none(),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True),
        )

    @app_commands.command(name="allow", description=about("allow"))
    @app_commands.describe(user=say("discord.opt_user_or_server"), who=say("discord.opt_who"))
    async def allow(
        self, interaction: Interaction, user: discord.User | None = None, who: Range[str, 1, 80] | None = None
    ) -> None:
        await interaction.client.desk.operate(interaction, "allow", who or "", target(user))

    @app_commands.command(name="deny", description=about("deny"))
    @app_commands.describe(user=say("discord.opt_user_or_server"), who=say("discord.opt_who"))
    async def deny(
        self, interaction: Interaction, user: discord.User | None = None, who: Range[str, 1, 80] | None = None
    ) -> None:
        await interaction.client.desk.operate(interaction, "deny", who or "", target(user))

    @app_commands.command(name="grant", description=about("grant"))
    @app_commands.describe(
        user=say("discord.opt_user"), amount=say("discord.opt_amount"), reason=say("discord.opt_reason")
    )
    async def grant(
        self,
        interaction: Interaction,
        user: discord.User,
        amount: Range[int, -CREDITS_MOST, CREDITS_MOST],
        reason: Range[str, 1, 200] | None = None,
    ) -> None:
        await interaction.client.desk.operate(interaction, "grant", f"{amount} {reason or ''}", target(user))

    @app_commands.command(name="block", description=about("block"))
    @app_commands.describe(user=say("discord.opt_user"))
    async def block(self, interaction: Interaction, user: discord.User) -> None:
        await interaction.client.desk.operate(interaction, "block", target=target(user))

    @app_commands.command(name="unblock", description=about("unblock"))
    @app_commands.describe(user=say("discord.opt_user"))
    async def unblock(self, interaction: Interaction, user: discord.User) -> None:
        await interaction.client.desk.operate(interaction, "unblock", target=target(user))

    @app_commands.command(name="pause", description=about("pause"))
    @app_commands.describe(reason=say("discord.opt_reason"))
    async def pause(self, interaction: Interaction, reason: Range[str, 1, 200] | None = None) -> None:
        await interaction.client.desk.operate(interaction, "pause", reason or "")

    @app_commands.command(name="resume", description=about("resume"))
    async def resume(self, interaction: Interaction) -> None:
        await interaction.client.desk.operate(interaction, "resume")

    @app_commands.command(name="status", description=about("status"))
    async def status(self, interaction: Interaction) -> None:
        await interaction.client.desk.operate(interaction, "status")
