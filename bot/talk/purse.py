"""What is a member's own: the balance, earlier videos, and videos in the making."""

from __future__ import annotations

from collections.abc import Mapping

from bot import wording
from bot.domain import Button, Failure, Job, JobState, UserRef, Video
from bot.talk.base import Pressed, action
from bot.talk.ends import Ends
from bot.talk.rows import in_rows, turning
from bot.talk.values import Answer, Asker, Heading, Part, Screen, Small, Text
from bot.texts import in_credits, say

ENTRIES = 5
JOBS_A_PAGE = 5
PAGES_MOST = 200
_WORDS_MOST = 90
_ID_MOST = 20
_LIST = "list"


class Purse(Ends):
    """`/balance`, `/history`, `/cancel`."""

    def verbs(self) -> Mapping[str, Pressed]:
        return {"stop": self._stop, "hist": self._turn_history}

    # --- balance -------------------------------------------------------------------------------------------------

    async def balance_screen(self, asker: Asker) -> Screen:
        language = asker.language
        balance = await self.studio.balance(asker.who)
        entries = await self.studio.ledger(asker.who, ENTRIES)
        have = say("info.balance_have", language, price=in_credits(balance.available, language))
        parts: list[Part] = [Heading(say("info.balance_title", language)), Text(have)]
        if balance.held:
            held = in_credits(balance.held, language)
            parts.append(Text(say("info.balance_held", language, price=held)))
        if entries:
            lines = [
                f"{wording.date(each.at)}  "
                + wording.entry(
                    each.transfer.amount,
                    each.transfer.target == balance.account,
                    each.transfer.reference,
                    each.transfer.reason,
                    language,
                )
                for each in entries
            ]
            parts += [Small(say("info.balance_last", language)), Text("\n".join(lines))]
        elif self.studio.settings.new_user_credits:
            welcome = in_credits(self.studio.settings.new_user_credits, language)
            parts.append(Text(say("info.balance_welcome", language, price=welcome)))
        parts.append(Small(self._more_credits(language)))
        return Screen(tuple(parts), private=True)

    def _more_credits(self, language: str) -> str:
        contact = self.contact()
        if contact:
            return say("info.more_credits", language, contact=contact)
        return say("info.more_credits_operator", language)

    def contact(self) -> str:
        """SUPPORT_CONTACT, short enough for any message; empty when there is none."""
        return wording.cut(self.studio.settings.support_contact or "", 200)

    # --- history -------------------------------------------------------------------------------------------------

    async def history_screen(self, asker: Asker, page: int = 1) -> Screen:
        """`page` counts from 1, newest first."""
        language = asker.language
        page = min(max(page, 1), PAGES_MOST)
        found = await self.studio.history(asker.who, limit=page * JOBS_A_PAGE + 1)
        if not found:
            parts = (Heading(say("info.history_title", language)), Text(say("info.history_none", language)))
            return Screen(parts, private=True)
        page = min(page, -(-len(found) // JOBS_A_PAGE))
        first = (page - 1) * JOBS_A_PAGE
        shown = found[first : first + JOBS_A_PAGE]
        kept = {job.id for job in await self.studio.kept(asker.who)}
        more = len(found) > first + JOBS_A_PAGE
        parts_, buttons = [], []
        for number, job in enumerate(shown, first + 1):
            video = await self.studio.video(job)
            parts_.append(Text(self._past(number, job, video, job.id in kept, language)))
            if video:
                label = say("info.get", language, n=number)
                buttons.append(Button(label, action("get", job.id)))
        title = say("info.history_title", language)
        if page > 1 or more:
            title = say("info.paged", language, title=title, page=page)
        rows = [*in_rows(buttons, JOBS_A_PAGE)]
        turns = tuple(turning(page, page + 1 if more else page, language, "hist"))
        return Screen((Heading(title), *parts_), tuple([*rows, turns] if turns else rows), private=True)

    async def _turn_history(self, asker: Asker, rest: str) -> Answer:
        return Answer(screen=await self.history_screen(asker, int(rest) if rest.isdecimal() else 1))

    def _past(self, number: int, job: Job, video: Video | None, kept: bool, language: str) -> str:
        """One job in two or three short lines, with the number that receipts and movements of credits name it by."""
        words = wording.excerpt(job, _WORDS_MOST)
        price = in_credits(job.price, language)
        named = say("info.history_job", language, job=job.id)
        lines = [f"{number}. {wording.date(job.created_at)} · {self._made_by(job)} · {price} · {named}"]
        if words:
            lines.append(f"“{words}”")
        lines.append(self._became(job, video, kept, language))
        return "\n".join(lines)

    def _became(self, job: Job, video: Video | None, kept: bool, language: str) -> str:
        if job.outcome is None:
            return say(_STATES[job.state], language)
        if isinstance(job.outcome, Failure) and video:
            return say("info.was_gift", language)
        if isinstance(job.outcome, Failure):
            short = wording.failure_in_short(job, language)
            return say("chat.failed_public", language, short=short)
        if video is None:
            return say("info.was_removed", language)
        if kept:
            return say("info.was_kept", language)
        if (job.delivered_to or "").endswith("(unsure)"):
            return say("info.was_unsure", language)
        return say("info.was_refunded" if job.refunded else "info.was_video", language)

    # --- in the making -------------------------------------------------------------------------------------------

    async def cancel_screen(self, asker: Asker) -> Screen:
        language = asker.language
        jobs = (await self.studio.under_way(asker.who))[-10:]
        if not jobs:
            return Screen((Text(say("info.cancel_none", language)),), private=True)
        parts: list[Part] = [Heading(say("info.cancel_title", language))]
        buttons = []
        for number, job in enumerate(jobs, 1):
            state = wording.state_words(await self.studio.progress(job), language)
            parts.append(Text(self._open_job(number, job, state)))
            if job.state is JobState.QUEUED:
                label = say("info.stop", language, n=number)
                buttons.append(Button(label, action("stop", job.id, _LIST), style="danger"))
        parts.append(Small(say("info.cancel_about", language)))
        return Screen(tuple(parts), in_rows(buttons, 5), private=True)

    def _open_job(self, number: int, job: Job, state: str) -> str:
        words = wording.excerpt(job, _WORDS_MOST)
        lines = [f"{number}. {self._made_by(job)} · {state}", f"“{words}”" if words else ""]
        return "\n".join(filter(None, lines))

    async def cancelled(self, asker: Asker, job_id: str) -> Screen:
        """Stopped, or why not. Raises UserError, for what is not theirs or has ended."""
        job = await self.studio.job(asker.who, wording.cut(job_id, _ID_MOST))
        told = wording.cancel_text(job, await self.studio.cancel(asker.who, job.id), asker.language)
        return Screen((Text(told),), private=True)

    async def _stop(self, asker: Asker, rest: str) -> Answer:
        """From the status message, or from the list of `/cancel`, which then shows what is left."""
        job_id, _, place = rest.partition(":")
        language = asker.language
        job = await self._their_job(asker, job_id)
        cancelled = await self.studio.cancel(asker.who, job.id)
        told = wording.cancel_text(job, cancelled, language)
        if place == _LIST:
            return Answer(screen=await self.cancel_screen(asker), toast=told)
        if cancelled:
            return Answer(screen=Screen((Heading(say("chat.stopped", language)), Text(told))), toast=told)
        job = await self._their_job(asker, job.id)
        return Answer(screen=self.status(job, await self.studio.progress(job), language), toast=told)

    async def waiting_for_them(self, who: UserRef, language: str) -> tuple[list[Text], list[Button]]:
        """What no chat would take, said now: failures are told by this, videos offered by buttons."""
        texts, buttons = [], []
        for job in list(await self.studio.kept(who))[:JOBS_A_PAGE]:
            words = wording.excerpt(job, 30) or self._made_by(job)
            if isinstance(job.outcome, Failure):
                texts.append(Text(f"“{words}”: {wording.failure_text(job, language)}"))
                await self.studio.seen(job.id)
            else:
                buttons.append(Button(say("info.get_words", language, words=words), action("get", job.id)))
        return texts, buttons


_STATES = {
    JobState.QUEUED: "chat.queued",
    JobState.SUBMITTING: "chat.submitting",
    JobState.RUNNING: "chat.running",
    JobState.SETTLED: "chat.arriving",
    JobState.DELIVERED: "chat.arriving",
}
