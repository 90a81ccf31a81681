"""The words on a sandbox clip: whose model it stands in for, what was asked, and that it is a sandbox."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from bot.sandbox.render.planes import Patch, Size
from bot.texts import say

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
AMBER = (255, 196, 61, 255)
DARK = (18, 20, 28, 255)
WHITE = (255, 255, 255, 255)
SHADE = (10, 12, 20, 150)
_OWN_LETTERS = "…·’‘“”°«»±"
_OTHER_FONTS = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "arial.ttf")


def header(title: str, facts: str, size: Size, references: Sequence[Image.Image] = ()) -> Patch:
    """The strip at the top: SANDBOX, the model's name, what was ordered, and the reference pictures."""
    unit = min(size) / 100
    title, facts = _written(title), _written(facts)
    font, small = _font(title, unit * 4.2), _font(facts, unit * 3.2)
    margin = round(unit * 4)
    height = _even(unit * (26 if references else 15))
    image = Image.new("RGBA", (size[0], height))
    draw = ImageDraw.Draw(image)
    badge = "SANDBOX"
    badge_width = draw.textlength(badge, font) + unit * 4
    line = (margin, margin, margin + badge_width, margin + unit * 7)
    room = size[0] - line[2] - 2 * margin - unit * 3
    name = _shortened(draw, title, font, room)
    name_width = draw.textlength(name, font)
    draw.rounded_rectangle((*line[:2], line[2] + name_width + unit * 5, line[3]), unit * 3.5, fill=SHADE)
    draw.rounded_rectangle(line, unit * 3.5, fill=AMBER)
    middle = margin + unit * 3.5
    draw.text((margin + unit * 2, middle), badge, DARK, font, anchor="lm")
    draw.text((line[2] + unit * 2, middle), name, WHITE, font, anchor="lm")
    _facts(draw, facts, small, size[0] - margin, line[2] + name_width + unit * 8, middle, unit)
    _thumbnails(image, references, margin, round(line[3] + unit * 2), round(unit * 13))
    return Patch.of(image)


def caption(text: str, note: str, size: Size) -> Patch:
    """The panel at the bottom: the prompt, as large as fits, and a small note under it."""
    unit = min(size) / 100
    margin, inner = unit * 4, unit * 4
    width = size[0] - 2 * margin
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    font, lines = _fitted(
        draw, _written(text) or say("sandbox.clip_no_words"), width - 2 * inner, size[1] * 0.36, unit
    )
    small = _font(note, unit * 3.2)
    step = _height(font) * 1.28
    block = step * len(lines) + (unit * 5 if note else 0)
    height = _even(block + 2 * inner + margin)
    image = Image.new("RGBA", (size[0], height))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((margin, 0, size[0] - margin, height - margin), unit * 3, fill=SHADE)
    for number, line in enumerate(lines):
        draw.text((margin + inner, inner + step * (number + 0.5)), line, WHITE, font, anchor="lm")
    if note:
        draw.text(
            (margin + inner, inner + step * len(lines) + unit * 3),
            _shortened(draw, note, small, width - 2 * inner),
            (255, 255, 255, 190),
            small,
            anchor="lm",
        )
    return Patch.of(image, (0, (size[1] - height) // 2 * 2))


def placeholder(address: str, size: Size) -> Image.Image:
    """Stands where a picture should be that could not be fetched, and says so."""
    unit = min(size) / 100
    image = Image.new("RGB", size, (46, 50, 62))
    draw = ImageDraw.Draw(image)
    box = (size[0] * 0.2, size[1] * 0.24, size[0] * 0.8, size[1] * 0.62)
    draw.rounded_rectangle(box, unit * 4, outline=(120, 126, 142), width=max(2, round(unit * 0.6)))
    centre = (size[0] / 2, (box[1] + box[3]) / 2)
    words = say("sandbox.clip_missing")
    font, lines = _fitted(draw, words, (box[2] - box[0]) * 0.86, unit * 16, unit, largest=5.5)
    step = _height(font) * 1.25
    for number, line in enumerate(lines):
        draw.text((centre[0], centre[1] - unit * 4 + step * number), line, (232, 234, 240), font, anchor="mm")
    small = _font(address, unit * 3)
    shown = _shortened(draw, address, small, (box[2] - box[0]) * 0.86)
    below = centre[1] - unit * 4 + step * len(lines) + unit * 2
    draw.text((centre[0], below), shown, (168, 174, 190), small, anchor="mm")
    return image


def _facts(
    draw: ImageDraw.ImageDraw, facts: str, font: Font, right: float, left: float, middle: float, unit: float
) -> None:
    width = draw.textlength(facts, font)
    if not facts or right - width - unit * 4 < left:
        return
    box = (right - width - unit * 4, middle - unit * 3, right, middle + unit * 3)
    draw.rounded_rectangle(box, unit * 3, fill=SHADE)
    draw.text((right - unit * 2, middle), facts, WHITE, font, anchor="rm")


def _thumbnails(image: Image.Image, pictures: Sequence[Image.Image], left: int, top: int, side: int) -> None:
    corners = Image.new("L", (side, side))
    ImageDraw.Draw(corners).rounded_rectangle((0, 0, side - 1, side - 1), side // 8, fill=255)
    for number, picture in enumerate(pictures[:4]):
        small = ImageOps.fit(picture.convert("RGB"), (side, side))
        image.paste(small, (left + number * (side + side // 8), top), corners)


def _fitted(
    draw: ImageDraw.ImageDraw, text: str, width: float, height: float, unit: float, largest: float = 7.5
) -> tuple[Font, list[str]]:
    """The largest font in which `text` fits; in the smallest one, as many lines as fit and an ellipsis."""
    size = largest
    while True:
        font = _font(text, unit * size)
        lines = _wrapped(draw, text, font, width)
        room = max(1, int(height / (_height(font) * 1.28)))
        if len(lines) <= room:
            return font, lines
        if size <= 3.4:
            kept = lines[:room]
            return font, [*kept[:-1], _shortened(draw, kept[-1] + " …", font, width, cut=True)]
        size *= 0.9


def _wrapped(draw: ImageDraw.ImageDraw, text: str, font: Font, width: float) -> list[str]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in _pieces(draw, paragraph, font, width):
            longer = f"{line} {word}".strip()
            if line and draw.textlength(longer, font) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return [line for line in lines if line] or [""]


def _pieces(draw: ImageDraw.ImageDraw, paragraph: str, font: Font, width: float) -> list[str]:
    """The words; one that is wider than a line (an address, a language without spaces) is broken up."""
    pieces: list[str] = []
    for word in paragraph.split():
        while draw.textlength(word, font) > width and len(word) > 1:
            count = max(1, int(len(word) * width / draw.textlength(word, font)) - 1)
            pieces.append(word[:count])
            word = word[count:]
        pieces.append(word)
    return pieces


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: Font, width: float, cut: bool = False) -> str:
    if draw.textlength(text, font) <= width:
        return text
    words = text.removesuffix(" …") if cut else text
    while words and draw.textlength(words + " …", font) > width:
        words = words[:-1]
    return words.rstrip() + " …"


def _written(text: str) -> str:
    """`text` as it can be drawn: without a font of the machine's, accents go and unknown letters become `?`."""
    if _in_own_font(text) or _other_font(10):
        return text
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return "".join(letter if _in_own_font(letter) else "?" for letter in kept)


def _font(text: str, size: float) -> Font:
    """Pillow's own font, which has little beyond ASCII; for other texts one of the machine's, if there is one."""
    other = None if _in_own_font(text) else _other_font(size)
    return other or ImageFont.load_default(size)


def _in_own_font(text: str) -> bool:
    return all(letter.isascii() or letter in _OWN_LETTERS for letter in text)


def _other_font(size: float) -> Font | None:
    for name in _OTHER_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None


def _height(font: Font) -> float:
    box = font.getbbox("Ág")
    return box[3] - box[1]


def _even(value: float) -> int:
    return 2 * round(value / 2)
