"""What a press of a button and a handed-in form lead to."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

import discord

from adapters.discord import items, modals
from adapters.discord.address import user_ref
from adapters.discord.answering import Answering
from adapters.discord.asking import Askers, Interaction
from adapters.discord.modals import Filled
from adapters.discord.pictures import Pictures, Upload
from adapters.discord.pointed import Pointed
from adapters.discord.privacy import Privacy
from adapters.discord.reply import InteractionReply
from bot.errors import UserError
from bot.talk import Answer, Asker, Talk, Wish
from bot.talk.base import parse_action

# These may lead to a form, which can only be the very first answer (discord.md 2): Talk is asked before anything is
# acknowledged, and what takes longer than this is acknowledged without a form.
MAY_ASK = frozenset({"txt", "pic", "redo", "dlg", "anim"})
FORM_SECONDS = 1.5
# Pressed below a card or a question, which the answer then replaces; below a video or a failure it comes as well.
IN_PLACE = frozenset({"txt", "pic", "dlg"})
# They lead to a card of its own, seen by those its asker wants to see it, whoever sees what they pressed.
MAKES_CARD = frozenset({"again", "more", "anim", "redo"})
CHANGES_SETTINGS = frozenset({"pref", "bye"})


class Presses:
    """One for each client."""

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

    # --- buttons -------------------------------------------------------------------------------------------------

    async def pressed(self, interaction: Interaction, action: str) -> None:
        """A button of Talk's, of whatever age."""
        verb = action.split(":")[1]
        reply = InteractionReply(interaction, keeps=verb not in IN_PLACE)

        async def who() -> Asker:
            reply.adds_hidden |= verb in MAKES_CARD and await self._privacy.hides(interaction)
            return await self._askers.of_interaction(interaction, private=reply.adds_hidden)

        giving = asyncio.create_task(
            self._answering.give(
                reply,
                who,
                partial(self._press, interaction, action),
                may_ask=verb in MAY_ASK,
            )
        )
        await asyncio.wait({giving}, timeout=FORM_SECONDS)
        if not giving.done():
            await self._answering.guard(reply, reply.acknowledge)
        await giving

    async def _press(self, interaction: Interaction, action: str, asker: Asker) -> Answer:
        self._talk.admit_press(asker.who, action)
        verb, rest = parse_action(action)
        message = cast("discord.Message", interaction.message).id
        if verb == "dlg":
            asked = await self._answering.questions.of_message(message, interaction.user.id)
            return await self._talk.answer(asker, asked.question, choice=rest)
        if verb == "get":
            await self._answering.renew(asker, rest, message)
        try:
            return await self._talk.press(asker, action)
        finally:
            if verb in CHANGES_SETTINGS:
                self._privacy.changed(asker.who)

    async def opened(self, interaction: Interaction, form_id: str) -> None:
        """The button below a question: its form."""
        reply = InteractionReply(interaction)

        async def show() -> None:
            reply.language = await self._askers.language(interaction)
            self._talk.admit_press(user_ref(interaction.user.id))
            asked = await self._answering.questions.of_form(form_id, interaction.user.id)
            await reply.ask(modals.question_form(form_id, asked.question, reply.language))

        await self._answering.guard(reply, show)

    async def unknown(self, interaction: Interaction) -> None:
        """A component that this version knows nothing of."""

        async def refuse(asker: Asker) -> Answer:
            self._talk.admit_press(asker.who)
            raise UserError("talk.old_button")

        who = partial(self._askers.of_interaction, interaction)
        await self._answering.give(InteractionReply(interaction), who, refuse)

    # --- forms ---------------------------------------------------------------------------------------------------

    async def submitted(self, interaction: Interaction) -> None:
        """A form, of whatever age; what was typed is given back when nothing comes of it."""
        form = modals.filled(cast("dict[str, Any]", interaction.data))
        reply = InteractionReply(interaction, hidden=form.private, anew=form.anew)
        await self._answering.give(
            reply,
            partial(self._askers.of_interaction, interaction, private=form.private),
            partial(self._submitted, interaction, form),
            typed=form.words,
        )

    async def _submitted(self, interaction: Interaction, form: Filled, asker: Asker) -> Answer:
        if form.kind in ("question", "further"):
            return await self._answered(interaction, form, asker)
        if form.kind == "storyboard":
            wish = self._talk.read("storyboard", form.words)
            wish = wish.change(choices={**wish.choices, **_chosen(form)})
            return await self._order(interaction, asker, wish, form.uploads)
        if form.kind == "animate":
            # who was admitted when its picture was fetched is not asked again
            taken = await self._pointed.taken(form.id)
            return await self._talk.ask(asker, Wish(prompt=form.words, pictures=taken))
        raise UserError("discord.form_gone")

    async def _answered(self, interaction: Interaction, form: Filled, asker: Asker) -> Answer:
        questions = self._answering.questions
        asked = await questions.of_form(form.id, interaction.user.id)
        asker = await self._talk.admit_to_answer(asker, asked.question)
        taken = await self._pictures.take(asker, form.uploads)
        answer = await self._talk.answer(asker, asked.question, text=form.words, pictures=taken)
        await questions.answered(interaction.channel_id or 0, interaction.user.id)
        return answer

    async def _order(
        self, interaction: Interaction, asker: Asker, wish: Wish, uploads: tuple[Upload, ...]
    ) -> Answer:
        await self._talk.admit(asker)
        taken = await self._pictures.take(asker, uploads)
        return await self._talk.ask(asker, wish.change(pictures=taken))

    # --- what the client hands over --------------------------------------------------------------------------------

    async def any(self, interaction: Interaction) -> None:
        """Every interaction comes by here: forms, and components that no item answers."""
        if interaction.type is discord.InteractionType.modal_submit:
            await self.submitted(interaction)
        elif items.is_component(interaction):
            custom_id = cast("dict[str, Any]", interaction.data)["custom_id"]
            if not items.is_ours(custom_id):
                await self.unknown(interaction)


def _chosen(form: Filled) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if modals.SHAPE in form.choices:
        chosen["aspect"] = form.choices[modals.SHAPE]
    if modals.LENGTH in form.choices:
        chosen["seconds"] = int(form.choices[modals.LENGTH])
    return chosen
