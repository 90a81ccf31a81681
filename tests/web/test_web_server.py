"""The web server over plain HTTP: who is let in, videos, callbacks, health and metrics."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.site import ADA, Site, site

from bot.domain import Job, JobState, Video
from bot.errors import StartError
from bot.kie.callback import sign
from bot.masking import Secret
from bot.store import jobs

TOKEN = "correct-horse-battery"
KEY = "example-hmac-key"
HTML = {"Accept": "text/html"}


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as made:
        yield made


@pytest.fixture
async def exposed(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path, public_url="https://bot.example.org", admin_token=Secret(TOKEN)) as made:
        yield made


CLOSED = ["/chat", "/chat/main.js", "/chat/api/ada/start", "/metrics", "/admin"]
STRANGERS = [
    {"Host": "bot.example.org"},
    {"Host": "localhost.evil.example"},
    {"Host": ""},
    {"Forwarded": "for=1.2.3.4"},
    {"X-Forwarded-For": "1.2.3.4"},
    {"X-Forwarded-Proto": "https"},
    {"Via": "1.1 proxy"},
]


# --- who is let in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CLOSED)
async def test_on_this_machine_everything_is_open(local: Site, path: str) -> None:
    assert (await local.client.get(path)).status_code == 200


@pytest.mark.parametrize("headers", STRANGERS)
async def test_a_request_from_elsewhere_without_admin_token_is_told_what_to_set(
    local: Site, headers: dict[str, str]
) -> None:
    for path in CLOSED:
        answer = await local.client.get(path, headers=headers | HTML)
        assert answer.status_code == 403
        assert "ADMIN_TOKEN" in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:1"])
async def test_every_name_of_this_machine_is_its_own(local: Site, host: str) -> None:
    assert (await local.client.get("/chat", headers={"Host": host})).status_code == 200


async def test_a_host_that_is_not_loopback_needs_the_token_even_from_here(tmp_path: Path) -> None:
    async with site(tmp_path, http_host="0.0.0.0") as made:
        assert (await made.client.get("/chat", headers=HTML)).status_code == 403


async def test_a_person_from_elsewhere_logs_in_and_comes_to_the_page(exposed: Site) -> None:
    client = exposed.client
    sent = await client.get("/chat?x=1", headers=HTML)
    assert (sent.status_code, unquote(sent.headers["location"])) == (303, "/login?next=/chat?x=1")
    assert "ADMIN_TOKEN" in (await client.get(sent.headers["location"])).text
    wrong = await client.post("/login", data={"token": "guess", "next": "/chat?x=1"})
    assert wrong.status_code == 401
    assert "not this bot" in wrong.text
    origin = {"Origin": "https://bot.example.org"}
    right = await client.post("/login", data={"token": TOKEN, "next": "/chat?x=1"}, headers=origin)
    assert (right.status_code, right.headers["location"]) == (303, "/chat?x=1")
    cookie = right.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Secure"))
    assert TOKEN not in cookie
    session = {"Cookie": cookie.split(";")[0]}
    assert (await client.get("/chat", headers=session)).status_code == 200
    assert (await client.get("/chat", headers={"Cookie": session["Cookie"][:-1] + "x"})).status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
async def test_logging_in_never_leads_elsewhere(exposed: Site, target: str) -> None:
    answer = await exposed.client.post("/login", data={"token": TOKEN, "next": target})
    assert answer.headers["location"] == "/chat"


async def test_a_program_shows_its_token_as_bearer(exposed: Site) -> None:
    assert (await exposed.client.get("/metrics")).status_code == 401
    for token, status in ((TOKEN, 200), ("guess", 401), ("\udcff", 401)):
        headers = {b"Authorization": f"Bearer {token}".encode("utf-8", "surrogateescape")}
        assert (await exposed.client.get("/metrics", headers=headers)).status_code == status


async def test_guessing_the_token_is_braked(exposed: Site) -> None:
    for _ in range(10):
        await exposed.client.post("/login", data={"token": "guess"})
    answer = await exposed.client.post("/login", data={"token": TOKEN})
    assert answer.status_code == 429
    assert "Wait a minute" in answer.text


async def test_what_is_public_stays_public(exposed: Site) -> None:
    for path, status in (
        ("/healthz", 200),
        ("/readyz", 200),
        ("/v/ABC/DEF", 404),
        ("/nowhere", 404),
        ("/", 302),
    ):
        assert (await exposed.client.get(path)).status_code == status
    assert (await exposed.client.post("/kie/callback/ABC/DEF")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
async def test_a_foreign_page_cannot_post(local: Site, headers: dict[str, str]) -> None:
    answer = await local.client.post("/chat/api/ada/quotes", json={}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.json()["error"]


async def test_the_own_page_can_post_also_behind_a_proxy(exposed: Site) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for origin in (exposed.server.url, "https://bot.example.org"):
        answer = await exposed.client.post(
            "/chat/api/ada/quotes", json={}, headers=bearer | {"Origin": origin}
        )
        assert answer.status_code == 422


async def test_every_answer_carries_the_security_headers(local: Site) -> None:
    for path in ("/chat", "/nowhere", "/chat/api/ada/start", "/healthz"):
        headers = (await local.client.get(path)).headers
        assert "default-src 'none'; script-src 'self';" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "Python" not in headers["server"]


async def test_only_the_page_s_own_files_are_served(local: Site) -> None:
    for path in ("/chat/../api.py", "/chat/%2e%2e/api.py", "/chat/nothing.js", "/chat/index.html"):
        assert (await local.client.get(path)).status_code == 404


async def test_a_taken_port_is_said_with_its_remedy(local: Site, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="Set HTTP_PORT"):
        async with site(tmp_path / "other", http_port=local.server.port):
            pass


# --- videos ----------------------------------------------------------------------------------------------------------

VIDEO = Video("one.mp4", 10_240, 1280, 720, Decimal(8), True, "one.jpg")


async def test_a_video_is_given_whole_or_in_ranges_to_whoever_has_its_address(local: Site) -> None:
    job = await local.order()
    await local.settle(job, VIDEO)
    address = f"/v/{job.id}/{job.video_token}"
    whole = await local.client.get(address)
    assert (whole.status_code, len(whole.content), whole.headers["content-type"]) == (
        200,
        10_240,
        "video/mp4",
    )
    assert whole.headers["accept-ranges"] == "bytes"
    part = await local.client.get(address, headers={"Range": "bytes=256-511"})
    assert (part.status_code, part.content) == (206, bytes(range(256)))
    assert part.headers["content-range"] == "bytes 256-511/10240"
    assert (await local.client.get(address, headers={"Range": "bytes=99999-"})).status_code == 416
    assert (await local.client.head(address)).headers["content-length"] == "10240"
    assert (await local.client.get(f"{address}?thumbnail")).headers["content-type"] == "image/jpeg"
    kept = await local.client.get(f"{address}?download")
    assert kept.headers["content-disposition"] == f'attachment; filename="kiebot-{job.id}.mp4"'


async def test_a_wrong_token_and_a_deleted_video_are_not_there(local: Site) -> None:
    job = await local.order()
    await local.settle(job, VIDEO)
    assert (await local.client.get(f"/v/{job.id}/{'A' * 26}")).status_code == 404
    local.core.settings.videos_dir.joinpath(VIDEO.file).unlink()
    gone = await local.client.get(f"/v/{job.id}/{job.video_token}", headers=HTML)
    assert (gone.status_code, "no longer kept" in gone.text) == (404, True)


# --- callbacks -------------------------------------------------------------------------------------------------------


async def running(made: Site) -> Job:
    """A job at KIE whose answer was lost, so that a hint matters."""
    job = await made.order()
    now = job.created_at
    held = await made.core.store.write(lambda tx: jobs.claim(tx, job.id, JobState.QUEUED, now, now + 9_000))
    assert held
    await made.core.store.write(lambda tx: jobs.submitting(tx, held, now, True))
    return held


async def hint_of(made: Site, job: Job) -> str | None:
    fresh = await made.core.studio.job(ADA, job.id)
    return fresh.hinted_task


async def test_a_callback_hints_at_its_task_and_wakes_the_engine(local: Site) -> None:
    job = await running(local)
    local.core.wake.clear()
    address = f"/kie/callback/{job.id}/{job.callback_token}"
    answer = await local.client.post(address, json={"data": {"taskId": "t1", "state": "success"}})
    assert (answer.status_code, answer.json()) == (200, {"code": 200, "msg": "success"})
    assert local.core.wake.is_set()
    assert await hint_of(local, job) == "t1"


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"data": 7}'])
async def test_a_callback_s_body_may_hold_anything(local: Site, body: bytes) -> None:
    job = await running(local)
    address = f"/kie/callback/{job.id}/{job.callback_token}"
    assert (await local.client.post(address, content=body)).status_code == 200
    assert await hint_of(local, job) is None


async def test_a_callback_for_nobody_or_too_large_is_refused(local: Site) -> None:
    job = await running(local)
    assert (await local.client.post(f"/kie/callback/{job.id}/WRONG")).status_code == 404
    address = f"/kie/callback/{job.id}/{job.callback_token}"
    assert (await local.client.post(address, content=b" " * 1_000_001)).status_code == 413


async def test_a_wrong_signature_loses_its_hint_but_still_wakes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(tmp_path, hmac_key=KEY) as made:
        job = await running(made)
        address = f"/kie/callback/{job.id}/{job.callback_token}"
        stamp = str(job.created_at // 1000)
        body = json.dumps({"data": {"taskId": "t1"}}).encode()
        made.core.wake.clear()
        forged = {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": sign("t1", stamp, "another key")}
        with caplog.at_level(logging.WARNING):
            assert (await made.client.post(address, content=body, headers=forged)).status_code == 401
        assert "KIE_WEBHOOK_KEY" in caplog.text
        assert job.callback_token not in caplog.text
        assert made.core.wake.is_set()
        assert await hint_of(made, job) is None
        signed = {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": sign("t1", stamp, KEY)}
        assert (await made.client.post(address, content=body, headers=signed)).status_code == 200
        assert await hint_of(made, job) == "t1"


# --- health and metrics ----------------------------------------------------------------------------------------------


async def test_everybody_may_know_whether_it_is_ready_and_the_operator_why_not(exposed: Site) -> None:
    exposed.healthy["disk"] = {"ok": False, "free_mb": 9}
    stranger = await exposed.client.get("/readyz")
    assert (stranger.status_code, stranger.json()) == (503, {"ready": False})
    operator = await exposed.client.get("/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
    assert operator.json()["checks"]["disk"] == {"ok": False, "free_mb": 9}
    assert (await exposed.client.get("/healthz")).json() == {"alive": True}


async def test_metrics_are_in_prometheus_words(local: Site) -> None:
    local.meters.count("kie_calls", call="create", code="200")
    local.meters.count("kie_calls", code="429")
    local.meters.span("step", 1.5, step="create")
    local.meters.span("step", 0.5, step="create")
    answer = await local.client.get("/metrics")
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found[("kiebot_jobs", (("state", "queued"),))] == 2
    assert found[("kiebot_outcomes_total", (("outcome", "video"),))] == 3
    assert found[("kiebot_kie_credits", ())] == 99.5
    assert found[("kiebot_gate_open", (("account", "kie"),))] == 0
    assert found[("kiebot_ledger_broken", (("check", "a rule"),))] == 0
    assert found[("kiebot_kie_calls_total", (("call", "create"), ("code", "200")))] == 1
    assert found[("kiebot_kie_calls_total", (("call", ""), ("code", "429")))] == 1
    assert found[("kiebot_step_seconds_count", (("step", "create"),))] == 2
    assert found[("kiebot_step_seconds_sum", (("step", "create"),))] == 2.0
