"""What becomes of the pictures that members send."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from support.media_making import BLUE, GREEN, RED, encoded, halves, is_like, noise

from bot.domain import Picture
from bot.errors import UserError
from bot.media import pictures

LIMIT = 10_000_000


def take(
    data: bytes, folder: Path, max_bytes: int = LIMIT, max_side: int = 4096, png: bool = True
) -> tuple[Picture, Image.Image, bytes]:
    picture = pictures.picture(data, folder, max_bytes, max_side, png)
    content = (folder / picture.sha256).read_bytes()
    image = Image.open(io.BytesIO(content))
    assert (picture.width, picture.height) == image.size
    assert picture.size == len(content)
    assert picture.mime == {"JPEG": "image/jpeg", "PNG": "image/png"}[image.format or ""]
    return picture, image, content


def refused(data: bytes, folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        pictures.picture(data, folder, LIMIT, 4096)
    assert not folder.exists() or not any(folder.iterdir())
    assert caught.value.text()
    return caught.value.key


def heic(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, **options)
    return buffer.getvalue()


def with_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    return exif


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [(3, (320, 240), (-1, 0)), (6, (240, 320), (0, 0)), (8, (240, 320), (0, -1)), (2, (320, 240), (-1, -1))],
)
def test_a_photo_taken_sideways_is_turned_upright(
    tmp_path: Path, orientation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    _, image, _ = take(encoded(halves(), "JPEG", exif=with_exif(orientation)), tmp_path)
    assert image.size == size
    corner = (5 if red_at[0] == 0 else size[0] - 5, 5 if red_at[1] == 0 else size[1] - 5)
    opposite = (size[0] - 1 - corner[0], size[1] - 1 - corner[1])
    assert is_like(image.getpixel(corner), RED)
    assert is_like(image.getpixel(opposite), BLUE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_the_picture_is_kept(tmp_path: Path, kind: str) -> None:
    options: dict[str, object] = {"exif": with_exif(), "xmp": b"<x:xmpmeta>Secret</x:xmpmeta>"}
    if kind == "JPEG":
        options["comment"] = b"SecretComment"
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", "SecretAuthor")
        options = {"exif": with_exif(), "pnginfo": text}
    data = encoded(halves(), kind, icc_profile=srgb(), **options)
    assert b"Secret" in data
    _, image, content = take(data, tmp_path)
    for trace in (b"Secret", b"Exif", b"eXIf", b"xmp", b"ICC_PROFILE", b"iCCP", b"tEXt"):
        assert trace not in content
    assert not image.getexif()


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_picture_with_a_mangled_exif_block_is_taken_as_it_stands(tmp_path: Path) -> None:
    data = encoded(halves(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff\xff\xff")
    _, image, _ = take(data, tmp_path)
    assert is_like(image.getpixel((5, 5)), RED)


def test_the_colours_of_another_profile_become_those_of_srgb(tmp_path: Path) -> None:
    swapped = srgb().replace(b"rXYZ", b"\0tmp").replace(b"bXYZ", b"rXYZ").replace(b"\0tmp", b"bXYZ")
    _, image, _ = take(
        encoded(Image.new("RGB", (100, 100), (255, 0, 0)), "PNG", icc_profile=swapped), tmp_path
    )
    assert is_like(image.getpixel((50, 50)), (0, 0, 255))


def test_a_mangled_colour_profile_is_left_aside(tmp_path: Path) -> None:
    _, image, _ = take(encoded(halves(), "JPEG", icc_profile=b"no profile at all"), tmp_path)
    assert is_like(image.getpixel((5, 5)), RED)


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "WEBP", "AVIF", "GIF", "PNG", "JPEG"])
def test_every_common_kind_is_taken(tmp_path: Path, kind: str) -> None:
    _, image, _ = take(encoded(halves(), kind), tmp_path)
    assert image.size == (320, 240)
    assert is_like(image.getpixel((5, 5)), RED)
    assert is_like(image.getpixel((315, 5)), BLUE)


def test_a_phones_heic_photo_becomes_a_jpeg(tmp_path: Path) -> None:
    picture, image, content = take(heic(halves(), exif=with_exif(6).tobytes()), tmp_path)
    assert picture.mime == "image/jpeg"
    assert sorted(image.size) == [240, 320]
    assert b"Secret" not in content


def test_only_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (100, 100), colour) for colour in (GREEN, RED, BLUE)]
    for kind in ("GIF", "WEBP"):
        _, image, _ = take(encoded(frames[0], kind, save_all=True, append_images=frames[1:]), tmp_path)
        assert getattr(image, "n_frames", 1) == 1
        assert is_like(image.getpixel((50, 50)), GREEN)


@pytest.mark.parametrize("png", [True, False])
def test_transparency_is_laid_on_white(tmp_path: Path, png: bool) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((*RED, 255), (50, 0, 100, 100))
    picture, made, _ = take(encoded(image, "PNG"), tmp_path, png=png)
    assert picture.mime == ("image/png" if png else "image/jpeg")
    assert made.mode == "RGB"
    assert is_like(made.getpixel((10, 50)), (255, 255, 255))
    assert is_like(made.getpixel((90, 50)), RED)


def test_a_transparent_palette_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (100, 100), 0)
    image.putpalette([0, 0, 0, *RED])
    image.paste(1, (50, 0, 100, 100))
    _, made, _ = take(encoded(image, "GIF", transparency=0), tmp_path)
    assert is_like(made.getpixel((10, 50)), (255, 255, 255))
    assert is_like(made.getpixel((90, 50)), RED)


def test_print_colours_and_sixteen_bit_greys_look_right(tmp_path: Path) -> None:
    _, cyan, _ = take(encoded(Image.new("CMYK", (100, 100), (255, 0, 0, 0)), "JPEG"), tmp_path)
    assert is_like(cyan.getpixel((50, 50)), (0, 255, 255), within=40)
    _, grey, _ = take(encoded(Image.new("I;16", (100, 100), 32896), "PNG"), tmp_path)
    assert is_like(grey.convert("RGB").getpixel((50, 50)), (128, 128, 128), within=2)


def test_a_png_stays_exact_while_it_fits_and_becomes_a_jpeg_when_not(tmp_path: Path) -> None:
    original = noise(400, 300)
    picture, image, _ = take(encoded(original, "PNG"), tmp_path)
    assert picture.mime == "image/png"
    assert image.tobytes() == original.tobytes()
    smaller, _, _ = take(encoded(original, "PNG"), tmp_path, max_bytes=100_000)
    assert smaller.mime == "image/jpeg"
    assert smaller.size <= 100_000


def test_a_picture_with_too_many_bytes_is_shrunk_until_it_fits(tmp_path: Path) -> None:
    picture, image, _ = take(encoded(noise(900, 600), "JPEG", quality=95), tmp_path, max_bytes=60_000)
    assert picture.size <= 60_000
    assert image.width / image.height == pytest.approx(1.5, abs=0.02)


def test_a_longer_side_than_allowed_is_shrunk(tmp_path: Path) -> None:
    _, image, _ = take(encoded(halves(1600, 1200), "JPEG"), tmp_path, max_side=512)
    assert image.size == (512, 384)


def test_a_huge_photo_of_a_phone_is_taken(tmp_path: Path) -> None:
    picture, _, _ = take(encoded(Image.new("L", (10_000, 8_000), 128), "JPEG", quality=30), tmp_path)
    assert picture.width == 4096


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb() -> bytes:
    """A few hundred bytes that unfold into 900 megapixels."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(90_001)))


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "media.empty"),
        (b"just some words", "media.not_a_picture"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "media.not_a_picture"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "media.not_pixels"),
        (b"%PDF-1.7 ...", "media.not_a_document"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "media.not_a_still"),
        (b"\x1a\x45\xdf\xa3webm", "media.not_a_still"),
        (b"\x89PNG\r\n\x1a\nrubbish", "media.broken"),
        (b"\xff\xd8\xffrubbish", "media.broken"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "media.broken"),
        (bomb(), "media.too_many_pixels"),
        (encoded(halves(60, 300), "PNG"), "media.too_small"),
        (encoded(halves(9000, 100), "PNG"), "media.too_small"),
    ],
)
def test_what_is_no_usable_picture_is_refused_with_its_reason(tmp_path: Path, data: bytes, key: str) -> None:
    assert refused(data, tmp_path / "pictures") == key


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_cut_off_on_its_way_is_refused(tmp_path: Path, kind: str) -> None:
    whole = encoded(noise(300, 200), kind)
    assert refused(whole[: len(whole) // 2], tmp_path / "pictures") == "media.broken"


def test_the_same_picture_is_stored_once_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    data = encoded(halves(), "JPEG", exif=with_exif(6))
    first, _, _ = take(data, tmp_path)
    again, _, _ = take(data, tmp_path)
    assert first == again
    assert [each.name for each in tmp_path.iterdir()] == [first.sha256]
