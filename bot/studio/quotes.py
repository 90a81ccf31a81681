"""From a member's words and pictures to a draft with its price, or to offers in a dead model's place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot import catalog, content
from bot.catalog import Model
from bot.domain import ChatRef, Draft, ModelState, ModelStatus, Picture, Quote, Request, UserRef, new_id
from bot.errors import UserError
from bot.money import ledger
from bot.store import Tx, drafts, forgotten, money, people
from bot.studio.base import QUOTE_LIVES_MS
from bot.studio.looks import Looks
from bot.studio.values import Ask, Quoted, Unavailable


def _texts_in(value: Any) -> Iterator[str]:
    """Every text in a value that may hold lists and tables, as a model's own fields do."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts_in([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts_in(each)


TEXT_MOST = 30_000  # characters in all; no model reads more than some 20,000


class Quotes(Looks):
    """Coming in, and asking the price."""

    async def admit(self, who: UserRef, chat: ChatRef) -> None:
        """Access, block and rate limit; asked before any picture is fetched. Raises UserError or Hush."""
        self.keep_pace(who)
        await self.let_in(who, chat)

    def keep_pace(self, who: UserRef) -> None:
        """The rate limit alone, of whatever is asked. Raises UserError or Hush."""
        self._pace.check(str(who), self._clock.now())

    async def let_in(self, who: UserRef, chat: ChatRef) -> None:
        """Access and block alone. Raises UserError."""
        await self._store.read(lambda tx: self._check_access(tx, who, chat))

    def admit_press(self, who: UserRef) -> None:
        """The pace of buttons, which is more generous than that of commands. Raises UserError or Hush."""
        self._presses.check(str(who), self._clock.now())

    async def take_picture(self, who: UserRef, data: bytes, name: str = "") -> Picture:
        """Check, clean and keep a picture for this user. Raises UserError when it cannot be used."""
        return await self._remember(who, await self._media.picture(data, name))

    async def _remember(self, who: UserRef, picture: Picture) -> Picture:
        now = self._clock.now()

        def remember(tx: Tx) -> None:
            drafts.remember_picture(tx, picture, people.ensure_user(tx, who, now).id, now)

        await self._store.write(remember)
        return picture

    async def picture(self, who: UserRef, sha256: str) -> Picture:
        """A picture this user sent before. Raises UserError when there is none."""

        def find(tx: Tx) -> Picture | None:
            user = people.find_user(tx, who)
            return drafts.picture_of(tx, sha256, user.id) if user else None

        found = await self._store.read(find)
        if found is None or not (self.settings.pictures_dir / sha256).exists():
            raise UserError("order.picture_gone")
        return found

    async def last_frame(self, who: UserRef, job_id: str) -> Picture:
        """The picture that a job's video ends with, kept like one that its user sent. Raises UserError."""
        job = await self.job(who, job_id)
        video = await self.video(job)
        file = self.settings.videos_dir / video.file if video else None
        if file is None or not await asyncio.to_thread(file.exists):
            raise UserError("order.video_gone")
        return await self._remember(who, await self._media.last_frame(file))

    async def resolved(self, request: Request) -> Request:
        """The request with the id of the model that `quote` would take for it. Raises UserError."""
        found, problem = self._resolve(request, await self.states())
        if problem:
            raise problem
        return found

    async def quote(self, ask: Ask) -> Quoted | Unavailable:
        """Price a request and keep it as a draft; the same key with the same request gives the same draft."""
        states = await self._store.read(self._states)
        request, problem = self._resolve(ask.request, states)
        await self._gate_content(ask.who, request)
        if problem:
            raise problem
        model = self.catalog[request.model]
        status = self.status_of(model, states)
        if status.state is not ModelState.ACTIVE:
            return await self._offer(ask, request, model, status, states)
        quote = catalog.quote(model, request, self.settings.price_markup)
        (quoted,) = await self._store.write(lambda tx: self._keep(tx, ask, [(request, quote, ())], 0))
        return quoted

    async def change(self, who: UserRef, draft_id: str, **choices: Any) -> Quoted | Unavailable:
        """Other choices, or with none a fresh price, for a draft that is not ordered yet."""
        draft = await self._own_draft(who, draft_id)
        if draft.job_id:
            raise UserError("order.already_ordered", job=draft.job_id)
        states = await self._store.read(self._states)
        request, problem = self._resolve(draft.request.change(**choices), states)
        await self._gate_content(who, request)
        if problem:
            raise problem
        model = self.catalog[request.model]
        status = self.status_of(model, states)
        if status.state is not ModelState.ACTIVE:
            return Unavailable(model.id, model.plain_name, status, ())
        quote = catalog.quote(model, request, self.settings.price_markup)

        def save(tx: Tx) -> Quoted:
            fresh = self._draft_like(draft, request, quote)
            if not drafts.requote(tx, fresh):
                ordered = drafts.get(tx, draft.id)
                raise UserError("order.already_ordered", job=ordered.job_id if ordered else "")
            return self._quoted(tx, who, fresh)

        return await self._store.write(save)

    async def repeat(
        self, who: UserRef, job_id: str, chat: ChatRef, key: str, **choices: Any
    ) -> Quoted | Unavailable:
        """Quote an earlier job's request again, with other choices if any."""
        job = await self.job(who, job_id)
        for picture in job.request.pictures:
            await self.picture(who, picture.sha256)
        return await self.quote(Ask(who, chat, key, job.request.change(**choices)))

    def _resolve(
        self, request: Request, states: Mapping[str, ModelStatus]
    ) -> tuple[Request, UserError | None]:
        """Put the model's id in; a problem is returned, for the content gate comes first."""
        try:
            if not request.model:
                return self._default_model(request, states), None
            return request.change(model=self.catalog.choose(request.model, request).id), None
        except UserError as problem:
            return request, problem

    def _default_model(self, request: Request, states: Mapping[str, ModelStatus]) -> Request:
        """DEFAULT_MODEL, or the cheapest good model that can take what it cannot (pictures, scenes)."""
        default = self.catalog.choose(self.settings.default_model, request)
        try:
            catalog.quote(default, request.change(model=default.id), self.settings.price_markup)
        except UserError as problem:
            able = self.able(request, states)
            if not able or not (request.pictures or request.shots):
                raise problem from None
            return request.change(model=able)
        return request.change(model=default.id)

    def able(self, request: Request, states: Mapping[str, ModelStatus]) -> str | None:
        """The cheapest of the good models that can take a request exactly as it is, whatever model it names."""
        best: tuple[int, str] | None = None
        for model in self.catalog:
            if model.tier != "core" or not catalog.sold(model):
                continue
            if self.status_of(model, states).state is not ModelState.ACTIVE:
                continue
            try:
                quote = catalog.quote(model, request.change(model=model.id), self.settings.price_markup)
            except UserError:
                continue
            if best is None or quote.credits < best[0]:
                best = (quote.credits, model.id)
        return best[1] if best else None

    async def _gate_content(self, who: UserRef, request: Request) -> None:
        """What is never made (product.md): noted by rule and time, without the words. Raises UserError."""
        shots = (shot.text for shot in request.shots)
        texts = [request.prompt, request.negative_prompt or "", *shots, *_texts_in(request.extra)]
        length = sum(map(len, texts))
        # before anything reads it all: one request must not hold up the rest
        if length > TEXT_MOST:
            raise UserError("order.too_long", length=f"{length:,}", most=f"{TEXT_MOST:,}")
        broken = content.broken_rule(texts, self._content_rules)
        if broken:
            now = self._clock.now()
            await self._store.write(
                lambda tx: people.add_strike(tx, people.ensure_user(tx, who, now).id, broken, now)
            )
            raise UserError("content.refused")

    async def _offer(
        self, ask: Ask, request: Request, model: Model, status: ModelStatus, states: Mapping[str, ModelStatus]
    ) -> Unavailable:
        """Each stand-in as a complete draft with the same words and pictures."""
        found = catalog.offers(
            self.catalog,
            request,
            model,
            lambda each: self.status_of(self.catalog[each], states).state is ModelState.ACTIVE,
            self.settings.price_markup,
        )
        priced = [(offer.request, offer.quote, offer.changes) for offer in found]
        kept = await self._store.write(lambda tx: self._keep(tx, ask, priced, 1)) if priced else ()
        return Unavailable(model.id, model.plain_name, status, tuple(kept))

    def _keep(
        self, tx: Tx, ask: Ask, priced: Sequence[tuple[Request, Quote, tuple[str, ...]]], first: int
    ) -> list[Quoted]:
        """Write drafts for an asking message, or give those it already led to."""
        now = self._clock.now()
        user = people.ensure_user(tx, ask.who, now)
        known = {draft.n: draft for draft in drafts.by_key(tx, ask.key)}
        if any(draft.user_id != user.id for draft in known.values()):
            raise UserError("order.key_reused")
        self._welcome(tx, ask.who, user.id, now)
        kept = []
        for n, (request, quote, changes) in enumerate(priced, start=first):
            draft = known.get(n)
            if draft is None:
                draft = Draft(
                    id=new_id(12),
                    key=ask.key,
                    n=n,
                    user_id=user.id,
                    payer=user.account,
                    chat=ask.chat,
                    request=request,
                    quote=quote,
                    created_at=now,
                    expires_at=now + QUOTE_LIVES_MS,
                )
                drafts.insert(tx, draft)
            elif draft.request.prompt != request.prompt:
                raise UserError("order.key_reused")
            kept.append(self._quoted(tx, ask.who, draft, changes, tell_privacy=not user.privacy_told))
        people.set_privacy_told(tx, user.id, now)
        return kept

    def _welcome(self, tx: Tx, who: UserRef, user_id: int, now: int) -> None:
        """Once for each person, whatever NEW_USER_CREDITS was then and is now, forgotten meanwhile or not."""
        welcome = ledger.welcome(user_id, self.settings.new_user_credits)
        if not welcome.amount or money.exists(tx, welcome.reference) or forgotten.find(tx, who).welcomed:
            return
        money.post(tx, welcome, now)

    def _quoted(
        self,
        tx: Tx,
        who: UserRef,
        draft: Draft,
        changes: tuple[str, ...] = (),
        tell_privacy: bool = False,
    ) -> Quoted:
        return Quoted(
            draft=draft,
            available=money.balance(tx, draft.payer).available,
            usual=self._usual(tx, draft.quote.model),
            tell_privacy=tell_privacy,
            changes=changes,
            covered=self.is_operator(who, people.find_user(tx, who)),
        )

    def _draft_like(self, draft: Draft, request: Request, quote: Quote) -> Draft:
        return Draft(
            draft.id,
            draft.key,
            draft.n,
            draft.user_id,
            draft.payer,
            draft.chat,
            request,
            quote,
            draft.created_at,
            self._clock.now() + QUOTE_LIVES_MS,
        )

    async def draft(self, who: UserRef, draft_id: str) -> Quoted:
        """A draft of this user's as its card shows it."""
        draft = await self._own_draft(who, draft_id)
        return await self._store.read(lambda tx: self._quoted(tx, who, draft))
