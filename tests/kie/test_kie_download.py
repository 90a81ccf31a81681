"""Bringing results home: streamed, capped, without the key, from checked addresses only."""

from __future__ import annotations

import gzip
import ipaddress
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from support.clock import FakeClock
from support.kie_server import Answer, KieServer, cut, drop, kie_server, moved, plain

from bot.errors import ProviderError, RetryLater
from bot.kie.address import check, is_public, origin, read_url, resolve_name
from bot.kie.client import KieClient
from bot.kie.download import Downloader

VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 4000
LIMIT = 10_000_000


@asynccontextmanager
async def kie(addresses: Sequence[str] = ("127.0.0.1",)) -> AsyncIterator[tuple[KieServer, KieClient]]:
    """A client for whom every name resolves to `addresses`."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    async with kie_server() as server:
        clock = FakeClock()
        async with KieClient(
            ["key-1234"], clock=clock, api_url=server.url, upload_url="https://up.example", resolve=resolve
        ) as client:
            yield server, client


async def test_a_video_arrives_whole_and_without_the_key_being_shown(tmp_path: Path) -> None:
    async with kie() as (server, client):
        server.script("/v.mp4", plain(VIDEO, content_type="video/mp4"))
        target = tmp_path / "v.part"
        assert await client.download(f"{server.url}/v.mp4", target, LIMIT) == len(VIDEO)
        assert target.read_bytes() == VIDEO
        assert "Authorization" not in server.seen[0].headers


@pytest.mark.parametrize(
    "trouble",
    [
        drop,
        cut(VIDEO[:5000], len(VIDEO)),
        plain("busy", 503),
        plain("no", 403),
        plain("<html>one moment, please", content_type="text/html"),
        plain('{"code":500}', content_type="application/json"),
        plain(b""),
    ],
    ids=["dropped", "truncated", "503", "403", "html", "json", "empty"],
)
async def test_a_passing_trouble_is_tried_again_and_a_lasting_one_leaves_no_file(
    trouble: Answer, tmp_path: Path
) -> None:
    async with kie() as (server, client):
        target = tmp_path / "v.part"
        server.script("/v.mp4", trouble, trouble, plain(VIDEO))
        assert await client.download(f"{server.url}/v.mp4", target, LIMIT) == len(VIDEO)
        assert target.read_bytes() == VIDEO
        target.unlink()
        server.script("/v.mp4", trouble)
        with pytest.raises(RetryLater):
            await client.download(f"{server.url}/v.mp4", target, LIMIT)
        assert not target.exists()


@pytest.mark.parametrize("status", [404, 410])
async def test_a_result_whose_time_is_over_cannot_be_had(status: int, tmp_path: Path) -> None:
    async with kie() as (server, client):
        server.script("/v.mp4", plain("gone", status))
        with pytest.raises(ProviderError) as caught:
            await client.download(f"{server.url}/v.mp4", tmp_path / "v.part", LIMIT)
        assert caught.value.code == status
        assert len(server.seen) == 1


async def test_a_video_with_a_wrong_label_is_still_a_video(tmp_path: Path) -> None:
    async with kie() as (server, client):
        server.script("/v.mp4", plain(VIDEO, content_type="text/html"))
        assert await client.download(f"{server.url}/v.mp4", tmp_path / "v.part", LIMIT) == len(VIDEO)


async def test_a_file_larger_than_allowed_is_not_kept_announced_or_not(tmp_path: Path) -> None:
    async with kie() as (server, client):
        packed = {"Content-Encoding": "gzip"}
        server.script("/big.mp4", plain(VIDEO))
        server.script("/bomb.mp4", plain(gzip.compress(bytes(5_000_000)), headers=packed))
        for name in ("big", "bomb"):
            with pytest.raises(ProviderError, match="larger than 100000 bytes"):
                await client.download(f"{server.url}/{name}.mp4", tmp_path / "v.part", 100_000)
            assert not (tmp_path / "v.part").exists()


async def test_a_disk_that_takes_nothing_is_a_reason_to_try_later(tmp_path: Path) -> None:
    async with kie() as (server, client):
        server.script("/v.mp4", plain(VIDEO))
        with pytest.raises(RetryLater, match="cannot write"):
            await client.download(f"{server.url}/v.mp4", tmp_path / "nowhere" / "v.part", LIMIT)


async def test_three_redirects_are_followed_and_no_more(tmp_path: Path) -> None:
    async with kie() as (server, client):
        for n in range(4):
            server.script(f"/{n}", moved(f"/{n + 1}"))
        server.script("/4", plain(VIDEO))
        assert await client.download(f"{server.url}/1", tmp_path / "v.part", LIMIT) == len(VIDEO)
        with pytest.raises(ProviderError, match="too often"):
            await client.download(f"{server.url}/0", tmp_path / "v.part", LIMIT)


@pytest.mark.parametrize(
    "elsewhere", ["http://127.0.0.1:9/", "https://inside.example/", "file:///etc/passwd", "//["]
)
async def test_a_redirect_is_checked_like_the_first_address(elsewhere: str, tmp_path: Path) -> None:
    async with kie() as (server, client):
        server.script("/v.mp4", moved(elsewhere))
        with pytest.raises(ProviderError):
            await client.download(f"{server.url}/v.mp4", tmp_path / "v.part", LIMIT)


async def test_sixty_megabytes_pass_through_little_memory(tmp_path: Path) -> None:
    chunk = bytes(1 << 20)

    async def sixty(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(60 << 20)})
        await response.prepare(request)
        for _ in range(60):
            await response.write(chunk)
        return response

    async with kie() as (server, client):
        server.script("/v.mp4", sixty)
        tracemalloc.start()
        try:
            assert await client.download(f"{server.url}/v.mp4", tmp_path / "v.part", 100 << 20) == 60 << 20
            assert tracemalloc.get_traced_memory()[1] < 12 << 20
        finally:
            tracemalloc.stop()


# --- which addresses


OWN = frozenset({origin(httpx.URL("http://127.0.0.1:8788"))})


async def to(addresses: Sequence[str], url: str) -> object:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return await check(read_url(url), OWN, resolve)


@pytest.mark.parametrize(
    "url",
    [
        "http://m.example/v.mp4",
        "http://127.0.0.1:8789/v.mp4",
        "https://127.0.0.1:8788/v.mp4",
        "http://localhost:8788/v.mp4",
        "https://localhost/v.mp4",
        "https://93.184.215.14/v.mp4",
        "https://2130706433/v.mp4",
        "https://0x7f.1/v.mp4",
        "https://127.1/v.mp4",
        "https://a.example.0x7f/v.mp4",
        "https://[::1]/v.mp4",
        "https://[2606:4700::1111]/v.mp4",
        "https://user:word@m.example/v.mp4",
        "http://user@127.0.0.1:8788/v.mp4",
        "file:///etc/passwd",
        "ftp://m.example/v.mp4",
        "https:///v.mp4",
        "/v.mp4",
        "",
    ],
)
async def test_what_is_no_public_https_address_is_refused_whatever_it_resolves_to(url: str) -> None:
    with pytest.raises(ProviderError):
        await to(["93.184.215.14"], url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:7f00:1::1", "::7f00:1", "4000::1",
    ],
)  # fmt: skip
async def test_a_name_that_leads_inside_is_refused_even_beside_a_public_address(address: str) -> None:
    with pytest.raises(ProviderError, match="private network"):
        await to(["93.184.215.14", address], "https://m.example/v.mp4")


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e"])
def test_public_addresses_pass(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


async def test_a_name_that_does_not_resolve_may_do_so_later() -> None:
    with pytest.raises(RetryLater):
        await check(read_url("https://m.invalid/v.mp4"), OWN, resolve_name)
    with pytest.raises(RetryLater):
        await to([], "https://m.example/v.mp4")


async def test_the_connection_goes_to_the_very_address_that_was_checked(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=VIDEO)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["2606:4700::1111", "93.184.215.14"]

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        downloader = Downloader(http, FakeClock(), ("https://api.kie.ai",), resolve)
        await downloader.fetch("https://media.example:8443/r/v.mp4?x=1", tmp_path / "v.part", LIMIT)
    (request,) = seen
    assert str(request.url) == "https://93.184.215.14:8443/r/v.mp4?x=1"
    assert request.headers["Host"] == "media.example:8443"
    assert request.extensions["sni_hostname"] == "media.example"


async def test_the_operators_own_addresses_need_no_check() -> None:
    assert await to([], "http://127.0.0.1:8788/files/v.mp4")
    assert origin(httpx.URL("https://API.kie.ai:443/x")) == origin(httpx.URL("https://api.kie.ai"))
