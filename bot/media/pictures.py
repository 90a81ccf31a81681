"""Pictures in: whatever a member sends becomes an upright, clean JPEG or PNG that every model takes."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path

from PIL import Image, ImageCms

from bot.domain import Picture
from bot.errors import UserError
from bot.media import files

MAX_PIXELS = (
    64_000_000  # to be decoded: 256 MB a copy. A JPEG is decoded at half or less when it is much too big
)
LEAST_SIDE = 64
_SMALLER = 0.8

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_VIDEO_MAGIC = (b"\x1a\x45\xdf\xa3", b"FLV", b"\0\0\1\xba", b"\0\0\1\xb3", b"OggS")
_UPRIGHT = {  # EXIF 2.32, tag 0x0112: how the stored picture must be turned to be seen as taken
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def picture(data: bytes, folder: Path, max_bytes: int, max_side: int, png: bool = True) -> Picture:
    """Check, clean and store a picture in `folder` under its hash; `png` tells whether PNG may come out.

    What was a PNG or GIF stays exact where that fits, all else becomes a JPEG. Raises UserError.
    """
    kind = sniff(data)
    return store(_clean(data, kind, max_side), folder, max_bytes, exact=png and kind in ("PNG", "GIF"))


def store(image: Image.Image, folder: Path, max_bytes: int, *, exact: bool) -> Picture:
    """Keep an RGB picture in `folder` under its hash: as a PNG if it is to be `exact` and fits, else as a JPEG.

    Raises UserError for one too small for any model.
    """
    if min(image.size) < LEAST_SIDE:
        raise UserError("media.too_small", width=image.width, height=image.height, least=LEAST_SIDE)
    content, mime = _encoded(image, "PNG") if exact else b"", "image/png"
    if not content or len(content) > max_bytes:
        image, content = _jpeg_within(image, max_bytes)
        mime = "image/jpeg"
    sha256 = hashlib.sha256(content).hexdigest()
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        files.sync(folder.parent)
    with files.made(folder / sha256) as part:
        part.write_bytes(content)
    return Picture(sha256, mime, image.width, image.height, len(content))


def sniff(data: bytes) -> str:
    """Pillow's word for the kind of picture these bytes begin. Raises UserError for anything else."""
    for magic, kind in _MAGIC.items():
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = {data[at : at + 4] for at in range(8, min(int.from_bytes(data[:4], "big"), 256), 4)}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    raise UserError(_why_not(data))


def _why_not(data: bytes) -> str:
    if not data:
        return "media.empty"
    if data[4:8] in (b"ftyp", b"moov", b"mdat") or data.startswith(_VIDEO_MAGIC) or data[8:12] == b"AVI ":
        return "media.not_a_still"
    if data.startswith((b"%PDF", b"PK\3\4", b"\xd0\xcf\x11\xe0")):
        return "media.not_a_document"
    if b"<svg" in data[:4096].lower():
        return "media.not_pixels"
    return "media.not_a_picture"


def _clean(data: bytes, kind: str, max_side: int) -> Image.Image:
    """The first frame: upright, at most `max_side` pixels long, sRGB, opaque, and without anything else."""
    try:
        image = _decoded(data, kind, max_side)
        image = _upright(image)
        image = _in_colour(image)
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        image = _on_white(_in_srgb(image))
    except UserError:
        raise
    except MemoryError as error:
        raise UserError("media.too_many_pixels", most=MAX_PIXELS // 1_000_000) from error
    except Exception as error:  # decoders stumble over hostile bytes in every way there is
        raise UserError("media.broken") from error
    image.info.clear()  # encoders write comments and profiles they find here
    return image


def _decoded(data: bytes, kind: str, max_side: int) -> Image.Image:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
    Image.MAX_IMAGE_PIXELS = None  # it would refuse before `draft`; the limit follows right after
    image = Image.open(io.BytesIO(data), formats=(kind,))
    shrink = max_side / max(image.size)
    image.draft(None, (round(image.width * shrink), round(image.height * shrink)))
    if image.width * image.height > MAX_PIXELS:
        raise UserError("media.too_many_pixels", most=MAX_PIXELS // 1_000_000)
    image.load()
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(0x0112, 1))
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error):
        turn = None  # a mangled EXIF block is no reason to refuse a good picture
    return image if turn is None else image.transpose(turn)


def _in_colour(image: Image.Image) -> Image.Image:
    """In a mode that can be resized and colour-managed: L, RGB, RGBA or CMYK."""
    if image.mode.startswith("I"):
        return image.point(lambda value: value * (1 / 257)).convert("L")  # 16 bits; convert alone would clip
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    profile = image.info.get("icc_profile")
    if profile:
        try:
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, source, target, outputMode=mode) or image
        except (ImageCms.PyCMSError, OSError):
            pass  # a mangled or unfitting profile: the numbers as they stand are the best guess
    return image.convert(mode)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image)
    return paper.convert("RGB")


def _jpeg_within(image: Image.Image, max_bytes: int) -> tuple[Image.Image, bytes]:
    """The picture as a JPEG of at most `max_bytes`, made smaller only when lower quality is not enough."""
    content = _encoded(image, "JPEG", quality=92, subsampling="4:4:4")
    while len(content) > max_bytes:
        content = _encoded(image, "JPEG", quality=85)
        if len(content) > max_bytes:
            image = image.resize((round(image.width * _SMALLER), round(image.height * _SMALLER)))
    return image, content


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
