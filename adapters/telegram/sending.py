"""Screens and videos as messages: hung on the request, in its topic, uploaded once; and the ways round a refusal."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aiogram.methods import SendAnimation, SendChatAction, SendMessage, SendVideo, TelegramMethod
from aiogram.types import LinkPreviewOptions, Message, ReplyParameters

from adapters.telegram import render
from adapters.telegram.address import Address
from adapters.telegram.calls import Calls
from adapters.telegram.errors import FileGone, Oversize, ReplyGone, TopicClosed
from adapters.telegram.uploads import (
    KeptFile,
    KeptFiles,
    Limit,
    Upload,
    nothing,
    seconds_for,
    size_of,
    thumbnail,
)
from bot.domain import Video
from bot.errors import DeliveryUnknown, KiebotError, RetryLater, TooLarge
from bot.ports import Clock, Delivery, Memory
from bot.talk import Screen

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for a turn; the engine comes back, and others must not wait
ACTION_SECONDS = 4.5  # Telegram shows a chat action for 5 s

NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to; `at_last` is awaited right before Telegram can have it."""

    address: Address
    at_last: Callable[[], Awaitable[None]] = nothing


class Sender:
    """Its methods return the message's id, 0 for one that Telegram has only scheduled (telegram.md 2). They raise what
    `Calls` does."""

    def __init__(self, calls: Calls, memory: Memory, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._files = KeptFiles(memory)
        self._limit = Limit(calls.bot.session.api.base, memory)

    async def say(self, target: Target, screen: Screen) -> int:
        sent = await self._send(lambda at: message(at, screen), target.address, at_last=target.at_last)
        return sent.message_id

    async def video(self, target: Target, delivery: Delivery, caption: Callable[[Delivery], Screen]) -> int:
        """By what Telegram has of it already, else by an upload. Raises TooLarge, as a rule before a byte is sent."""
        assert delivery.file
        assert delivery.video
        limit, size = await self._limit.get(), size_of(delivery.file)
        kept, same = await self._files.get(delivery), delivery
        if kept is None and size > limit:
            same = replace(delivery, fitted=True)
            kept = await self._files.get(same)
        if kept:
            try:
                return await self._send_kept(target, kept, caption(same))
            except FileGone:
                await self._files.drop(same)
        if size > limit:
            raise TooLarge(limit)
        try:
            sent = await self._upload(target, delivery, delivery.video, caption(delivery))
        except Oversize:
            raise TooLarge(await self._limit.learn(size)) from None
        try:
            await self._files.keep(delivery, sent)
        except KiebotError as error:
            # it is sent: whatever this is must not send it once more
            log.warning("the file of job %s is not noted: %s", delivery.job.id, error)
        return sent.message_id

    async def _send_kept(self, target: Target, kept: KeptFile, caption: Screen) -> int:
        def made(at: Address) -> TelegramMethod[Message]:
            if kept.kind == "animation":
                return SendAnimation(animation=kept.file_id, **_around(at, caption))
            return SendVideo(video=kept.file_id, supports_streaming=True, **_around(at, caption))

        return (await self._send(made, target.address, at_last=target.at_last)).message_id

    async def _upload(self, target: Target, delivery: Delivery, video: Video, caption: Screen) -> Message:
        """With the real shape and length, or clients show a wrong one (telegram.md 2)."""
        assert delivery.file
        preview = thumbnail(delivery.thumbnail)
        upload = Upload(
            delivery.file,
            f"{delivery.job.id}.mp4",
            at_last=target.at_last,
            meanwhile=self._show_uploading(target.address),
        )

        def made(at: Address) -> SendVideo:
            return SendVideo(
                video=upload,
                width=video.width,
                height=video.height,
                duration=max(1, round(video.seconds)),
                thumbnail=preview,
                supports_streaming=True,
                **_around(at, caption),
            )

        try:
            with upload:
                return await self._send(made, target.address, within=seconds_for(upload.size))
        except DeliveryUnknown as error:
            if upload.whole:
                raise
            raise RetryLater(f"the upload broke off: {error}") from None

    def _show_uploading(self, address: Address) -> Callable[[], Awaitable[None]]:
        """Tell the chat that a video is on its way, as long as pieces of it leave."""
        shown_at = -math.inf

        async def show() -> None:
            nonlocal shown_at
            now = self._clock.monotonic()
            if now - shown_at < ACTION_SECONDS:
                return
            shown_at = now
            chat, topic = address.chat, address.topic
            with suppress(KiebotError):
                await self._calls.try_edit(
                    SendChatAction(chat_id=chat, message_thread_id=topic, action="upload_video")
                )

        return show

    async def _send(
        self,
        made: Callable[[Address], TelegramMethod[Message]],
        address: Address,
        *,
        at_last: Callable[[], Awaitable[None]] = nothing,
        within: float | None = None,
    ) -> Message:
        """Without what is gone: in a topic `allow_sending_without_reply` does not hold, and the General one stays."""
        while True:
            try:
                return await self._calls(made(address), patience=PATIENCE, at_last=at_last, within=within)
            except ReplyGone:
                if address.message is None:
                    raise
                address = replace(address, message=None)
            except TopicClosed:
                if address.topic is None:
                    raise
                address = Address(address.chat)


def message(at: Address, screen: Screen, *, silent: bool = False) -> SendMessage:
    """A screen as a message of its own."""
    return SendMessage(
        chat_id=at.chat,
        message_thread_id=at.topic,
        reply_parameters=_hanging_on(at),
        text=render.html(screen),
        parse_mode="HTML",
        reply_markup=render.keyboard(screen.rows),
        link_preview_options=NO_PREVIEW,
        disable_notification=silent or None,
    )


def _around(at: Address, caption: Screen) -> dict[str, Any]:
    """What stands around every video."""
    return {
        "chat_id": at.chat,
        "message_thread_id": at.topic,
        "reply_parameters": _hanging_on(at),
        "caption": render.html(caption, render.CAPTION_MOST),
        "parse_mode": "HTML",
        "reply_markup": render.keyboard(caption.rows),
    }


def _hanging_on(at: Address) -> ReplyParameters | None:
    if at.message is None:
        return None
    return ReplyParameters(message_id=at.message, allow_sending_without_reply=True)
