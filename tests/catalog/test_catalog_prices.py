"""Prices come out of the rules as listed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.catalog_requests import picture, plain

from bot.catalog import Facts, load, price, price_from, quote
from bot.domain import Shot
from bot.errors import UserError

CATALOG = load()

TYPICAL = [
    ("Runway", "12"),
    ("Grok Imagine (text)", "27"),
    ("Veo 3.1 Lite", "30"),
    ("Hailuo 2.3 Standard", "30"),
    ("Seedance 1.5 Pro", "35"),
    ("Seedance 2.0 Mini", "41"),
    ("MiniMax H3 (text)", "48"),
    ("PixVerse V6 (text)", "48"),
    ("Veo 3.1 Fast", "60"),
    ("Wan 2.6 (text)", "70"),
    ("Wan 3.0", "80"),
    ("Wan 2.7 (text)", "80"),
    ("Gemini Omni Flash 1.1", "84"),
    ("Kling 3.0 Turbo (text)", "90"),
    ("Kling 3.0 Omni (text)", "90"),
    ("Kling 3.0", "100"),
    ("Kling 2.6 (text)", "110"),
    ("HappyHorse 1.1 (text)", "112.5"),
    ("Seedance 2.0 Fast", "124"),
    ("Seedance 2.0", "205"),
    ("Veo 3.1 Quality", "250"),
    ("Seedance 2.5", "315"),
]


@pytest.mark.parametrize(("name", "amount"), TYPICAL)
def test_a_clip_with_nothing_chosen_costs_what_a_typical_clip_costs(name: str, amount: str) -> None:
    model = CATALOG.find(name)
    assert quote(model, plain(model), Decimal(1)).kie_credits == Decimal(amount)


SORA = [
    ("sora-2-text-to-video", {}, 30),
    ("sora-2-text-to-video", {"seconds": 15}, 45),
    ("sora-2-image-to-video", {}, 30),
    ("sora-2-image-to-video", {"seconds": 15}, 45),
    ("sora-2-pro-text-to-video", {}, 150),
    ("sora-2-pro-text-to-video", {"seconds": 15}, 270),
    ("sora-2-pro-text-to-video", {"quality": "high"}, 330),
    ("sora-2-pro-image-to-video", {"quality": "high", "seconds": 15}, 630),
    ("sora-2-pro-storyboard", {}, 150),
    ("sora-2-pro-storyboard", {"seconds": 15}, 270),
    ("sora-2-pro-storyboard", {"seconds": 25}, 270),
    ("sora-watermark-remover", {}, 10),
]


@pytest.mark.parametrize(("model_id", "choices", "amount"), SORA)
def test_sora_costs_the_last_known_price(model_id: str, choices: dict[str, Any], amount: int) -> None:
    model = CATALOG[model_id]
    assert quote(model, plain(model, **choices), Decimal(1)).kie_credits == amount


def test_the_rule_tells_how_the_price_came() -> None:
    lite, grok, kling = (CATALOG.find(name) for name in ("Veo 3.1 Lite", "Grok Imagine", "Kling 3.0"))
    assert quote(lite, plain(lite), Decimal(1)).rule == "Veo 3.1 Lite, 720p: 30 KIE credits a video"
    rule = quote(grok, plain(grok, seconds=10), Decimal(1)).rule
    assert rule == "Grok Imagine, 720p: 4.5 KIE credits × 10 s"
    assert quote(kling, plain(kling, sound=False), Decimal(1)).rule.startswith(
        "Kling 3.0, std, without sound:"
    )


def test_the_members_price_is_rounded_up() -> None:
    grok = CATALOG.find("Grok Imagine")
    made = quote(grok, plain(grok, quality="480p"), Decimal("1.0"))
    assert made.kie_credits == Decimal("14.4")
    assert made.credits == 15


def test_pictures_beyond_the_free_ones_cost_extra() -> None:
    h3 = CATALOG["minimax-h3/reference-to-video"]
    seven = tuple(picture(seed=str(number)) for number in range(7))
    made = quote(h3, plain(h3, references=seven), Decimal(1))
    assert made.kie_credits == 48 + 2 * 4
    assert "× 2 extra pictures" in made.rule


def test_a_reference_clip_is_billed_on_seconds_in_and_out() -> None:
    seedance = CATALOG["bytedance/seedance-2"]
    body = {**seedance.example, "reference_video_urls": ["https://media.example.org/clip.mp4"]}
    assert price(seedance, body, Facts(input_seconds=Decimal(4)))[0] == 25 * (5 + 4)
    h3 = CATALOG["minimax-h3/reference-to-video"]
    body = {**h3.example, "reference_video_urls": ["https://media.example.org/clip.mp4"]}
    assert price(h3, body, Facts(input_seconds=Decimal(3)))[0] == 8 * 5 + 8 * 3


def test_a_clip_of_unknown_length_has_no_price() -> None:
    seedance = CATALOG["bytedance/seedance-2"]
    body = {**seedance.example, "reference_video_urls": ["https://media.example.org/clip.mp4"]}
    with pytest.raises(UserError, match="no known price"):
        price(seedance, body)


def test_prices_that_hang_on_the_earlier_task_or_a_sound_file() -> None:
    priced = [
        ("veo/extend", Facts(source_tier="veo3_fast"), 60),
        ("grok-imagine/extend", Facts(source_resolution="480p"), Decimal("14.4")),
        ("grok-imagine/upscale", Facts(source_resolution="360p"), 10),
        ("topaz/video-upscale", Facts(source_seconds=Decimal(10)), 80),
        ("infinitalk/from-audio", Facts(audio_seconds=Decimal(10)), 30),
        ("kling/ai-avatar-standard", Facts(audio_seconds=Decimal(10)), 80),
        ("flux1-kontext", Facts(tier="pro"), 5),
    ]
    for model_id, facts, amount in priced:
        assert price(CATALOG[model_id], CATALOG[model_id].example, facts)[0] == amount


def test_a_size_without_a_listed_price_is_not_sold() -> None:
    grok = CATALOG["grok-imagine-video-1-5-preview"]
    with pytest.raises(UserError, match=r"480p or 720p"):
        quote(grok, plain(grok, quality="1080p"), Decimal(1))
    with pytest.raises(UserError, match=r"combination\. On sale: 480p or 720p"):
        quote(grok, plain(grok, extra={"resolution": "1080p"}), Decimal(1))


def test_a_length_left_to_the_model_is_not_sold() -> None:
    for model_id in ("bytedance/seedance-2-5", "wan/3-0-video"):
        model = CATALOG[model_id]
        with pytest.raises(UserError):
            quote(model, plain(model, extra={"duration": "-1"}), Decimal(1))
        with pytest.raises(UserError):
            quote(model, plain(model, seconds=-1), Decimal(1))
        with pytest.raises(UserError, match="no known price"):
            price(model, {**model.example, "duration": -1})


def test_several_shots_are_billed_on_their_sum() -> None:
    kling = CATALOG["kling-3.0/video"]
    shots = (Shot("One", Decimal(4)), Shot("Two", Decimal(5)))
    assert quote(kling, plain(kling, prompt="", shots=shots), Decimal(1)).kie_credits == 9 * 20


def test_list_prices_leave_reference_clips_aside() -> None:
    assert price_from(CATALOG["bytedance/seedance-2-5"]) == (Decimal(28), "second")
    assert price_from(CATALOG["veo-3-1:lite"]) == (Decimal(30), "video")
    assert price_from(CATALOG["nano-banana-pro"]) == (Decimal(18), "image")
