"""The catalogue as KIE lists it: models, their schemas and prices, and the public price pages (kie-api.md 6)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bot.catalog import Field, Model, PriceRule
from bot.sandbox.wire import Refusal, good, read_object
from bot.sandbox.world import WORLD, World, is_sora

USD_PER_CREDIT = Decimal("0.005")
_PAGE_SIZE = 100
_SUCCESS_RATE = 98.5
_TASK_TYPES = {
    "text": "text-to-video",
    "image": "image-to-video",
    "first_last": "image-to-video",
    "reference": "reference-to-video",
    "edit": "video-to-video",
}
_JSON_TYPES = {"string[]": "array", "object[]": "array"}
_UNITS = {
    "second": "per second",
    "input_second": "per second",
    "input_image": "per image",
    "image": "per image",
}


async def models(request: web.Request) -> web.Response:
    """All models on offer, one row for each of KIE's strings; filters `taskType`, `provider`, `q`."""
    wanted = {name: request.query.get(name, "").lower() for name in ("taskType", "provider", "q")}
    rows = [_row(group) for group in _offered(request.app[WORLD]).values()]
    rows = [
        row
        for row in rows
        if (not wanted["taskType"] or wanted["taskType"] in row["taskType"])
        and wanted["provider"] in row["provider"].lower()
        and wanted["q"] in f"{row['model']} {row['title']} {row['description']}".lower()
    ]
    return good({"total": len(rows), "models": rows})


async def schema(request: web.Request) -> web.Response:
    group = _group(request)
    properties: dict[str, Any] = {}
    for model in group:
        properties |= {place.name: _property(place) for place in model.fields.values()}
    required = sorted(name for name in properties if all(_requires(model, name) for model in group))
    shape = {"type": "object", "properties": properties, "required": required}
    return good({"model": group[0].kie, "inputSchema": shape, "openapi": None})


async def price_of(request: web.Request) -> web.Response:
    group = _group(request)
    return good({"model": group[0].kie, "pricingDesc": _pricing(group)})


async def success_rate(request: web.Request) -> web.Response:
    return good({"model": _group(request)[0].kie, "successRate": _SUCCESS_RATE})


async def price_page(request: web.Request) -> web.Response:
    """`pageNum`, `pageSize` up to 100, `interfaceType`, `modelDescription` (a part of it)."""
    body = await read_object(request)
    size = min(max(_whole(body.get("pageSize"), 10), 1), _PAGE_SIZE)
    number = max(_whole(body.get("pageNum"), 1), 1)
    kind, words = str(body.get("interfaceType") or ""), str(body.get("modelDescription") or "").lower()
    rows = [
        row
        for row in _price_rows(request.app[WORLD])
        if kind in ("", row["interfaceType"]) and words in row["modelDescription"].lower()
    ]
    start = (number - 1) * size
    pages = -(-len(rows) // size)
    page = {
        "records": rows[start : start + size],
        "total": len(rows),
        "size": size,
        "current": number,
        "pages": pages,
    }
    return good(page)


async def price_count(request: web.Request) -> web.Response:
    kinds = Counter(row["interfaceType"] for row in _price_rows(request.app[WORLD]))
    return good({"all": kinds.total(), **kinds})


def _offered(world: World) -> dict[str, list[Model]]:
    """By KIE's string: Veo's tiers share one."""
    groups: dict[str, list[Model]] = {}
    for model in world.catalog:
        hidden = is_sora(model) and world.faults.on("sora-withdrawn")
        if not hidden and not world.unsupported(model):
            groups.setdefault(model.kie, []).append(model)
    return groups


def _group(request: web.Request) -> list[Model]:
    group = _offered(request.app[WORLD]).get(request.match_info["model"])
    if not group:
        raise Refusal(404, "Model not found")
    return group


def _row(group: list[Model]) -> dict[str, Any]:
    model = group[0]
    return {
        "model": model.kie,
        "slug": model.kie.replace("/", "-"),
        "title": model.name,
        "provider": model.vendor,
        "taskType": _task_types(model),
        "description": " / ".join(each.name for each in group),
        "pricingDesc": _pricing(group),
    }


def _task_types(model: Model) -> list[str]:
    if model.kind == "image":
        return sorted({"text-to-image" if mode == "text" else "image-to-image" for mode in model.modes})
    return sorted({_TASK_TYPES.get(mode, "video-to-video") for mode in model.modes})


def _pricing(group: list[Model]) -> str:
    return "; ".join(
        f"{_described(model, rule)}: {_amount(rule)}" for model in group for rule in model.prices
    )


def _amount(rule: PriceRule) -> str:
    return f"{rule.kie_credits:f} credits {_UNITS.get(rule.unit, 'per video')}"


def _described(model: Model, rule: PriceRule) -> str:
    choices = [_said(name, value) for name, value in {**rule.when, **rule.derived}.items()]
    return ", ".join([model.name, *choices])


def _said(name: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{'with' if value else 'without'} {name.replace('_', ' ')}"
    return str(value)


def _price_rows(world: World) -> Iterator[dict[str, Any]]:
    for group in _offered(world).values():
        for model in group:
            for rule in model.prices:
                yield {
                    "modelDescription": _described(model, rule),
                    "interfaceType": "image" if model.kind == "image" else "video",
                    "provider": model.vendor,
                    "creditPrice": f"{rule.kie_credits:f}",
                    "creditUnit": _UNITS.get(rule.unit, "per video"),
                    "usdPrice": f"{(rule.kie_credits * USD_PER_CREDIT).normalize():f}",
                    "anchor": f"https://kie.ai/market?model={quote(model.kie, safe='')}",
                }


def _property(place: Field) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": _JSON_TYPES.get(place.type, place.type)}
    limits = {
        "enum": list(place.enum) or None,
        "default": place.default,
        "minimum": place.min,
        "maximum": place.max,
        "minLength": place.min_length,
        "maxLength": place.max_length,
        "minItems": place.min_items,
        "maxItems": place.max_items,
    }
    shape |= {name: value for name, value in limits.items() if value is not None}
    if place.is_list:
        shape["items"] = {"type": place.type.removesuffix("[]")}
    plain: dict[str, Any] = json.loads(json.dumps(shape, default=float))
    return plain


def _requires(model: Model, name: str) -> bool:
    return name in model.fields and model.fields[name].required


def _whole(value: object, default: int) -> int:
    try:
        return int(str(value))
    except ValueError:
        return default
