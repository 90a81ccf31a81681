"""What an input costs in KIE credits, by the listed rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.catalog.check import fill_defaults, sent
from bot.catalog.model import PICTURE_ROLES, Model, PriceRule
from bot.catalog.wording import either, number, spoken
from bot.errors import UserError
from bot.texts import say


@dataclass(frozen=True, slots=True)
class Facts:
    """What a price may depend on beyond the input. Lengths in seconds; None: not known."""

    input_seconds: Decimal | None = None
    source_seconds: Decimal | None = None
    audio_seconds: Decimal | None = None
    source_tier: str | None = None
    source_resolution: str | None = None
    tier: str | None = None


def price(model: Model, body: Mapping[str, Any], facts: Facts | None = None) -> tuple[Decimal, str]:
    """KIE's price of a conforming input, and the sentence how it came.

    Raises UserError when no rule, or no single rule, covers it: then it is not sold (kie-models.toml, head).
    """
    facts = facts or Facts()
    filled = fill_defaults(model, body)
    derived = _derived(model, filled, facts)
    matching = [rule for rule in model.prices if _matches(rule, filled, derived)]
    bases = [rule for rule in matching if not rule.add]
    if len(bases) != 1:
        raise _not_sold(model)
    total, amount = _cost(model, bases[0], filled, facts)
    parts = [amount]
    for rule in matching:
        if rule.add:
            extra, amount = _cost(model, rule, filled, facts)
            if extra:
                total += extra
                parts.append(amount)
    return Decimal(number(total)), say(
        "catalog.rule", what=_what(model, bases[0]), amount=say("catalog.plus").join(parts)
    )


def price_from(model: Model) -> tuple[Decimal | None, str]:
    """The cheapest listed price without a reference clip, and its unit: `second`, `video` or `image`."""
    listed = [(rule.kie_credits, rule.unit) for rule in _base_rules(model)]
    return min(listed) if listed else (None, "")


def _base_rules(model: Model) -> list[PriceRule]:
    plain = [rule for rule in model.prices if not rule.add]
    return [rule for rule in plain if True not in rule.derived.values()] or plain


def _derived(model: Model, filled: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    clips = model.role("reference_videos")
    source = model.role("source_video")
    return {
        "reference_video": clips is not None and sent(filled, clips.name),
        "video_input": source is not None and sent(filled, source.name),
        "source_tier": facts.source_tier,
        "source_resolution": facts.source_resolution,
        "tier": facts.tier,
    }


def _matches(rule: PriceRule, filled: Mapping[str, Any], derived: Mapping[str, Any]) -> bool:
    return all(filled.get(name) == value for name, value in rule.when.items()) and all(
        derived.get(name) == value for name, value in rule.derived.items()
    )


def _cost(model: Model, rule: PriceRule, filled: Mapping[str, Any], facts: Facts) -> tuple[Decimal, str]:
    if rule.unit in ("video", "image"):
        return rule.kie_credits, say(f"catalog.a_{rule.unit}", credits=number(rule.kie_credits))
    if rule.unit == "input_image":
        count = max(0, _pictures(model, filled) - rule.free_units)
        return rule.kie_credits * count, say("catalog.a_picture", credits=number(rule.kie_credits), n=count)
    seconds = _seconds(model, rule, filled, facts)
    if seconds is None:
        raise UserError("catalog.price_unknown", model=model.plain_name)
    return rule.kie_credits * seconds, say(
        "catalog.a_second", credits=number(rule.kie_credits), n=number(seconds)
    )


def _seconds(model: Model, rule: PriceRule, filled: Mapping[str, Any], facts: Facts) -> Decimal | None:
    if rule.unit == "input_second":
        return facts.input_seconds
    if rule.seconds == "source":
        return facts.source_seconds
    if rule.seconds == "audio":
        return facts.audio_seconds
    place = model.role("duration")
    value = None if place is None else filled.get(place.name)
    # -1 lets the model choose its length: the bill cannot be known, so it is not sold.
    if value is None or Decimal(str(value)) <= 0:
        return None
    output = Decimal(str(value))
    clips = model.role("reference_videos")
    if rule.seconds == "output" or clips is None or not sent(filled, clips.name):
        return output
    return None if facts.input_seconds is None else output + facts.input_seconds


def _pictures(model: Model, filled: Mapping[str, Any]) -> int:
    places = [place for place in model.fields.values() if place.role in PICTURE_ROLES]
    return sum(
        len(filled[place.name]) if place.is_list else 1 for place in places if sent(filled, place.name)
    )


def _what(model: Model, rule: PriceRule) -> str:
    return ", ".join([model.plain_name, *_choices(model, rule)])


def _choices(model: Model, rule: PriceRule) -> list[str]:
    words = []
    for name, value in rule.when.items():
        role = model.fields[name].role
        if role == "duration":
            words.append(say("words.seconds", n=value))
        elif role == "audio_toggle":
            words.append(say("catalog.with_sound" if value else "catalog.without_sound"))
        else:
            words.append(spoken(value))
    return words


def _not_sold(model: Model) -> UserError:
    combinations = [" ".join(_choices(model, rule)) for rule in _base_rules(model)]
    if not any(combinations):
        return UserError("catalog.price_unknown", model=model.plain_name)
    return UserError("catalog.not_sold", model=model.plain_name, allowed=either(combinations))
