"""The KIE client and our stand-in of KIE, over real HTTP: the whole way, and the faults on it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web
from PIL import Image
from support.clock import FakeClock

from bot.domain import FailureKind, ModelState
from bot.errors import AccountError, ProviderError, RetryLater
from bot.kie.callback import read_callback
from bot.kie.client import KieClient
from bot.ports import Accepted, Broken, Done, LookAnswer, Missing, Open, Refused, Unknown
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox

SORA = "sora-2-text-to-video"
INPUT = {
    "prompt": "a happy dog",
    "aspect_ratio": "landscape",
    "n_frames": "10",
    "remove_watermark": True,
    "upload_method": "s3",
}


@asynccontextmanager
async def kie(
    *faults: str, videos: bool = True, webhook_key: str | None = None
) -> AsyncIterator[tuple[Sandbox, KieClient]]:
    """Both ends. Without `videos` no clip is made beforehand, which is most of the start."""
    options = SandboxOptions(speed=math.inf, stock_clip=videos, rate_limits=False, webhook_key=webhook_key)
    async with Sandbox(options) as sandbox:
        for fault in faults:
            sandbox.faults.add(fault)
        clock = FakeClock()
        async with KieClient(["any-key"], clock=clock, api_url=sandbox.url, upload_url=sandbox.url) as client:
            yield sandbox, client


async def start(client: KieClient, callback_url: str | None = None) -> str:
    answer = await client.create(SORA, INPUT, callback_url)
    assert isinstance(answer, Accepted), answer
    return answer.task_id


async def end(client: KieClient, task_id: str) -> LookAnswer:
    for _ in range(1000):
        answer = await client.look(task_id)
        if not isinstance(answer, Open):
            return answer
        await asyncio.sleep(0.01)
    raise AssertionError("the task did not end")


async def test_from_a_picture_to_a_video_on_our_disk(tmp_path: Path) -> None:
    picture, target = tmp_path / "dog.png", tmp_path / "v.part"
    Image.new("RGB", (64, 36), "brown").save(picture)
    async with kie() as (sandbox, client):
        before = await client.balance()
        url = await client.upload(picture, "image/png")
        answer = await client.create(
            "sora-2-image-to-video", {**INPUT, "image_urls": [url]}, "https://b.example/c"
        )
        assert isinstance(answer, Accepted)
        done = await end(client, answer.task_id)
        assert isinstance(done, Done)
        assert done.callback_url == "https://b.example/c"
        assert done.cost == before - await client.balance() == Decimal(30)
        size = await client.download(done.urls[0], target, 10_000_000)
        assert target.read_bytes()[4:8] == b"ftyp"
        assert target.stat().st_size == size
        assert await client.download_url(done.urls[0])
        assert [body["input"]["image_urls"] for body in sandbox.created] == [[url]]


@pytest.mark.parametrize(
    "fault",
    [
        "result-object",
        "result-in-response",
        "result-in-data",
        "result-in-watermark",
        "param-object",
        "documented-fields",
        "sparse-fields",
        "cost-ms",
        "short-path",
        "documented-ids",
        "odd-state",
        "flaky-polls",
        "result-redirect",
        "strict-defaults",
    ],
)
async def test_a_video_arrives_in_spite_of(fault: str, tmp_path: Path) -> None:
    async with kie(fault) as (_, client):
        done = await end(client, await start(client, "https://b.example/c"))
        assert isinstance(done, Done)
        assert done.callback_url == (None if fault == "sparse-fields" else "https://b.example/c")
        assert await client.download(done.urls[0], tmp_path / "v.part", 10_000_000)


async def test_veo_above_720p_gives_the_large_file() -> None:
    wish = {
        "model": "veo3_fast",
        "prompt": "a kite",
        "aspect_ratio": "16:9",
        "resolution": "1080p",
        "duration": 8,
        "nsfw_checker": True,
    }
    async with kie() as (sandbox, client):
        answer = await client.create("veo-3-1", wish, None)
        assert isinstance(answer, Accepted), answer
        done = await end(client, answer.task_id)
        assert isinstance(done, Done)
        assert done.urls[0].endswith(sandbox.tasks[answer.task_id].files[0])


@pytest.mark.parametrize("fault", ["result-empty", "result-null", "result-broken", "result-no-urls"])
async def test_a_success_without_a_result_is_no_crash(fault: str) -> None:
    async with kie(fault) as (_, client):
        done = await end(client, await start(client))
        assert isinstance(done, Done)
        assert done.urls == ()


@pytest.mark.parametrize(
    ("cause", "code", "kind"),
    [
        ("policy", "null", FailureKind.POLICY),
        ("people", "empty", FailureKind.POLICY),
        ("third-party", "number", FailureKind.POLICY),
        ("fetch", "GENERATION_FAILED", FailureKind.INPUT),
        ("busy", "500", FailureKind.BUSY),
    ],
)
async def test_a_failed_task_tells_why_and_costs_nothing(cause: str, code: str, kind: FailureKind) -> None:
    async with kie(f"fail={cause}", f"fail-code={code}") as (_, client):
        broken = await end(client, await start(client))
        assert isinstance(broken, Broken)
        assert broken.kind is kind
        assert broken.text
        assert broken.cost == 0


@pytest.mark.parametrize(
    "fault", ["drop-reply", "drop-request", "create-no-id", "http-502", "create-code=500"]
)
async def test_a_submission_of_unknown_end_is_told_as_that_and_sent_once(fault: str) -> None:
    async with kie(fault, videos=False) as (sandbox, client):
        assert isinstance(await client.create(SORA, INPUT, None), Unknown)
        assert sandbox.requests == [("POST", "/api/v1/jobs/createTask")]
        assert len(sandbox.created) == (fault in ("drop-reply", "create-no-id"))


@pytest.mark.parametrize(
    ("fault", "flags"),
    [
        ("create-code=401", {"account"}),
        ("empty-account", {"account"}),
        ("create-code=403", {"account"}),
        ("create-code=433", {"account"}),
        ("http-403", {"account"}),
        ("create-code=455", {"account", "retry"}),
        ("http-429", {"retry"}),
        ("body-429", {"retry"}),
        ("sora-withdrawn", {"withdrawn"}),
        (f"unsupported={SORA}", {"withdrawn"}),
        ("create-code=505", {"withdrawn"}),
        ("create-code=422", set()),
    ],
)
async def test_a_refusal_says_what_can_be_done(fault: str, flags: set[str]) -> None:
    async with kie(fault, videos=False) as (sandbox, client):
        answer = await client.create(SORA, INPUT, None)
        assert isinstance(answer, Refused)
        assert {name for name in ("account", "retry", "withdrawn") if getattr(answer, name)} == flags
        assert not sandbox.created


async def test_a_mistake_in_the_input_is_told_in_kies_words() -> None:
    async with kie(videos=False) as (_, client):
        missing = await client.create(SORA, {name: INPUT[name] for name in INPUT if name != "prompt"}, None)
        odd = await client.create(SORA, {**INPUT, "aspect_ratio": "round"}, None)
        assert missing == Refused(FailureKind.INPUT, 500, "prompt is required")
        assert odd == Refused(
            FailureKind.INPUT, 500, "aspect_ratio is not within the range of allowed options"
        )


async def test_a_task_may_be_unknown_for_a_moment_and_strangers_always_are() -> None:
    async with kie("null-record=1") as (_, client):
        task_id = await start(client)
        assert await client.look(task_id) == Missing()
        assert await client.look("0" * 32) == Missing()
        for _ in range(1000):
            if await client.look(task_id) != Missing():
                break
            await asyncio.sleep(0.01)
        assert not isinstance(await client.look(task_id), Missing)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("result-gone=404", ProviderError),
        ("result-gone=410", ProviderError),
        ("result-wrong-type", RetryLater),
        ("result-truncated", RetryLater),
        ("result-redirect=http://127.0.0.1:9/v.mp4", ProviderError),
    ],
)
async def test_a_result_that_cannot_be_had(fault: str, error: type[Exception], tmp_path: Path) -> None:
    async with kie(fault) as (_, client):
        done = await end(client, await start(client))
        assert isinstance(done, Done)
        with pytest.raises(error):
            await client.download(done.urls[0], tmp_path / "v.part", 10_000_000)
        assert not (tmp_path / "v.part").exists()


@pytest.mark.parametrize(
    ("fault", "error"),
    [("upload-code=400", ProviderError), ("upload-code=401", AccountError), ("upload-code", RetryLater)],
)
async def test_a_picture_that_is_not_taken(fault: str, error: type[Exception], tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    Image.new("RGB", (8, 8)).save(picture)
    async with kie(fault, videos=False) as (_, client):
        with pytest.raises(error):
            await client.upload(picture, "image/png")


async def test_the_older_name_of_an_uploads_address_is_read(tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    Image.new("RGB", (8, 8)).save(picture)
    async with kie("upload-file-url", videos=False) as (sandbox, client):
        assert (await client.upload(picture, "image/png")).startswith(sandbox.url)


async def test_what_kie_lists_and_what_it_makes() -> None:
    async with kie("fractional-credits", videos=False) as (sandbox, client):
        assert await client.balance() == Decimal("10000.25")
        assert SORA in await client.models()
        alive = await client.probe(SORA)
        sandbox.faults.add("sora-withdrawn")
        assert SORA not in await client.models()
        paused, gone = await client.probe(SORA), await client.probe("sora-3")
        states = [status and status.state for status in (alive, paused, gone)]
        assert states == [ModelState.ACTIVE, ModelState.PAUSED, ModelState.RETIRED]
        assert not sandbox.created


@pytest.mark.parametrize(
    ("fault", "signed", "fresh"),
    [
        (None, True, True),
        ("callback-task-id-key", True, True),
        ("callback-altered-body", True, True),
        ("callback-old-timestamp", True, False),
        ("callback-bad-signature", False, True),
    ],
)
async def test_a_callback_hints_at_its_task(fault: str | None, signed: bool, fresh: bool) -> None:
    calls: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        calls.put_nowait((dict(request.headers), await request.read()))
        return web.json_response({"code": 200})

    application = web.Application()
    application.router.add_post("/cb", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with kie(*filter(None, [fault]), webhook_key="hook-key") as (sandbox, client):
            task_id = await start(client, f"http://127.0.0.1:{runner.addresses[0][1]}/cb")
            headers, body = await asyncio.wait_for(calls.get(), 10)
            hint = read_callback(headers, body, "hook-key", sandbox.world.clock.now())
            assert (hint.task_id, hint.signed, hint.fresh) == (task_id, signed, fresh)
    finally:
        await runner.cleanup()
