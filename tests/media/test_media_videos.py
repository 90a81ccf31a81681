"""What becomes of the videos that came back, before members see them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from support.media_making import BLUE, RED, is_like, make_video

from bot.errors import UserError
from bot.media import videos


def refused(source: Path) -> str:
    target = source.with_name("target.mp4")
    with pytest.raises(UserError) as caught:
        videos.video(source, target)
    assert not target.exists()
    assert caught.value.text()
    return caught.value.key


def test_a_finished_video_is_told_by_its_real_figures(tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.part", size=(320, 180), seconds=2, sound=True)
    made = videos.video(source, tmp_path / "job.mp4")
    assert (made.file, made.width, made.height, made.sound) == ("job.mp4", 320, 180, True)
    assert made.seconds == Decimal("2.00")
    assert made.size == (tmp_path / "job.mp4").stat().st_size
    assert made.thumbnail == "job.jpg"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["job.jpg", "job.mp4"]


def test_a_silent_video_is_told_from_one_with_sound(tmp_path: Path) -> None:
    assert not videos.video(make_video(tmp_path / "job.part"), tmp_path / "job.mp4").sound


@pytest.mark.parametrize("fragmented", [False, True])
def test_the_index_is_moved_to_the_front(tmp_path: Path, fragmented: bool) -> None:
    source = make_video(tmp_path / "job.part", sound=True, fragmented=fragmented)
    before = videos.boxes(source)
    assert b"moof" in before if fragmented else before.index(b"moov") > before.index(b"mdat")
    made = videos.video(source, tmp_path / "job.mp4")
    after = videos.boxes(tmp_path / "job.mp4")
    assert b"moof" not in after
    assert after.index(b"moov") < after.index(b"mdat")
    assert made.sound
    assert made.seconds == pytest.approx(Decimal(2), abs=Decimal("0.1"))
    assert videos.probe(tmp_path / "job.mp4").sound


def test_a_file_that_is_already_right_is_only_renamed(tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.part", front=True)
    node, content = source.stat().st_ino, source.read_bytes()
    videos.video(source, tmp_path / "job.mp4")
    assert (tmp_path / "job.mp4").stat().st_ino == node
    assert (tmp_path / "job.mp4").read_bytes() == content


@pytest.mark.parametrize("front", [True, False])
def test_the_work_may_be_repeated_after_a_crash(tmp_path: Path, front: bool) -> None:
    source, target = make_video(tmp_path / "job.part", front=front), tmp_path / "job.mp4"
    first = videos.video(source, target)
    assert videos.video(source, target) == first
    assert sorted(each.name for each in tmp_path.iterdir()) == ["job.jpg", "job.mp4"]


def test_a_quicktime_file_becomes_an_mp4(tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.part", kind="mov", front=True)
    videos.video(source, tmp_path / "job.mp4")
    assert (tmp_path / "job.mp4").read_bytes()[8:12] == b"isom"


def test_a_video_filmed_sideways_is_told_and_shown_upright(tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.part", size=(320, 180), rotation=-90)
    made = videos.video(source, tmp_path / "job.mp4")
    assert (made.width, made.height) == (180, 320)
    assert videos.probe(tmp_path / "job.mp4").width == 180
    fitted = videos.fit(tmp_path / "job.mp4", tmp_path / "fit.mp4", 500_000)
    assert (fitted.width, fitted.height) == (180, 320)
    assert videos.probe(tmp_path / "fit.mp4").rotation == 0
    for name in ("job.jpg", "fit.jpg"):
        with Image.open(tmp_path / name) as image:
            assert image.size == (180, 320)
            assert is_like(image.getpixel((3, 3)), RED)
            assert is_like(image.getpixel((3, 316)), BLUE)


def test_the_thumbnail_obeys_the_chats_limits(tmp_path: Path) -> None:
    videos.video(make_video(tmp_path / "job.part", size=(1280, 720), seconds=1), tmp_path / "job.mp4")
    with Image.open(tmp_path / "job.jpg") as image:
        assert image.format == "JPEG"
        assert image.size == (320, 180)
    assert (tmp_path / "job.jpg").stat().st_size < 200_000


def test_the_thumbnail_is_not_the_black_of_a_fade_in(tmp_path: Path) -> None:
    videos.video(make_video(tmp_path / "job.part", seconds=2, black_seconds=1), tmp_path / "job.mp4")
    with Image.open(tmp_path / "job.jpg") as image:
        assert is_like(image.getpixel((3, 170)), RED)


def test_a_video_that_is_all_black_still_has_a_thumbnail(tmp_path: Path) -> None:
    made = videos.video(make_video(tmp_path / "job.part", seconds=1, black_seconds=1), tmp_path / "job.mp4")
    assert made.thumbnail
    assert (tmp_path / made.thumbnail).exists()


@pytest.mark.parametrize("codec", ["libx265", "mpeg4"])
def test_other_codecs_play_too(tmp_path: Path, codec: str) -> None:
    made = videos.video(make_video(tmp_path / "job.part", codec=codec, seconds=1), tmp_path / "job.mp4")
    assert made.width == 320


@pytest.mark.parametrize("front", [True, False])
def test_a_file_cut_off_on_its_way_is_refused(tmp_path: Path, front: bool) -> None:
    source = make_video(tmp_path / "job.part", front=front, sound=True)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    assert refused(source) == "media.cut_off"


def test_an_error_page_instead_of_a_video_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "job.part"
    for content in (b"", b"x", b"<!DOCTYPE html><html>expired</html>", b'{"code": 404}'):
        source.write_bytes(content)
        assert refused(source) == "media.not_mp4"


def test_an_mp4_whose_pictures_are_rubbish_is_refused(tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.part", front=True)
    content = source.read_bytes()
    start = content.index(b"mdat") + 4
    source.write_bytes(content[:start] + b"\xa5" * (len(content) - start))
    assert refused(source) == "media.undecodable"


def test_an_mp4_whose_end_is_rubbish_is_refused(tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.part", front=True, noisy=True, codec="mpeg4", seconds=3)
    content = source.read_bytes()
    middle = len(content) // 2
    source.write_bytes(content[:middle] + bytes(len(content) - middle))
    assert refused(source) == "media.undecodable"


def test_a_sound_file_is_no_video(tmp_path: Path) -> None:
    source = tmp_path / "job.part"
    whole = make_video(tmp_path / "whole.mp4", sound=True, seconds=1)
    with av.open(str(whole)) as heard, av.open(str(source), "w", format="mp4") as made:
        copy = made.add_stream_from_template(heard.streams.audio[0])
        for packet in heard.demux(audio=0):
            if packet.dts is not None:
                packet.stream = copy
                made.mux(packet)
    assert refused(source) == "media.no_moving_picture"


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_video_is_fitted_to_a_limit(tmp_path: Path, codec: str) -> None:
    source = make_video(
        tmp_path / "big.mp4",
        size=(640, 360),
        seconds=2,
        sound=True,
        noisy=True,
        codec=codec,
        bit_rate=9_000_000,
    )
    limit = 250_000
    assert source.stat().st_size > 2 * limit
    made = videos.fit(source, tmp_path / "job.fit.mp4", limit)
    fitted = tmp_path / "job.fit.mp4"
    assert made.size == fitted.stat().st_size <= limit
    assert made.seconds == pytest.approx(Decimal(2), abs=Decimal("0.1"))
    assert made.sound
    assert videos.probe(fitted).codec == "h264"
    assert videos.boxes(fitted).index(b"moov") < videos.boxes(fitted).index(b"mdat")
    assert (tmp_path / "job.fit.jpg").exists()
    assert source.exists()
    assert not list(tmp_path.glob("*.part"))


def test_more_than_1080p_is_scaled_down_first(tmp_path: Path) -> None:
    source = make_video(tmp_path / "big.mp4", size=(2880, 1620), seconds=0.5)
    made = videos.fit(source, tmp_path / "fit.mp4", 2_000_000)
    assert (made.width, made.height) == (1920, 1080)
    assert made.size <= 2_000_000


def test_few_bits_are_spent_on_fewer_pixels(tmp_path: Path) -> None:
    source = make_video(tmp_path / "big.mp4", size=(1280, 720), seconds=1, noisy=True)
    made = videos.fit(source, tmp_path / "fit.mp4", 60_000)
    assert made.size <= 60_000
    assert made.height < 720


def test_what_would_be_a_blur_is_not_made(tmp_path: Path) -> None:
    source = make_video(tmp_path / "big.mp4", seconds=3)
    with pytest.raises(UserError):
        videos.fit(source, tmp_path / "fit.mp4", 50_000)
    assert [each.name for each in tmp_path.iterdir()] == ["big.mp4"]


# --- the last frame ----------------------------------------------------------------------------------------------


def make_changing(path: Path, size: tuple[int, int] = (320, 180)) -> Path:
    """Black until the very last frame, which shows the two halves."""
    return make_video(path, size=size, seconds=2, rate=24, black_seconds=47 / 24)


def test_the_last_frame_is_the_very_last_one_in_full_size(tmp_path: Path) -> None:
    image = videos.last_frame(make_changing(tmp_path / "job.mp4", (640, 360)), 4096)
    assert image.size == (640, 360)
    assert is_like(image.getpixel((20, 340)), RED)
    assert is_like(image.getpixel((620, 340)), BLUE)


def test_the_last_frame_of_a_video_filmed_sideways_stands_upright(tmp_path: Path) -> None:
    image = videos.last_frame(make_video(tmp_path / "job.mp4", size=(320, 180), rotation=90), 4096)
    assert image.size == (180, 320)
    top, bottom = image.getpixel((5, 5)), image.getpixel((5, 315))
    assert is_like(top, BLUE) != is_like(top, RED)
    assert is_like(bottom, BLUE) != is_like(bottom, RED)


def test_the_last_frame_keeps_within_the_longest_side_that_models_take(tmp_path: Path) -> None:
    assert videos.last_frame(make_video(tmp_path / "job.mp4", size=(640, 360)), 320).size == (320, 180)


def test_a_big_video_that_tells_nothing_of_its_colours_keeps_those_that_players_show(tmp_path: Path) -> None:
    source = make_video(tmp_path / "job.mp4", size=(1280, 720), seconds=0.2)
    with av.open(str(source)) as container:
        frame: Any = list(container.decode(video=0))[-1]
        assert frame.colorspace == 2
        shown = frame.to_image(src_colorspace="ITU709").getpixel((20, 700))
    assert videos.last_frame(source, 4096).getpixel((20, 700)) == shown


@pytest.mark.parametrize("content", [b"", b"not a video at all", b"\0\0\0\x08ftyp"])
def test_what_is_no_video_has_no_last_frame(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "job.mp4"
    source.write_bytes(content)
    with pytest.raises(UserError):
        videos.last_frame(source, 4096)
