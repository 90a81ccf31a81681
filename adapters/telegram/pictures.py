"""Pictures that people send: which message holds one, and how its bytes get here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from aiogram.types import Document, ExternalReplyInfo, Message

from bot.errors import UserError

# getFile refuses more (telegram.md 1).
DOWNLOAD_MOST = 20 * 1024 * 1024
# Names that tell a picture where no MIME type does.
SUFFIXES = frozenset(
    [".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".avif", ".bmp", ".tif", ".tiff"]
)
UNTOLD = ("", "application/octet-stream")


@dataclass(frozen=True, slots=True)
class Sent:
    """A picture in a message, not fetched yet. `size` is in bytes, if it was announced."""

    file_id: str
    name: str
    size: int | None = None


def sent_in(message: Message | ExternalReplyInfo) -> Sent | None:
    """The picture in a message; None when it holds no media at all. Raises UserError for any other media."""
    if message.photo:
        largest = message.photo[-1]
        return _bounded(Sent(largest.file_id, "photo.jpg", largest.file_size))
    problem = _problem(message)
    if problem:
        raise UserError(problem)
    if message.document:
        return _bounded(_document(message.document))
    return None


def all_sent_in(messages: Iterable[Message]) -> tuple[Sent, ...]:
    """The pictures of an album in their order. Raises UserError."""
    return tuple(found for message in messages if (found := sent_in(message)))


def _problem(message: Message | ExternalReplyInfo) -> str | None:
    """The sentence for media that is no picture. An animation also sets `document` (telegram.md 1)."""
    if message.animation:
        return "telegram.gif"
    if message.sticker:
        return "telegram.sticker"
    if message.video or message.video_note:
        return "telegram.video"
    if message.voice or message.audio:
        return "telegram.voice"
    return None


def _document(document: Document) -> Sent:
    name = document.file_name or ""
    mime = (document.mime_type or "").lower()
    suffix = PurePath(name).suffix.lower()
    # what neither name nor type tells, the bytes will
    is_picture = mime.startswith("image/") or suffix in SUFFIXES or (mime in UNTOLD and not suffix)
    if mime.startswith("video/"):
        raise UserError("telegram.video")
    if not is_picture:
        raise UserError("telegram.not_a_picture")
    return Sent(document.file_id, name, document.file_size)


def _bounded(sent: Sent) -> Sent:
    if sent.size is not None and sent.size > DOWNLOAD_MOST:
        raise UserError("telegram.too_big", most=DOWNLOAD_MOST // 1024**2)
    return sent
