"""Pictures from Discord: copied at once and only for who may come in, looked at before they are fetched."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.simcord_world import PNG, World, button, open_world, text_of

from adapters.discord import pictures
from adapters.discord.pictures import Upload
from bot.domain import Request
from bot.store import drafts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


async def request_of(world: World, message: Any) -> Request:
    draft_id = button(message, "✅ Confirm").split(":")[2]
    draft = await world.house.store.read(lambda tx: drafts.get(tx, draft_id))
    assert draft
    return draft.request


async def test_a_pictures_bytes_are_copied_at_once(world: World) -> None:
    result = await world.ada.slash(world.channel, "video", prompt="a dog", image=("dog.png", PNG))
    first = (await request_of(world, result.response)).first
    assert first
    assert first.sha256 == hashlib.sha256(PNG).hexdigest()
    assert (world.house.settings.pictures_dir / first.sha256).read_bytes() == PNG


async def test_no_address_of_discords_is_kept_with_the_request(world: World) -> None:
    result = await world.ada.slash(world.channel, "video", prompt="a dog", image=("dog.png", PNG))
    assert "http" not in str((await request_of(world, result.response)).to_json())


async def test_a_picture_that_is_far_too_large_is_not_even_fetched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "BYTES_MOST", 100)
    fetched: list[str] = []

    async def fetch(url: str) -> bytes:
        fetched.append(url)
        return PNG

    monkeypatch.setattr(world.client.http, "get_from_cdn", fetch)
    result = await world.ada.slash(world.channel, "video", prompt="a dog", image=("dog.png", PNG))
    assert "too large" in text_of(result.followups[0])
    assert not fetched


async def test_a_picture_that_is_gone_is_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(url: str) -> bytes:
        raise TimeoutError

    monkeypatch.setattr(world.client.http, "get_from_cdn", fetch)
    result = await world.ada.slash(world.channel, "video", prompt="a dog", image=("dog.png", PNG))
    assert "dog.png could not be fetched" in text_of(result.followups[0])


async def test_several_pictures_of_a_message_come_in_their_order(world: World) -> None:
    user = world.env.create_user("carl")
    await world.dm(user, "from here to there", ("a.png", PNG), ("b.jpg", PNG + b"b"))
    request = await request_of(world, world.said_to(user)[-1])
    assert request.first
    assert request.last
    assert request.first.size < request.last.size


@pytest.mark.parametrize(
    ("name", "kind", "is_picture"),
    [
        ("IMG_1.HEIC", "", True),
        ("holiday.jpg", "", True),
        ("scan", "image/webp", True),
        ("film.mp4", "video/mp4", False),
        ("notes.txt", "text/plain", False),
    ],
)
def test_a_picture_is_known_by_its_kind_or_its_name(name: str, kind: str, is_picture: bool) -> None:
    assert Upload("https://cdn.example/x", name, 1, kind).is_picture is is_picture


def message(*files: tuple[str, str], embeds: tuple[Any, ...] = ()) -> Any:
    attachments = [
        SimpleNamespace(url=f"https://cdn.example/{name}", filename=name, size=1, content_type=kind)
        for name, kind in files
    ]
    return SimpleNamespace(attachments=attachments, embeds=embeds, components=())


def test_of_a_message_only_the_pictures_are_taken() -> None:
    found = pictures.pictures_among(message(("a.txt", "text/plain"), ("b.png", "image/png")).attachments)
    assert [each.name for each in found] == ["b.png"]


def test_a_message_without_a_picture_gives_what_it_has_so_that_its_sender_is_told() -> None:
    found = pictures.pictures_among(message(("a.txt", "text/plain")).attachments)
    assert [each.name for each in found] == ["a.txt"]


def test_the_picture_behind_a_link_is_taken_from_discords_own_copy() -> None:
    shown = SimpleNamespace(
        image=SimpleNamespace(proxy_url="https://media.example/copy.png"),
        thumbnail=SimpleNamespace(proxy_url=None),
    )
    assert [each.url for each in pictures.shown_by(message(embeds=(shown,)))] == [
        "https://media.example/copy.png"
    ]
