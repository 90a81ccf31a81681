"""Files of the Bot API stand-in: uploads streamed to disk, what users attach, and what an id stands for."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import mimetypes
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from support.telegram_schema import ApiError, bad

DOWNLOAD_BYTES = 20 * 2**20  # telegram.md 1
PHOTO_BYTES = 10 * 2**20
THUMBNAIL_BYTES = 200_000
_LINK_SECONDS = 3600
_EDGE_BYTES = 64
_FOLDERS = {"photo": "photos", "video": "videos", "animation": "animations", "document": "documents"}
_KINDS = {"photo": "Photo", "video": "Video", "animation": "Animation", "document": "Document"}
_PHOTO_SIDES = (90, 320, 1280)


class TooMuch(Exception):
    """An upload is larger than the limit."""


@dataclass(frozen=True, slots=True)
class Given:
    """A file that a user attaches. `size` may announce more than the bytes that are there."""

    data: bytes | Path = b""
    name: str | None = None
    mime: str | None = None
    size: int | None = None
    width: int = 640
    height: int = 360
    duration: int = 5

    def read(self) -> bytes:
        return self.data.read_bytes() if isinstance(self.data, Path) else self.data


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that the stand-in has: its bytes are measured and summed, and lie on disk while they are kept."""

    number: int
    size: int
    sha256: str
    first: bytes = field(repr=False)
    last: bytes = field(repr=False)
    name: str | None = None
    mime: str | None = None
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """What a message carries. Seconds, pixels, bytes; `thumbnail` and `cover` are files of their own."""

    kind: str
    file: Stored
    file_id: str
    unique_id: str
    width: int = 0
    height: int = 0
    duration: int = 0
    thumbnail: Stored | None = None
    cover: Stored | None = None
    supports_streaming: bool = False
    spoiler: bool = False
    sizes: tuple[Media, ...] = ()

    @property
    def size(self) -> int:
        return self.file.size

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def name(self) -> str | None:
        return self.file.name

    @property
    def mime(self) -> str | None:
        return self.file.mime

    def bytes(self) -> bytes:
        """Everything that was sent; only while uploads are kept."""
        if self.file.path is None:
            raise AssertionError("uploads are not kept here")
        return self.file.path.read_bytes()

    def fields(self) -> dict[str, Any]:
        """As the fields of a Message: `photo`, `video` ... ; an animation is a document too (telegram.md 1)."""
        if self.kind == "photo":
            return {"photo": [each._base() for each in self.sizes or (self,)]}
        body = self._base()
        if self.file.name:
            body["file_name"] = self.file.name
        if self.file.mime:
            body["mime_type"] = self.file.mime
        if self.kind in ("video", "animation", "voice"):
            body["duration"] = self.duration
        if self.kind == "sticker":
            body |= {"type": "regular", "is_animated": False, "is_video": False, "emoji": "🙂"}
        if self.kind in ("document", "voice"):
            body = {name: value for name, value in body.items() if name not in ("width", "height")}
        return {self.kind: body} | ({"document": body} if self.kind == "animation" else {})

    def _base(self) -> dict[str, Any]:
        body: dict[str, Any] = {"file_id": self.file_id, "file_unique_id": self.unique_id}
        return body | {"file_size": self.size, "width": self.width, "height": self.height}


class Files:
    """All files of one stand-in, in a folder."""

    def __init__(self, folder: Path, now: Callable[[], int], *, keep: bool = True) -> None:
        self._folder = folder
        self._now = now
        self._keep = keep
        self._numbers = itertools.count(1)
        self._by_id: dict[str, Media] = {}
        self._by_path: dict[str, tuple[Media, int]] = {}

    async def take(
        self, chunks: AsyncIterator[bytes], name: str | None, mime: str | None, limit: int
    ) -> Stored:
        """Stream a part to disk. Raises TooMuch over the limit, having read all of it."""
        number = next(self._numbers)
        path = self._folder / f"upload-{number}"
        digest, size, first, last = hashlib.sha256(), 0, b"", b""
        with contextlib.ExitStack() as undo:
            undo.callback(path.unlink)
            with path.open("wb", buffering=0) as file:
                async for chunk in chunks:
                    digest.update(chunk)
                    size += len(chunk)
                    if len(first) < _EDGE_BYTES:
                        first = (first + chunk)[:_EDGE_BYTES]
                    last = (last + chunk[-_EDGE_BYTES:])[-_EDGE_BYTES:]
                    if size <= limit:
                        file.write(chunk)
            if size > limit:
                raise TooMuch
            undo.pop_all()
        return Stored(number, size, digest.hexdigest(), first, last, name, mime, path)

    def put(self, data: bytes, name: str | None = None, mime: str | None = None) -> Stored:
        number = next(self._numbers)
        path = self._folder / f"given-{number}"
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        return Stored(number, len(data), digest, data[:_EDGE_BYTES], data[-_EDGE_BYTES:], name, mime, path)

    def settle(self, file: Stored) -> Stored:
        """The file as it is remembered: without its bytes where uploads are not kept."""
        if self._keep or file.path is None:
            return file
        file.path.unlink(missing_ok=True)
        return replace(file, path=None)

    def add(self, kind: str, file: Stored, **details: Any) -> Media:
        """Give a file its ids. Those of the same bytes share `file_unique_id`."""
        number = next(self._numbers)
        mark = {"photo": "AgACAgIAAxk", "video": "BAACAgIAAxk", "animation": "CgACAgIAAxk"}.get(
            kind, "BQACAgIAAxk"
        )
        unique = f"AQAD{file.sha256[:12]}"
        media = Media(kind, file, f"{mark}{number:08d}{file.sha256[:20]}E", unique, **details)
        self._by_id[media.file_id] = media
        return media

    def photo(self, file: Stored, **details: Any) -> Media:
        """A picture as Telegram keeps it: JPEG in several sizes, without name and type. Raises ApiError 400."""
        try:
            with Image.open(file.path or io.BytesIO()) as opened:
                picture = opened.convert("RGB")
        except (UnidentifiedImageError, OSError):
            raise bad("IMAGE_PROCESS_FAILED") from None
        width, height = picture.size
        if width + height > 10_000 or max(width, height) > 20 * min(width, height):
            raise bad("PHOTO_INVALID_DIMENSIONS")
        sizes = []
        for side in _PHOTO_SIDES:
            copy = picture.copy()
            copy.thumbnail((side, side))
            data = io.BytesIO()
            copy.save(data, "JPEG", quality=87)
            stored = self.put(data.getvalue())
            sizes.append(self.add("photo", stored, width=copy.width, height=copy.height))
            if max(width, height) <= side:
                break
        return replace(sizes[-1], file=file, sizes=tuple(sizes), **details)

    def given(self, kind: str, given: Given | bytes | Path) -> Media:
        """What a user attaches as a photo, a document, a video, a sticker ..."""
        if not isinstance(given, Given):
            given = Given(given, given.name if isinstance(given, Path) else None)
        guessed = mimetypes.guess_type(given.name)[0] if given.name else None
        file = self.put(given.read(), given.name, given.mime or guessed)
        if kind == "photo":
            return self.photo(file)
        if given.size is not None:
            file = replace(file, size=given.size)
        return self.add(kind, file, width=given.width, height=given.height, duration=given.duration)

    def known(self, file_id: str, kind: str | None = None) -> Media:
        """What an id stands for; it cannot change its kind. Raises ApiError 400."""
        media = self._by_id.get(file_id)
        if media is None:
            raise bad("wrong file identifier/HTTP URL specified")
        if kind and media.kind != kind:
            raise bad(f"can't use file of type {_KINDS.get(media.kind, media.kind)} as {_KINDS[kind]}")
        return media

    def describe(self, file_id: str) -> dict[str, Any]:
        """getFile. Raises ApiError 400 for over 20 MB, also when only announced (telegram.md 1)."""
        media = self._by_id.get(file_id)
        if media is None:
            raise bad("invalid file_id")
        if media.size > DOWNLOAD_BYTES:
            raise bad("file is too big")
        suffix = Path(media.name).suffix if media.name else ".jpg" if media.kind == "photo" else ".mp4"
        path = f"{_FOLDERS.get(media.kind, 'documents')}/file_{media.file.number}{suffix}"
        self._by_path[path] = media, self._now()
        body = {"file_id": file_id, "file_unique_id": media.unique_id}
        return body | {"file_size": media.size, "file_path": path}

    def at(self, path: str) -> Path:
        """Where the bytes of a download lie. Raises ApiError 404, also an hour after getFile."""
        media, since = self._by_path.get(path, (None, 0))
        if media is None or media.file.path is None or self._now() - since > _LINK_SECONDS * 1000:
            raise ApiError(404, "Not Found")
        return media.file.path


def looks_like_mp4(file: Stored) -> bool:
    """Only MP4 plays inline; Telegram makes a document of everything else (telegram.md 2)."""
    return file.first[4:8] == b"ftyp"


def tiny_mp4(size: int = 1000, seed: bytes = b"") -> bytes:
    """Bytes that begin like an MP4: enough for this stand-in to take them for a video."""
    head = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + seed
    return head + bytes(max(0, size - len(head)))


def tiny_picture(width: int = 64, height: int = 48, colour: str = "teal", form: str = "JPEG") -> bytes:
    """A real picture of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, form)
    return data.getvalue()
