"""The rendered files themselves, measured with PyAV and Pillow."""

from __future__ import annotations

import io
import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from support.kie_caller import SORA, KieCaller, calling

from bot.catalog import load
from bot.sandbox.options import SandboxOptions
from bot.sandbox.render.clip import render
from bot.sandbox.render.words import caption, header
from bot.sandbox.server import Sandbox
from bot.sandbox.spec import Scene, Spec, frame_size
from bot.sandbox.wish import read_wish

RED, BLUE = (200, 30, 40), (30, 40, 200)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Sandbox, KieCaller]]:
    async with calling(SandboxOptions(speed=math.inf, rate_limits=False)) as pair:
        yield pair


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (320, 180)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


async def uploaded(kie: KieCaller, data: bytes, name: str) -> str:
    answer = await kie.http.post(
        "/api/file-stream-upload",
        files={"file": (name, data, "image/png")},
        data={"uploadPath": "inputs", "fileName": name},
    )
    return str(answer.json()["data"]["downloadUrl"])


async def made(kie: KieCaller, model: str, body_input: Any, tmp_path: Path) -> tuple[dict[str, Any], Path]:
    """The finished record and its wanted file."""
    data = await kie.end(await kie.task(model, body_input))
    result = json.loads(data["resultJson"])
    url = (result.get("resultUrls") or result["data"]["result_urls"])[0]
    file = tmp_path / url.rpartition("/")[2]
    file.write_bytes((await kie.http.get(url)).content)
    return data, file


def measured(file: Path) -> tuple[int, int, float, list[str]]:
    with av.open(str(file)) as clip:
        video = clip.streams.video[0]
        assert video.codec_context.pix_fmt == "yuv420p"
        assert clip.duration is not None
        return video.width, video.height, clip.duration / 1e6, [stream.codec.name for stream in clip.streams]


def frames(file: Path) -> list[av.VideoFrame]:
    with av.open(str(file)) as clip:
        return list(clip.decode(video=0))


def colour(frame: av.VideoFrame, x: float, y: float) -> tuple[int, int, int]:
    rgb = frame.reformat(format="rgb24")
    plane = rgb.planes[0]
    start = int(y * frame.height) * plane.line_size + int(x * frame.width) * 3
    red, green, blue = bytes(plane)[start : start + 3]
    return red, green, blue


def near(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 25 for a, b in zip(one, other, strict=True))


CLIPS: list[tuple[str, dict[str, Any], tuple[int, int], float, bool]] = [
    ("sora-2-text-to-video", SORA, (720, 1280), 10, True),
    (
        "kling-3.0/video",
        {
            "prompt": "a cat",
            "sound": False,
            "duration": "3",
            "mode": "std",
            "multi_shots": False,
            "aspect_ratio": "1:1",
        },
        (720, 720),
        3,
        False,
    ),
    (
        "bytedance/seedance-2",
        {
            "prompt": "a cat",
            "duration": 4,
            "resolution": "480p",
            "aspect_ratio": "21:9",
            "generate_audio": True,
        },
        (1120, 480),
        4,
        True,
    ),
    (
        "minimax-h3/text-to-video",
        {"prompt": "a cat", "duration": 4, "resolution": "768P", "aspect_ratio": "4:3"},
        (1024, 768),
        4,
        True,
    ),
    (
        "runway",
        {"prompt": "a cat", "duration": 5, "quality": "720p", "aspect_ratio": "16:9"},
        (1280, 720),
        5,
        False,
    ),
]


@pytest.mark.parametrize(
    ("model", "body", "size", "seconds", "sound"), CLIPS, ids=[clip[0] for clip in CLIPS]
)
async def test_a_clip_has_the_size_length_and_sound_that_were_asked_for(
    pair: tuple[Sandbox, KieCaller],
    tmp_path: Path,
    model: str,
    body: dict[str, Any],
    size: tuple[int, int],
    seconds: float,
    sound: bool,
) -> None:
    _, file = await made(pair[1], model, body, tmp_path)
    width, height, length, codecs = measured(file)
    assert (width, height) == size
    assert length == pytest.approx(seconds, abs=0.1)
    assert codecs == (["h264", "aac"] if sound else ["h264"])
    head = file.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


async def test_veo_above_720p_gives_the_wanted_file_and_a_720p_copy(
    pair: tuple[Sandbox, KieCaller], tmp_path: Path
) -> None:
    body = {
        "model": "veo3_fast",
        "prompt": "a kite",
        "aspect_ratio": "9:16",
        "resolution": "1080p",
        "duration": 4,
    }
    data, file = await made(pair[1], "veo-3-1", body, tmp_path)
    assert measured(file)[:2] == (1080, 1920)
    copy = json.loads(data["resultJson"])["data"]["origin_urls"][0]
    small = tmp_path / "copy.mp4"
    small.write_bytes((await pair[1].http.get(copy)).content)
    assert measured(small)[:2] == (720, 1280)
    assert data["creditsConsumed"] == 65


async def test_the_first_picture_opens_the_clip_and_the_last_one_ends_it(
    pair: tuple[Sandbox, KieCaller], tmp_path: Path
) -> None:
    _, kie = pair
    first, last = await uploaded(kie, picture(RED), "red.png"), await uploaded(kie, picture(BLUE), "blue.png")
    body = {
        "prompt": "from red to blue", "first_frame_url": first, "last_frame_url": last,
        "duration": 4, "resolution": "480p", "aspect_ratio": "adaptive", "generate_audio": False,
    }  # fmt: skip
    _, file = await made(kie, "bytedance/seedance-2", body, tmp_path)
    assert measured(file)[:2] == (854, 480)
    shown = frames(file)
    assert near(colour(shown[0], 0.5, 0.4), RED)
    assert near(colour(shown[-1], 0.5, 0.4), BLUE)


async def test_a_clip_without_a_shape_takes_the_pictures(
    pair: tuple[Sandbox, KieCaller], tmp_path: Path
) -> None:
    _, kie = pair
    tall = await uploaded(kie, picture(RED, (300, 400)), "tall.png")
    body = {"prompt": "a cat", "image_url": tall, "duration": "6", "resolution": "768P"}
    _, file = await made(kie, "hailuo/2-3-image-to-video-standard", body, tmp_path)
    width, height, length, codecs = measured(file)
    assert (width, height, codecs) == (768, 1024, ["h264"])
    assert length == pytest.approx(6, abs=0.1)


async def test_a_picture_that_cannot_be_had_gets_a_placeholder_or_fails_the_task(
    pair: tuple[Sandbox, KieCaller], tmp_path: Path
) -> None:
    sandbox, kie = pair
    body = {
        "prompt": "a cat", "image_urls": ["http://127.0.0.1:9/nothing.png"],
        "sound": False, "duration": "3", "mode": "std", "multi_shots": False,
    }  # fmt: skip
    _, file = await made(kie, "kling-3.0/video", body, tmp_path)
    assert near(colour(frames(file)[0], 0.05, 0.4), (46, 50, 62))
    sandbox.faults.set("strict-media")
    data = await kie.end(await kie.task("kling-3.0/video", body))
    assert (data["state"], data["failMsg"], data["creditsConsumed"]) == ("fail", "image fetch failed", 0)


async def test_a_file_that_is_no_picture_counts_as_not_to_be_had(pair: tuple[Sandbox, KieCaller]) -> None:
    sandbox, kie = pair
    sandbox.faults.set("strict-media")
    fake = await uploaded(kie, b"<html>not a picture</html>", "fake.png")
    data = await kie.end(await kie.task("sora-2-image-to-video", {**SORA, "image_urls": [fake]}))
    assert data["failMsg"] == "image fetch failed"


async def test_an_image_model_gives_a_png(pair: tuple[Sandbox, KieCaller], tmp_path: Path) -> None:
    body = {"prompt": "a lighthouse", "aspect_ratio": "16:9"}
    _, file = await made(pair[1], "google/nano-banana", body, tmp_path)
    with Image.open(file) as image:
        assert image.format == "PNG"
        assert image.width / image.height == pytest.approx(16 / 9, abs=0.01)


def test_the_watermark_remover_fetches_nothing_and_says_what_was_asked() -> None:
    body = {"video_url": "https://sora.chatgpt.com/p/s_0123"}
    wish = read_wish(load()["sora-watermark-remover"], body, body)
    assert wish.scenes == (("https://sora.chatgpt.com/p/s_0123", 10.0),)
    assert (wish.first, wish.references, wish.lines, wish.sound) == (None, (), 720, True)


def test_a_storyboard_shows_its_shots_one_after_the_other(tmp_path: Path) -> None:
    body = {
        "shots": [{"Scene": "A fox wakes", "duration": 2.5}, {"Scene": "It finds a cabin", "duration": 5}],
        "n_frames": "10", "aspect_ratio": "landscape", "upload_method": "s3",
    }  # fmt: skip
    wish = read_wish(load()["sora-2-pro-storyboard"], body, body)
    assert wish.scenes == (("A fox wakes", 2.5), ("It finds a cabin", 7.5))
    target = tmp_path / "board.mp4"
    scenes = (Scene("A fox wakes", 1.0), Scene("It finds a cabin", 1.0))
    render(Spec(str(target), "Sora 2 Pro Storyboard", scenes, lines=180, aspect="landscape", sound=False))
    shown = frames(target)
    assert len(shown) == 20
    jump = _difference(shown[9], shown[10])
    assert jump > 5 * max(_difference(shown[8], shown[9]), 0.1)


def _difference(one: av.VideoFrame, other: av.VideoFrame) -> float:
    pairs = zip(bytes(one.planes[0]), bytes(other.planes[0]), strict=True)
    return sum(abs(a - b) for a, b in pairs) / one.planes[0].buffer_size


def test_the_picture_moves_slowly(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.radial_gradient("L").resize((640, 360)).save(photo)
    target = tmp_path / "moving.mp4"
    render(Spec(str(target), "Kling 3.0", (Scene("Closer", 2.0, first=str(photo)),), lines=180, sound=False))
    shown = frames(target)
    assert _difference(shown[0], shown[-1]) > 1
    assert _difference(shown[0], shown[1]) < 2


def test_the_sound_is_not_silence_and_does_not_clip(tmp_path: Path) -> None:
    target = tmp_path / "sound.mp4"
    render(Spec(str(target), "Veo 3.1", (Scene("Hear", 1.5),), lines=90))
    with av.open(str(target)) as clip:
        samples = [
            abs(value) for frame in clip.decode(audio=0) for value in memoryview(frame.planes[0]).cast("f")
        ]
    assert 0.05 < max(samples) < 0.9


@pytest.mark.parametrize(
    "text", ["", "short", "word " * 400, "https://example.org/" + "x" * 600, "猫が走る" * 40]
)
def test_any_words_fit_on_the_clip(text: str) -> None:
    for size in ((1280, 720), (480, 854), (90, 90)):
        panel = caption(text, "A note that is a little longer than usual", size)
        assert panel.mask.height <= size[1] * 0.62
        assert panel.at[1] + panel.mask.height in range(size[1] - 2, size[1] + 3)
        header("Model " + text[:60], "10 s · 720p", size)


@pytest.mark.parametrize(
    ("aspect", "lines", "shape", "size"),
    [
        ("16:9", 720, None, (1280, 720)),
        ("portrait", 1080, None, (1080, 1920)),
        ("16:9", 480, None, (854, 480)),
        ("21:9", 720, None, (1680, 720)),
        ("1:1", 1080, None, (1080, 1080)),
        ("16:9", 2160, None, (3840, 2160)),
        (None, 768, (3000, 2000), (1152, 768)),
        (None, 720, (9000, 100), (1680, 720)),
        ("auto", 720, None, (1280, 720)),
    ],
)
def test_the_short_side_of_a_frame_is_its_lines(
    aspect: str | None, lines: int, shape: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    assert frame_size(aspect, lines, shape) == size
