"""All models together: found by any of their names, chosen to fit what was given."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bot.catalog.model import PICTURE_ROLES, Model, sold
from bot.catalog.pictures import MEGABYTE, fits
from bot.catalog.wording import either
from bot.domain import Request
from bot.errors import UserError


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What every model on sale accepts: at most `max_bytes` bytes, no side over `max_side` pixels, these types."""

    max_bytes: int
    max_side: int
    mimes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SoraChoice:
    """What `/sora` means: a model id, and the size it implies (None: the model's usual one)."""

    model: str
    quality: str | None = None


def sora(has_picture: bool, tier: str = "standard", has_shots: bool = False) -> SoraChoice:
    """The choice among the Sora models: `tier` is `standard`, `pro` or `pro-hd` (1080p). Scenes mean the storyboard.

    Raises UserError for another tier.
    """
    if tier not in ("standard", "pro", "pro-hd"):
        raise UserError("catalog.no_tier", value=tier)
    if has_shots:
        return SoraChoice("sora-2-pro-storyboard")
    base = "sora-2" if tier == "standard" else "sora-2-pro"
    variant = "image-to-video" if has_picture else "text-to-video"
    return SoraChoice(f"{base}-{variant}", "high" if tier == "pro-hd" else None)


@dataclass(frozen=True, eq=False)
class Catalog:
    """The models by id, in the order of the files, with every name that leads to them."""

    by_id: Mapping[str, Model]

    def __iter__(self) -> Iterator[Model]:
        return iter(self.by_id.values())

    def __len__(self) -> int:
        return len(self.by_id)

    def __getitem__(self, model_id: str) -> Model:
        """The model of exactly this id. Raises KeyError."""
        return self.by_id[model_id]

    def get(self, model_id: str) -> Model | None:
        return self.by_id.get(model_id)

    def sold(self) -> list[Model]:
        """The models members may order, whatever their state."""
        return [model for model in self if sold(model)]

    def find(self, name: str) -> Model:
        """The model of an id, name or alias, however written: `veo`, `Veo 3.1 Lite`, `kling 3`.

        A friendly name shared by several means the one that starts from words alone, if there is one. Raises
        UserError with the nearest names.
        """
        return self._variants(name)[0]

    def named(self, name: str) -> Model | None:
        """The model of a name as `find` gives it, or None."""
        found = self._names.get(squeezed(name))
        return found[0] if found else None

    def choose(self, name: str, request: Request) -> Model:
        """The model of this name that takes what the request brings: pictures, scenes, a video.

        Looks among the variants of the friendly name first, then of the model's group, then in its family; when none
        fits, the named one (whose quote then says why). Raises UserError for an unknown name.
        """
        named = self._variants(name)
        group = [model for model in self if model.group == named[0].group]
        family = [model for model in self.sold() if model.family == named[0].family]
        fitting = (model for model in [*named, *group, *family] if fits(model, request))
        return next(fitting, named[0])

    def by_kie(self, kie: str, body: Mapping[str, Any]) -> Model | None:
        """The model behind KIE's string and an input (Veo's three tiers share one string); None if unknown."""
        variants = [model for model in self if model.kie == kie]
        for model in variants:
            tier = model.role("tier")
            if tier is None or (body.get(tier.name) or tier.default) == model.fixed.get(tier.name):
                return model
        return variants[0] if variants else None

    def picture_limits(self) -> PictureLimits:
        """The tightest limits over all models on sale, so that any accepted picture can go to any of them."""
        places = [
            place for model in self.sold() for place in model.fields.values() if place.role in PICTURE_ROLES
        ]
        accepted = [place.accept for place in places if place.accept]
        common = [mime for mime in accepted[0] if all(mime in each for each in accepted)]
        return PictureLimits(
            max_bytes=min(place.max_mb for place in places if place.max_mb) * MEGABYTE,
            max_side=min(place.max_px for place in places if place.max_px),
            mimes=tuple(common),
        )

    def _variants(self, name: str) -> Sequence[Model]:
        found = self._names.get(squeezed(name))
        if found:
            return found
        raise UserError("catalog.unknown_model", name=name.strip()[:60], names=either(self._nearest(name)))

    def _nearest(self, name: str) -> list[str]:
        wanted = squeezed(name)
        names = {squeezed(model.group): model.group for model in self.sold() if model.tier != "legacy"}
        close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
        close += [key for key in names if len(wanted) > 2 and (wanted in key or key in wanted)]
        close = close or [squeezed(each) for each in ("Veo 3.1 Lite", "Kling 3.0", "Seedance 2.0")]
        return [names[key] for key in dict.fromkeys(close) if key in names][:4]

    @cached_property
    def _names(self) -> Mapping[str, Sequence[Model]]:
        groups: dict[str, list[Model]] = {}
        for model in self:
            groups.setdefault(model.group, []).append(model)
        names: dict[str, Sequence[Model]] = {}
        for group, variants in groups.items():
            variants.sort(key=lambda model: "text" not in model.modes)
            _add(names, [group], variants)
            for model in variants:
                _add(names, [model.id, model.kie, model.name], [model])
            for model in variants:
                # An alias of the first variant stands for all of them.
                _add(names, model.aliases, variants if model is variants[0] else [model])
        return names


def _add(names: dict[str, Sequence[Model]], spellings: Iterable[str], models: Sequence[Model]) -> None:
    for spelling in spellings:
        names.setdefault(squeezed(spelling), models)
        names.setdefault(squeezed(spelling.replace(".0", "")), models)


def squeezed(name: str) -> str:
    """A name without case, spaces and signs: `veo31lite`."""
    return re.sub(r"[^a-z0-9]+", "", name.lower())
