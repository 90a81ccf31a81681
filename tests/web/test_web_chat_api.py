"""The web chat's HTTP API: read strictly, answered in sentences, everybody's things their own."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.site import ADA, Site, site


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", ["a" * 33, "-ada", "ada:1", "a%20b", "a_b"])
async def test_a_name_has_letters_digits_and_hyphens(local: Site, name: str) -> None:
    answer = await local.client.get(f"/chat/api/{name}/start")
    assert answer.status_code == 422
    assert "letters, digits and hyphens" in answer.json()["error"]


@pytest.mark.parametrize(
    "asked",
    [
        None,
        [],
        {"prompt": 7},
        {"seconds": "8"},
        {"seconds": True},
        {"sound": "on"},
        {"pictures": "x"},
        {"pictures": [{"role": "first"}]},
        {"pictures": [{"role": "hat", "sha256": "0"}]},
        {"shots": ["a"]},
    ],
)
async def test_what_the_page_sends_is_read_strictly(local: Site, asked: Any) -> None:
    answer = await local.client.post("/chat/api/ada/quotes", json={"key": "12345678", "request": asked})
    assert answer.status_code == 422
    assert "Reload it" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"{bad",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"key": "12345678", "request": {"prompt": "a \\ud800 b"}}',
    ],
    ids=["no JSON", "no text", "too deep", "half a character"],
)
@pytest.mark.parametrize("charset", ["utf-8", "bogus"])
async def test_a_body_that_cannot_be_read_is_answered_with_a_sentence(
    local: Site, body: bytes, charset: str
) -> None:
    headers = {"Content-Type": f"application/json; charset={charset}"}
    answer = await local.client.post("/chat/api/ada/quotes", content=body, headers=headers)
    assert answer.status_code == 422
    assert "Reload it" in answer.json()["error"]


async def test_somebody_else_s_picture_draft_and_job_are_out_of_reach(local: Site) -> None:
    job = await local.order()
    quoted = await local.client.post(
        "/chat/api/ada/quotes", json={"key": "12345678", "request": {"prompt": "Waves"}}
    )
    draft = quoted.json()["id"]
    sha256 = hashlib.sha256(b"a picture").hexdigest()
    for method, path in (
        ("GET", f"drafts/{draft}"),
        ("POST", f"drafts/{draft}/order"),
        ("POST", f"jobs/{job.id}/cancel"),
        ("GET", f"jobs/{job.id}/details"),
        ("GET", f"pictures/{sha256}"),
    ):
        answer = await local.client.request(method, f"/chat/api/eve/{path}", json={"key": "12345678"})
        assert answer.status_code == 422, path


async def test_the_same_message_sent_twice_is_one_quote_and_one_job(local: Site) -> None:
    asked = {"key": "12345678", "request": {"prompt": "Waves"}}
    one, two = [(await local.client.post("/chat/api/ada/quotes", json=asked)).json() for _ in range(2)]
    assert one["id"] == two["id"]
    path = f"/chat/api/ada/drafts/{one['id']}/order"
    pressed = [(await local.client.post(path, json={"key": "12345678"})).json()["id"] for _ in range(2)]
    assert pressed[0] == pressed[1]
    assert (await local.core.studio.balance(ADA)).held == 30


async def test_a_card_in_an_old_tab_orders_at_its_own_price_or_not_at_all(local: Site) -> None:
    asked = {"key": "12345678", "request": {"prompt": "Waves"}}
    old = (await local.client.post("/chat/api/ada/quotes", json=asked)).json()
    changed = {"key": "12345679", "request": {"prompt": "Waves", "model": "veo-3-1:quality"}}
    new = (await local.client.post(f"/chat/api/ada/drafts/{old['id']}", json=changed)).json()
    assert new["credits"] > old["credits"] == 30
    path = f"/chat/api/ada/drafts/{old['id']}/order"
    refused = await local.client.post(path, json={"key": "12345670", "price": old["credits"]})
    assert (refused.status_code, refused.json()["card"]["credits"]) == (409, new["credits"])
    assert (await local.core.studio.balance(ADA)).held == 0
    await local.client.post(path, json={"key": "12345671", "price": new["credits"]})
    assert (await local.core.studio.balance(ADA)).held == new["credits"]


async def test_a_picture_that_is_too_big_is_refused_on_the_way(local: Site) -> None:
    answer = await local.client.post("/chat/api/ada/pictures", content=b"x" * 20_000_001)
    assert (answer.status_code, "at most 20 MB" in answer.json()["error"]) == (422, True)


async def test_too_many_commands_are_slowed_down_with_a_sentence(tmp_path: Path) -> None:
    async with site(tmp_path, commands_per_minute=2) as made:
        asked = {"key": "12345678", "request": {"prompt": "Waves"}}
        answers = [await made.client.post("/chat/api/ada/quotes", json=asked) for _ in range(4)]
        assert [each.status_code for each in answers] == [200, 200, 422, 429]
        assert "at most 2 commands" in answers[3].json()["error"]


async def test_a_stopping_server_does_not_wait_for_open_pages(tmp_path: Path) -> None:
    async with site(tmp_path) as made, made.client.stream("GET", "/chat/api/ada/events") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "event: state"
        await made.server.stop()
        rest = [line async for line in lines]
        assert rest
