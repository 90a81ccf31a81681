"""A concrete input is held to the model's schema and to every kind of rule between fields."""

from __future__ import annotations

from typing import Any

import pytest

from bot.catalog import check, fill_defaults, load
from bot.catalog.check import CONSTRAINT_KINDS

CATALOG = load()
URL = "https://media.example.org/a.png"


def problems(model_id: str, without: tuple[str, ...] = (), **fields: Any) -> list[tuple[str, str]]:
    model = CATALOG[model_id]
    body = {name: value for name, value in {**model.example, **fields}.items() if name not in without}
    return [(each.kind, each.field) for each in check(model, body)]


@pytest.mark.parametrize(
    ("model_id", "fields", "kind"),
    [
        ("veo-3-1", {"duration": "8"}, "type"),
        ("veo-3-1", {"duration": True}, "type"),
        ("kling-3.0/video", {"duration": 9}, "type"),
        ("kling-3.0/video", {"sound": "true"}, "type"),
        ("veo-3-1", {"duration": 5}, "enum"),
        ("wan/3-0-video", {"resolution": "720p"}, "enum"),
        ("minimax-h3/text-to-video", {"duration": 16}, "range"),
        ("bytedance/seedance-1.5-pro", {"duration": 4.5}, "range"),
        ("grok-imagine/image-to-video", {"duration": "31"}, "range"),
        ("grok-imagine/image-to-video", {"duration": "six"}, "type"),
        ("grok-imagine/image-to-video", {"duration": 6}, "type"),
        ("sora-2-text-to-video", {"prompt": "x" * 10_001}, "length"),
        ("bytedance/seedance-2", {"prompt": "x"}, "length"),
        ("sora-2-image-to-video", {"image_urls": []}, "items"),
        ("sora-2-image-to-video", {"image_urls": [URL, URL]}, "items"),
        ("sora-2-image-to-video", {"image_urls": URL}, "type"),
        ("sora-2-image-to-video", {"image_urls": [5]}, "type"),
        ("sora-2-image-to-video", {"image_urls": ["a.png"]}, "type"),
        ("sora-2-pro-storyboard", {"shots": [{"scene": "A ferry", "duration": 5}]}, "type"),
        ("sora-2-pro-storyboard", {"shots": [{"Scene": "A ferry", "duration": "5"}]}, "type"),
        ("sora-2-pro-storyboard", {"shots": [{"Scene": "A ferry", "duration": 16}]}, "range"),
        ("sora-2-pro-storyboard", {"shots": ["A ferry"]}, "type"),
        ("kling-3.0/video", {"multi_prompt": [{"prompt": "One", "duration": 4.5}]}, "type"),
        ("kling-3.0/video", {"multi_prompt": [{"prompt": "x" * 501, "duration": 4}]}, "length"),
        ("sora-watermark-remover", {"video_url": "https://example.org/v"}, "type"),
        ("veo-3-1", {"colour": "red"}, "unknown"),
    ],
)
def test_a_wrong_field_is_found(model_id: str, fields: dict[str, Any], kind: str) -> None:
    assert problems(model_id, **fields) == [(kind, next(iter(fields)))]


def test_a_missing_field_is_found_even_if_it_has_a_default() -> None:
    assert problems("kling-3.0/video", without=("mode",)) == [("missing", "mode")]
    model = CATALOG["kling-3.0/video"]
    body = {name: value for name, value in model.example.items() if name != "mode"}
    assert fill_defaults(model, body)["mode"] == "pro"
    assert check(model, fill_defaults(model, body)) == []


def test_a_length_left_to_the_model_conforms_though_we_never_send_it() -> None:
    assert problems("wan/3-0-video", duration=-1) == []


def test_a_default_is_not_filled_in_beside_its_rival() -> None:
    omni = CATALOG["kling-3.0-omni/text-to-video"]
    filled = fill_defaults(omni, {"prompt": "A dog", "prefer_multi_shots": True})
    assert "customize_multi_shots" not in filled
    assert check(omni, filled) == []


REFERENCE = {"generation_type": "REFERENCE_2_VIDEO", "image_urls": [URL]}
SHOTS = [{"prompt": "One", "duration": 4}, {"prompt": "Two", "duration": 5}]
# kind, model, what breaks the rule, what keeps it
RULES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("implies", "veo-3-1", {**REFERENCE, "duration": 4}, {**REFERENCE, "duration": 8}),
    ("implies", "veo-3-1:quality", REFERENCE, {}),
    ("implies", "gpt-image-2-text-to-image", {"aspect_ratio": "auto", "resolution": "2K"}, {"aspect_ratio": "auto"}),
    ("forbid", "runway", {"duration": 10, "quality": "1080p"}, {"duration": 10, "quality": "720p"}),
    ("forbid_with", "grok-imagine/image-to-video", {"mode": "spicy"}, {"mode": "fun"}),
    ("needs", "bytedance/seedance-2", {"last_frame_url": URL}, {"last_frame_url": URL, "first_frame_url": URL}),
    ("exclusive", "bytedance/seedance-2", {"first_frame_url": URL, "reference_image_urls": [URL]}, {"first_frame_url": URL}),
    ("at_least_one", "minimax-h3/image-to-video", {"first_frame_url": None}, {"first_frame_url": None, "last_frame_url": URL}),
    ("required_when", "kling-3.0/video", {"multi_prompt": None}, {"multi_prompt": SHOTS}),
    ("required_unless", "runway", {"aspect_ratio": None}, {"aspect_ratio": None, "image_url": URL}),
    ("items_when", "kling-3.0/video", {"image_urls": [URL, URL]}, {"image_urls": [URL]}),
    ("sum_equals", "kling-3.0/video", {"duration": "10"}, {"duration": "9"}),
    ("sum_at_most", "sora-2-pro-storyboard", {"n_frames": "10"}, {"n_frames": "25"}),
    ("weighted_max", "google/gemini-omni-flash-1-1",
     {"first_frame_url": None, "image_urls": [URL] * 5, "video_list": [{"url": URL}], "character_ids": ["a"]},
     {"first_frame_url": None, "image_urls": [URL] * 5, "video_list": [{"url": URL}]}),
    ("max_with", "flux1-kontext", {"safety_tolerance": 3}, {"safety_tolerance": 3, "input_image": None}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "model_id", "breaking", "keeping"), RULES)
def test_a_rule_between_fields_is_kept(
    kind: str, model_id: str, breaking: dict[str, Any], keeping: dict[str, Any]
) -> None:
    model = CATALOG[model_id]
    assert kind in {rule.kind for rule in model.constraints}
    found = check(model, {**model.example, **breaking})
    assert {each.kind for each in found} == {"constraint"}
    assert all(model.plain_name in each.message() for each in found)
    assert check(model, {**model.example, **keeping}) == []


def test_every_kind_of_rule_is_tried() -> None:
    assert {kind for kind, *_ in RULES} == CONSTRAINT_KINDS
