"""From a wish to a quote's card, with whatever has to be asked on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot import catalog
from bot.catalog import Catalog, Choice, Model, Offer
from bot.domain import Draft, ModelState, ModelStatus, Picture, Request
from bot.errors import UserError
from bot.studio import Ask, Quoted, Unavailable
from bot.talk import board, choosing, storyboard, words
from bot.talk.base import Base
from bot.talk.choosing import TooMany
from bot.talk.values import Answer, Asker, Question, Screen, Wish
from bot.texts import say

_PICTURE_LACKING = ("catalog.picture_missing", "catalog.picture_missing_but", "catalog.last_missing")


class Asking(Base):
    """Wishes and questions."""

    @property
    def _catalogue(self) -> Catalog:
        return self.studio.catalog

    def read(self, command: str, text: str) -> Wish:
        """What a member wants by `/command text`. Raises UserError for scenes that cannot be read."""
        return words.read(command, text, self._catalogue)

    async def ask(self, asker: Asker, wish: Wish) -> Answer:
        """A quote's card, the offers in a dead model's place, or a question. Raises UserError."""
        language = asker.language
        if wish.command == "storyboard" and not wish.shots:
            return storyboard.asking(wish, self._catalogue, language)
        if wish.command == "unwatermark" and not wish.video_url:
            about = {"wish": choosing.wish_data(wish)}
            return Answer(question=Question("words", say("talk.link_wanted", language), about))
        preferences, states = await self.studio.preferences(asker.who), await self.studio.states()
        try:
            request = self._placed(wish, preferences, states)
        except TooMany as many:
            pictures = (*wish.pictures, *filter(None, (wish.last,)))
            return which({"wish": choosing.wish_data(wish)}, pictures, many, language)
        lead: tuple[str, ...] = ()
        named = bool(choosing.request_of(wish).model)
        try:
            request = await self.studio.resolved(request)
            model = self._catalogue[request.model]
            request = choosing.with_usual(model, request, preferences, self._markup)
            catalog.quote(model, request, self._markup)
        except UserError as problem:
            question = self._lacking(problem, wish, language)
            if question:
                return Answer(question=question)
            able = None if named else self.studio.able(request, states)
            if able:
                request = request.change(model=able)
                name = self._catalogue[able].plain_name
                why = problem.text(language)
                lead = (say("talk.model_instead", language, why=why, model=name),)
        # what still cannot be done is refused here, in its own words
        return Answer(screen=await self._priced(asker, asker.key, request, lead))

    def _placed(
        self, wish: Wish, preferences: Mapping[str, Any], states: Mapping[str, ModelStatus]
    ) -> Request:
        """The wish as a request: its model, or the member's usual one, and its pictures where that takes them.

        `model` stays "" when the bot's own default cannot take them: then the studio finds one that can.
        """
        request = choosing.request_of(wish)
        if request.model:
            return choosing.arranged(self._catalogue, request.model, request, wish.pictures, wish.last)
        usual = self._catalogue.named(str(preferences.get("model") or ""))
        if usual and catalog.sold(usual) and self._is_active(states)(usual.id):
            try:
                placed = choosing.arranged(self._catalogue, usual.id, request, wish.pictures, wish.last)
            except TooMany:
                placed = request
            found = self._catalogue.get(placed.model)
            if found and catalog.fits(found, placed) and self._is_active(states)(found.id):
                return placed
        default = self.studio.settings.default_model
        placed = choosing.arranged(self._catalogue, default, request, wish.pictures, wish.last)
        found = self._catalogue.get(placed.model)
        return placed if found and catalog.fits(found, placed) else placed.change(model="")

    def _lacking(self, problem: UserError, wish: Wish, language: str) -> Question | None:
        """The question for what is missing, if that is the problem."""
        about = {"wish": choosing.wish_data(wish)}
        # without words no model can be found that does what the first one cannot
        bare = not (wish.prompt or wish.shots or wish.pictures or wish.model) and wish.command == "video"
        if bare or problem.key == "catalog.prompt_missing":
            key = "talk.words_wanted_picture" if wish.pictures else "talk.words_wanted"
            return Question("words", say(key, language), about)
        if problem.key in _PICTURE_LACKING:
            last = problem.key == "catalog.last_missing"
            key = "talk.last_wanted" if last else "talk.first_wanted"
            return Question("picture", say(key, language, model=problem.values["model"]), about)
        return None

    # --- quotes on screen ----------------------------------------------------------------------------------------

    @property
    def _markup(self) -> Decimal:
        return self.studio.settings.price_markup

    def _is_active(self, states: Mapping[str, ModelStatus]) -> Callable[[str], bool]:
        def active(model_id: str) -> bool:
            model = self._catalogue[model_id]
            return self.studio.status_of(model, states).state is ModelState.ACTIVE

        return active

    async def _priced(self, asker: Asker, key: str, request: Request, lead: Sequence[str] = ()) -> Screen:
        """A fresh quote for a request, on screen. Raises UserError."""
        result = await self.studio.quote(Ask(asker.who, asker.chat, key, request))
        return await self._screen(asker, result, request, lead)

    async def _screen(
        self, asker: Asker, result: Quoted | Unavailable, request: Request, lead: Sequence[str] = ()
    ) -> Screen:
        if isinstance(result, Unavailable):
            return board.offers_screen(result, request, self._catalogue, asker.language, lead)
        return await self._card(asker, result, lead)

    async def _card(self, asker: Asker, quoted: Quoted, lead: Sequence[str] = ()) -> Screen:
        model = self._model_of(quoted)
        free = catalog.choosable(model, quoted.draft.request, self._markup)
        card = board.Card(
            quoted=quoted,
            models=self._catalogue,
            options=tuple(what for what, field in board.FIELD_OF.items() if field in free),
            pictures=any(
                each.takes_first or each.references_max
                for each in self._catalogue.sold()
                if each.family == model.family and each.kind == model.kind
            ),
            language=asker.language,
            in_public=asker.in_public,
            cheaper=await self._cheapest(quoted) if quoted.missing else None,
            support=self.studio.settings.support_contact,
            lead=tuple(lead),
        )
        return card.screen()

    async def _menu(self, asker: Asker, quoted: Quoted, what: str, page: int = 0) -> Screen:
        """The values of one option, or a page of the models. Raises UserError."""
        if what == "model":
            return board.model_menu(quoted, await self._offers(quoted), self._catalogue, page, asker.language)
        return board.menu(quoted, self._model_of(quoted), what, self._possible(quoted, what), asker.language)

    def _possible(self, quoted: Quoted, what: str) -> list[Choice]:
        if what not in board.FIELD_OF:
            raise UserError("talk.old_button")
        request = quoted.draft.request
        return catalog.choices(self._model_of(quoted), request, board.FIELD_OF[what], self._markup)

    async def _offers(self, quoted: Quoted) -> list[Offer]:
        """The models that take a draft's request."""
        active = self._is_active(await self.studio.states())
        request, model = quoted.draft.request, self._model_of(quoted)
        return catalog.alternatives(self._catalogue, request, model, active, self._markup)

    async def _cheapest(self, quoted: Quoted) -> Offer | None:
        """The cheapest variant of a draft that its asker can pay."""
        active = self._is_active(await self.studio.states())
        request, model = quoted.draft.request, self._model_of(quoted)
        return catalog.cheapest(self._catalogue, request, model, active, self._markup, quoted.available)

    def _model_of(self, quoted: Quoted) -> Model:
        model = self._catalogue.get(quoted.draft.quote.model)
        if model is None:
            raise UserError("talk.gone_draft")
        return model

    # --- drafts --------------------------------------------------------------------------------------------------

    async def _live(self, asker: Asker, draft_id: str) -> Quoted:
        """The asker's own draft that is not ordered yet. Raises UserError."""
        await self.check_mine(asker, draft_id, "talk.gone_draft")
        quoted = await self.studio.draft(asker.who, draft_id)
        if quoted.draft.job_id:
            raise UserError("order.already_ordered", job=quoted.draft.job_id)
        return quoted

    async def _changed(
        self, asker: Asker, draft: Draft, request: Request, lead: Sequence[str] = ()
    ) -> Screen:
        """The draft with another request, on screen; other choices give way where that makes it possible."""
        request, lead = await self._fitted(request, asker.language, lead)
        choices = choosing.differing(draft.request, request)
        result = await self.studio.change(asker.who, draft.id, **choices)
        if isinstance(result, Unavailable):
            ask = Ask(asker.who, draft.chat, f"{asker.key}:gone", request)
            result = await self.studio.quote(ask)
        return await self._screen(asker, result, request, lead)

    async def _fitted(
        self, request: Request, language: str, lead: Sequence[str] = ()
    ) -> tuple[Request, Sequence[str]]:
        """The request with as little changed as makes it possible, and a sentence more if anything was."""
        try:
            request = await self.studio.resolved(request)
            model = self._catalogue[request.model]
            request, _, changes = catalog.fitted(model, request, self._markup)
        except UserError:
            # its quote will say what is wrong
            return request, lead
        if changes:
            lead = (*lead, say("talk.changed", language, changes=", ".join(changes)))
        return request, lead


def which(about: Mapping[str, Any], pictures: Sequence[Picture], many: TooMany, language: str) -> Answer:
    """The question which of too many pictures are meant."""
    one, some = say("talk.picture_one", language), say("talk.picture_many", language, n=many.most)
    text = say(
        "talk.which",
        language,
        model=many.model,
        most=one if many.most == 1 else some,
        n=len(pictures),
        example="2" if many.most == 1 else "1 3",
    )
    data = {**about, "pictures": choosing.pictures_data(pictures), "most": many.most}
    return Answer(question=Question("which", text, data))
