"""Reads the model files, and refuses a broken one by naming file, model and field."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from bot.catalog.book import Catalog, squeezed
from bot.catalog.check import CONSTRAINT_KINDS, check
from bot.catalog.model import Constraint, Field, Model, PriceRule, ShotShape, StandIn
from bot.domain import ModelState, ModelStatus
from bot.errors import StartError
from bot.texts import say

_FOLDER = Path(__file__).parent / "models"
_TYPES = frozenset({"string", "string[]", "object[]", "integer", "number", "boolean"})
_ROLES = frozenset(
    {
        *(
            "prompt",
            "negative_prompt",
            "tier",
            "mode",
            "style",
            "seed",
            "safety",
            "watermark",
            "watermark_removal",
        ),
        *("first_frame", "last_frame", "first_last_frames", "first_last_or_reference", "reference_images"),
        *("reference_videos", "reference_audios", "reference_document", "reference_link", "audio_track"),
        *("source_video", "source_task", "source_index", "audio_toggle", "aspect", "resolution", "duration"),
        *("shots", "elements", "characters", "voices", "deprecated", "other"),
    }
)
_WORDS: Mapping[str, frozenset[str]] = {
    "kind": frozenset({"video", "video_edit", "upscale", "extend", "lipsync", "image"}),
    "tier": frozenset({"core", "extra", "legacy"}),
    "sound": frozenset({"switch", "always", "none", "own_file", "unknown", "kept"}),
    "unit": frozenset({"video", "image", "second", "input_image", "input_second"}),
    "seconds": frozenset({"output", "input+output", "source", "audio"}),
    "modes": frozenset(
        {
            *("text", "image", "first_last", "reference", "edit", "multi_shot", "elements", "continue"),
            *("characters", "upscale", "extend", "talking"),
        }
    ),
}


_FIELD_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("type", "role", "prefix", "follows"), str),
    **dict.fromkeys(("required", "url"), bool),
    **dict.fromkeys(("enum", "special", "never", "accept"), tuple),
    **dict.fromkeys(
        ("min_length", "max_length", "min_items", "max_items", "max_mb", "min_px", "max_px"), int
    ),
    **dict.fromkeys(("min_seconds", "max_seconds", "max_total_seconds"), int),
    **dict.fromkeys(("lines", "shot"), dict),
}
_SENT = ("typical", "fixed", "with_frames", "with_references", "with_shots")
_T = TypeVar("_T")


class _Broken(Exception):
    """What is wrong, and at which key."""


@cache
def load(folder: Path = _FOLDER) -> Catalog:
    """All models of a folder's TOML files, checked. Raises StartError naming file, model and field."""
    models: dict[str, Model] = {}
    for file in sorted(folder.glob("*.toml")):
        for model_id, table in _tables(file).items():
            where = {"file": file.name, "model": model_id}
            try:
                if model_id in models:
                    raise _Broken("id", "stands in two files")
                models[model_id] = _model(model_id, table)
            except _Broken as problem:
                name, why = problem.args
                raise StartError(say("catalog.broken", **where, field=name, why=why)) from None
    _check_references(models)
    return Catalog({model.id: _with_variants(model, models.values()) for model in models.values()})


def _tables(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise StartError(say("catalog.unreadable", file=file.name, why=problem)) from None


def _model(model_id: str, table: Mapping[str, Any]) -> Model:
    take = _Taker(table)
    places = {name: _field(name, part) for name, part in take("inputs", dict).items()}
    name = take("name", str)
    status = take("status", dict, {})
    model = Model(
        id=model_id,
        kie=take("kie", str, model_id),
        name=name,
        group=take("group", str, name),
        family=take("family", str),
        vendor=take("vendor", str),
        kind=take.word("kind"),
        tier=take.word("tier"),
        modes=frozenset(take.words("modes")),
        sound=take.word("sound"),
        fields=places,
        typical=take("typical", dict, {}),
        fixed=take("fixed", dict, {}),
        with_frames=take("with_frames", dict, {}),
        with_references=take("with_references", dict, {}),
        with_shots=take("with_shots", dict, {}),
        constraints=tuple(_constraint(part, places) for part in take("constraints", list, [])),
        prices=tuple(_price(part, places) for part in take("prices", list)),
        price_date=take("price_date", str),
        price_certainty=take("price_certainty", str, "listed"),
        doc=take("doc", str, None),
        doc_date=take("doc_date", str),
        certainty=take("certainty", str),
        usual_seconds=take("usual_seconds", int),
        usual_certainty=take("usual_certainty", str, "inferred"),
        example=_json(take("example", dict)),
        status=_status(status),
        stand_ins=tuple(_build(StandIn, part, "stand_ins") for part in take("stand_ins", list, [])),
        aliases=tuple(take("aliases", list, [])),
        lines=take("lines", int, None),
    )
    take.nothing_left()
    _check_values(model)
    return model


def _json(value: Any) -> Any:
    """TOML's decimals as JSON has them; an example holds no money."""
    if isinstance(value, dict):
        return {key: _json(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_json(part) for part in value]
    return float(value) if isinstance(value, Decimal) else value


class _Taker:
    """Takes the keys of a table one by one, checked, and complains of what is left."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        if not isinstance(table, Mapping):
            raise _Broken("", "is not a table")
        self._left = dict(table)

    def __call__(self, key: str, kind: type, *default: Any) -> Any:
        if key not in self._left:
            if default:
                return default[0]
            raise _Broken(key, "is missing")
        value = self._left.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _Broken(key, f"must be {kind.__name__}, is {value!r}")
        return value

    def word(self, key: str) -> str:
        return _word(key, self(key, str))

    def words(self, key: str) -> list[str]:
        return [_word(key, each) for each in self(key, list)]

    def nothing_left(self) -> None:
        for key in self._left:
            raise _Broken(key, "is not known here")


def _word(key: str, value: str) -> str:
    if value not in _WORDS[key]:
        raise _Broken(key, f"{value!r} is none of {', '.join(sorted(_WORDS[key]))}")
    return value


def _build(kind: Callable[..., _T], part: Mapping[str, Any], where: str) -> _T:
    try:
        return kind(**part)
    except TypeError as problem:
        # Python's own words name the key: "... got an unexpected keyword argument 'enmu'".
        raise _Broken(where, str(problem).partition("() ")[2] or str(problem)) from None


def _tuples(part: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(tuple(each) if isinstance(each, list) else each for each in value)
        if isinstance(value, list)
        else value
        for key, value in part.items()
    }


def _field(name: str, part: Mapping[str, Any]) -> Field:
    values = _tuples(part)
    for key, kind in _FIELD_TYPES.items():
        if key in values and type(values[key]) is not kind:
            raise _Broken(f"{name}.{key}", f"must be {kind.__name__}, is {values[key]!r}")
    for key in ("min", "max", "min_ratio", "max_ratio"):
        if key in values:
            values[key] = Decimal(values[key])
    if "shot" in values:
        shot = {**values["shot"], **{key: Decimal(values["shot"][key]) for key in ("min", "max")}}
        values["shot"] = _build(ShotShape, shot, f"{name}.shot")
    place = _build(Field, {"name": name, **values}, name)
    if place.type not in _TYPES:
        raise _Broken(f"{name}.type", f"{place.type!r} is not a type")
    if place.role not in _ROLES:
        raise _Broken(f"{name}.role", f"{place.role!r} is not a role")
    if place.default is not None and place.enum and place.default not in place.enum:
        raise _Broken(f"{name}.default", "is not in its own list")
    return place


def _constraint(part: Mapping[str, Any], places: Mapping[str, Field]) -> Constraint:
    rule = _build(Constraint, _tuples(part), "constraints")
    if rule.kind not in CONSTRAINT_KINDS:
        raise _Broken("constraints", f"{rule.kind!r} is not a kind of rule")
    named = [rule.field, rule.items, rule.with_field, *rule.when, *rule.fields, *rule.needs, *rule.unless]
    named += [*rule.weights, *(name for group in rule.groups for name in group)]
    _require_known("constraints", named, places)
    return rule


def _price(part: Mapping[str, Any], places: Mapping[str, Field]) -> PriceRule:
    part = dict(part)
    amount = part.pop("credits", None)
    if not isinstance(amount, int | Decimal) or isinstance(amount, bool) or amount < 0:
        raise _Broken("prices.credits", f"must be a number, is {amount!r}")
    rule = _build(PriceRule, {**part, "kie_credits": Decimal(amount)}, "prices")
    _word("unit", rule.unit)
    _word("seconds", rule.seconds)
    _require_known("prices", rule.when, places)
    return rule


def _require_known(where: str, names: Iterable[str], places: Mapping[str, Field]) -> None:
    for name in names:
        if name and name not in places:
            raise _Broken(where, f"names the unknown field {name!r}")


def _status(part: Mapping[str, Any]) -> ModelStatus:
    try:
        state = ModelState(part.get("state", "active"))
    except ValueError as problem:
        raise _Broken("status.state", str(problem)) from None
    return _build(ModelStatus, {**part, "state": state}, "status")


def _check_values(model: Model) -> None:
    """What we would send or compare with must itself conform, field by field."""
    tables = [(key, getattr(model, key)) for key in _SENT]
    tables += [("prices", rule.when) for rule in model.prices]
    tables += [("constraints", rule.when) for rule in model.constraints]
    for key, values in tables:
        _require_known(key, values, model.fields)
        for problem in check(model, values):
            if problem.kind not in ("missing", "constraint"):
                raise _Broken(f"{key}.{problem.field}", problem.message())
    for role in ("duration", "resolution", "audio_toggle", "aspect"):
        place = model.role(role)
        if place and model.kind == "video" and place.name not in {**model.typical, **model.fixed}:
            raise _Broken(f"typical.{place.name}", "is missing: it is always sent")


def _check_references(models: Mapping[str, Model]) -> None:
    seen: dict[str, str] = {}
    for model in models.values():
        for stand_in in model.stand_ins:
            if stand_in.model not in models:
                why = f"names the unknown model {stand_in.model!r}"
                raise StartError(
                    say("catalog.broken", file="models", model=model.id, field="stand_ins", why=why)
                )
        for alias in (*model.aliases, model.name):
            other = seen.setdefault(squeezed(alias), model.id)
            if other != model.id:
                why = f"{alias!r} is also a name of {other}"
                raise StartError(
                    say("catalog.broken", file="models", model=model.id, field="aliases", why=why)
                )


def _with_variants(model: Model, models: Iterable[Model]) -> Model:
    group = [other for other in models if other.group == model.group and other is not model]
    return replace(
        model,
        text_variant=next((other.name for other in group if "text" in other.modes), None),
        picture_variant=next((other.name for other in group if other.takes_first), None),
    )
