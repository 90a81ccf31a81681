"""Where commands come in: acknowledged first, then handed to Talk."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import discord

from adapters.discord import modals
from adapters.discord.address import Place
from adapters.discord.answering import Answering
from adapters.discord.asking import Askers, Interaction, place_of
from adapters.discord.pictures import Pictures, Upload, shown_by
from adapters.discord.pointed import Pointed
from adapters.discord.privacy import Privacy
from adapters.discord.reply import InteractionReply
from bot.domain import CommunityRef, UserRef, new_id
from bot.errors import UserError
from bot.talk import Answer, Asker, Talk, Wish


class Desk:
    """One for each client. Every method acknowledges within 3 s and tells what goes wrong itself."""

    def __init__(
        self,
        talk: Talk,
        privacy: Privacy,
        askers: Askers,
        answering: Answering,
        pointed: Pointed,
        pictures: Pictures,
    ) -> None:
        self._talk = talk
        self._privacy = privacy
        self._askers = askers
        self._answering = answering
        self._pointed = pointed
        self._pictures = pictures

    async def order(
        self,
        interaction: Interaction,
        wish: Wish,
        uploads: Sequence[Upload] = (),
        last: Sequence[Upload] = (),
        *,
        private: bool | None = None,
    ) -> None:
        """A request for a video; the answer is its card."""
        hidden = await self._privacy.hides(interaction, private)
        reply = InteractionReply(interaction, hidden=hidden)
        reply.picture = next((each.url for each in uploads if each.is_picture), "")

        async def work(asker: Asker) -> Answer:
            await self._talk.admit(asker)
            take = partial(self._pictures.take, asker)
            ends = [*await take(last), None]
            return await self._talk.ask(asker, wish.change(pictures=await take(uploads), last=ends[0]))

        who = partial(self._askers.of_interaction, interaction, private=hidden)
        await self._answering.give(reply, who, work, typed=wish.prompt)

    async def refuse(self, interaction: Interaction, why: UserError) -> None:
        """A request that cannot be one; said to its asker alone."""
        who = partial(self._askers.of_interaction, interaction, private=True)

        async def work(asker: Asker) -> Answer:
            await self._talk.admit(asker)
            raise why

        await self._answering.give(InteractionReply(interaction, hidden=True), who, work)

    async def tell(self, interaction: Interaction, name: str, text: str = "") -> None:
        """A command that only tells or settles something: in public for the asker's eyes only."""
        reply = InteractionReply(interaction, hidden=place_of(interaction) is not Place.BOT_DM)
        who = partial(self._askers.of_interaction, interaction, private=True)

        async def work(asker: Asker) -> Answer:
            await self._talk.admit_to(asker, name, text)
            return await self._talk.command(asker, name, text)

        await self._answering.give(reply, who, work)

    async def operate(
        self,
        interaction: Interaction,
        name: str,
        text: str = "",
        target: UserRef | CommunityRef | None = None,
    ) -> None:
        """A command of operators; Talk checks that it is one."""
        reply = InteractionReply(interaction, hidden=place_of(interaction) is not Place.BOT_DM)
        who = partial(self._askers.of_interaction, interaction, private=True)

        async def work(asker: Asker) -> Answer:
            await self._talk.admit_anybody(asker)
            return await self._talk.operate(asker, name, text, target)

        await self._answering.give(reply, who, work)

    # --- forms ---------------------------------------------------------------------------------------------------

    async def storyboard(self, interaction: Interaction, *, private: bool | None = None) -> None:
        reply = InteractionReply(interaction)

        async def show() -> None:
            reply.language = await self._askers.language(interaction)
            hidden = await self._privacy.hides(interaction, private)
            await reply.ask(modals.storyboard_form(new_id(), reply.language, private=hidden))

        await self._answering.guard(reply, show)

    async def animate(self, interaction: Interaction, message: discord.Message) -> None:
        """What is to happen in the picture of a message that somebody pointed at."""
        reply = InteractionReply(interaction)
        uploads = shown_by(message)

        async def show() -> None:
            reply.language = await self._askers.language(interaction)
            if not uploads:
                raise UserError("discord.no_picture")
            form_id = new_id()
            hidden = await self._privacy.hides(interaction)
            form = modals.animate_form(form_id, reply.language, private=hidden)
            who = partial(self._askers.of_interaction, interaction, private=hidden)
            await self._pointed.fetch(form_id, reply.ask(form), who, uploads)

        await self._answering.guard(reply, show)
