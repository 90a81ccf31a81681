"""Whatever a member asks is either refused in words or becomes a conforming, priced input."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.catalog_requests import SORA_LINK, picture

from bot.catalog import Model, check, fits, load, offers, options, quote, with_addresses
from bot.catalog.shots import spread
from bot.domain import Picture, Quote, Request, Shot
from bot.errors import UserError

CATALOG = load()

models = st.sampled_from(CATALOG.sold())
pictures = st.builds(picture, st.integers(200, 6500), st.integers(200, 6500), st.sampled_from("abc"))
shots = st.lists(
    st.builds(Shot, st.sampled_from(["One", "Two", " "]), st.none() | st.integers(1, 150).map(lambda n: Decimal(n) / 10)),
    max_size=11,
)  # fmt: skip
anything = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.text(max_size=40) | st.just("A dog " * 500),
        "first": pictures,
        "last": pictures,
        "references": st.lists(pictures, max_size=4).map(tuple),
        "shots": shots.map(tuple),
        "video_url": st.sampled_from([SORA_LINK, "https://example.org/v"]),
        "aspect": st.sampled_from(["portrait", "landscape", "square", "16:9", "4:3", "auto", "7:5", "wide"]),
        "seconds": st.integers(-1, 31),
        "quality": st.sampled_from(["low", "standard", "high", "max", "720p", "1080P", "4k", "std", "tiny"]),
        "sound": st.booleans(),
        "remove_watermark": st.booleans(),
        "seed": st.integers(-1, 2**31),
        "negative_prompt": st.just("rain"),
        "extra": st.dictionaries(
            st.sampled_from(["mode", "duration", "nsfw_checker", "seed", "web_search", "x"]),
            st.text(max_size=4) | st.sampled_from(["6", "true", "spicy", "-1"]),
            max_size=2,
        ),
    },
)


@st.composite
def sensible(draw: st.DrawFn) -> tuple[Model, Request]:
    """Choices a chat would show for the model."""
    model = draw(models)
    shown = options(model)
    request = Request(
        model.id, prompt=draw(st.text("abc ", min_size=3, max_size=40).filter(str.strip)) + "..."
    )
    choices: dict[str, Any] = {}
    if model.role("prompt") is None:
        choices["prompt"] = ""
    if model.id == "sora-watermark-remover":
        choices["video_url"] = SORA_LINK
    if shown.shots_max and (model.role("prompt") is None or draw(st.booleans())):
        choices["shots"] = tuple(Shot(f"Scene {n}") for n in range(draw(st.integers(1, 3))))
    elif shown.lengths:
        choices["seconds"] = draw(st.sampled_from(shown.lengths))
    fair = st.builds(picture, st.integers(900, 1900), st.integers(900, 1900), st.sampled_from("abc"))
    if shown.first and (shown.needs_picture or draw(st.booleans())):
        choices["first"] = draw(fair)
        last = model.role("last_frame")
        if last and last.required:
            choices["last"] = draw(fair)
    elif shown.needs_picture:
        choices["references"] = (draw(fair),)
    elif shown.aspects:
        choices["aspect"] = draw(st.sampled_from(shown.aspects))
    if shown.sizes:
        choices["quality"] = draw(st.sampled_from([size.word for size in shown.sizes] + ["low", "standard"]))
    if shown.sound == "switch":
        choices["sound"] = draw(st.booleans())
    return model, request.change(**choices)


def quoted(model: Model, request: Request) -> Quote | str:
    """The quote, or the refusal in words."""
    try:
        return quote(model, request, Decimal("1.3"))
    except UserError as problem:
        return problem.text()


@settings(max_examples=600, deadline=None)
@given(model=models, choices=anything)
def test_whatever_is_asked_is_refused_in_words_or_conforms(model: Model, choices: dict[str, Any]) -> None:
    request = Request(model.id, **choices)
    made = quoted(model, request)
    if isinstance(made, str):
        assert made
        return
    assert fits(model, request)
    assert check(model, made.input) == []
    assert made.kie_credits > 0
    assert made.credits >= made.kie_credits
    addresses = {each.sha256: "https://media.example.org/a.png" for each in request.pictures}
    resolved = with_addresses(made.input, addresses)
    assert check(model, resolved) == []
    assert "picture:" not in json.dumps(resolved)
    assert made.input.get("mode") != "spicy"
    assert made.input.get("nsfw_checker", True) is True


@settings(max_examples=300, deadline=None)
@given(sensible())
def test_what_a_chat_shows_can_be_ordered(pair: tuple[Model, Request]) -> None:
    model, request = pair
    made = quoted(model, request)
    if isinstance(made, str):
        # The one thing a list of choices cannot show: two of them that exclude each other.
        assert "together" in made
        return
    assert check(model, made.input) == []
    if request.seconds is not None:
        assert made.seconds == request.seconds


@settings(max_examples=150, deadline=None)
@given(model=models, choices=anything)
def test_an_offer_keeps_the_pictures_and_conforms(model: Model, choices: dict[str, Any]) -> None:
    request = Request(model.id, **choices)
    for offer in offers(CATALOG, request, model, lambda each: each != model.id):
        target = CATALOG[offer.request.model]
        assert target is not model
        assert offer.request.pictures == request.pictures
        assert check(target, offer.quote.input) == []
        assert quote(target, offer.request, Decimal(1)) == offer.quote


@given(st.integers(1, 30), st.lists(st.integers(1, 150), min_size=1, max_size=10), st.booleans())
def test_shared_seconds_add_up_exactly(total: int, weights: list[int], whole: bool) -> None:
    shares = spread(Decimal(total), [Decimal(weight) for weight in weights], whole)
    assert sum(shares) == total
    assert all(share >= 0 for share in shares)
    if whole:
        assert all(share % 1 == 0 for share in shares)


@given(st.integers(1, 9000), st.integers(1, 9000))
def test_any_picture_has_a_shape_in_words(width: int, height: int) -> None:
    model = CATALOG["hailuo/2-3-image-to-video-standard"]
    request = Request(model.id, prompt="A dog", first=Picture("a" * 64, "image/png", width, height, 1000))
    shape = quote(model, request, Decimal(1)).aspect
    assert shape
    assert ":" in shape
