"""What may still be chosen about a request, over the whole catalogue: real values, real prices, small buttons."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.catalog_requests import picture, plain
from support.house import all_models

from bot import catalog
from bot.catalog import OPTIONS, Model
from bot.domain import Request
from bot.errors import UserError
from bot.talk import board
from bot.talk.base import action

MODELS = all_models()
SOLD = MODELS.sold()
MARKUP = Decimal("1.5")
EVERY = pytest.mark.parametrize("model", SOLD, ids=lambda model: model.id)


def request(model_id: str, **choices: Any) -> Request:
    return Request(model_id, prompt="a happy dog", **choices)


def is_active(model_id: str) -> bool:
    return MODELS[model_id].status.state == "active"


def values(model_id: str, option: str, **choices: Any) -> dict[object, int]:
    """The values of an option with their prices."""
    found = catalog.choices(MODELS[model_id], request(model_id, **choices), option, Decimal(1))
    return {each.value: each.quote.credits for each in found}


# --- the values of an option -------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("option", OPTIONS)
def test_every_value_that_is_shown_can_be_had_for_its_price(model: Model, option: str) -> None:
    asked = plain(model)
    found = catalog.choices(model, asked, option, MARKUP)
    for choice in found:
        assert catalog.quote(model, choice.request, MARKUP) == choice.quote
        assert getattr(choice.request, option) == choice.value
    assert len(found) == len({choice.value for choice in found})
    assert sum(choice.chosen for choice in found) <= 1


@EVERY
def test_a_model_shows_only_options_with_something_to_choose(model: Model) -> None:
    asked = plain(model)
    several = [option for option in OPTIONS if len(catalog.choices(model, asked, option, MARKUP)) > 1]
    assert catalog.choosable(model, asked, MARKUP) == several


def test_values_come_with_their_prices() -> None:
    assert values("kling-3.0/video", "seconds") | {} == {n: 20 * n for n in range(3, 16)}
    assert values("veo-3-1:lite", "quality") == {"720p": 30, "1080p": 35, "4k": 150}
    assert values("kling-3.0/video", "sound") == {True: 100, False: 70}
    assert values("veo-3-1:lite", "sound") == {}


def test_what_is_in_force_is_marked_also_when_nobody_chose_it() -> None:
    model = MODELS["veo-3-1:lite"]
    for asked in (request(model.id), request(model.id, seconds=8), request(model.id, aspect="landscape")):
        found = catalog.choices(model, asked, "seconds", MARKUP)
        assert [each.value for each in found if each.chosen] == [8]
        found = catalog.choices(model, asked, "aspect", MARKUP)
        assert [each.value for each in found if each.chosen] == ["16:9"]


def test_beside_a_picture_that_gives_the_shape_there_is_no_shape_to_choose() -> None:
    assert values("kling-3.0/video", "aspect", first=picture()) == {}
    assert set(values("veo-3-1:lite", "aspect", first=picture())) == {"16:9", "9:16"}


def test_a_value_that_needs_another_option_changed_brings_it_along_and_says_so() -> None:
    model = MODELS["hailuo/2-3-image-to-video-pro"]
    asked = request(model.id, first=picture(), seconds=10)
    large = catalog.choices(model, asked, "quality", Decimal(1))[-1]
    assert (large.value, large.quote.seconds, large.changes) == ("1080P", 6, ("6 s instead of 10 s",))


def test_a_choice_that_cannot_be_had_at_all_is_left_out() -> None:
    three = request("veo-3-1:lite", references=tuple(picture(seed=str(n)) for n in range(3)))
    found = catalog.choices(MODELS["veo-3-1:lite"], three, "seconds", MARKUP)
    assert [each.value for each in found] == [8]


# --- making it possible ------------------------------------------------------------------------------------------


def test_what_cannot_be_had_bends_to_the_nearest_and_tells_how() -> None:
    model = MODELS["veo-3-1:lite"]
    made, quote, changes = catalog.fitted(model, request(model.id, seconds=15, aspect="9:16"), MARKUP)
    assert (made.seconds, quote.seconds, quote.aspect, changes) == (8, 8, "9:16", ("8 s instead of 15 s",))


def test_several_impossible_choices_all_give_way() -> None:
    model = MODELS["veo-3-1:lite"]
    asked = request(model.id, seconds=15, aspect="1:1", quality="720p")
    _, quote, changes = catalog.fitted(model, asked, MARKUP)
    assert (quote.seconds, quote.aspect) == (8, "16:9")
    assert changes == ("8 s instead of 15 s", "16:9 instead of 1:1")


def test_what_is_possible_is_left_as_it_is() -> None:
    model = MODELS["veo-3-1:lite"]
    assert catalog.fitted(model, request(model.id), MARKUP)[::2] == (request(model.id), ())


def test_a_choice_that_must_stay_is_never_bent() -> None:
    model = MODELS["veo-3-1:lite"]
    with pytest.raises(UserError, match="can't make 15 s"):
        catalog.fitted(model, request(model.id, seconds=15), MARKUP, keep={"seconds"})


# --- other models ------------------------------------------------------------------------------------------------


@EVERY
def test_the_models_for_a_request_are_those_that_take_it_cheapest_first(model: Model) -> None:
    asked = plain(model)
    found = catalog.alternatives(MODELS, asked, model, lambda _: True, MARKUP)
    prices = [offer.quote.credits for offer in found]
    assert prices == sorted(prices)
    assert model.id in [offer.quote.model for offer in found]
    for offer in found:
        target = MODELS[offer.quote.model]
        assert catalog.quote(target, offer.request, MARKUP) == offer.quote
        assert offer.request.pictures == asked.pictures
        assert offer.request.prompt == asked.prompt
        assert offer.request.shots == asked.shots or target is not model


def test_a_model_that_is_gone_is_no_alternative() -> None:
    found = catalog.alternatives(MODELS, request("veo-3-1"), MODELS["veo-3-1"], is_active, MARKUP)
    assert not [offer for offer in found if MODELS[offer.quote.model].family == "sora-2"]


def test_scenes_are_offered_only_to_models_that_take_scenes() -> None:
    board_model = MODELS["sora-2-pro-storyboard"]
    found = catalog.alternatives(MODELS, plain(board_model), board_model, is_active, MARKUP)
    assert {offer.quote.model for offer in found} == {"kling-3.0/video", "kling-3.0-omni/text-to-video"}


# --- less money --------------------------------------------------------------------------------------------------


def cheapest(model_id: str, budget: int, **choices: Any) -> catalog.Offer | None:
    asked = request(model_id, **choices)
    return catalog.cheapest(MODELS, asked, MODELS[model_id], is_active, Decimal(1), budget)


def test_the_cheapest_variant_stays_with_its_model_if_the_credits_allow() -> None:
    found = cheapest("kling-3.0/video", 50, quality="4K", seconds=15)
    assert found
    assert (found.quote.model, found.quote.seconds, found.quote.quality) == ("kling-3.0/video", 3, "std")
    assert (found.quote.sound, found.quote.credits) == (False, 42)
    assert found.changes == ("3 s instead of 15 s", "std instead of 4K", "without sound")


def test_what_no_variant_of_the_model_meets_another_model_may() -> None:
    found = cheapest("kling-3.0/video", 20)
    assert found
    assert found.quote.model != "kling-3.0/video"
    assert found.quote.credits <= 20


def test_another_model_is_not_shrunk_more_than_the_credits_demand() -> None:
    found = cheapest("veo-3-1:quality", 100)
    assert found
    assert (found.quote.seconds or 0) >= 4


@pytest.mark.parametrize("budget", [0, 1])
def test_without_credits_nothing_is_cheap_enough(budget: int) -> None:
    assert cheapest("kling-3.0/video", budget) is None


@EVERY
@pytest.mark.parametrize("budget", [5, 30, 100])
def test_a_cheapest_variant_always_fits_the_credits_and_keeps_words_and_pictures(
    model: Model, budget: int
) -> None:
    asked = plain(model)
    found = catalog.cheapest(MODELS, asked, model, is_active, MARKUP, budget)
    if found:
        assert found.quote.credits <= budget
        assert catalog.quote(MODELS[found.quote.model], found.request, MARKUP) == found.quote
        assert (found.request.prompt, found.request.pictures) == (asked.prompt, asked.pictures)


# --- small and quick ---------------------------------------------------------------------------------------------


def test_every_model_fits_on_a_button_under_a_name_of_its_own() -> None:
    names = {board.short_id(model.id) for model in MODELS}
    assert len(names) == len(MODELS)
    assert all(len(action("set", "X" * 12, "model", name).encode()) <= 64 for name in names)


@EVERY
def test_every_value_fits_on_a_button(model: Model) -> None:
    for what, option in board.FIELD_OF.items():
        for choice in catalog.choices(model, plain(model), option, MARKUP):
            assert len(action("set", "X" * 12, what, board.spelled(choice.value)).encode()) <= 64


def test_a_long_list_of_lengths_is_thinned_to_a_page_with_its_ends_and_the_chosen_one() -> None:
    model = MODELS["wan/3-0-video"]
    found = catalog.choices(model, request(model.id, seconds=23), "seconds", MARKUP)
    shown = [each.value for each in board.thinned(found)]
    assert len(found) == 29
    assert len(shown) == board.PER_PAGE
    assert {2, 23, 30, 5, 10} <= set(shown)
    assert shown == sorted(shown, key=int)
