"""A job under way and its end, as messages: what the engine's ChatAdapter shows, and the buttons below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot import wording
from bot.catalog import sold
from bot.domain import (
    KEPT,
    Button,
    Failure,
    FailureKind,
    Job,
    JobState,
    ModelState,
    Progress,
    UserRef,
    Video,
)
from bot.errors import UserError
from bot.ports import Delivery
from bot.talk.base import Base, Pressed, action
from bot.talk.values import Answer, Asker, Heading, Part, Screen, Small, Text, Words
from bot.texts import in_credits, say

PROMPT_MOST = 200
_EXAMPLE = "7K3M9Q2XAB"
# where asking the same once more may well work
_WORTH_AGAIN = frozenset(FailureKind) - {FailureKind.POLICY, FailureKind.INPUT}
# how a video's message came to look as it does, so that it can look so again
_AS_IT_IS, _FITTED, _AS_LINK = "", "fit", "link"


class Ends(Base):
    """What a job's messages say."""

    def verbs(self) -> Mapping[str, Pressed]:
        return {
            "rcpt": self._receipt,
            "rprt": self._report,
            "del": self._delete,
            "get": self._get,
        }

    # --- under way -----------------------------------------------------------------------------------------------

    def status(self, job: Job, progress: Progress, language: str, public: bool = False) -> Screen:
        """The one status message. `public` leaves out the words, where others see what is private."""
        if isinstance(job.outcome, Failure):
            return self.failed(job, language, public)
        words = "" if public else wording.excerpt(job, PROMPT_MOST)
        kept = job.delivered_to == KEPT
        parts: list[Part] = [
            Heading(say("chat.ready", language) if kept else wording.state_words(progress, language))
        ]
        if words:
            parts.append(Words(words))
        if kept:
            days = wording.days(self.studio.keeping.waiting, language)
            parts.append(Text(say("chat.kept", language, days=days)))
            get = _button("chat.get_mine", language, "get", job.id, style="go")
            return Screen(tuple(parts), ((get,),))
        parts.append(Text(f"{self._made_by(job)} · {in_credits(job.price, language)}"))
        if job.outcome is None:
            waiting = wording.waiting_words(progress, language)
            line = waiting or wording.time_line(progress, language)
            parts.append(Text(line[:1].upper() + line[1:]))
            if job.patience_told:
                parts.append(Text(say("chat.slow", language)))
            parts.append(Small(say("chat.stay", language)))
        rows = ((_button("chat.button_cancel", language, "stop", job.id),),)
        return Screen(tuple(parts), rows if job.state is JobState.QUEUED else ())

    # --- a video -------------------------------------------------------------------------------------------------

    def caption(self, delivery: Delivery, language: str) -> Screen:
        """What stands under a video; all parts together stay under 900 UTF-16 units."""
        job, link = delivery.job, delivery.link
        parts: list[Part] = [Text(wording.receipt_line(job, self._made_by(job), language))]
        rows = self._video_rows(job, _FITTED if delivery.fitted else _AS_IT_IS, language)
        original = job.outcome if isinstance(job.outcome, Video) else None
        if delivery.fitted and original:
            size = wording.file_size(original.size)
            lines = wording.resolution(original)
            parts.append(Small(say("chat.fitted", language, size=size, lines=lines)))
            label = say("chat.original", language, size=size)
        elif delivery.fitted:
            # a gift: how large it was before stands nowhere in the job
            parts.append(Small(say("chat.fitted_gift", language)))
            label = say("chat.original_gift", language)
        if delivery.fitted and link:
            rows = ((Button(label, url=link),), *rows)
        return Screen(tuple(parts), rows)

    def link_only(self, delivery: Delivery, language: str) -> Screen:
        """The video is too large for this chat, even fitted: `delivery.link` leads to it."""
        job, link, video = delivery.job, delivery.link or "", delivery.video
        why = say(
            "chat.link_only",
            language,
            size=wording.file_size(video.size) if video else "",
            lines=wording.resolution(video) if video else "",
            days=wording.days(self.studio.keeping.videos, language),
        )
        title = "chat.gift" if delivery.gift else "chat.ready"
        parts = (
            Heading(say(title, language)),
            Text(why),
            Text(link),
            Small(wording.receipt_line(job, self._made_by(job), language)),
        )
        opens = (Button(say("chat.open_video", language), url=link),)
        return Screen(parts, (opens, *self._video_rows(job, _AS_LINK, language)))

    def private_notice(self, job: Job, language: str) -> Screen:
        """The public line for a private job whose asker cannot be reached privately: no prompt, no picture."""
        if isinstance(job.outcome, Failure):
            button = _button("chat.why", language, "rcpt", job.id)
            return Screen((Text(say("chat.private_failed", language)),), ((button,),))
        button = _button("chat.get_mine", language, "get", job.id, style="go")
        return Screen((Text(say("chat.private_ready", language)),), ((button,),))

    def described(self, job: Job, language: str) -> str:
        """The description that goes with the attachment."""
        return wording.described(job, self._made_by(job), language)

    async def kept(self, who: UserRef) -> Sequence[Job]:
        """Results nobody could deliver, oldest first; once shown, call `studio.seen`."""
        return await self.studio.kept(who)

    def _video_rows(self, job: Job, shape: str, language: str) -> tuple[tuple[Button, ...], ...]:
        first = []
        if not job.request.video_url:
            first.append(_button("chat.button_again", language, "again", job.id))
            first.append(_button("chat.button_change", language, "more", job.id))
        if self._something_animates():
            first.append(_button("chat.button_animate", language, "anim", job.id))
        delete = ("del", job.id, shape) if shape else ("del", job.id)
        second = (
            _button("chat.button_receipt", language, "rcpt", job.id),
            _button("chat.button_report", language, "rprt", job.id),
            _button("chat.button_delete", language, *delete),
        )
        return (tuple(first), second) if first else (second,)

    def _something_animates(self) -> bool:
        """By the bundled facts; what was learnt since is told by the offers that then come."""
        return any(
            model.takes_first and sold(model) and model.status.state is ModelState.ACTIVE
            for model in self.studio.catalog
        )

    # --- no video ------------------------------------------------------------------------------------------------

    def failed(self, job: Job, language: str, public: bool = False) -> Screen:
        """No video: why, and what was returned. `public` leaves out the words and KIE's text."""
        short = wording.failure_in_short(job, language)
        if public:
            parts: list[Part] = [Text(say("chat.failed_public", language, short=short))]
        else:
            parts = [Heading(say("chat.failed", language)), *self._failure_parts(job, language)]
        return Screen(tuple(parts), self._redo_rows(job, language))

    def _failure_parts(self, job: Job, language: str) -> list[Part]:
        parts: list[Part] = []
        words = wording.excerpt(job, PROMPT_MOST)
        if words:
            parts.append(Words(words))
        parts.append(Text(wording.failure_text(job, language)))
        kind = job.outcome.kind if isinstance(job.outcome, Failure) else None
        if kind is FailureKind.EXPIRED and job.task_id:
            parts.append(Text(say("chat.gift_hope", language)))
        said = wording.kie_text(job)
        if said:
            parts += [Small(say("chat.kie_said", language)), Words(said)]
        return parts

    def _redo_rows(self, job: Job, language: str) -> tuple[tuple[Button, ...], ...]:
        request = job.request
        first, second = [], []
        if request.prompt or request.shots:
            first.append(_button("chat.button_words", language, "redo", job.id, "words"))
        if request.pictures:
            first.append(_button("chat.button_picture", language, "redo", job.id, "picture"))
        if not request.video_url:
            first.append(_button("chat.button_model", language, "redo", job.id, "model"))
        if isinstance(job.outcome, Failure) and job.outcome.kind in _WORTH_AGAIN:
            second.append(_button("chat.button_again", language, "again", job.id))
        second.append(_button("chat.button_receipt", language, "rcpt", job.id))
        return tuple(tuple(row) for row in (first, second) if row)

    # --- buttons -------------------------------------------------------------------------------------------------

    def _made_by(self, job: Job) -> str:
        return self.studio.name_of(job.model)

    async def _their_job(self, asker: Asker, job_id: str) -> Job:
        """Raises UserError for somebody else's."""
        await self.check_mine(asker, job_id, "talk.gone_job")
        return await self.studio.job(asker.who, job_id)

    async def _receipt(self, asker: Asker, rest: str) -> Answer:
        job = await self._their_job(asker, rest)
        title, *lines = wording.receipt(job, self._made_by(job), asker.language)
        rows: tuple[tuple[Button, ...], ...] = ()
        if await self.studio.video(job):
            rows = ((_button("chat.button_send", asker.language, "get", job.id),),)
        parts = (Heading(title), Text("\n".join(lines)))
        return Answer(fresh=Screen(parts, rows, private=True))

    async def _get(self, asker: Asker, rest: str) -> Answer:
        await self.admit_owner(asker)
        return await self.bring(asker, rest)

    async def bring(self, asker: Asker, job_id: str) -> Answer:
        """The video of one of the asker's jobs, or what there is to say instead. Raises UserError."""
        job, language = await self._their_job(asker, job_id), asker.language
        if await self.studio.video(job):
            return Answer(send=job)
        if job.outcome is None:
            progress = await self.studio.progress(job)
            raise UserError("chat.not_ready", state=wording.state_words(progress, language))
        if isinstance(job.outcome, Failure) and not job.removed:
            raise UserError("chat.no_video")
        days = wording.days(self.studio.keeping.videos, language)
        raise UserError("chat.video_gone", date=wording.date(job.created_at), days=days)

    async def _delete(self, asker: Asker, rest: str) -> Answer:
        """Asked in the message itself; a manager only takes the message away."""
        job_id, _, step = rest.partition(":")
        job, _ = await self.office.job(job_id)
        own = job.user == asker.who
        if not (own or asker.manager):
            raise UserError("talk.not_yours")
        choice, _, shape = step.partition("-")
        if choice == "yes":
            if own:
                await self.studio.remove(asker.who, job.id)
            return Answer(delete=True)
        if choice == "no":
            return Answer(screen=await self._video_screen(job, shape, asker.language))
        ask = "chat.delete_ask" if own else "chat.delete_ask_manager"
        rows = (
            (
                _button("chat.delete_yes", asker.language, "del", job.id, "yes", style="danger"),
                _button("chat.delete_no", asker.language, "del", job.id, f"no-{step}"),
            ),
        )
        return Answer(screen=Screen((Text(say(ask, asker.language)),), rows))

    async def _video_screen(self, job: Job, shape: str, language: str) -> Screen:
        video = await self.studio.video(job)
        gift = isinstance(job.outcome, Failure)
        delivery = Delivery(
            job, "", 0, video=video, fitted=shape == _FITTED, link=self.studio.link(job), gift=gift
        )
        return (self.link_only if shape == _AS_LINK else self.caption)(delivery, language)

    async def _report(self, asker: Asker, rest: str) -> Answer:
        """Anybody who sees a video may report it; the operators hear of each job once an hour."""
        job_id, _, step = rest.partition(":")
        language = asker.language
        job, _ = await self.office.job(job_id)
        if step == "no":
            return Answer(screen=Screen((Text(say("chat.report_left", language)),), private=True))
        if step == "yes":
            await self._notice(f"report:{job.id}", self._report_text(asker, job), self._report_buttons(job))
            return Answer(screen=Screen((Text(say("chat.report_thanks", language)),), private=True))
        rows = (
            (
                _button("chat.report_yes", language, "rprt", job.id, "yes", style="danger"),
                _button("chat.report_no", language, "rprt", job.id, "no"),
            ),
        )
        return Answer(fresh=Screen((Text(say("chat.report_ask", language)),), rows, private=True))

    def _report_text(self, asker: Asker, job: Job) -> str:
        lines = [
            say("operate.report", reporter=asker.who, who=job.user, job=job.id, model=self._made_by(job)),
            wording.asked(job),
            self.studio.link(job) or "",
        ]
        return "\n".join(line for line in lines if line)

    def _report_buttons(self, job: Job) -> tuple[Button, ...]:
        return (
            Button(say("operate.button_remove"), action("op", "remove", job.id), style="danger"),
            Button(say("operate.button_block"), action("op", "block", job.id), style="danger"),
        )

    async def report_command(self, asker: Asker, text: str) -> Answer:
        """`/report JOB`; without one, how to report."""
        if not text.strip():
            raise UserError("chat.report_which", example=_EXAMPLE)
        return await self._report(asker, text.split()[0].partition(":")[0])


def _button(label: str, language: str, *acts: object, style: str = "") -> Button:
    """`label` is the key of its words."""
    return Button(say(label, language), action(str(acts[0]), *acts[1:]), style=style)
