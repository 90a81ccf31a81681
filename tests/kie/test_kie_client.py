"""The KIE client over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from support.clock import FakeClock
from support.kie_server import Answer, KieServer, cut, drop, envelope, kie_server, plain

from bot import __version__
from bot.domain import FailureKind, ModelState
from bot.errors import AccountError, ProviderError, RetryLater
from bot.kie.client import KieClient
from bot.kie.keys import key_print
from bot.ports import Accepted, Broken, Done, Missing, Open, Provider, Refused, Unknown

SECRET = "s3cret-0123456789abcdef"
TASK = "0123456789abcdef0123456789abcdef"
TAKEN = envelope(200, data={"taskId": TASK, "recordId": TASK})
BUSY = envelope(429, "Your call frequency is too high")


@asynccontextmanager
async def kie(*keys: str, clock: FakeClock | None = None) -> AsyncIterator[tuple[KieServer, KieClient]]:
    async with kie_server() as server:
        client = KieClient(
            keys or (SECRET,), clock=clock or FakeClock(), api_url=server.url, upload_url=server.url
        )
        async with client:
            yield server, client


def record(**fields: object) -> Answer:
    return envelope(200, data={"taskId": TASK, **fields})


def key_of(headers: Mapping[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


# --- creating


async def test_a_creation_says_who_asks_what_for_and_where_to_call_back() -> None:
    async with kie() as (server, client):
        server.creates(TAKEN)
        answer = await client.create("veo-3-1", {"prompt": "ein Fuchs 🦊"}, "https://bot.example/cb")
        assert answer == Accepted(TASK, key_print(SECRET))
        (seen,) = server.seen
        assert seen.json == {
            "model": "veo-3-1",
            "input": {"prompt": "ein Fuchs 🦊"},
            "callBackUrl": "https://bot.example/cb",
        }
        assert seen.headers["User-Agent"] == f"kiebot/{__version__}"
        assert seen.headers["Authorization"] == f"Bearer {SECRET}"


async def test_without_a_callback_address_none_is_sent() -> None:
    async with kie() as (server, client):
        server.creates(TAKEN)
        await client.create("m", {}, None)
        assert "callBackUrl" not in server.seen[0].json


@pytest.mark.parametrize(
    "answer",
    [
        drop,
        cut(b'{"code":200,', 500),
        plain("<html>gateway timeout</html>", 524),
        plain("Bad gateway", 502),
        plain("hello"),
        envelope(200),
        envelope(500, "Server exception, please try again later"),
    ],
    ids=["dropped", "cut off", "524", "502", "no json", "no task id", "server exception"],
)
async def test_a_creation_whose_end_nobody_knows_is_never_sent_again(answer: Answer) -> None:
    async with kie() as (server, client):
        server.creates(answer)
        assert isinstance(await client.create("m", {}, None), Unknown)
        assert len(server.seen) == 1


async def test_a_creation_that_could_not_connect_surely_made_nothing() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with KieClient([SECRET], clock=FakeClock(), api_url=url) as client:
            answer = await client.create("m", {}, None)
    assert isinstance(answer, Refused)
    assert (answer.kind, answer.retry, answer.account) == (FailureKind.BUSY, True, False)


async def test_a_server_that_does_not_speak_tls_surely_made_nothing() -> None:
    async with kie_server() as server:
        url = server.url.replace("http:", "https:")
        async with KieClient([SECRET], clock=FakeClock(), api_url=url) as client:
            answer = await client.create("m", {}, None)
    assert isinstance(answer, Refused)
    assert answer.retry


async def test_a_creation_never_rides_on_a_connection_that_kie_may_be_closing() -> None:
    ports: list[int] = []
    served = asyncio.Semaphore(0)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.partition(b"content-length: ")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                ports.append(writer.get_extra_info("peername")[1])
                body = json.dumps({"code": 200, "data": {"taskId": TASK, "state": "waiting"}}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()
        served.release()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, KieClient([SECRET], clock=FakeClock(), api_url=url) as client:
        for _ in range(2):
            await client.create("m", {}, None)
        assert ports[0] != ports[1]
        for _ in range(2):
            await client.look(TASK)
        assert ports[2] == ports[3]
    for _ in set(ports):
        await served.acquire()


@pytest.mark.parametrize("answer", [BUSY, envelope(429, "slow", status=429), plain("slow", 429)])
async def test_a_rate_limit_hands_the_creation_back(answer: Answer) -> None:
    async with kie() as (server, client):
        server.creates(answer)
        refused = await client.create("m", {}, None)
        assert isinstance(refused, Refused)
        assert refused.retry
        assert len(server.seen) == 1


async def test_the_twenty_first_creation_within_ten_seconds_does_not_leave_us() -> None:
    clock = FakeClock()
    async with kie(clock=clock) as (server, client):
        server.creates(TAKEN)
        answers = await asyncio.gather(*(client.create("m", {}, None) for _ in range(20)))
        assert sum(isinstance(answer, Accepted) for answer in answers) == len(server.seen) == 20
        clock.advance(4)
        with pytest.raises(RetryLater, match="this one waits its turn") as told:
            await client.turn()
        assert told.value.after == pytest.approx(6.5)
        assert len(server.seen) == 20
        clock.advance(6.5)
        assert isinstance(await client.create("m", {}, None), Accepted)


async def test_keys_take_turns_and_accounts_have_limits_of_their_own() -> None:
    async with kie("one:key-1111", "one:key-2222", "two:key-3333") as (server, client):
        server.creates(TAKEN)
        answers = [await client.create("m", {}, None) for _ in range(30)]
        prints = [answer.key_print for answer in answers if isinstance(answer, Accepted)]
        assert prints[:3] == [key_print(key) for key in ("key-1111", "key-2222", "key-3333")]
        assert len(prints) == 30


async def test_where_one_account_has_no_place_left_another_takes_its_turn() -> None:
    async with kie("one:key-1111", "one:key-2222", "two:key-3333", clock=FakeClock()) as (server, client):
        server.creates(TAKEN)
        answers = [await client.create("m", {}, None) for _ in range(40)]
        assert all(isinstance(answer, Accepted) for answer in answers)
        with pytest.raises(RetryLater, match="waits its turn"):
            await client.turn()


# --- looking


async def test_a_finished_task_is_read() -> None:
    async with kie() as (server, client):
        param = json.dumps({"model": "m", "input": "{}", "callBackUrl": "https://bot.example/cb"})
        result = json.dumps({"resultUrls": ["https://m.example/a.mp4"]})
        server.looks(record(state="success", resultJson=result, param=param, creditsConsumed=30.5))
        answer = await client.look(TASK)
        assert isinstance(answer, Done)
        assert answer.urls == ("https://m.example/a.mp4",)
        assert (answer.cost, answer.callback_url) == (Decimal("30.5"), "https://bot.example/cb")
        assert answer.raw is not None
        assert answer.raw["taskId"] == TASK
        assert server.seen[0].query["taskId"] == TASK


async def test_a_failed_task_is_read_though_its_envelope_says_200() -> None:
    async with kie() as (server, client):
        server.looks(record(state="fail", failCode="500", failMsg="image fetch failed"))
        answer = await client.look(TASK)
        assert isinstance(answer, Broken)
        assert (answer.kind, answer.text) == (FailureKind.INPUT, "image fetch failed")


FLICKERS = [
    BUSY,
    envelope(455, "maintenance"),
    envelope(500, "oops"),
    plain("Bad gateway", 502),
    plain('{"code":200,"data":{"sta'),
    drop,
    cut(b"{", 50),
]
FLICKER_IDS = ["429", "455", "500", "502", "broken json", "dropped", "cut off"]


@pytest.mark.parametrize("flicker", FLICKERS, ids=FLICKER_IDS)
async def test_a_look_survives_a_flicker(flicker: Answer) -> None:
    async with kie() as (server, client):
        server.looks(flicker, flicker, record(state="generating"))
        assert await client.look(TASK) == Open("generating")


@pytest.mark.parametrize("flicker", FLICKERS, ids=FLICKER_IDS)
async def test_a_flicker_that_lasts_is_no_failure_of_the_task(flicker: Answer) -> None:
    clock = FakeClock()
    async with kie(clock=clock) as (server, client):
        server.looks(flicker)
        with pytest.raises(RetryLater):
            await client.look(TASK)
        assert len(server.seen) == 3
        assert clock.slept == [0.5, 2.0]


async def test_how_long_to_wait_is_passed_on_when_it_is_told() -> None:
    async with kie() as (server, client):
        server.looks(plain("slow", 429, headers={"Retry-After": "17"}))
        with pytest.raises(RetryLater) as caught:
            await client.look(TASK)
        assert caught.value.after == 17


@pytest.mark.parametrize("told", ["9" * 400, "99999999", "-5", "soon", "1.5"])
async def test_a_time_to_wait_that_cannot_be_meant_is_not_passed_on(told: str) -> None:
    async with kie() as (server, client):
        server.looks(plain("slow", 503, headers={"Retry-After": told}))
        with pytest.raises(RetryLater) as caught:
            await client.look(TASK)
        assert caught.value.after is None


@pytest.mark.parametrize("answer", [envelope(422, "recordInfo is null"), envelope(404, "task not found")])
async def test_a_task_that_kie_does_not_know_is_missing(answer: Answer) -> None:
    async with kie() as (server, client):
        server.looks(answer)
        assert await client.look(TASK) == Missing()


@pytest.mark.parametrize(
    "answer", [envelope(200), envelope(422, "something else"), envelope(400, "bad"), plain("no page", 404)]
)
async def test_an_answer_that_proves_nothing_is_looked_at_again_later(answer: Answer) -> None:
    async with kie() as (server, client):
        server.looks(answer)
        with pytest.raises(RetryLater):
            await client.look(TASK)


@pytest.mark.parametrize("code", [401, 402, 403, 433])
async def test_a_look_tells_that_the_account_is_sick(code: int) -> None:
    async with kie() as (server, client):
        server.looks(envelope(code, "words"))
        with pytest.raises(AccountError) as caught:
            await client.look(TASK)
        assert (caught.value.code, caught.value.message) == (code, "words")
        assert len(server.seen) == 1


async def test_a_task_is_looked_for_with_the_key_that_made_it_else_in_every_account() -> None:
    async with kie("one:key-1111", "one:key-2222", "two:key-3333") as (server, client):
        server.looks(envelope(422, "recordInfo is null"), record(state="waiting"))
        assert await client.look(TASK) == Open("waiting")
        assert await client.look(TASK, key_print("key-2222")) == Open("waiting")
        keys = [key_of(seen.headers) for seen in server.seen]
        assert set(keys[:2]) == {"key-1111", "key-3333"}
        assert keys[2:] == ["key-2222"]


# --- handing pictures over


async def test_a_picture_is_handed_over_under_a_name_of_its_own(tmp_path: Path) -> None:
    picture = tmp_path / "holiday.png"
    picture.write_bytes(b"\x89PNG" + bytes(100_000))
    async with kie() as (server, client):
        uploaded = {"downloadUrl": "https://t.example/a.png", "fileUrl": "https://t.example/b.png"}
        server.script("/api/file-stream-upload", envelope(200, data=uploaded))
        assert await client.upload(picture, "image/png") == "https://t.example/a.png"
        await client.upload(picture, "image/png")
        first, second = (seen.body for seen in server.seen)
        assert picture.read_bytes() in first
        assert b'name="uploadPath"\r\n\r\nkiebot\r\n' in first
        assert b"image/png" in first
        assert b"holiday" not in first
        names = [body.partition(b'name="fileName"\r\n\r\n')[2].split(b"\r\n")[0] for body in (first, second)]
        assert names[0] != names[1]
        assert all(name.endswith(b".png") for name in names)


async def test_an_upload_is_repeated_after_a_flicker_and_reads_the_older_name_of_its_address(
    tmp_path: Path,
) -> None:
    picture = tmp_path / "p"
    picture.write_bytes(b"picture")
    async with kie() as (server, client):
        uploaded = envelope(200, data={"fileUrl": "https://t.example/b.png"})
        server.script("/api/file-stream-upload", drop, envelope(500, "oops"), uploaded)
        assert await client.upload(picture, "image/png") == "https://t.example/b.png"
        assert all(b"picture" in seen.body for seen in server.seen)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (envelope(400, "Missing required parameter: uploadPath"), ProviderError),
        (envelope(401, "Authentication failed: Invalid API Key"), AccountError),
        (envelope(200, data={}), RetryLater),
        (plain("Bad gateway", 502), RetryLater),
    ],
)
async def test_an_upload_that_fails_says_whether_to_try_again(
    answer: Answer, error: type[Exception], tmp_path: Path
) -> None:
    picture = tmp_path / "p"
    picture.write_bytes(b"picture")
    async with kie() as (server, client):
        server.script("/api/file-stream-upload", answer)
        with pytest.raises(error):
            await client.upload(picture, "image/png")


# --- for operators


async def test_the_balance_is_exact() -> None:
    async with kie() as (server, client):
        server.script("/api/v1/chat/credit", envelope(200, data=5916.25))
        assert await client.balance() == Decimal("5916.25")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (envelope(200, data="?"), RetryLater),
        (envelope(401, "no"), AccountError),
        (envelope(404, "no"), ProviderError),
    ],
)
async def test_a_balance_that_cannot_be_read_is_never_zero(answer: Answer, error: type[Exception]) -> None:
    async with kie() as (server, client):
        server.script("/api/v1/chat/credit", answer)
        with pytest.raises(error):
            await client.balance()


async def test_the_models_on_offer_are_listed() -> None:
    async with kie() as (server, client):
        server.script("/api/v1/models", envelope(200, data={"total": 1, "models": [{"model": "veo-3-1"}]}))
        assert await client.models() == {"veo-3-1"}
        server.script("/api/v1/models", envelope(200, data={"total": 0, "models": []}))
        with pytest.raises(RetryLater):
            await client.models()


async def test_a_probe_sends_an_empty_input_and_counts_as_a_creation() -> None:
    async with kie() as (server, client):
        server.creates(envelope(500, "prompt is required"))
        status = await client.probe("veo-3-1")
        assert status is not None
        assert status.state is ModelState.ACTIVE
        assert server.seen[0].json == {"model": "veo-3-1", "input": {}}
        server.creates(envelope(500, "This interface is temporarily paused."))
        status = await client.probe("sora-2-text-to-video")
        assert status is not None
        assert (status.state, status.reason) == (ModelState.PAUSED, "This interface is temporarily paused.")
        server.creates(envelope(401, "no"))
        with pytest.raises(AccountError):
            await client.probe("m")
        server.creates(TAKEN)
        for _ in range(17):
            await client.probe("m")
        with pytest.raises(RetryLater):
            await client.probe("m")


async def test_a_lasting_link_to_a_result_is_given_or_refused() -> None:
    async with kie() as (server, client):
        path = "/api/v1/common/download-url"
        server.script(path, envelope(200, data="https://m.example/x"), envelope(422, "url is wrong"))
        assert await client.download_url("https://tempfile.example/a.mp4") == "https://m.example/x"
        with pytest.raises(ProviderError, match="url is wrong"):
            await client.download_url("https://elsewhere.example/a.mp4")


# --- secrets


async def test_the_key_is_in_no_answer_error_log_or_representation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with kie() as (server, client):
        server.creates(envelope(401, f"Unauthorized: {SECRET}"))
        server.looks(plain(f"proxy says: Bearer {SECRET}", 500))
        refused = await client.create("m", {}, None)
        with pytest.raises(RetryLater) as caught:
            await client.look(TASK)
        texts = [repr(refused), str(caught.value), repr(client), repr(client.__dict__), caplog.text]
        assert "***" in texts[0]
        assert "***" in texts[1]
        assert not any(SECRET in text for text in texts)
        assert hashlib.sha256(SECRET.encode()).hexdigest()[:8] != key_print(SECRET)


def test_the_client_is_a_provider() -> None:
    provider: Provider = KieClient([SECRET], clock=FakeClock())
    assert provider
