"""Turns a Spec into its file: H.264 (yuv420p) and AAC in an MP4 with its index in front, or a PNG."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from bot.sandbox.render.motion import Approach, Light
from bot.sandbox.render.planes import Patch, Planes, Size
from bot.sandbox.render.tune import RATE, melody
from bot.sandbox.render.words import caption, header, placeholder
from bot.sandbox.spec import Scene, Spec, frame_size
from bot.texts import say

FRAMES_PER_SECOND = 10
_CANVAS_LINES = 1080
_LINE = (235, 128, 128)


def render(spec: Spec) -> None:
    """Write the file at `spec.target`: first beside it, then renamed, so that it is there whole or not at all."""
    target = Path(spec.target)
    part = target.with_suffix(".part")
    size = _size(spec)
    if spec.still:
        _picture(spec, size).save(part, "PNG")
    else:
        _film(spec, size, part)
    part.replace(target)


def _size(spec: Spec) -> Size:
    first = spec.scenes[0].first
    shape = _opened(first).size if first else None
    return frame_size(spec.aspect, spec.lines, shape)


def _film(spec: Spec, size: Size, path: Path) -> None:
    words = " ".join(scene.text for scene in spec.scenes)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        video = _video_stream(container, size)
        seconds = sum(scene.seconds for scene in spec.scenes)
        sound: Iterator[array[int]] = melody(words, seconds) if spec.sound else iter(())
        audio = container.add_stream("aac", rate=RATE, layout="mono") if spec.sound else None
        written = 0
        for number, frame in enumerate(_frames(spec, size)):
            if audio and number % FRAMES_PER_SECOND == 0:
                written += _sing(container, audio, sound, written)
            picture = frame.frame()
            if picture.width != size[0]:
                picture = picture.reformat(width=size[0], height=size[1])
            picture.pts = number
            picture.time_base = Fraction(1, FRAMES_PER_SECOND)
            container.mux(video.encode(picture))
        container.mux(video.encode())
        if audio:
            while added := _sing(container, audio, sound, written):
                written += added
            container.mux(audio.encode())


def _video_stream(container: OutputContainer, size: Size) -> VideoStream:
    stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.options = {"preset": "ultrafast", "crf": "23", "g": str(FRAMES_PER_SECOND * 2)}
    stream.codec_context.colorspace = 1
    stream.codec_context.color_primaries = 1
    stream.codec_context.color_trc = 1
    stream.codec_context.color_range = 1
    return stream


def _sing(container: OutputContainer, audio: AudioStream, sound: Iterator[array[int]], written: int) -> int:
    samples = next(sound, None)
    if samples is None:
        return 0
    frame = av.AudioFrame("s16", "mono", len(samples))
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate = RATE
    frame.pts = written
    frame.time_base = Fraction(1, RATE)
    container.mux(audio.encode(frame))
    return len(samples)


def _frames(spec: Spec, size: Size) -> Iterator[Planes]:
    """All frames, on a canvas of at most 1080 lines: above that the encoder's own scaler is far quicker."""
    scale = min(1.0, _CANVAS_LINES / min(size))
    canvas = (2 * round(size[0] * scale / 2), 2 * round(size[1] * scale / 2))
    total = round(sum(scene.seconds for scene in spec.scenes) * FRAMES_PER_SECOND)
    references = [_opened(path) for path in spec.references]
    top = header(spec.title, spec.facts, canvas, references)
    shown, elapsed = 0, 0.0
    for number, scene in enumerate(spec.scenes, 1):
        elapsed += scene.seconds
        background = _background(scene, canvas, f"{number} {scene.text}")
        patches = (top, caption(scene.text, _note(spec, number), canvas))
        begin, end = shown, round(elapsed * FRAMES_PER_SECOND)
        for shown in range(begin, end):
            frame = background.at((shown - begin) / FRAMES_PER_SECOND)
            yield _dressed(frame, patches, (shown + 1) / total)
        shown = end


def _dressed(frame: Planes, patches: tuple[Patch, ...], share: float) -> Planes:
    for patch in patches:
        patch.lay_on(frame)
    width, height = frame.size
    thick = max(2, height // 180 * 2)
    long = 2 * round(width * share / 2)
    frame.y.paste(_LINE[0], (0, height - thick, long, height))
    for plane, value in ((frame.u, _LINE[1]), (frame.v, _LINE[2])):
        plane.paste(value, (0, (height - thick) // 2, long // 2, height // 2))
    return frame


def _background(scene: Scene, size: Size, words: str) -> Approach | Light:
    last = _opened(scene.last) if scene.last else None
    if scene.first:
        return Approach(_opened(scene.first), last, size, scene.seconds)
    if scene.missing:
        return Approach(placeholder(scene.missing, size), last, size, scene.seconds)
    return Light(words, size)


def _note(spec: Spec, number: int) -> str:
    count = len(spec.scenes)
    if count == 1:
        return say("sandbox.clip_note")
    seconds = f"{spec.scenes[number - 1].seconds:g}"
    return say("sandbox.clip_shot", number=number, count=count, seconds=seconds)


def _picture(spec: Spec, size: Size) -> Image.Image:
    return next(_frames(spec, size)).image().resize(size)


def _opened(path: str) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", (2048, 2048))
        return ImageOps.exif_transpose(image).convert("RGB")
