"""Requests become exact: each choice in the model's dialect, and a clear refusal for what it cannot do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from support.catalog_requests import SORA_LINK, picture, plain

from bot.catalog import load, quote, with_addresses
from bot.domain import Picture, Quote, Request, Shot
from bot.errors import UserError

CATALOG = load()
WIDE, TALL, SQUARE = picture(1600, 900), picture(900, 1600), picture(1000, 1000)


def ask(name: str, **choices: Any) -> Quote:
    model = CATALOG.find(name)
    return quote(model, plain(model, **choices), Decimal(1))


def refused(name: str, **choices: Any) -> str:
    with pytest.raises(UserError) as caught:
        ask(name, **choices)
    return caught.value.text()


# --- Sora, to the letter -----------------------------------------------------------------------------------------

SEED = {"prompt": "A dog", "aspect_ratio": "landscape", "n_frames": "10", "remove_watermark": True}


def test_the_seed_bodies_hold_verbatim() -> None:
    also = {"upload_method": "s3"}
    assert ask("sora-2-text-to-video", prompt="A dog").input == {**SEED, **also}
    image = ask("sora-2-image-to-video", prompt="A dog", first=WIDE)
    body = with_addresses(image.input, {WIDE.sha256: "https://media.example.org/dog.jpg"})
    assert body == {**SEED, "image_urls": ["https://media.example.org/dog.jpg"], **also}
    assert ask("sora-2-pro-text-to-video", prompt="A dog").input == {**SEED, "size": "standard", **also}
    assert ask("sora-2-pro-text-to-video", prompt="A dog", quality="high").input == {
        **SEED,
        "size": "high",
        **also,
    }
    assert ask("sora-watermark-remover").input == {"video_url": SORA_LINK, **also}


def test_a_two_shot_storyboard_is_sent_as_sora_wants_it() -> None:
    shots = (Shot("A ferry", Decimal("7.5")), Shot("  "), Shot("Gulls", Decimal("7.5")))
    made = ask("sora-2-pro-storyboard", shots=shots)
    assert made.input == {
        "shots": [{"Scene": "A ferry", "duration": 7.5}, {"Scene": "Gulls", "duration": 7.5}],
        "n_frames": "15",
        "aspect_ratio": "landscape",
        "upload_method": "s3",
    }
    assert made.seconds == 15


def test_scenes_without_seconds_share_the_rest() -> None:
    shots = (Shot("One", Decimal(4)), Shot("Two"), Shot("Three"))
    made = ask("sora-2-pro-storyboard", shots=shots, seconds=10)
    assert [shot["duration"] for shot in made.input["shots"]] == [4, 3, 3]
    made = ask("sora-2-pro-storyboard", shots=(Shot("One"), Shot("Two"), Shot("Three")))
    assert [shot["duration"] for shot in made.input["shots"]] == [3.3, 3.4, 3.3]
    long = (Shot("One", Decimal(12)), Shot("Two"))
    assert ask("sora-2-pro-storyboard", shots=long).seconds == 15


def test_scenes_that_do_not_add_up_are_refused_with_what_would() -> None:
    two = (Shot("One", Decimal(5)), Shot("Two", Decimal("6.5")))
    assert "add up to 11.5 s" in refused("sora-2-pro-storyboard", shots=two)
    assert "10, 15 or 25 s" in refused("sora-2-pro-storyboard", shots=two)
    assert "but the video has 15 s" in refused("sora-2-pro-storyboard", shots=two, seconds=15)
    full = (Shot("One", Decimal(10)), Shot("Two"))
    assert "what is left" in refused("sora-2-pro-storyboard", shots=full, seconds=10)
    assert "10 s at most" not in refused("sora-2-pro-storyboard", shots=full, seconds=12)
    many = tuple(Shot(f"Scene {number}") for number in range(11))
    assert "11 scenes are too many" in refused("sora-2-pro-storyboard", shots=many)
    assert "0.1 to 15 s" in refused("sora-2-pro-storyboard", shots=(Shot("One", Decimal(16)),))


def test_a_storyboard_takes_scenes_only() -> None:
    assert "made of scenes" in refused("sora-2-pro-storyboard", shots=())
    assert "into the scenes" in refused("sora-2-pro-storyboard", prompt="And rain")
    assert "takes no list of scenes" in refused("veo", shots=(Shot("One"),))


@pytest.mark.parametrize(
    "link",
    [
        "http://sora.chatgpt.com/p/s_1",
        "https://sora.chatgpt.com.evil.example/p/s_1",
        "https://chatgpt.com/p/s_1",
        "sora.chatgpt.com/p/s_1",
    ],
)
def test_the_watermark_remover_takes_only_public_sora_links(link: str) -> None:
    assert "https://sora.chatgpt.com/" in refused("sora-watermark-remover", video_url=link)


def test_the_watermark_remover_takes_at_most_500_characters_and_needs_a_link() -> None:
    assert "500 at most" in refused("sora-watermark-remover", video_url=SORA_LINK + "x" * 500)
    assert "address of a video" in refused("sora-watermark-remover", video_url=None)
    assert "takes no prompt" in refused("sora-watermark-remover", prompt="A dog")
    assert "takes no video" in refused("sora-2-text-to-video", video_url=SORA_LINK)


# --- length, size, shape, sound ----------------------------------------------------------------------------------


def test_lengths_are_numbers_or_text_as_the_model_wants_them() -> None:
    assert ask("veo", seconds=4).input["duration"] == 4
    assert ask("kling", seconds=7).input["duration"] == "7"
    assert ask("grok imagine", seconds=20).input["duration"] == 20
    assert ask("grok-imagine/image-to-video", seconds=20).input["duration"] == "20"


def test_a_length_that_is_not_sold_is_refused_with_the_lengths_there_are() -> None:
    assert refused("veo", seconds=5).endswith("Choose 4, 6 or 8 s.")
    assert refused("wan", seconds=31).endswith("Choose 2 to 30 s.")
    assert "isn't sold" not in refused("hailuo", seconds=10, quality="1080p")
    assert "can't do length 10 and size 1080P together" in refused("hailuo", seconds=10, quality="1080p")


@pytest.mark.parametrize(
    ("name", "word", "sent"),
    [
        ("kling", "low", "std"),
        ("kling", "standard", "std"),
        ("kling", "high", "pro"),
        ("kling", "max", "4K"),
        ("kling", "1080p", "pro"),
        ("kling", "4k", "4K"),
        ("kling", "2160p", "4K"),
        ("wan", "720p", "720P"),
        ("minimax", "standard", "768P"),
        ("minimax", "high", "2K"),
        ("sora 2 pro", "1080p", "high"),
        ("sora 2 pro", "STANDARD", "standard"),
        ("seedance 2.0 fast", "high", "720p"),
        ("veo", "max", "4k"),
    ],
)
def test_sizes_are_understood_in_neutral_words_and_in_the_models_own(name: str, word: str, sent: str) -> None:
    assert ask(name, quality=word).quality == sent


def test_a_size_that_is_not_sold_is_refused_with_the_sizes_there_are() -> None:
    assert refused("seedance 2.0 fast", quality="4k").endswith("Choose 480p or 720p.")
    assert refused("kling", quality="8k").endswith("Choose std (720p), pro (1080p) or 4K (2160p).")
    assert "one size only" in refused("sora 2", quality="high")
    assert ask("sora 2", quality="standard").quality is None


@pytest.mark.parametrize(
    ("name", "wish", "sent"),
    [
        ("veo", "portrait", "9:16"),
        ("sora 2", "portrait", "portrait"),
        ("sora 2", "16:9", "landscape"),
        ("minimax", "square", "1:1"),
        ("wan 2.7", "4:3", "4:3"),
    ],
)
def test_shapes_are_understood_in_words_and_numbers(name: str, wish: str, sent: str) -> None:
    body = ask(name, aspect=wish).input
    assert body.get("aspect_ratio", body.get("ratio")) == sent


def test_a_shape_that_is_not_there_is_refused_with_the_shapes_there_are() -> None:
    assert refused("veo", aspect="1:1").endswith("Choose 16:9 or 9:16.")
    assert "no choice of shape" in refused("wan 2.6", aspect="16:9")


def test_a_picture_decides_the_shape_when_none_was_chosen() -> None:
    made = ask("veo", first=picture(3000, 4000))
    assert made.input["aspect_ratio"] == "9:16"
    assert made.aspect == "9:16"
    assert made.notes == ("Shape 9:16, the nearest to your picture.",)
    assert ask("seedance", first=picture(4000, 3000)).aspect == "4:3"
    assert ask("sora-2-image-to-video", first=TALL).input["aspect_ratio"] == "portrait"
    assert ask("veo", first=TALL, aspect="16:9").notes == ()


def test_where_the_model_follows_the_picture_no_shape_is_sent() -> None:
    kling = ask("kling", first=picture(4032, 3024))
    assert "aspect_ratio" not in kling.input
    assert kling.aspect == "4:3"
    assert ask("kling-3.0-omni/image-to-video", first=TALL).input["aspect_ratio"] == "auto"
    assert ask("hailuo", first=picture(1000, 523)).aspect == "1.91:1"
    assert ask("kling", first=TALL, aspect="portrait").aspect == "9:16"
    assert "takes its shape from your picture (9:16)" in refused("kling", first=TALL, aspect="landscape")
    assert "takes its shape from your picture (1:1)" in refused("hailuo", first=SQUARE, aspect="4:3")


def test_grok_heeds_a_shape_beside_several_pictures() -> None:
    two = {"first": WIDE, "references": (TALL,)}
    made = ask("grok-imagine/image-to-video", aspect="square", **two)
    assert made.input["aspect_ratio"] == "1:1"
    assert len(made.input["image_urls"]) == 2
    assert "aspect_ratio" not in ask("grok-imagine/image-to-video", first=WIDE).input


def test_sound_is_switched_or_its_lack_is_told() -> None:
    assert ask("kling", sound=False).input["sound"] is False
    assert ask("pixverse", sound=True).input["generate_audio_switch"] is True
    assert ask("veo", sound=True).sound is True
    assert "always makes sound" in refused("veo", sound=False)
    assert "silent" in refused("runway", sound=True)
    assert ask("wan 2.6", sound=True).notes == ("KIE doesn't say whether Wan 2.6 makes sound.",)


def test_the_watermark_is_removed_unless_it_is_wanted() -> None:
    assert ask("sora 2").input["remove_watermark"] is True
    assert ask("sora 2", remove_watermark=False).input["remove_watermark"] is False
    assert ask("wan 2.7", remove_watermark=False).input["watermark"] is True
    assert "watermark" not in ask("veo", remove_watermark=True).input
    assert "no watermark to keep" in refused("veo", remove_watermark=False)


def test_seed_and_negative_prompt_go_where_there_is_a_field() -> None:
    body = ask("wan 2.7", seed=7, negative_prompt="rain").input
    assert (body["seed"], body["negative_prompt"]) == (7, "rain")
    assert "takes no seed" in refused("veo", seed=7)
    assert "takes no negative prompt" in refused("veo", negative_prompt="rain")
    assert "goes from 0 to 2147483647" in refused("wan 2.7", seed=-1)


# --- words and pictures ------------------------------------------------------------------------------------------


def test_words_are_needed_and_limited() -> None:
    assert "What should be in the video?" in refused("veo", prompt="  ")
    assert "What should be in the video?" in refused("seedance", prompt="")
    assert "What should be in the video?" in refused("kling", prompt="")
    assert "801 characters, 800 at most" in refused("wan 2.5", prompt="x" * 801)
    assert "2 characters, 3 at least" in refused("seedance", prompt="Hi")
    assert "prompt" not in ask("happyhorse-1-1/image-to-video", prompt="").input


def test_veo_is_told_what_its_pictures_are() -> None:
    assert ask("veo").input["generation_type"] == "TEXT_2_VIDEO"
    frames = ask("veo", first=WIDE, last=TALL).input
    assert frames["generation_type"] == "FIRST_AND_LAST_FRAMES_2_VIDEO"
    assert frames["image_urls"] == [f"picture:{WIDE.sha256}", f"picture:{TALL.sha256}"]
    guided = ask("veo", references=(WIDE, TALL, SQUARE)).input
    assert guided["generation_type"] == "REFERENCE_2_VIDEO"
    assert len(guided["image_urls"]) == 3
    assert "length must be 8" in refused("veo", references=(WIDE,), seconds=4)
    assert "no reference pictures" in refused("veo 3", references=(WIDE,))


def test_first_and_last_pictures_stand_in_the_models_own_fields() -> None:
    body = ask("seedance", first=WIDE, last=TALL).input
    assert body["first_frame_url"] == f"picture:{WIDE.sha256}"
    assert body["last_frame_url"] == f"picture:{TALL.sha256}"
    assert ask("kling", first=WIDE, last=TALL).input["image_urls"][1] == f"picture:{TALL.sha256}"
    assert ask("minimax-h3/image-to-video", first=None, last=TALL).input["last_frame_url"]


def test_pictures_a_model_cannot_take_are_refused() -> None:
    grok = refused("grok-imagine/text-to-video", first=WIDE)
    assert grok == "Grok Imagine (text) starts from words alone; Grok Imagine (image) takes a picture."
    assert "starts from a picture" in refused("hailuo", first=None)
    assert "no last picture" in refused("runway", first=WIDE, last=TALL)
    assert "needs a first picture" in refused("seedance", last=TALL)
    assert "needs a first picture" in refused("veo", last=TALL)
    assert "needs a last picture" in refused("pixverse transition", last=None)
    assert "not both" in refused("seedance", first=WIDE, references=(TALL,))
    assert "at most 9 pictures, not 10" in refused("seedance", references=(WIDE,) * 10)
    assert "as references" in refused("minimax-h3/reference-to-video", first=WIDE)


def test_a_picture_out_of_a_models_limits_is_refused_with_the_limit() -> None:
    omni = "kling-3.0-omni/image-to-video"
    assert "Each side needs at least 300 pixels" in refused(omni, first=picture(290, 400))
    assert "0.4 to 2.5" in refused(omni, first=picture(3000, 1000))
    assert "0.4 to 2.5" in refused(omni, first=picture(1000, 3000))
    assert "more than 5760 pixels" in refused("minimax-h3/image-to-video", first=picture(6000, 4000))
    assert "JPEG, PNG" in refused("kling", first=picture(mime="image/webp"))
    assert "up to 10 MB" in refused("kling", first=Picture("a" * 64, "image/png", 900, 900, 10_000_001))


def test_kling_scenes_are_whole_seconds_in_its_own_list() -> None:
    made = ask("kling", prompt="", shots=(Shot("One"), Shot("Two"), Shot("Three")), seconds=10)
    assert made.input["multi_shots"] is True
    assert [each["duration"] for each in made.input["multi_prompt"]] == [3, 4, 3]
    assert made.input["duration"] == "10"
    assert "whole seconds" in refused("kling", shots=(Shot("One", Decimal("4.5")), Shot("Two")))
    assert "at most 5" in refused("kling", shots=tuple(Shot(f"Scene {n}") for n in range(6)), seconds=12)
    assert "501 characters, 500 at most" in refused("kling", shots=(Shot("x" * 501),), seconds=5)
    assert "takes 1 to 12 s" in refused("kling", shots=(Shot("One", Decimal(13)),), seconds=13)


# --- a model's own fields ----------------------------------------------------------------------------------------


def test_own_fields_are_read_as_their_type() -> None:
    assert ask("seedance", extra={"web_search": "on"}).input["web_search"] is True
    assert ask("veo", extra={"duration": "6"}).seconds == 6
    assert ask("sora 2", extra={"character_id_list": "one, two"}).input["character_id_list"] == ["one", "two"]
    assert ask("grok imagine", extra={"mode": "fun"}).input["mode"] == "fun"
    assert ask("veo", extra={"watermark": "kiebot"}).input["watermark"] == "kiebot"


def test_own_fields_that_must_not_be_set_are_refused() -> None:
    assert "has no field colour. It has: prompt," in refused("veo", extra={"colour": "red"})
    assert "must be a whole number" in refused("veo", extra={"duration": "six"})
    assert "must be on or off" in refused("seedance", extra={"web_search": "maybe"})
    assert "set by the bot" in refused("seedance", extra={"nsfw_checker": "false"})
    assert "set by the bot" in refused("seedance", extra={"return_last_frame": "true"})
    assert "set by the bot" in refused("veo", extra={"model": "veo3"})
    assert "set by the bot" in refused("sora 2", extra={"upload_method": "oss"})
    assert "can't be spicy" in refused("grok imagine", extra={"mode": "spicy"})
    assert "attach the picture" in refused("seedance", extra={"first_frame_url": "https://example.org/a.png"})


def test_the_hidden_tier_of_veo_is_sent_for_each_of_its_models() -> None:
    tiers = {name: ask(name).input["model"] for name in ("veo-3-1", "veo-3-1:lite", "veo-3-1:quality")}
    assert list(tiers.values()) == ["veo3_fast", "veo3_lite", "veo3"]
    assert {ask(name).kie_model for name in tiers} == {"veo-3-1"}


def test_a_missing_picture_address_is_a_programming_error() -> None:
    made = ask("hailuo", first=WIDE)
    with pytest.raises(KeyError):
        with_addresses(made.input, {})


def test_an_image_model_is_not_offered_yet() -> None:
    assert "not offered yet" in refused("nano banana")
    with pytest.raises(UserError, match="not offered yet"):
        quote(CATALOG["topaz/video-upscale"], Request("topaz/video-upscale"), Decimal(1))
