"""The answers to questions, and earlier videos asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bot import catalog
from bot.domain import ChatRef, Job, Picture, Request
from bot.errors import UserError
from bot.studio import Ask, Quoted
from bot.talk import choosing, scenes, storyboard, words
from bot.talk.asking import Asking, which
from bot.talk.choosing import TooMany
from bot.talk.values import Answer, Asker, Question, Screen, Text, Wish
from bot.texts import say


class Answering(Asking):
    """What comes of a question."""

    async def admit_to_answer(self, asker: Asker, question: Question) -> Asker:
        """To answer it, before any picture is fetched; returns who is to answer then. Raises UserError, Hush,
        RetryLater."""
        return await self.admit_as_there(asker, await self._asked_in(asker, question) or asker.chat)

    async def _asked_in(self, asker: Asker, question: Question) -> ChatRef | None:
        """Where the draft or job was asked for that a question is about."""
        about = question.about
        with suppress(UserError):  # what is gone by now is told when the answer is followed
            if "draft" in about:
                return (await self.studio.draft(asker.who, about["draft"])).draft.chat
            if "job" in about:
                return (await self.studio.job(asker.who, about["job"])).chat
        return None

    async def answer(
        self,
        asker: Asker,
        question: Question,
        *,
        text: str = "",
        pictures: Sequence[Picture] = (),
        choice: str = "",
    ) -> Answer:
        """The answer to a question: words, pictures, or a dialogue button's choice.

        What cannot be used is answered by the same question again, with a word why. Raises UserError.
        """
        text = text.strip()
        # words are a scene also where its picture is waited for
        is_scene = question.kind == "scene" or (_is_for_scenes(question) and bool(text) and not pictures)
        if is_scene and not choice:
            choice = storyboard.choice_in(text, asker.language)
        if choice == "cancel":
            return Answer(screen=Screen((Text(say("talk.let_go", asker.language)),)))
        if is_scene:
            return await self._scene(asker, question, text, pictures, choice)
        if question.kind == "which":
            about = question.about
            try:
                pictures = choosing.chosen_of(choosing.pictures_of(about["pictures"]), text, about["most"])
            except UserError as problem:
                return _once_more(question, problem.text(asker.language))
            text = str(question.about.get("words", ""))
        elif not pictures and (question.kind == "picture" or not text):
            return _once_more(question, say("talk.picture_needed", asker.language) if text else "")
        if "wish" in question.about:
            return await self._wish_goes_on(asker, question, text, pictures)
        return await self._request_goes_on(asker, question, text, pictures)

    async def _wish_goes_on(
        self, asker: Asker, question: Question, text: str, pictures: Sequence[Picture]
    ) -> Answer:
        wish = choosing.wish_of(question.about["wish"])
        if question.kind == "which":
            wish = wish.change(pictures=tuple(pictures), last=None)
        elif pictures:
            wish = wish.change(pictures=(*wish.pictures, *pictures))
        if wish.command == "storyboard":
            if _is_for_scenes(question):
                wish = wish.change(pictures=tuple(pictures))
                return storyboard.asking(wish, self._catalogue, asker.language)
        elif wish.command == "unwatermark":
            wish = wish.change(video_url=words.address(text))
        elif text and (question.kind == "words" or not wish.prompt):
            wish = wish.change(prompt=text)
        return await self.ask(asker, wish)

    async def _request_goes_on(
        self, asker: Asker, question: Question, text: str, pictures: Sequence[Picture]
    ) -> Answer:
        """An answer about a draft's request, or about an earlier job's."""
        about = question.about
        if "draft" in about:
            draft = (await self._live(asker, about["draft"])).draft
            request = draft.request
        else:
            request = (await self._own_job(asker, about["job"])).request
        if question.kind == "picture" and (request.prompt or request.shots):
            text = str(about.get("words", ""))  # a caption such as "here it is" is no prompt
        try:
            changed = self._with(request, text, pictures)
        except TooMany as many:
            return which({**about, "words": text}, pictures, many, asker.language)
        except UserError as problem:
            return _once_more(question, problem.text(asker.language))
        if "draft" in about:
            return Answer(screen=await self._changed(asker, draft, changed))
        answer = await self._ordered_before(asker, changed, "again", about)
        return Answer(screen=answer.fresh, question=answer.question)

    def _with(self, request: Request, text: str, pictures: Sequence[Picture]) -> Request:
        """Raises TooMany, and UserError for scenes that cannot be read."""
        if text:
            request = request.change(**{"shots": scenes.read(text)} if request.shots else {"prompt": text})
        if pictures:
            request = choosing.arranged(self._catalogue, request.model, request, pictures)
        return request

    # --- scene by scene ------------------------------------------------------------------------------------------

    async def _scene(
        self, asker: Asker, question: Question, text: str, pictures: Sequence[Picture], choice: str
    ) -> Answer:
        """The next scene, or a dialogue button. Whatever goes wrong, all that was said stays."""
        language = asker.language
        wish = choosing.wish_of(question.about["wish"])
        if pictures:
            wish = wish.change(pictures=tuple(pictures))
        why = ""
        try:
            if choice == "picture":
                about = {"wish": choosing.wish_data(wish), "then": "scene"}
                return Answer(question=Question("picture", say("talk.picture_wanted", language), about))
            if choice == "undo":
                wish = wish.change(shots=wish.shots[:-1])
            elif choice == "done":
                return await self._storyboard_done(asker, wish)
            elif text:
                wish = storyboard.with_scenes(wish, text, self._catalogue)
        except UserError as problem:
            why = problem.text(language)
        return storyboard.asking(wish, self._catalogue, language, why)

    async def _storyboard_done(self, asker: Asker, wish: Wish) -> Answer:
        if not wish.shots:
            raise UserError("talk.scene_none")
        return await self.ask(asker, wish)

    # --- from an earlier video -----------------------------------------------------------------------------------

    async def _own_job(self, asker: Asker, job_id: str) -> Job:
        await self.check_mine(asker, job_id, "talk.gone_job")
        return await self.studio.job(asker.who, job_id)

    async def _ordered_before(
        self, asker: Asker, request: Request, verb: str, about: Mapping[str, Any], menu: str = ""
    ) -> Answer:
        """A fresh quote for what was ordered before, as a message of its own, open at one of its menus if wished; or
        the question for a picture that is gone."""
        for picture in request.pictures:
            try:
                await self.studio.picture(asker.who, picture.sha256)
            except UserError:
                words_so_far = scenes.written(request.shots) if request.shots else request.prompt
                text = say("talk.picture_again", asker.language)
                return Answer(question=Question("picture", text, {**about, "words": words_so_far}))
        request, lead = await self._fitted(request, asker.language)
        ask = Ask(asker.who, asker.chat, f"{asker.key}:{verb}", request)
        result = await self.studio.quote(ask)
        if menu and isinstance(result, Quoted):
            return Answer(fresh=await self._menu(asker, result, menu))
        return Answer(fresh=await self._screen(asker, result, request, lead))

    async def _animated_on(self, asker: Asker, job: Job) -> Answer:
        """A video that begins where this one ends: the same words, and a model of its kin that takes pictures."""
        picture = await self.studio.last_frame(asker.who, job.id)
        before = job.request
        said = before.prompt.strip() or " ".join(shot.text for shot in before.shots)
        request = Request(
            before.model,
            prompt=said,
            first=picture,
            seconds=before.seconds,
            quality=before.quality,
            sound=before.sound,
            negative_prompt=before.negative_prompt,
        )
        if not catalog.fits(self._catalogue.choose(before.model, request), request):
            request = request.change(model="")
        if not said:
            answer = await self.ask(asker, Wish(model=request.model, pictures=(picture,)))
            question = answer.question
            if question:
                # to tell who may answer it
                question = replace(question, about={**question.about, "job": job.id})
            return Answer(fresh=answer.screen, question=question)
        request, lead = await self._fitted(request, asker.language)
        return Answer(fresh=await self._priced(asker, f"{asker.key}:anim", request, lead))


def _is_for_scenes(question: Question) -> bool:
    """Whether its answer goes on with the storyboard told scene by scene."""
    return question.about.get("then") == "scene"


def _once_more(question: Question, why: str = "") -> Answer:
    """The same question, with a word why; an earlier such word gives way."""
    asked = question.about.get("asked", question.text)
    about = {**question.about, "asked": asked}
    return Answer(question=replace(question, text=f"{why}\n\n{asked}" if why else asked, about=about))
