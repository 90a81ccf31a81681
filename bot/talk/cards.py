"""The buttons from a quote to an order, and those that lead from a video to the next."""

from __future__ import annotations

from collections.abc import Mapping

from bot.catalog import Choice, Offer
from bot.domain import Request
from bot.errors import Stale, UserError
from bot.studio import Quoted
from bot.talk import board, scenes
from bot.talk.answering import Answering
from bot.talk.base import Pressed
from bot.talk.values import Answer, Asker, Question, Screen, Text
from bot.texts import say


class Cards(Answering):
    """Everything up to Confirm. Only who asked may press."""

    def verbs(self) -> Mapping[str, Pressed]:
        return {
            "ok": self._order,
            "ask": self._open_option,
            "set": self._choose,
            "card": self._show_card,
            "take": self._show_card,
            "cut": self._cut,
            "pic": self._ask_picture,
            "txt": self._ask_words,
            "no": self._let_go,
            "again": self._again,
            "more": self._again,
            "anim": self._animate,
            "redo": self._redo,
        }

    # --- ordering ------------------------------------------------------------------------------------------------

    async def _order(self, asker: Asker, rest: str) -> Answer:
        """`ok:<draft>:<price>`: the price on the pressed card is what is ordered for, or it is shown anew (P4)."""
        draft_id, _, price = rest.partition(":")
        await self.check_mine(asker, draft_id, "talk.gone_draft")
        await self._check_still_there(asker, draft_id)
        language = asker.language
        try:
            said = int(price) if price.isdecimal() else None
            return Answer(ordered=await self.studio.order(asker.who, draft_id, said))
        except Stale as stale:
            draft = (await self._live(asker, draft_id)).draft
            return Answer(screen=await self._changed(asker, draft, draft.request, [stale.text(language)]))
        except UserError as problem:
            if problem.key != "order.too_poor":
                raise
            quoted = await self._live(asker, draft_id)
            return Answer(screen=await self._card(asker, quoted), toast=problem.text(language))

    async def _check_still_there(self, asker: Asker, draft_id: str) -> None:
        """In a private chat, to order by what a community lets them, they are still a member of it. Raises UserError,
        RetryLater."""
        if asker.chat.community is None:
            draft = (await self.studio.draft(asker.who, draft_id)).draft
            if draft.chat.community and not draft.job_id:
                await self.let_in_as_there(asker, draft.chat)

    async def _let_go(self, asker: Asker, draft_id: str) -> Answer:
        await self._live(asker, draft_id)
        return Answer(screen=Screen((Text(say("talk.cancelled", asker.language)),)))

    # --- choosing ------------------------------------------------------------------------------------------------

    async def _show_card(self, asker: Asker, draft_id: str) -> Answer:
        return Answer(screen=await self._card(asker, await self._live(asker, draft_id)))

    async def _open_option(self, asker: Asker, rest: str) -> Answer:
        """`ask:<draft>:<what>`, for models with a page behind it."""
        draft_id, what, page = (*rest.split(":"), "", "")[:3]
        quoted = await self._live(asker, draft_id)
        number = int(page) if page.isdecimal() else 0
        return Answer(screen=await self._menu(asker, quoted, what, number))

    async def _choose(self, asker: Asker, rest: str) -> Answer:
        """`set:<draft>:<what>:<value>`"""
        draft_id, what, value = (*rest.split(":", 2), "", "")[:3]
        quoted = await self._live(asker, draft_id)
        chosen = await self._chosen(quoted, what, value)
        if chosen is None:
            raise UserError("talk.choice_gone")
        lead = []
        if chosen.changes:
            name, changes = self._catalogue[chosen.quote.model].plain_name, ", ".join(chosen.changes)
            key = "talk.moved" if what == "model" else "talk.changed"
            lead.append(say(key, asker.language, model=name, changes=changes))
        return Answer(screen=await self._changed(asker, quoted.draft, chosen.request, lead))

    async def _chosen(self, quoted: Quoted, what: str, value: str) -> Choice | Offer | None:
        if what == "model":
            offers = await self._offers(quoted)
            return next((each for each in offers if board.short_id(each.quote.model) == value), None)
        found = self._possible(quoted, what)
        return next((each for each in found if board.spelled(each.value) == value), None)

    async def _cut(self, asker: Asker, draft_id: str) -> Answer:
        """The cheapest variant that the balance pays for now."""
        quoted = await self._live(asker, draft_id)
        found = await self._cheapest(quoted)
        request = found.request if found else quoted.draft.request
        return Answer(screen=await self._changed(asker, quoted.draft, request))

    # --- questions -----------------------------------------------------------------------------------------------

    async def _ask_picture(self, asker: Asker, draft_id: str) -> Answer:
        await self._live(asker, draft_id)
        text = say("talk.picture_wanted", asker.language)
        return Answer(question=Question("picture", text, {"draft": draft_id}))

    async def _ask_words(self, asker: Asker, draft_id: str) -> Answer:
        draft = (await self._live(asker, draft_id)).draft
        return Answer(question=_words_question(draft.request, {"draft": draft_id}, asker.language))

    # --- from a video to the next --------------------------------------------------------------------------------

    async def _again(self, asker: Asker, job_id: str) -> Answer:
        """Again and Change are the same card: nothing is ordered before Confirm."""
        job = await self._own_job(asker, job_id)
        asker = await self.admit_as_there(asker, job.chat)
        return await self._ordered_before(asker, job.request, "again", {"job": job.id})

    async def _animate(self, asker: Asker, job_id: str) -> Answer:
        job = await self._own_job(asker, job_id)
        return await self._animated_on(await self.admit_as_there(asker, job.chat), job)

    async def _redo(self, asker: Asker, rest: str) -> Answer:
        """`redo:<job>:words|picture|model` after a failure."""
        job_id, _, what = rest.partition(":")
        job = await self._own_job(asker, job_id)
        language = asker.language
        if what == "words":
            return Answer(question=_words_question(job.request, {"job": job.id}, language))
        if what == "picture":
            return Answer(question=Question("picture", say("talk.picture_wanted", language), {"job": job.id}))
        asker = await self.admit_as_there(asker, job.chat)
        return await self._ordered_before(asker, job.request, "model", {"job": job.id}, menu="model")


def _words_question(request: Request, about: Mapping[str, str], language: str) -> Question:
    """For other words, those that stand being at hand."""
    if request.shots:
        return Question("words", say("talk.new_scenes", language), about, scenes.written(request.shots))
    return Question("words", say("talk.new_words", language), about, request.prompt)
