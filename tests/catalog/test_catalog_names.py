"""Models are found by whatever people call them, and the variant fits what was given."""

from __future__ import annotations

from decimal import Decimal

import pytest
from support.catalog_requests import SORA_LINK, picture

from bot.catalog import fits, load, parse_shots, sora
from bot.domain import Request, Shot
from bot.errors import UserError

CATALOG = load()
WORDS = Request("", prompt="A dog")
IMAGE = WORDS.change(first=picture())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("veo", "veo-3-1"),
        ("Veo 3.1 Lite", "veo-3-1:lite"),
        ("veo-3-1:lite", "veo-3-1:lite"),
        ("VEO 3", "veo-3-1:quality"),
        ("Veo 3 Fast", "veo-3-1"),
        ("sora 2 pro", "sora-2-pro-text-to-video"),
        ("Sora  2", "sora-2-text-to-video"),
        ("kling 3", "kling-3.0/video"),
        ("kling-3.0/video", "kling-3.0/video"),
        ("seedance 2 mini", "bytedance/seedance-2-mini"),
        ("Runway Gen-4 Turbo", "runway"),
        ("Hailuo 2.3", "hailuo/2-3-image-to-video-standard"),
        ("Grok Imagine", "grok-imagine/text-to-video"),
        ("Seedance 1.0 Pro Fast", "bytedance/v1-pro-fast-image-to-video"),
        ("GPT-Image-1", "4o-image-api"),
        ("FLUX.1 Kontext", "flux1-kontext"),
        ("Sora watermark remover", "sora-watermark-remover"),
        ("Sora 2 Pro Storyboard", "sora-2-pro-storyboard"),
    ],
)
def test_a_name_is_understood_however_it_is_written(name: str, found: str) -> None:
    assert CATALOG.find(name).id == found


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"Did you mean Kling 3\.0"):
        CATALOG.find("klingg 3")
    with pytest.raises(UserError, match="Did you mean Sora 2"):
        CATALOG.find("sorra 2")
    with pytest.raises(UserError, match="Did you mean Veo"):
        CATALOG.find("?")


@pytest.mark.parametrize(
    ("name", "request_", "chosen"),
    [
        ("sora 2", WORDS, "sora-2-text-to-video"),
        ("sora 2", IMAGE, "sora-2-image-to-video"),
        ("sora-2-text-to-video", IMAGE, "sora-2-image-to-video"),
        ("sora 2 pro", IMAGE, "sora-2-pro-image-to-video"),
        ("sora 2 pro", Request("", shots=(Shot("One"),)), "sora-2-pro-storyboard"),
        ("sora 2 pro", WORDS.change(shots=(Shot("One"),)), "sora-2-pro-storyboard"),
        ("sora 2", Request("", shots=(Shot("One"),)), "sora-2-pro-storyboard"),
        ("sora 2", Request("", video_url=SORA_LINK), "sora-watermark-remover"),
        ("grok", IMAGE, "grok-imagine/image-to-video"),
        ("minimax", IMAGE, "minimax-h3/image-to-video"),
        ("minimax", WORDS.change(references=(picture(),)), "minimax-h3/reference-to-video"),
        ("pixverse", IMAGE, "pixverse-v6/image-to-video"),
        ("pixverse", IMAGE.change(last=picture()), "pixverse-v6/transition"),
        ("kling 3.0 turbo", IMAGE, "kling/v3-turbo-image-to-video"),
        ("kling 3.0 turbo", IMAGE.change(last=picture()), "kling-3.0/video"),
        ("veo-3-1:quality", WORDS.change(references=(picture(),)), "veo-3-1"),
        ("hailuo 2.3 pro", IMAGE, "hailuo/2-3-image-to-video-pro"),
        ("hailuo", WORDS, "hailuo/2-3-image-to-video-standard"),
        ("veo", IMAGE, "veo-3-1"),
    ],
)
def test_the_variant_fits_what_was_given(name: str, request_: Request, chosen: str) -> None:
    assert CATALOG.choose(name, request_).id == chosen


def test_what_no_variant_takes_falls_to_the_named_model() -> None:
    assert not fits(CATALOG.choose("hailuo", WORDS), WORDS)


def test_sora_is_a_choice_among_six() -> None:
    assert sora(False).model == "sora-2-text-to-video"
    assert sora(True).model == "sora-2-image-to-video"
    assert sora(False, "pro") == sora(False, tier="pro", has_shots=False)
    assert sora(False, "pro").model == "sora-2-pro-text-to-video"
    assert (sora(True, "pro-hd").model, sora(True, "pro-hd").quality) == ("sora-2-pro-image-to-video", "high")
    assert sora(True, "standard", has_shots=True).model == "sora-2-pro-storyboard"
    with pytest.raises(UserError, match="standard, pro or pro-hd"):
        sora(False, "ultra")


def test_kies_string_and_the_inner_tier_lead_to_the_model() -> None:
    tiers = {"veo3_fast": "veo-3-1", "veo3_lite": "veo-3-1:lite", "veo3": "veo-3-1:quality"}
    for tier, model_id in tiers.items():
        found = CATALOG.by_kie("veo-3-1", {"model": tier})
        assert found is not None
        assert found.id == model_id
    without = CATALOG.by_kie("veo-3-1", {"prompt": "A dog"})
    assert without is not None
    assert without.id == "veo-3-1"
    assert CATALOG.by_kie("veo-3-1:lite", {}) is None
    assert CATALOG.by_kie("google/nano-banana-pro", {}) is None


def test_the_picture_limits_suit_every_model_on_sale() -> None:
    limits = CATALOG.picture_limits()
    assert limits.max_bytes == 10_000_000
    assert limits.max_side == 5760
    assert set(limits.mimes) == {"image/jpeg", "image/png"}


def test_scenes_are_read_from_either_key_and_any_spelling() -> None:
    shots = (Shot("A ferry", Decimal("7.5")), Shot("Gulls"))
    assert parse_shots({"shots": [{"Scene": "A ferry", "duration": 7.5}, {"Scene": "Gulls"}]}) == shots
    assert parse_shots({"scenes": [{"scene": "A ferry", "seconds": "7.5"}, {"text": "Gulls"}]}) == shots
    assert parse_shots([{"prompt": "A ferry", "duration": Decimal("7.5")}, "Gulls"]) == shots
    assert parse_shots([{"Scene": "  ", "duration": 3}, "Gulls"]) == shots[1:]
    assert parse_shots({"shots": []}) == ()


@pytest.mark.parametrize(
    "data",
    [
        {"frames": []},
        "A ferry",
        [7],
        [{"Scene": "A ferry", "duration": "long"}],
        [{"Scene": "A ferry", "duration": "NaN"}],
        [{"Scene": "A ferry", "duration": True}],
        [{"Scene": 5}],
    ],
)
def test_scenes_that_cannot_be_read_are_refused(data: object) -> None:
    with pytest.raises(UserError, match="can't be read"):
        parse_shots(data)


def test_scene_seconds_have_limits() -> None:
    for seconds in (0, 0.05, 15.1, -1):
        with pytest.raises(UserError, match=r"0\.1 to 15 s"):
            parse_shots([{"Scene": "A ferry", "duration": seconds}])
    with pytest.raises(UserError, match="11 scenes are too many"):
        parse_shots(["One"] * 11)
