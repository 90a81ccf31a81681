"""Who speaks, where, and what the bot may do there: read from an interaction or a message."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import discord

from adapters.discord.address import PLATFORM, TOKEN_LIVES_MS, Address, Place, Ticket, user_ref
from adapters.discord.turns import Hearer
from bot.ports import Clock
from bot.talk import Asker, Talk

Interaction: TypeAlias = "discord.Interaction[Hearer]"

# What posting later needs where the bot is a member (discord.md 2); in a thread another right stands for sending.
NEEDED = discord.Permissions(
    view_channel=True, send_messages=True, attach_files=True, embed_links=True, read_message_history=True
)
NEEDED_IN_THREAD = discord.Permissions(
    view_channel=True,
    send_messages_in_threads=True,
    attach_files=True,
    embed_links=True,
    read_message_history=True,
)


@dataclass(frozen=True, slots=True)
class Askers:
    """Makes the Asker of whatever Discord brings."""

    talk: Talk
    clock: Clock

    async def of_interaction(self, interaction: Interaction, *, private: bool = False) -> Asker:
        """`private`: what comes of it is for the asker's eyes only; in their direct messages it is so anyway."""
        address = self.address(interaction)
        hidden = (private or address.hidden) and address.place is not Place.BOT_DM
        pressed = interaction.type is discord.InteractionType.component
        return Asker(
            who=user_ref(interaction.user.id),
            chat=hide(address).chat(True) if hidden else address.chat(),
            key=f"{PLATFORM}:press:{interaction.id}" if pressed else f"{PLATFORM}:{interaction.id}",
            language=await self.language(interaction),
            manager=bool(interaction.guild_id) and interaction.permissions.manage_guild,
            in_public=address.place is not Place.BOT_DM and not hidden,
            guest=address.place is Place.SERVER and not address.member,
            has_fields=True,
        )

    async def of_message(self, message: discord.Message) -> Asker:
        guild = message.guild
        address = Address(
            user=message.author.id,
            channel=message.channel.id,
            place=Place.SERVER if guild else Place.BOT_DM,
            guild=guild.id if guild else None,
            thread=isinstance(message.channel, discord.Thread),
            message=message.id,
            boost=guild.premium_tier if guild else 0,
        )
        author = message.author
        return Asker(
            who=user_ref(author.id),
            chat=address.chat(),
            key=f"{PLATFORM}:{message.id}",
            language=await self.talk.language(user_ref(author.id)),
            manager=isinstance(author, discord.Member) and author.guild_permissions.manage_guild,
            in_public=guild is not None,
            has_fields=True,
        )

    async def language(self, interaction: Interaction) -> str:
        spoken = interaction.locale.value.partition("-")[0]
        return await self.talk.language(user_ref(interaction.user.id), spoken)

    def ticket(self, interaction: Interaction) -> Ticket:
        return Ticket(
            application=interaction.application_id,
            token=interaction.token,
            expires=self.clock.now() + TOKEN_LIVES_MS,
            limit=interaction.filesize_limit,
            hidden=is_hidden(interaction),
        )

    def address(self, interaction: Interaction) -> Address:
        guild = interaction.client.get_guild(interaction.guild_id) if interaction.guild_id else None
        place = place_of(interaction)
        return Address(
            user=interaction.user.id,
            channel=interaction.channel_id or 0,
            place=place,
            guild=interaction.guild_id,
            thread=isinstance(interaction.channel, discord.Thread),
            member=is_member(interaction) if place is Place.SERVER else place is Place.BOT_DM,
            hidden=is_hidden(interaction),
            permissions=interaction.app_permissions.value if place is Place.SERVER else None,
            boost=guild.premium_tier if guild else 0,
            stranger=place is Place.BOT_DM and not is_guild_install(interaction),
            ticket=self.ticket(interaction),
        )


def place_of(interaction: Interaction) -> Place:
    if interaction.guild_id:
        return Place.SERVER
    # Discord says which: its own description calls 1 a direct message with the bot, 2 any other (discord.md 2).
    return Place.BOT_DM if interaction.context.dm_channel else Place.ELSEWHERE


def is_member(interaction: Interaction) -> bool:
    """Whether the bot is in this server. As long as Discord has not told of all servers, having been added to it in any
    way will do; afterwards it will not, since a server may have added the commands alone."""
    client = interaction.client
    if client.get_guild(interaction.guild_id or 0):
        return True
    return not client.is_ready() and is_guild_install(interaction)


def is_guild_install(interaction: Interaction) -> bool:
    """Whether a server's install stands behind it; in direct messages with the bot, one that both are in. discord.py's
    own `is_guild_integration` knows servers only."""
    return 0 in interaction._integration_owners


def is_hidden(interaction: Interaction) -> bool:
    return bool(interaction.message and interaction.message.flags.ephemeral)


def hide(address: Address) -> Address:
    """The same place, answered by a message for the asker's eyes only."""
    ticket = replace(address.ticket, hidden=True) if address.ticket else None
    return replace(address, hidden=True, ticket=ticket)


def lacks(address: Address) -> tuple[str, ...]:
    """What the bot would need to post here without a token and does not have, as Discord names it in English."""
    if address.permissions is None:
        return ()
    have = discord.Permissions(address.permissions)
    if have.administrator:
        return ()
    needed = NEEDED_IN_THREAD if address.thread else NEEDED
    return tuple(name for name, wanted in needed if wanted and not getattr(have, name))
