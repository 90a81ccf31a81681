"""Values go to columns and back without losing anything; KIE credits never shrink on the way."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.domain import ChatRef, CommunityRef, Picture, Quote, Request, Shot, Video
from bot.store import drafts, plain

EXACT = st.decimals(min_value=0, max_value=10_000_000, places=6)
ANY = st.decimals(min_value=0, max_value=10_000_000, places=12)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
PICTURES = st.builds(
    Picture, HASHES, st.just("image/png"), st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 10**9)
)
REQUESTS = st.builds(
    Request,
    model=st.text(min_size=1, max_size=20),
    prompt=st.text(),
    first=st.none() | PICTURES,
    references=st.lists(PICTURES, max_size=3).map(tuple),
    shots=st.lists(
        st.builds(Shot, st.text(), st.none() | st.decimals(0, 25, places=1)),
        max_size=3,
    ).map(tuple),
    seconds=st.none() | st.integers(1, 60),
    sound=st.none() | st.booleans(),
    seed=st.none() | st.integers(0, 2**31),
    extra=st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.booleans(), max_size=3),
)


@given(EXACT)
def test_kie_credits_of_up_to_six_places_come_back_exactly(amount: Decimal) -> None:
    assert plain.from_micro(plain.to_micro(amount)) == amount


@given(ANY)
def test_a_forecast_is_never_stored_too_low_and_never_a_millionth_too_high(amount: Decimal) -> None:
    stored = plain.from_micro(plain.to_micro(amount))
    assert amount <= stored < amount + Decimal("0.000001")


@given(st.integers(0, 10**13))
def test_what_the_column_holds_is_written_without_an_exponent(micro: int) -> None:
    text = str(plain.from_micro(micro))
    assert "E" not in text or Decimal(text) < Decimal("0.00001")
    assert plain.to_micro(Decimal(text)) == micro


@given(REQUESTS)
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    assert Request.from_json(plain.from_text(plain.to_text(request.to_json()))) == request


@given(EXACT, st.integers(1, 10**6), st.lists(st.text(), max_size=3).map(tuple))
def test_a_quote_comes_back_as_it_was(kie_credits: Decimal, price: int, notes: tuple[str, ...]) -> None:
    quote = Quote("m", "kie/m", {"n": "10", "size": 5}, kie_credits, price, "rule", seconds=10, notes=notes)
    assert drafts.quote_of(drafts.quote_text(quote)) == quote


@given(st.text(), st.booleans(), st.none() | st.integers(-(10**15), 10**15))
def test_a_chat_comes_back_as_it_was(address: str, private: bool, group: int | None) -> None:
    community = CommunityRef("telegram-chat", str(group)) if group is not None else None
    chat = ChatRef("telegram", address, community, private)
    assert drafts.chat_of(drafts.chat_text(chat)) == chat


@given(st.decimals(0, 100, places=3), st.booleans(), st.none() | st.text())
def test_a_video_comes_back_as_it_was(seconds: Decimal, sound: bool, thumbnail: str | None) -> None:
    video = Video("a.mp4", 5, 1280, 720, seconds, sound, thumbnail)
    assert plain.video_of(plain.video_text(video)) == video
