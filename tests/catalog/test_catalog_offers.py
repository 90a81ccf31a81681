"""Stand-ins for a model that is not active: the same words and pictures, translated and priced."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.catalog_requests import picture, plain

from bot.catalog import Model, Offer, check, load, offers
from bot.domain import ModelState, Request, Shot

CATALOG = load()


def live(model_id: str) -> bool:
    return CATALOG[model_id].status.state is ModelState.ACTIVE


def offered(request: Request, without: tuple[str, ...] = ()) -> list[Offer]:
    model = CATALOG[request.model]
    return offers(CATALOG, request, model, lambda each: live(each) and each not in without)


RANKED = [
    ("sora-2-text-to-video", ["grok-imagine/text-to-video", "veo-3-1:lite", "minimax-h3/text-to-video"], [45, 30, 80]),
    ("sora-2-image-to-video", ["grok-imagine/image-to-video", "minimax-h3/image-to-video", "kling/v3-turbo-image-to-video"], [45, 80, 180]),
    ("sora-2-pro-text-to-video", ["kling-3.0/video", "wan/3-0-video", "veo-3-1:quality"], [270, 320, 255]),
    ("sora-2-pro-image-to-video", ["kling-3.0/video", "bytedance/seedance-2-5"], [270, 630]),
]  # fmt: skip


@pytest.mark.parametrize(("model_id", "stand_ins", "prices"), RANKED)
def test_sora_is_replaced_in_rank_order_at_the_known_prices(
    model_id: str, stand_ins: list[str], prices: list[int]
) -> None:
    found = offered(plain(CATALOG[model_id]))
    assert [offer.request.model for offer in found] == stand_ins
    assert [offer.quote.kie_credits for offer in found] == prices


def test_a_stand_in_that_is_not_active_gives_its_place_to_the_next() -> None:
    request = plain(CATALOG["sora-2-text-to-video"])
    found = offered(
        request, without=("grok-imagine/text-to-video", "veo-3-1:lite", "minimax-h3/text-to-video")
    )
    assert [offer.quote.kie_credits for offer in found] == [82, 160]
    found = offered(plain(CATALOG["sora-2-image-to-video"]), without=("minimax-h3/image-to-video",))
    assert found[-1].quote.kie_credits == 50
    assert "without sound" in found[-1].changes
    found = offered(plain(CATALOG["sora-2-pro-text-to-video"]), without=("kling-3.0/video",))
    assert found[-1].quote.kie_credits == 630


def test_a_storyboard_goes_into_the_stand_ins_own_shot_list_or_into_its_words() -> None:
    board = Request(
        "sora-2-pro-storyboard", shots=(Shot("A ferry", Decimal("7.5")), Shot("Gulls.", Decimal("7.5")))
    )
    kling, omni, seedance = offered(board)
    assert kling.quote.kie_credits == 300
    assert kling.quote.input["multi_prompt"] == [
        {"prompt": "A ferry", "duration": 8},
        {"prompt": "Gulls.", "duration": 7},
    ]
    assert omni.quote.kie_credits == 270
    assert omni.quote.input["customize_multi_shots"] is True
    assert seedance.quote.input["prompt"] == "0-7.5s: A ferry. 7.5-15s: Gulls."
    assert "scenes written into the prompt" in seedance.changes


def test_a_long_storyboard_fills_25_seconds_only_where_the_model_has_them() -> None:
    board = Request("sora-2-pro-storyboard", shots=(Shot("A ferry"), Shot("Gulls")), seconds=25)
    found = {offer.request.model: offer for offer in offered(board)}
    assert found["bytedance/seedance-2-5"].quote.kie_credits == 700
    assert found["kling-3.0/video"].quote.seconds == 15
    assert "15 s instead of 25 s" in found["kling-3.0/video"].changes


def test_a_storyboard_with_a_picture_keeps_it() -> None:
    board = Request("sora-2-pro-storyboard", shots=(Shot("A ferry"), Shot("Gulls")), first=picture())
    found = offered(board)
    assert [offer.request.model for offer in found] == [
        "kling-3.0/video",
        "kling-3.0-omni/image-to-video",
        "bytedance/seedance-2-5",
    ]
    assert all(f"picture:{picture().sha256}" in str(offer.quote.input) for offer in found)


def test_what_changes_is_said_in_words() -> None:
    request = plain(CATALOG["sora-2-text-to-video"], aspect="portrait", seconds=15)
    grok, veo, _ = offered(request)
    assert grok.changes == ()
    assert grok.quote.input["aspect_ratio"] == "9:16"
    assert grok.quote.seconds == 15
    assert veo.changes == ("8 s instead of 15 s",)


def test_a_chosen_size_is_matched_by_its_lines() -> None:
    request = plain(CATALOG["sora-2-pro-text-to-video"], quality="high")
    assert [offer.quote.quality for offer in offered(request)] == ["pro", "1080P", "1080p"]
    request = plain(CATALOG["sora-2-pro-text-to-video"], quality="standard")
    assert [offer.quote.quality for offer in offered(request)] == ["std", "720P", "720p"]


def test_a_shape_chosen_against_the_picture_is_told_as_a_change() -> None:
    request = plain(CATALOG["sora-2-image-to-video"], first=picture(900, 1600), aspect="landscape")
    grok = offered(request)[0]
    assert grok.changes == ("the shape of your picture",)
    assert grok.quote.aspect == "9:16"


def test_a_model_without_ranked_stand_ins_gets_the_cheapest_that_take_the_request() -> None:
    found = offered(plain(CATALOG["veo-3-1"]), without=("veo-3-1",))
    prices = [offer.quote.kie_credits for offer in found]
    assert found[0].request.model == "veo-3-1:lite"
    assert prices == sorted(prices)
    assert len(found) == 3


def test_a_stand_in_that_cannot_take_the_picture_is_not_offered() -> None:
    request = plain(CATALOG["sora-2-image-to-video"], first=picture(200, 120))
    assert "minimax-h3/image-to-video" not in [offer.request.model for offer in offered(request)]


def test_wishes_a_stand_in_has_no_field_for_are_dropped_and_named() -> None:
    request = plain(
        CATALOG["sora-2-text-to-video"], remove_watermark=False, extra={"character_id_list": ["one"]}
    )
    grok = offered(request)[0]
    assert grok.changes == ("without character_id_list",)
    request = plain(CATALOG["wan/2-7-text-to-video"], seed=7, negative_prompt="rain")
    (offer, *_) = offered(request, without=("wan/2-7-text-to-video",))
    assert "without the seed" in offer.changes
    assert "without the negative prompt" in offer.changes


def test_the_watermark_remover_has_no_stand_in() -> None:
    assert offered(plain(CATALOG["sora-watermark-remover"])) == []
    assert "Nothing replaces it" in CATALOG["sora-watermark-remover"].status.reason


@pytest.mark.parametrize("model", CATALOG.sold(), ids=lambda model: model.id)
def test_every_offer_is_complete_and_conforms(model: Model) -> None:
    request = plain(model)
    for offer in offered(request, without=(request.model,)):
        target = CATALOG[offer.request.model]
        assert check(target, offer.quote.input) == []
        assert offer.request.pictures == request.pictures
        assert offer.quote.credits >= 1
