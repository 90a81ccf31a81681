"""Videos out: a downloaded file is checked, given its index in front and a thumbnail, or made smaller to fit."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.codec.context import ThreadType
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from bot.domain import Video
from bot.errors import UserError
from bot.media import files

THUMBNAIL_SIDE = 320  # pixels; telegram.md: JPEG, at most 320 px, under 200 kB, which this size never reaches
THUMBNAIL_FROM, THUMBNAIL_UNTIL = 0.5, 3.0  # seconds: past a fade-in, yet quickly decoded
_DARK = 24  # mean brightness of 255 below which a frame makes no thumbnail

LEAST_RATE = 150_000  # bits per second of moving picture; less is not worth looking at
SHORT_SIDES = (1080, 720, 540, 360, 240)
_LEAST_BITS_PER_PIXEL, _MOST_BITS_PER_PIXEL = 0.045, 0.2
_ROOM = 0.92  # of the limit is aimed at: the container and the encoder's swings need the rest
_THREADS = min(4, os.cpu_count() or 1)  # each takes memory for several frames

_UNTOLD, _HD_LINES = 2, 720  # AVCOL_SPC_UNSPECIFIED

_QUICKTIME = b"ftypqt  "  # a file type that is nearly MP4, but not to every player


@dataclass(frozen=True, slots=True)
class Facts:
    """What a video is to a viewer: size in pixels after turning, length, frames per second, sound or not.

    `rotation` is how far the stored frames must be turned, in degrees against the clock.
    """

    width: int
    height: int
    seconds: Decimal
    sound: bool
    codec: str
    rate: Fraction
    rotation: int


def get_ready() -> None:
    """Spare the first video what the libraries do at their first use (some 12 ms)."""
    _thumbnail(VideoFrame(64, 36, "yuv420p"), 0)


def probe(path: Path) -> Facts:
    """Look at an MP4. Raises UserError when it cannot be played."""
    boxes(path)
    with _opened(path) as container:
        return _facts(container, next(_frames(container)))


def video(source: Path, target: Path) -> Video:
    """Make the file `source` the playable `target`, with a thumbnail `<target's stem>.jpg` beside it.

    `target` comes last, so that its presence means all is done; should a crash have taken `source` already, `target`
    is looked at again. Raises UserError when it is no playable MP4.
    """
    if not source.exists() and target.exists():
        source = target
    found = boxes(source)
    facts = _with_thumbnail(source, target)
    if _streams(found):
        files.place(source, target)
    else:
        _remux(source, target)
        if source != target:
            source.unlink()
    return _video(facts, target)


def fit(source: Path, target: Path, max_bytes: int) -> Video:
    """Encode `source` anew as a `target` of at most `max_bytes`, with a thumbnail beside it.

    Two attempts, the second corrected by the first. Raises UserError when less than a decent picture would remain.
    """
    facts = probe(source)
    aim = max_bytes * _ROOM
    with files.made(target) as part:
        for _ in range(2):
            _encode(source, part, facts, aim)
            size = part.stat().st_size
            if size <= max_bytes:
                break
            aim *= max_bytes * _ROOM / size
        else:
            raise UserError("media.cannot_fit")
        facts = _with_thumbnail(part, target)
    return _video(facts, target)


def last_frame(source: Path, max_side: int) -> Image.Image:
    """The picture that `source` ends with, upright, in full quality, no side over `max_side` pixels.

    Raises UserError when none can be seen.
    """
    boxes(source)
    with _opened(source) as container:
        stream = container.streams.video[0]
        if stream.duration:
            container.seek(stream.duration, stream=stream)  # lands on the last key frame
        last = None
        for frame in container.decode(stream):
            last = last if frame.is_corrupt else frame
        if last is None:
            raise UserError("media.undecodable")
        return _upright(last, max_side)


def _upright(frame: VideoFrame, max_side: int) -> Image.Image:
    # players take a big video that says nothing of its colours for BT.709, FFmpeg for BT.601: a shade off
    untold = frame.colorspace == _UNTOLD and min(frame.width, frame.height) >= _HD_LINES
    image = _image(frame, frame.width, frame.height, "ITU709" if untold else None)
    rotation = round(frame.rotation / 90) * 90 % 360
    if rotation:
        image = image.rotate(rotation, expand=True)
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return image


# --- the container -----------------------------------------------------------------------------------------------


def boxes(path: Path) -> list[bytes]:
    """The names of the file's outermost boxes in order (ISO/IEC 14496-12, 4.2).

    Raises UserError: not an MP4, or not whole.
    """
    names: list[bytes] = []
    end = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= end:
            file.seek(at)
            head = file.read(16)
            size, name = int.from_bytes(head[:4], "big"), head[4:8]
            if size == 1:
                size = int.from_bytes(head[8:16], "big")
            elif size == 0:
                size = end - at
            if size < 8 or (not names and name != b"ftyp"):
                raise UserError("media.not_mp4")
            names.append(_QUICKTIME if head[4:12] == _QUICKTIME else name)
            at += size
    if not names:
        raise UserError("media.not_mp4")
    if at > end or b"moov" not in names:
        raise UserError("media.cut_off")
    return names


def _streams(found: list[bytes]) -> bool:
    """Whether a player can start before the last byte has arrived, and every chat knows the container."""
    plain = b"moof" not in found and _QUICKTIME not in found
    return plain and (b"mdat" not in found or found.index(b"moov") < found.index(b"mdat"))


def _remux(source: Path, target: Path) -> None:
    with files.made(target) as part, _opened(source) as container, _writing(part) as copy:
        kept = [*container.streams.video[:1], *container.streams.audio[:1]]
        copies = {stream.index: copy.add_stream_from_template(stream) for stream in kept}
        for packet in container.demux(kept):
            if packet.dts is not None:  # the empty packet that ends a stream
                packet.stream = copies[packet.stream.index]
                copy.mux(packet)


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """The file as an MP4 and nothing else: FFmpeg must neither guess a playlist nor follow an address in the file.

    Raises UserError for whatever FFmpeg cannot make sense of; trouble of disk or memory stays what it is.
    """
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise UserError("media.no_moving_picture")
            container.streams.video[0].codec_context.thread_count = _THREADS
            yield container
    except (OSError, MemoryError):
        raise
    except av.FFmpegError as error:
        raise UserError("media.undecodable") from error


def _writing(part: Path) -> OutputContainer:
    return av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"})


# --- the moving picture ------------------------------------------------------------------------------------------


def _frames(container: InputContainer) -> Iterator[VideoFrame]:
    """Whole frames, quickly: those that no other frame needs are left out. Raises UserError when there is none."""
    stream = container.streams.video[0]
    stream.codec_context.skip_frame = "NONREF"
    whole = 0
    for frame in container.decode(stream):
        if not frame.is_corrupt:
            whole += 1
            yield frame
    if not whole:
        raise UserError("media.undecodable")


def _facts(container: InputContainer, first: VideoFrame) -> Facts:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        seconds = Fraction(stream.duration) * stream.time_base
    else:
        seconds = Fraction(container.duration or 0, av.time_base)
    if seconds <= 0:
        raise UserError("media.undecodable")
    width, height = first.width, first.height
    rotation = round(first.rotation / 90) * 90 % 360
    if rotation % 180:
        width, height = height, width
    return Facts(
        width=width,
        height=height,
        seconds=(Decimal(seconds.numerator) / seconds.denominator).quantize(Decimal("0.01")),
        sound=bool(container.streams.audio),
        codec=stream.codec_context.name,
        rate=stream.average_rate or Fraction(24),
        rotation=rotation,
    )


def _with_thumbnail(source: Path, target: Path) -> Facts:
    """Look at the beginning and near the end of `source`, and write `target`'s thumbnail."""
    with _opened(source) as container:
        frames = _frames(container)
        first = next(frames)
        facts = _facts(container, first)
        shown = _telling(first, frames)
        if sum(entry.is_keyframe for entry in container.streams.video[0].index_entries) > 1:
            container.seek(int(facts.seconds * av.time_base))  # lands on the last key frame
            next(_frames(container))
    with files.made(_thumbnail_of(target)) as part:
        part.write_bytes(_thumbnail(shown, facts.rotation))
    return facts


def _telling(first: VideoFrame, frames: Iterator[VideoFrame]) -> VideoFrame:
    """A frame that shows something: the first bright one after a moment, else the brightest of the first seconds."""
    best, most = first, _brightness(first)
    for frame in frames:
        age = frame.time - first.time
        if age > THUMBNAIL_UNTIL:
            break
        if age < THUMBNAIL_FROM:
            continue
        brightness = _brightness(frame)
        if brightness >= _DARK:
            return frame
        if brightness > most:
            best, most = frame, brightness
    return best


def _brightness(frame: VideoFrame) -> float:
    pixels = _image(frame, 16, 16).convert("L").tobytes()
    return sum(pixels) / len(pixels)


def _image(frame: VideoFrame, width: int, height: int, colours: str | None = None) -> Image.Image:
    image: Image.Image = frame.to_image(width=width, height=height, src_colorspace=colours)  # type: ignore[no-untyped-call]
    return image


def _thumbnail(frame: VideoFrame, rotation: int) -> bytes:
    shrink = min(1.0, THUMBNAIL_SIDE / max(frame.width, frame.height))
    image = _image(frame, round(frame.width * shrink), round(frame.height * shrink))
    if rotation:
        image = image.rotate(rotation, expand=True)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _thumbnail_of(target: Path) -> Path:
    return target.with_suffix(".jpg")


def _video(facts: Facts, target: Path) -> Video:
    return Video(
        file=target.name,
        size=target.stat().st_size,
        width=facts.width,
        height=facts.height,
        seconds=facts.seconds,
        sound=facts.sound,
        thumbnail=_thumbnail_of(target).name,
    )


# --- making it smaller -------------------------------------------------------------------------------------------


def _encode(source: Path, part: Path, facts: Facts, aim: float) -> None:
    """Encode everything into about `aim` bytes. Raises UserError when that leaves too little for the picture."""
    total = aim * 8 / float(facts.seconds)
    sound_rate = (128_000 if total > 1_000_000 else 64_000) if facts.sound else 0
    rate = int(total - sound_rate)
    if rate < LEAST_RATE:
        raise UserError("media.cannot_fit")
    width, height = _smaller(facts, rate)
    rate = min(rate, int(_MOST_BITS_PER_PIXEL * width * height * facts.rate))
    with _opened(source) as container, _writing(part) as made:
        seen = container.streams.video[0]
        seen.thread_type = ThreadType.AUTO  # several frames at once: slow to start, but fast on the whole
        graph, picture = _graph(seen, facts, width, height), _picture_encoder(made, seen, facts, rate)
        picture.width, picture.height = width, height
        heard = container.streams.audio[0] if facts.sound else None
        sound = made.add_stream("aac", rate=48_000, bit_rate=sound_rate) if heard else None
        for packet in container.demux([stream for stream in (seen, heard) if stream]):
            for frame in packet.decode():
                if isinstance(frame, VideoFrame):
                    graph.vpush(frame)
                    _drain(graph, picture, made)
                elif sound and isinstance(frame, AudioFrame):
                    made.mux(sound.encode(frame))
        graph.vpush(None)
        _drain(graph, picture, made)
        made.mux(picture.encode(None))
        if sound:
            made.mux(sound.encode(None))


def _drain(graph: Graph, picture: VideoStream, made: OutputContainer) -> None:
    while True:
        try:
            frame = graph.vpull()
        except (BlockingIOError, EOFError):  # it wants more, or has had everything
            return
        frame.pict_type = PictureType.NONE  # else the encoder would repeat the source's choice of key frames
        made.mux(picture.encode(frame))


def _graph(seen: VideoStream, facts: Facts, width: int, height: int) -> Graph:
    """Turned upright, scaled, in the one pixel format that every player knows."""
    turns = {90: ["transpose=cclock"], 180: ["hflip", "vflip"], 270: ["transpose=clock"]}
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(template=seen),
        *(graph.add(*step.split("=")) for step in turns.get(facts.rotation, [])),
        graph.add("scale", f"{width}:{height}"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _picture_encoder(made: OutputContainer, seen: VideoStream, facts: Facts, rate: int) -> VideoStream:
    options = {
        "preset": "veryfast",
        "threads": str(_THREADS),
        "maxrate": str(rate * 5 // 4),
        "bufsize": str(rate),
    }
    picture = made.add_stream("libx264", rate=facts.rate, options=options)
    picture.pix_fmt = "yuv420p"
    picture.bit_rate = rate
    assert seen.time_base
    picture.codec_context.time_base = seen.time_base
    for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
        setattr(picture.codec_context, name, getattr(seen.codec_context, name))
    return picture


def _smaller(facts: Facts, rate: int) -> tuple[int, int]:
    """Width and height, even numbers: at most 1080p, and as few pixels as the bit rate can make look decent."""
    short = min(facts.width, facts.height)
    for side in (short, *SHORT_SIDES):
        if side > min(short, SHORT_SIDES[0]):
            continue
        width, height = (2 * round(each * side / short / 2) for each in (facts.width, facts.height))
        if rate >= _LEAST_BITS_PER_PIXEL * width * height * facts.rate:
            break
    return width, height
