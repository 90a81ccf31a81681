"""Makes small real pictures and videos for tests."""

from __future__ import annotations

import io
import math
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageDraw

RED, GREEN, BLUE = (220, 30, 30), (30, 160, 60), (30, 60, 200)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(width: int = 320, height: int = 240) -> Image.Image:
    """Red on the left, blue on the right: shows how a picture was turned."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def noise(width: int, height: int) -> Image.Image:
    """What no encoder can make small."""
    return Image.effect_noise((width, height), 120).convert("RGB")


def is_like(pixel: object, colour: tuple[int, int, int], within: int = 25) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= within for a, b in zip(pixel, colour, strict=False))


def make_video(
    path: Path,
    *,
    size: tuple[int, int] = (320, 180),
    seconds: float = 2.0,
    rate: int = 24,
    sound: bool = False,
    codec: str = "libx264",
    front: bool = False,
    fragmented: bool = False,
    black_seconds: float = 0.0,
    rotation: int = 0,
    bit_rate: int | None = None,
    noisy: bool = False,
    kind: str = "mp4",
) -> Path:
    """Write a video of a circle that moves over two coloured halves; noisy ones stay big when encoded."""
    flags = "+faststart" if front else "+frag_keyframe+empty_moov" if fragmented else ""
    options = {"preset": "ultrafast"} | ({"x265-params": "log-level=none"} if codec == "libx265" else {})
    with av.open(str(path), "w", format=kind, options={"movflags": flags} if flags else {}) as container:
        picture = container.add_stream(codec, rate=rate, options=options)
        assert isinstance(picture, VideoStream)
        picture.width, picture.height = size
        picture.pix_fmt = "yuv420p"
        if bit_rate:
            picture.bit_rate = bit_rate
        if rotation:
            picture.set_display_rotation(rotation)
        audio = container.add_stream("aac", rate=48_000) if sound else None
        grounds = [noise(*size) for _ in range(4)] if noisy else [halves(*size)]
        for number in range(round(seconds * rate)):
            image = grounds[number % len(grounds)].copy()
            if number < black_seconds * rate:
                image.paste((0, 0, 0), (0, 0, *size))
            else:
                at = (number * 4) % size[0]
                ImageDraw.Draw(image).ellipse((at, 20, at + size[1] // 4, 20 + size[1] // 4), fill="white")
            container.mux(picture.encode(_frame(image)))
        container.mux(picture.encode(None))
        if audio:
            for frame in _tone(seconds):
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def _frame(image: Image.Image) -> VideoFrame:
    frame = VideoFrame(image.width, image.height, "rgb24")
    plane, row = frame.planes[0], image.width * 3
    pixels = image.convert("RGB").tobytes()
    padding = bytes(plane.line_size - row)
    plane.update(b"".join(pixels[at : at + row] + padding for at in range(0, len(pixels), row)))
    return frame


def _tone(seconds: float) -> list[AudioFrame]:
    """A 440 Hz tone in frames of a tenth of a second."""
    tenth = b"".join(
        round(9000 * math.sin(2 * math.pi * 440 * each / 48_000)).to_bytes(2, "little", signed=True) * 2
        for each in range(4800)
    )
    frames = []
    for number in range(round(seconds * 10)):
        frame = AudioFrame(format="s16", layout="stereo", samples=4800)
        frame.planes[0].update(tenth)
        frame.sample_rate = 48_000
        frame.pts = number * 4800
        frame.time_base = Fraction(1, 48_000)
        frames.append(frame)
    return frames
