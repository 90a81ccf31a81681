"""Pictures as three planes (Y, U, V): half the bytes of RGB, and what the encoder wants anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import av
from PIL import Image

Box = tuple[float, float, float, float]
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture in yuv420p: `u` and `v` have half the width and height of `y`."""

    y: Image.Image
    u: Image.Image
    v: Image.Image

    @classmethod
    def of(cls, image: Image.Image) -> Self:
        """From an RGB image with even sides."""
        frame = av.VideoFrame(image.width, image.height, "rgb24")
        frame.planes[0].update(_padded(image, frame.planes[0].line_size))
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        return cls(*(_plane(frame, index) for index in range(3)))

    @property
    def size(self) -> Size:
        return self.y.size

    def view(self, box: Box, size: Size) -> Planes:
        """The part `box` of this picture, as large as `size` (even sides)."""
        half: Box = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
        small = (size[0] // 2, size[1] // 2)
        return Planes(
            self.y.resize(size, Image.Resampling.BILINEAR, box),
            self.u.resize(small, Image.Resampling.BILINEAR, half),
            self.v.resize(small, Image.Resampling.BILINEAR, half),
        )

    def blended(self, other: Planes, share: float) -> Planes:
        """This picture with `share` (0 to 1) of the other one over it."""
        return Planes(
            Image.blend(self.y, other.y, share),
            Image.blend(self.u, other.u, share),
            Image.blend(self.v, other.v, share),
        )

    def frame(self) -> av.VideoFrame:
        width, height = self.size
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane, image in zip(frame.planes, (self.y, self.u, self.v), strict=True):
            plane.update(_padded(image, plane.line_size))
        return frame

    def image(self) -> Image.Image:
        """As an RGB image."""
        frame = self.frame().reformat(format="rgb24", src_colorspace="ITU709")
        line_size = frame.planes[0].line_size
        return Image.frombuffer("RGB", self.size, bytes(frame.planes[0]), "raw", "RGB", line_size, 1).copy()


@dataclass(frozen=True, slots=True)
class Patch:
    """A translucent picture that is laid on frames at `at` (even numbers)."""

    planes: Planes
    mask: Image.Image
    small_mask: Image.Image
    at: Size

    @classmethod
    def of(cls, image: Image.Image, at: Size = (0, 0)) -> Self:
        """From an RGBA image with even sides."""
        mask = image.getchannel("A")
        small = mask.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
        return cls(Planes.of(image.convert("RGB")), mask, small, at)

    def lay_on(self, frame: Planes) -> None:
        half = (self.at[0] // 2, self.at[1] // 2)
        frame.y.paste(self.planes.y, self.at, self.mask)
        frame.u.paste(self.planes.u, half, self.small_mask)
        frame.v.paste(self.planes.v, half, self.small_mask)


def from_values(values: Sequence[tuple[int, int, int]], size: Size) -> Planes:
    """A tiny picture from (y, u, v) values, row by row; here all three planes have the same size."""
    planes = []
    for channel in range(3):
        image = Image.new("L", size)
        image.putdata([value[channel] for value in values])
        planes.append(image)
    return Planes(*planes)


def _plane(frame: av.VideoFrame, index: int) -> Image.Image:
    plane = frame.planes[index]
    return Image.frombuffer(
        "L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size, 1
    ).copy()


def _padded(image: Image.Image, line_size: int) -> bytes:
    data = image.tobytes()
    width = image.width * len(image.getbands())
    gap = bytes(line_size - width)
    if not gap:
        return data
    return b"".join(data[start : start + width] + gap for start in range(0, len(data), width))
