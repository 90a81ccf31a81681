"""Every fault by name: what a client sees when it is switched on."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from support.kie_caller import SORA, KieCaller, calling

from bot.errors import UserError
from bot.sandbox.faults import NUMBERS, Faults, known
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox

HERE = Path(__file__).parent
SANDBOX = HERE.parent.parent / "bot" / "sandbox"


# --- the registry ------------------------------------------------------------------------------------------------


def test_every_fault_is_explained_and_none_is_dead() -> None:
    sources = "".join(file.read_text("utf-8") for file in SANDBOX.rglob("*.py") if file.name != "faults.py")
    for name, line in known().items():
        assert f'"{name}"' in sources, name
        assert line
        assert "\n" not in line
    assert set(NUMBERS) <= set(known())


def test_every_fault_has_a_test() -> None:
    tests = "".join(file.read_text("utf-8") for file in HERE.glob("test_*.py"))
    assert [name for name in known() if f'"{name}' not in tests] == []


def test_an_unknown_fault_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UserError) as refusal:
        Faults({"drop-replly": ""})
    assert "drop-reply" in str(refusal.value)


@pytest.mark.parametrize("written", ["slow-create=soon", "drop-reply*0"])
def test_a_fault_with_a_senseless_value_is_refused(written: str) -> None:
    with pytest.raises(UserError):
        Faults().add(written)


def test_a_fault_may_be_limited_to_a_number_of_times() -> None:
    faults = Faults({"flaky-polls": "500*2", "drop-reply*1": ""})
    assert faults.written() == ["flaky-polls=500*2", "drop-reply*1"]
    assert [faults.strike("flaky-polls") for _ in range(3)] == [True, True, False]
    assert [faults.strike("drop-reply") for _ in range(2)] == [True, False]
    assert faults.value("flaky-polls") == "500"
    faults.set("callback_task_id_key")
    assert faults.on("callback-task-id-key")


def test_a_text_with_signs_of_its_own_is_taken_whole() -> None:
    faults = Faults({"fail": "5 * 3 = 15, not allowed"})
    assert faults.value("fail") == "5 * 3 = 15, not allowed"


# --- creating ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "value", "code"),
    [
        ("create-code", 455, 455),
        ("create-code", 433, 433),
        ("create-code", 505, 505),
        ("paused", "sora-2-text-to-video", 500),
        ("unsupported", "other,sora-2-text-to-video", 422),
        ("sora-withdrawn", "", 500),
        ("empty-account", "", 402),
        ("body-429", "", 429),
    ],
)
async def test_createtask_is_refused_in_the_body_and_makes_no_task(
    sandbox: Sandbox, kie: KieCaller, fault: str, value: object, code: int
) -> None:
    sandbox.faults.set(fault, value, times=None)
    answer = await kie.http.post(
        "/api/v1/jobs/createTask", json={"model": "sora-2-text-to-video", "input": SORA}
    )
    assert (answer.status_code, answer.json()["code"]) == (200, code)
    assert answer.json()["data"] is None
    assert sandbox.tasks == {}
    sandbox.faults.clear(fault)
    assert (await kie.create())["code"] == 200


async def test_a_real_429_is_also_in_the_status(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("http-429", times=1)
    answer = await kie.http.post(
        "/api/v1/jobs/createTask", json={"model": "sora-2-text-to-video", "input": SORA}
    )
    assert (answer.status_code, answer.json()["code"]) == (429, 429)
    assert (await kie.create())["code"] == 200


@pytest.mark.parametrize(("fault", "status"), [("http-403", 403), ("http-502", 502)])
async def test_the_cdn_answers_without_json(
    sandbox: Sandbox, kie: KieCaller, fault: str, status: int
) -> None:
    sandbox.faults.set(fault, times=2)
    for path in ("/api/v1/chat/credit", "/api/v1/models"):
        answer = await kie.http.get(path)
        assert answer.status_code == status
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()
    assert (await kie.get("/api/v1/chat/credit"))["code"] == 200


@pytest.mark.parametrize(("fault", "tasks"), [("drop-reply", 1), ("drop-request", 0)])
async def test_the_connection_breaks_with_or_without_a_task(
    sandbox: Sandbox, kie: KieCaller, fault: str, tasks: int
) -> None:
    sandbox.faults.set(fault, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await kie.create()
    assert (len(sandbox.tasks), len(sandbox.created)) == (tasks, tasks)
    assert await kie.credit() == 10_000 - 30 * tasks
    assert (await kie.create())["code"] == 200


async def test_a_slow_creation_has_made_its_task_when_the_client_gives_up(
    sandbox: Sandbox, kie: KieCaller
) -> None:
    sandbox.faults.set("slow-create", 30)
    with pytest.raises(httpx.ReadTimeout):
        await kie.http.post(
            "/api/v1/jobs/createTask", json={"model": "sora-2-text-to-video", "input": SORA}, timeout=0.1
        )
    assert [body["input"] for body in sandbox.created] == [SORA]


async def test_a_creation_without_an_id_has_made_its_task(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("create-no-id")
    answer = await kie.create()
    assert (answer["code"], answer["data"], len(sandbox.tasks)) == (200, None, 1)


async def test_documented_ids_work_like_live_ones(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("documented-ids")
    task_id = await kie.task("kling-3.0/video", {"prompt": "x", "sound": True, "multi_shots": False})
    assert task_id.startswith("task_kling-3.0/video_")
    assert (await kie.end(task_id))["state"] == "success"


async def test_strict_defaults_refuse_what_is_filled_in_otherwise(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("strict-defaults")
    answer = await kie.create(
        "sora-2-pro-storyboard", {"shots": [{"Scene": "a", "duration": 15}], "upload_method": "s3"}
    )
    assert (answer["code"], answer["msg"]) == (500, "n_frames is required")


async def test_a_balance_may_be_a_fraction(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("fractional-credits")
    assert await kie.credit() == 10_000.25


async def test_the_limits_can_be_lifted() -> None:
    options = SandboxOptions(speed=math.inf, stock_clip=True, faults={"no-rate-limit": ""})
    async with calling(options) as (_, kie):
        assert {(await kie.create())["code"] for _ in range(25)} == {200}


async def test_the_limits_may_answer_with_a_real_429(sandbox: Sandbox) -> None:
    options = SandboxOptions(speed=math.inf, stock_clip=True, faults={"rate-limit-http": ""})
    async with calling(options) as (_, kie):
        answers = [await kie.http.get("/api/v1/jobs/recordInfo", params={"taskId": "0"}) for _ in range(11)]
        assert answers[-1].status_code == 429


# --- looking -----------------------------------------------------------------------------------------------------


async def test_a_record_is_null_for_a_while_after_creation(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("null-record", 0.3)
    task_id = await kie.task()
    assert (await kie.look(task_id))["msg"] == "recordInfo is null"
    assert (await kie.end(task_id))["state"] == "success"


async def test_a_record_may_be_lost_for_ever(sandbox: Sandbox, kie: KieCaller) -> None:
    task_id = await kie.task()
    sandbox.faults.set("lost-record")
    assert (await kie.look(task_id))["code"] == 422


@pytest.mark.parametrize("code", ["429", "455", "500"])
async def test_the_first_two_polls_fail(sandbox: Sandbox, kie: KieCaller, code: str) -> None:
    sandbox.faults.add(f"flaky-polls={code}*2")
    task_id = await kie.task()
    codes = [(await kie.look(task_id))["code"] for _ in range(3)]
    assert codes == [int(code), int(code), 200]


async def test_every_second_poll_fails_in_another_way(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("flaky-polls")
    task_id = await kie.task()
    seen: list[object] = []
    for _ in range(8):
        answer = await kie.http.get("/api/v1/jobs/recordInfo", params={"taskId": task_id})
        try:
            seen.append(answer.json()["code"])
        except ValueError:
            seen.append("cut")
    assert seen == [429, 200, 455, 200, 500, 200, "cut", 200]


@pytest.mark.parametrize(
    ("fault", "state"), [("stuck-waiting", "waiting"), ("stuck-generating", "generating")]
)
async def test_a_stuck_task_goes_on_when_the_fault_is_cleared(
    sandbox: Sandbox, kie: KieCaller, fault: str, state: str
) -> None:
    sandbox.faults.set(fault, times=1)
    stuck, free = await kie.task(), await kie.task()
    assert (await kie.end(free))["state"] == "success"
    assert (await kie.look(stuck))["data"]["state"] == state
    sandbox.faults.clear(fault)
    assert (await kie.end(stuck))["state"] == "success"


async def test_a_task_goes_through_all_states_unless_it_takes_the_short_path() -> None:
    # Three tenths of the model's usual time pass before it generates: here about 0.1 s.
    async with calling(SandboxOptions(speed=300, stock_clip=True, rate_limits=False)) as (sandbox, kie):
        assert await _states(kie, await kie.task()) == ["waiting", "queuing", "generating", "success"]
        sandbox.faults.set("short-path")
        assert await _states(kie, await kie.task()) == ["waiting", "success"]


async def _states(kie: KieCaller, task_id: str) -> list[str]:
    states: list[str] = []
    while not states or states[-1] != "success":
        state = (await kie.look(task_id))["data"]["state"]
        if state not in states[-1:]:
            states.append(state)
    return states


async def test_an_odd_state_is_shown_while_the_task_runs(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("odd-state", "pending_review", times=1)
    sandbox.faults.set("stuck-generating")
    task_id = await kie.task()
    assert (await kie.look(task_id))["data"]["state"] == "pending_review"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("null", None), ("empty", ""), ("number", 500), ("", "GENERATION_FAILED"), ("422", "422")],
)
async def test_a_failure_has_the_code_and_text_that_were_asked_for(
    sandbox: Sandbox, kie: KieCaller, value: str, shown: object
) -> None:
    sandbox.faults.set("fail", "Generation failed")
    sandbox.faults.set("fail-code", value)
    data = await kie.end(await kie.task())
    assert (data["state"], data["failMsg"], data["failCode"]) == ("fail", "Generation failed", shown)


async def test_a_failure_may_be_asked_for_by_its_short_name(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("fail", "policy", times=1)
    assert "guardrails" in (await kie.end(await kie.task()))["failMsg"]
    assert (await kie.end(await kie.task()))["state"] == "success"


@pytest.mark.parametrize(
    ("fault", "reads"),
    [
        ("result-empty", lambda data: data["resultJson"] == ""),
        ("result-null", lambda data: data["resultJson"] is None),
        ("result-broken", lambda data: not _parses(data["resultJson"])),
        ("result-object", lambda data: data["resultJson"]["resultUrls"]),
        ("result-no-urls", lambda data: json.loads(data["resultJson"]) == {}),
        ("result-in-response", lambda data: data["response"]["resultUrls"] and not data["resultJson"]),
        ("result-in-data", lambda data: data["resultUrls"] and not data["resultJson"]),
        ("result-in-watermark", lambda data: json.loads(data["resultJson"])["resultWaterMarkUrls"]),
        ("param-object", lambda data: json.loads(data["param"])["input"] == SORA),
        ("sparse-fields", lambda data: set(data) == {"taskId", "state", "resultJson"}),
        ("documented-fields", lambda data: data["progress"] == 100 and data["updateTime"] > 0),
        ("cost", lambda data: data["creditsConsumed"] == 1.5),
    ],
)
async def test_a_success_looks_as_the_fault_says(
    sandbox: Sandbox, kie: KieCaller, fault: str, reads: Any
) -> None:
    sandbox.faults.set(fault)
    assert reads(await kie.end(await kie.task()))


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


async def test_a_result_that_is_missing_twice_is_there_at_the_third_look(
    sandbox: Sandbox, kie: KieCaller
) -> None:
    task_id = await kie.task()
    await kie.end(task_id)
    sandbox.faults.set("result-empty", times=2)
    texts = [(await kie.look(task_id))["data"]["resultJson"] for _ in range(3)]
    assert texts[:2] == ["", ""]
    assert "resultUrls" in texts[2]


async def test_the_cost_time_may_be_in_milliseconds(sandbox: Sandbox, kie: KieCaller) -> None:
    data = await kie.end(await kie.task())
    sandbox.faults.set("cost-ms")
    shown = (await kie.look(data["taskId"]))["data"]["costTime"]
    assert shown == data["completeTime"] - data["createTime"]


# --- results -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
async def test_a_result_may_be_gone(sandbox: Sandbox, kie: KieCaller, status: int) -> None:
    url = await kie.result()
    sandbox.faults.set("result-gone", status, times=1)
    assert (await kie.http.get(url)).status_code == status
    assert (await kie.http.get(url)).status_code == 200


async def test_a_result_may_redirect_to_itself_or_elsewhere(sandbox: Sandbox, kie: KieCaller) -> None:
    url = await kie.result()
    whole = (await kie.http.get(url)).content
    sandbox.faults.set("result-redirect")
    assert (await kie.http.get(url)).status_code == 302
    assert (await kie.http.get(url, follow_redirects=True)).content == whole
    sandbox.faults.set("result-redirect", "http://127.0.0.1:1/inside")
    assert (await kie.http.get(url)).headers["Location"] == "http://127.0.0.1:1/inside"


async def test_a_result_may_be_slow_but_whole(sandbox: Sandbox, kie: KieCaller) -> None:
    url = await kie.result()
    whole = (await kie.http.get(url)).content
    sandbox.faults.set("result-slow", 0.2)
    began = time.monotonic()
    assert (await kie.http.get(url)).content == whole
    assert time.monotonic() - began > 0.15


async def test_a_result_may_be_a_page_or_break_off(sandbox: Sandbox, kie: KieCaller) -> None:
    url = await kie.result()
    sandbox.faults.set("result-wrong-type", times=1)
    assert (await kie.http.get(url)).headers["Content-Type"].startswith("text/html")
    sandbox.faults.set("result-truncated")
    with pytest.raises(httpx.RemoteProtocolError):
        await kie.http.get(url)


async def test_a_result_of_a_given_size_still_plays(sandbox: Sandbox, kie: KieCaller, tmp_path: Path) -> None:
    sandbox.faults.set("result-size", 3)
    content = (await kie.http.get(await kie.result())).content
    assert len(content) == 3_000_000
    file = tmp_path / "large.mp4"
    file.write_bytes(content)
    with av.open(str(file)) as clip:
        assert sum(1 for _ in clip.decode(video=0)) == 10


# --- uploads -----------------------------------------------------------------------------------------------------


async def test_uploads_may_be_refused_renamed_or_lost(sandbox: Sandbox, kie: KieCaller) -> None:
    body = {"base64Data": "aGVsbG8=", "uploadPath": "inputs"}
    sandbox.faults.set("upload-code", 401, times=1)
    assert (await kie.post("/api/file-base64-upload", body))["code"] == 401
    sandbox.faults.set("upload-file-url", times=1)
    data = (await kie.post("/api/file-base64-upload", body))["data"]
    assert "downloadUrl" not in data
    assert (await kie.http.get(data["fileUrl"])).content == b"hello"
    sandbox.faults.set("upload-gone")
    assert (await kie.http.get(data["fileUrl"])).status_code == 404
