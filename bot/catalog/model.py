"""What the catalogue knows of a model, as frozen values with the questions that need nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made
from decimal import Decimal
from typing import Any

from bot.domain import ModelStatus

FIRST_FRAME_ROLES = ("first_frame", "first_last_frames", "first_last_or_reference")
LAST_FRAME_ROLES = ("last_frame", "first_last_frames", "first_last_or_reference")
PICTURE_ROLES = (*FIRST_FRAME_ROLES, "last_frame", "reference_images")


@dataclass(frozen=True, slots=True)
class ShotShape:
    """How a model writes one scene of its shot list: the names of its two fields and their limits in seconds."""

    text: str
    seconds: str
    min: Decimal
    max: Decimal
    whole: bool = False
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model's `input`. `type` is string, string[], object[], integer, number or boolean.

    `min` and `max` also bound a number that is written as text. `special` values are KIE's, `never` ones are KIE's too
    but not sent by us. `follows` (of a shape field) is what stands there when the first picture decides the shape; ""
    leaves the field out. `lines` gives the picture's height behind words that do not say it. Sizes: `max_mb` in 10^6
    bytes, `min_px` and `max_px` of a side, `min_ratio` and `max_ratio` of width to height.
    """

    name: str
    type: str
    role: str = "other"
    required: bool = False
    enum: tuple[Any, ...] = ()
    default: Any = None
    special: tuple[Any, ...] = ()
    never: tuple[Any, ...] = ()
    min: Decimal | None = None
    max: Decimal | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    url: bool = False
    prefix: str | None = None
    accept: tuple[str, ...] = ()
    max_mb: int | None = None
    min_px: int | None = None
    max_px: int | None = None
    min_ratio: Decimal | None = None
    max_ratio: Decimal | None = None
    min_seconds: int | None = None
    max_seconds: int | None = None
    max_total_seconds: int | None = None
    follows: str | None = None
    lines: Mapping[str, int] = made(default_factory=dict)
    shot: ShotShape | None = None

    @property
    def is_list(self) -> bool:
        return self.type.endswith("[]")


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule between fields; `kind` says which (kie-models.toml, constraint_kinds), the rest are its parts."""

    kind: str
    when: Mapping[str, Any] = made(default_factory=dict)
    field: str = ""
    allowed: tuple[Any, ...] = ()
    fields: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    unless: tuple[str, ...] = ()
    items: str = ""
    item_field: str = ""
    weights: Mapping[str, int] = made(default_factory=dict)
    min: int = 0
    max: int = 0
    with_field: str = ""


@dataclass(frozen=True, slots=True)
class PriceRule:
    """Credits under `when` (input values) and `derived` (facts beyond the input); see kie-models.toml, head.

    `unit` is video, image, second, input_image or input_second; `seconds` says which seconds count.
    """

    unit: str
    kie_credits: Decimal
    when: Mapping[str, Any] = made(default_factory=dict)
    derived: Mapping[str, Any] = made(default_factory=dict)
    seconds: str = "output"
    add: bool = False
    free_units: int = 0
    certainty: str | None = None


@dataclass(frozen=True, slots=True)
class StandIn:
    """A model to offer instead, and the size that comes closest when the member chose none."""

    model: str
    quality: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Model:
    """One model as KIE sells it.

    `id` is our public name (KIE's string, with a tier behind it where several share one), `kie` KIE's string. `group`
    is the friendly name it shares with its text and picture variants. `sound` is switch, always, none, own_file,
    unknown or kept. `typical` holds what is sent when the member chose nothing, `fixed` what is always sent and never
    chosen, `with_*` what is added beside frames, references or scenes. `usual_seconds` is how long making one takes.
    """

    id: str
    kie: str
    name: str
    group: str
    family: str
    vendor: str
    kind: str
    tier: str
    modes: frozenset[str]
    sound: str
    fields: Mapping[str, Field]
    typical: Mapping[str, Any]
    fixed: Mapping[str, Any]
    with_frames: Mapping[str, Any]
    with_references: Mapping[str, Any]
    with_shots: Mapping[str, Any]
    constraints: tuple[Constraint, ...]
    prices: tuple[PriceRule, ...]
    price_date: str
    price_certainty: str
    doc: str | None
    doc_date: str
    certainty: str
    usual_seconds: int
    usual_certainty: str
    example: Mapping[str, Any]
    status: ModelStatus = made(default_factory=ModelStatus)
    stand_ins: tuple[StandIn, ...] = ()
    aliases: tuple[str, ...] = ()
    lines: int | None = None
    text_variant: str | None = None
    picture_variant: str | None = None

    def __repr__(self) -> str:
        return f"Model({self.id})"

    def role(self, *roles: str) -> Field | None:
        """The first field that plays one of `roles`."""
        for role in roles:
            for each in self.fields.values():
                if each.role == role:
                    return each
        return None

    @property
    def needs_picture(self) -> bool:
        return "text" not in self.modes and bool(self.modes & {"image", "first_last", "reference"})

    @property
    def plain_name(self) -> str:
        """As members read it: which variant of it is meant (`Kling 2.6 (image)`) follows from what they send."""
        return self.name.partition(" (")[0]

    @property
    def takes_first(self) -> bool:
        return self.role(*FIRST_FRAME_ROLES) is not None

    @property
    def takes_last(self) -> bool:
        return self.role("last_frame") is not None or "first_last" in self.modes

    @property
    def references_max(self) -> int:
        """How many guiding pictures it takes at most; 0 for none."""
        if "reference" not in self.modes and self.role("reference_images") is None:
            return 0
        place = self.role("reference_images", "first_last_or_reference", "first_frame")
        if place is None or not place.is_list:
            return 1 if place and place.role == "reference_images" else 0
        return place.max_items or 1

    @property
    def shots(self) -> Field | None:
        """The shot list, if it has one."""
        return self.role("shots")

    def lengths(self) -> tuple[int, ...]:
        """The lengths one may choose, in seconds, shortest first; empty when there is no choice."""
        place = self.role("duration")
        if place is None:
            return ()
        if place.enum:
            return tuple(sorted(int(value) for value in place.enum))
        if place.min is None or place.max is None:
            return ()
        return tuple(range(int(place.min), int(place.max) + 1))

    def sizes(self) -> Mapping[str, int]:
        """The sizes on sale by their own word, with the lines (height of a landscape picture), smallest first."""
        place = self.role("resolution")
        if place is None:
            return {}
        words = [word for word in place.enum if self._has_price(place.name, word)]
        return dict(sorted(((word, lines_of(word, place)) for word in words), key=lambda pair: pair[1]))

    def _has_price(self, name: str, value: Any) -> bool:
        return any(not rule.add and rule.when.get(name, value) == value for rule in self.prices)


def lines_of(word: str, place: Field) -> int:
    """The picture height behind a size word: `720p` 720, `768P` 768, `2K` 1440, `4k` 2160."""
    if word in place.lines:
        return place.lines[word]
    number = int(re.sub(r"\D", "", word) or 0)
    return {1: 1024, 2: 1440, 4: 2160}.get(number, number)


def sold(model: Model) -> bool:
    """Whether members may order it now: videos, and the Sora watermark remover."""
    return model.kind == "video" or model.id == "sora-watermark-remover"
