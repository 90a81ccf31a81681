"""Bringing a job's end into Telegram: which way, what when a way is shut, and what is known of each attempt."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from aiogram.methods import GetMe
from aiogram.utils.link import create_telegram_link

from adapters.telegram.address import Address
from adapters.telegram.calls import Calls
from adapters.telegram.errors import MediaForbidden, Refused
from adapters.telegram.sending import Sender, Target, message
from adapters.telegram.status import StatusBoard
from adapters.telegram.uploads import nothing
from bot import wording
from bot.domain import KEPT, NOTICE, Button, ChatRef, Failure, FailureKind, Job, Progress, Video
from bot.errors import DeliveryUnknown, KiebotError, RouteClosed, TooLarge, UserError
from bot.ports import Clock, Delivery, Memory
from bot.talk import Screen, Talk, Text

log = logging.getLogger(__name__)

# In the asking chat; in the asker's own chat; a line in public that the video waits, without words or picture.
CHAT, PRIVATE = "chat", "private"

SENT_KEPT_SECONDS = 30 * 86_400.0

Fit = Callable[[Path, Path, int], Awaitable[Video]]


class Delivering:
    """`ports.ChatAdapter`. `fit` is `ports.Media.fit`, for what is sent again and was never fitted before."""

    platform = "telegram"

    def __init__(
        self, *, calls: Calls, talk: Talk, memory: Memory, clock: Clock, fit: Fit | None = None
    ) -> None:
        self._calls = calls
        self._talk = talk
        self._memory = memory
        self._fit = fit
        self._username = ""
        self._sender = Sender(calls, memory, clock)
        self.board = StatusBoard(calls, memory, clock)

    # --- what the engine asks ------------------------------------------------------------------------------------

    def routes(self, job: Job) -> Sequence[str]:
        """What is private never goes into a group, not even when nothing else is left (product.md, P8)."""
        if not _in_group(job):
            return (CHAT,)
        return (PRIVATE, NOTICE) if job.chat.private else (CHAT, PRIVATE)

    async def show(self, job: Job, progress: Progress) -> None:
        if not (job.delivered_to == KEPT or self.board.is_due(job)):
            return
        in_sight = _in_group(job) and job.chat.private
        try:
            screen = self._talk.status(job, progress, await self._talk.language(job.user), public=in_sight)
            await self.board.show(job, screen)
        except KiebotError as error:
            log.info("the status of job %s is not shown: %s", job.id, error)

    async def deliver(self, delivery: Delivery) -> str:
        """Returns `<chat>:<message>`, or nothing for a message that Telegram has only scheduled (telegram.md 2)."""

        async def note(message: str | None = None) -> None:
            value = {"number": delivery.number, "message": message}
            await self._memory.put(
                _sent_name(delivery), value, seconds=SENT_KEPT_SECONDS, owner=delivery.job.user
            )

        try:
            sent = await self._bring(delivery, note)
        except TooLarge:
            # it will be fitted, which takes a while: should we die meanwhile, this attempt left nothing
            await self._memory.drop(_sent_name(delivery))
            raise
        try:
            await note(sent)
            await self._tidy(delivery)
        except KiebotError as error:
            # it is sent: whatever this is must not send it once more
            log.warning("after the delivery of job %s: %s", delivery.job.id, error)
        return sent

    async def find(self, delivery: Delivery) -> str | None:
        """Telegram has no way to look a message up, but the note of its last byte tells that there can be none."""
        note = await self._memory.get(_sent_name(delivery))
        if note is None or note["number"] != delivery.number:
            return None
        if note["message"] is None:
            raise DeliveryUnknown(
                f"attempt {delivery.number} of job {delivery.job.id} was sent; no answer is known"
            )
        await self._tidy(delivery)
        return str(note["message"])

    async def tell(self, external_id: str, text: str, buttons: Sequence[Button] = ()) -> bool:
        screen = Screen((Text(text),), (tuple(buttons),))
        try:
            await self._calls(message(Address(int(external_id)), screen))
        except DeliveryUnknown:
            return True
        except KiebotError as error:
            log.info("telegram:%s cannot be told: %s", external_id, error)
            return False
        return True

    # --- what the handlers ask -----------------------------------------------------------------------------------

    async def send_again(self, job: Job, chat: ChatRef) -> None:
        """The job's video into this chat; what is private into the asker's own, or a line here that it waits.

        Raises UserError when it is no longer kept or fits nowhere, RouteClosed, RetryLater, DeliveryUnknown.
        """
        studio = self._talk.studio
        video = await studio.video(job)
        if video is None:
            raise UserError("chat.removed")
        here = replace(job, chat=replace(chat, private=chat.private or job.chat.private))
        folder = studio.settings.videos_dir
        delivery = Delivery(
            here,
            "",
            0,
            file=folder / video.file,
            thumbnail=folder / video.thumbnail if video.thumbnail else None,
            video=video,
            link=studio.link(job),
            gift=isinstance(job.outcome, Failure),
        )
        for route in self.routes(here):
            with suppress(RouteClosed):
                await self._again(replace(delivery, route=route))
                return
        raise RouteClosed("no way into this chat is open")

    async def _again(self, delivery: Delivery) -> None:
        try:
            await self._bring(delivery)
        except TooLarge as error:
            await self._smaller(delivery, error.limit)

    async def _smaller(self, delivery: Delivery, limit: int) -> None:
        """Fitted, else as a link."""
        if self._fit and delivery.file:
            target = delivery.file.with_suffix(".again.mp4")
            try:
                video = await self._fit(delivery.file, target, limit)
                await self._bring(replace(delivery, file=target, video=video, fitted=True))
                return
            except TooLarge:
                log.info("job %s cannot be fitted to %d bytes", delivery.job.id, limit)
            finally:
                target.unlink(missing_ok=True)
        if delivery.link is None:
            size = wording.file_size(delivery.video.size) if delivery.video else ""
            raise UserError("delivery.too_large", size=size, job=delivery.job.id)
        await self._bring(replace(delivery, file=None))

    # --- one attempt ---------------------------------------------------------------------------------------------

    async def _bring(self, delivery: Delivery, at_last: Callable[[], Awaitable[None]] = nothing) -> str:
        """Returns where it is now: `<chat>:<message>`."""
        job, language = delivery.job, await self._talk.language(delivery.job.user)
        target = Target(_address(delivery), at_last)
        try:
            if delivery.route == NOTICE:
                message_id = await self._sender.say(target, await self._notice(job, language))
            elif delivery.video is None:
                message_id = await self._no_video(target, delivery, language)
            elif delivery.file is None:
                message_id = await self._sender.say(target, self._talk.link_only(delivery, language))
            else:
                message_id = await self._video(target, delivery, language)
        except Refused as error:
            raise RouteClosed(str(error)) from None
        return f"{await self._calls.home(target.address.chat)}:{message_id}" if message_id else ""

    async def _video(self, target: Target, delivery: Delivery, language: str) -> int:
        try:
            return await self._sender.video(target, delivery, lambda each: self._talk.caption(each, language))
        except MediaForbidden:
            if delivery.link is None:
                raise
            return await self._sender.say(target, self._talk.link_only(delivery, language))

    async def _no_video(self, target: Target, delivery: Delivery, language: str) -> int:
        """In public without their words or KIE's; those go to the asker's own chat, where there is one."""
        job = delivery.job
        screen = self._failed(delivery, language)
        is_cancelled = isinstance(job.outcome, Failure) and job.outcome.kind is FailureKind.CANCELLED
        if is_cancelled and delivery.route == CHAT:
            # they pressed Cancel on that very message and are looking at it
            edited = await self.board.turn_into(job, screen)
            if edited:
                return edited
        message_id = await self._sender.say(target, screen)
        if _is_in_sight(delivery) and not is_cancelled:
            own = Target(Address(int(job.user.external_id)))
            try:
                await self._sender.say(own, self._talk.failed(job, language))
            except KiebotError as error:
                log.info("the asker of job %s is not told the details: %s", job.id, error)
        return message_id

    def _failed(self, delivery: Delivery, language: str) -> Screen:
        return self._talk.failed(delivery.job, language, public=_is_in_sight(delivery))

    async def _notice(self, job: Job, language: str) -> Screen:
        """Its button leads to the private chat, which only the asker can open (telegram.md 6)."""
        screen = self._talk.private_notice(job, language)
        if isinstance(job.outcome, Failure):
            return screen
        if not self._username:
            self._username = (await self._calls(GetMe())).username or ""
        link = create_telegram_link(self._username, start=f"get_{job.id}")
        rows = tuple(tuple(Button(each.label, url=link) for each in row) for row in screen.rows)
        return replace(screen, rows=rows)

    async def _tidy(self, delivery: Delivery) -> None:
        """The status message has done its work."""
        instead = None
        if delivery.video is None and delivery.route == CHAT:
            instead = self._failed(delivery, await self._talk.language(delivery.job.user))
        await self.board.take_away(delivery.job, instead)


def _is_in_sight(delivery: Delivery) -> bool:
    """Whether others read along."""
    return delivery.route == CHAT and _in_group(delivery.job)


def _in_group(job: Job) -> bool:
    """By the chat itself: what was ordered in private may be a community's too."""
    return Address.parse(job.chat.address).in_group


def _address(delivery: Delivery) -> Address:
    job = delivery.job
    return (
        Address(int(job.user.external_id)) if delivery.route == PRIVATE else Address.parse(job.chat.address)
    )


def _sent_name(delivery: Delivery) -> str:
    return f"telegram:sent:{delivery.job.id}"
