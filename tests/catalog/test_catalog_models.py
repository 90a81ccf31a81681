"""What holds for every model: adding a table to a model file puts it through all of this."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from support.catalog_requests import neutral, plain

from bot.catalog import Model, check, fill_defaults, load, options, price_from, quote, sold, with_addresses
from bot.domain import ModelState
from bot.errors import UserError

CATALOG = load()
every_model = pytest.mark.parametrize("model", list(CATALOG), ids=lambda model: model.id)
every_sold_model = pytest.mark.parametrize("model", CATALOG.sold(), ids=lambda model: model.id)


def test_the_catalogue_holds_all_models_of_the_facts() -> None:
    assert len(CATALOG) == 67
    assert len(CATALOG.sold()) == 45


@every_model
def test_its_example_conforms(model: Model) -> None:
    assert check(model, model.example) == []
    assert check(model, fill_defaults(model, model.example)) == []


@every_model
def test_it_is_found_again_by_kies_string_and_its_example(model: Model) -> None:
    assert CATALOG.by_kie(model.kie, model.example) is model


@every_model
def test_it_is_found_by_id_and_by_name(model: Model) -> None:
    assert CATALOG[CATALOG.find(model.id).id].group == model.group
    assert CATALOG.find(model.name.upper()) is model


@every_model
def test_its_base_state_says_since_when_and_why(model: Model) -> None:
    if model.status.state is not ModelState.ACTIVE:
        assert model.status.since
        assert model.status.reason
    assert model.usual_seconds > 0


@every_model
def test_a_model_that_is_not_on_sale_says_so(model: Model) -> None:
    if sold(model):
        return
    with pytest.raises(UserError, match="not offered yet"):
        quote(model, plain(model), Decimal(1))


@every_sold_model
def test_its_example_is_reproduced_from_neutral_options(model: Model) -> None:
    told = neutral(model)
    made = with_addresses(quote(model, told.request, Decimal(1)).input, told.addresses)
    assert {name: made.get(name) for name in model.example} == dict(model.example)


@every_sold_model
def test_the_least_a_member_can_say_is_quoted_and_conforms(model: Model) -> None:
    made = quote(model, plain(model), Decimal("1.5"))
    assert check(model, made.input) == []
    assert made.kie_model == model.kie
    assert made.kie_credits > 0
    assert made.credits >= made.kie_credits
    assert model.plain_name in made.rule
    json.dumps(dict(made.input))


@every_sold_model
def test_size_length_sound_and_the_content_filter_are_always_sent(model: Model) -> None:
    body = quote(model, plain(model), Decimal(1)).input
    for role in ("duration", "resolution", "audio_toggle"):
        place = model.role(role)
        assert place is None or place.name in body
    assert body.get("nsfw_checker", True) is True
    assert ("nsfw_checker" in body) == ("nsfw_checker" in model.fields)
    assert body.get("mode") not in ("spicy", "fun")
    required = [place.name for place in model.fields.values() if place.required]
    assert all(name in body for name in required)


@every_sold_model
def test_every_choice_it_shows_can_be_ordered(model: Model) -> None:
    shown = options(model)
    words = [size.word for size in shown.sizes]
    assert all(quote(model, plain(model, quality=word), Decimal(1)) for word in words)
    if not model.needs_picture and "shots" not in {place.role for place in model.fields.values()}:
        for aspect in shown.aspects:
            assert quote(model, plain(model, aspect=aspect), Decimal(1)).aspect
    if model.shots is None:
        for seconds in (*shown.lengths[:1], *shown.lengths[-1:]):
            assert quote(
                model, plain(model, seconds=seconds, quality=words[0] if words else None), Decimal(1)
            )


@every_sold_model
def test_its_list_price_is_no_dearer_than_what_it_usually_costs(model: Model) -> None:
    amount, unit = price_from(model)
    assert amount is not None
    assert unit in ("second", "video")
    assert amount <= quote(model, plain(model), Decimal(1)).kie_credits


def test_all_six_sora_models_send_their_files_by_s3_and_are_retired() -> None:
    family = [model for model in CATALOG if model.family == "sora-2"]
    assert len(family) == 6
    for model in family:
        assert quote(model, plain(model), Decimal(1)).input["upload_method"] == "s3"
        assert model.status.state is ModelState.RETIRED
        assert model.status.since == "2026-09-24"
