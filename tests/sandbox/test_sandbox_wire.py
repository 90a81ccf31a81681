"""KIE's wire as the fact sheet has it, spoken by a client that knows nothing of the sandbox."""

from __future__ import annotations

import json
import math
import os
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from support.kie_caller import SORA, KieCaller, calling

from bot.catalog import load
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox


async def test_a_third_party_client_uploads_creates_looks_and_downloads(
    sandbox: Sandbox, kie: KieCaller
) -> None:
    sent = await kie.http.post(
        "/api/file-stream-upload",
        files={"file": ("boat.png", b"not really a png", "image/png")},
        data={"uploadPath": "inputs", "fileName": "boat.png"},
    )
    upload = sent.json()["data"]
    picture = upload["downloadUrl"]
    assert (await kie.http.get(picture)).content == b"not really a png"
    assert upload["filePath"].endswith("/inputs/boat.png")
    assert (upload["fileSize"], upload["mimeType"]) == (16, "image/png")

    task_id = await kie.task("sora-2-image-to-video", {**SORA, "image_urls": [picture]})
    data = await kie.end(task_id)
    url = json.loads(data["resultJson"])["resultUrls"][0]
    async with httpx.AsyncClient(trust_env=False) as stranger:
        video = await stranger.get(url)
        part = await stranger.get(url, headers={"Range": "bytes=4-7"})
    assert video.headers["Content-Type"] == "video/mp4"
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert len(task_id) == 32


async def test_a_finished_record_has_the_fields_of_live_replies(kie: KieCaller) -> None:
    task_id = await kie.task(callBackUrl="http://127.0.0.1:9/hook")
    data = await kie.end(task_id)
    assert set(data) == {
        "taskId", "model", "state", "param", "resultJson", "failCode", "failMsg",
        "costTime", "completeTime", "createTime", "creditsConsumed",
    }  # fmt: skip
    param = json.loads(data["param"])
    assert (param["model"], param["callBackUrl"]) == ("sora-2-text-to-video", "http://127.0.0.1:9/hook")
    assert json.loads(param["input"]) == SORA
    assert isinstance(data["costTime"], int)
    assert data["costTime"] == round((data["completeTime"] - data["createTime"]) / 1000)
    assert data["creditsConsumed"] == 30
    assert (data["failCode"], data["failMsg"]) == (None, None)


async def test_an_unfinished_record_is_empty_but_already_names_its_credits(
    sandbox: Sandbox, kie: KieCaller
) -> None:
    sandbox.faults.set("stuck-waiting")
    data = (await kie.look(await kie.task()))["data"]
    assert (data["state"], data["resultJson"], data["creditsConsumed"]) == ("waiting", "", 30)
    assert (data["costTime"], data["completeTime"]) == (None, None)


async def test_an_unknown_task_is_recordinfo_is_null_with_http_200(kie: KieCaller) -> None:
    answer = await kie.http.get("/api/v1/jobs/recordInfo", params={"taskId": "0" * 32})
    assert answer.status_code == 200
    assert answer.json() == {"code": 422, "msg": "recordInfo is null", "data": None}
    assert (await kie.get("/api/v1/jobs/recordInfo"))["code"] == 400


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"prompt": None}, 500, "prompt is required"),
        ({"n_frames": "12"}, 500, "not within the range of allowed options"),
        ({"n_frames": 10}, 422, ""),
        ({"prompt": "x" * 10_001}, 422, ""),
    ],
)
async def test_a_wrong_input_gets_kies_odd_code_and_costs_nothing(
    kie: KieCaller, sandbox: Sandbox, change: dict[str, object], code: int, words: str
) -> None:
    answer = await kie.create(body_input={**SORA, **change})
    assert (answer["code"], answer["data"]) == (code, None)
    assert words in answer["msg"]
    assert sandbox.created == []
    assert await kie.credit() == 10_000


async def test_unknown_models_and_foreign_addresses_are_422(kie: KieCaller) -> None:
    for model in ("sora-2", "openai/sora-2-text-to-video", ""):
        answer = await kie.create(model)
        assert answer["code"] == 422
        assert "not supported" in answer["msg"]
    foreign = await kie.post("/api/v1/common/download-url", {"url": "https://example.org/a.mp4"})
    assert (foreign["code"], foreign["msg"]) == (422, "url is wrong")
    remover = await kie.create("sora-watermark-remover", {"video_url": "https://example.org/p/1"})
    assert remover["code"] == 422


async def test_the_empty_probe_tells_living_models_from_dead_ones(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("sora-withdrawn")
    alive = await kie.create("kling-3.0/video", {})
    paused = await kie.create("sora-2-pro-storyboard", {})
    unknown = await kie.create("kling-9", {})
    assert (alive["code"], "is required" in alive["msg"]) == (500, True)
    assert (paused["code"], paused["msg"]) == (500, "This interface is temporarily paused.")
    assert (unknown["code"], "not supported" in unknown["msg"]) == (422, True)
    assert sandbox.created == []


async def test_unknown_fields_are_dropped_and_defaults_filled_in(sandbox: Sandbox, kie: KieCaller) -> None:
    task_id = await kie.task(
        "kling-3.0/video", {"prompt": "a cat", "sound": False, "multi_shots": False, "qualty": "std"}
    )
    data = await kie.end(task_id)
    assert data["creditsConsumed"] == 90  # the dear default: pro, 5 s
    sandbox.faults.set("strict-defaults")
    refused = await kie.create("kling-3.0/video", {"prompt": "a cat", "sound": False, "multi_shots": False})
    assert (refused["code"], refused["msg"]) == (500, "duration is required")


async def test_credits_fall_at_creation_and_come_back_on_failure(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("stuck-generating")
    sandbox.faults.set("fail", "people")
    task_id = await kie.task()
    assert await kie.credit() == 9_970
    sandbox.faults.clear("stuck-generating")
    data = await kie.end(task_id)
    assert (data["state"], data["creditsConsumed"], data["failCode"]) == ("fail", 0, "500")
    assert "photorealistic people" in data["failMsg"]
    assert await kie.credit() == 10_000


async def test_a_poor_account_is_refused_with_402() -> None:
    options = SandboxOptions(speed=math.inf, credits=Decimal("29.5"), stock_clip=True)
    async with calling(options) as (_, kie):
        assert await kie.credit() == 29.5
        assert (await kie.create())["code"] == 402


async def test_only_the_given_keys_are_taken() -> None:
    options = SandboxOptions(keys=frozenset({"good-key"}), stock_clip=True)
    async with calling(options) as (sandbox, kie):
        assert (await kie.get("/api/v1/chat/credit"))["code"] == 401
        upload = await kie.post("/api/file-base64-upload", {})
        assert (upload["code"], upload["success"]) == (401, False)
        assert upload["msg"] == "Authentication failed: Invalid API Key"
        kie.http.headers["Authorization"] = "Bearer good-key"
        assert (await kie.get("/api/v1/chat/credit"))["code"] == 200
        del kie.http.headers["Authorization"]
        assert (await kie.get("/api/v1/chat/credit"))["code"] == 401
        assert (await kie.get("/client/v1/model-pricing/count"))["code"] == 200
        assert ("GET", "/api/v1/chat/credit") in sandbox.requests


async def test_the_21st_creation_in_ten_seconds_is_refused_for_that_key_only() -> None:
    options = SandboxOptions(speed=math.inf, stock_clip=True)
    async with calling(options) as (sandbox, kie):
        codes = [(await kie.create())["code"] for _ in range(21)]
        assert codes == [200] * 20 + [429]
        sandbox.faults.set("rate-limit-http")
        assert (await kie.http.post("/api/v1/jobs/createTask", json={"model": "x"})).status_code == 429
        looks = [(await kie.look("0"))["code"] for _ in range(11)]
        assert looks == [422] * 10 + [429]
        kie.http.headers["Authorization"] = "Bearer another-key"
        assert (await kie.create())["code"] == 200


async def test_uploads_by_base64_and_by_address_are_served_back(sandbox: Sandbox, kie: KieCaller) -> None:
    by_text = await kie.post(
        "/api/file-base64-upload",
        {"base64Data": "data:image/png;base64,aGVsbG8=", "uploadPath": "inputs"},
    )
    address = by_text["data"]["downloadUrl"]
    assert by_text["data"]["fileName"].endswith(".png")
    assert (await kie.http.get(address)).content == b"hello"
    copy = await kie.post(
        "/api/file-url-upload", {"fileUrl": address, "uploadPath": "copies", "fileName": "copy.png"}
    )
    assert (await kie.http.get(copy["data"]["downloadUrl"])).content == b"hello"
    again = await kie.post(
        "/api/file-base64-upload", {"base64Data": "d29ybGQ=", "uploadPath": "copies", "fileName": "copy.png"}
    )
    assert again["data"]["downloadUrl"] == copy["data"]["downloadUrl"]
    assert (await kie.http.get(copy["data"]["downloadUrl"])).content == b"world"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"base64Data": "aGVsbG8="}, "Missing required parameter: uploadPath"),
        ({"base64Data": "aGVsbG8=", "uploadPath": "/inputs"}, "uploadPath"),
        ({"base64Data": "aGVsbG8=", "uploadPath": "../inputs"}, "uploadPath"),
        ({"base64Data": "%%%", "uploadPath": "inputs"}, "Base64"),
        ({"uploadPath": "inputs"}, "base64Data"),
    ],
)
async def test_a_wrong_upload_is_400_and_says_what_is_wrong(
    kie: KieCaller, body: dict[str, str], words: str
) -> None:
    answer = await kie.post("/api/file-base64-upload", body)
    assert (answer["code"], answer["success"]) == (400, False)
    assert words in answer["msg"]


async def test_files_outside_its_folders_are_never_given(kie: KieCaller, sandbox: Sandbox) -> None:
    secret = sandbox.world.folder / "secret.txt"
    secret.write_text("secret")
    for path in (
        "../secret.txt",
        "results/../../secret.txt",
        "%2e%2e/secret.txt",
        "results/%2e%2e/secret.txt",
    ):
        answer = await kie.http.get(f"{sandbox.url}/files/{path}")
        assert answer.status_code == 404


async def test_a_download_link_leads_to_the_same_file(kie: KieCaller) -> None:
    url = await kie.result()
    link = await kie.post("/api/v1/common/download-url", {"url": url})
    assert (await kie.http.get(link["data"])).content == (await kie.http.get(url)).content
    old = str(link["data"]).partition("expires=")[0] + "expires=1000"
    assert (await kie.http.get(old)).status_code == 404


async def test_the_model_list_has_each_string_once_and_can_be_filtered(
    sandbox: Sandbox, kie: KieCaller
) -> None:
    everything = (await kie.get("/api/v1/models"))["data"]
    strings = [row["model"] for row in everything["models"]]
    assert everything["total"] == len(strings) == len({model.kie for model in load()})
    assert set(everything["models"][0]) == {
        "model", "slug", "title", "provider", "taskType", "description", "pricingDesc",
    }  # fmt: skip
    kling = (await kie.get("/api/v1/models?q=kling&taskType=text-to-video"))["data"]["models"]
    assert kling
    assert all("kling" in row["model"] and "text-to-video" in row["taskType"] for row in kling)
    assert "sora-2-text-to-video" in strings
    sandbox.faults.set("sora-withdrawn")
    assert not (await kie.get("/api/v1/models?q=sora"))["data"]["models"]


async def test_schema_price_and_success_rate_keep_the_slash_of_the_id(kie: KieCaller) -> None:
    schema = (await kie.get("/api/v1/models/kling-3.0/video/schema"))["data"]["inputSchema"]
    assert schema["properties"]["mode"]["enum"] == ["std", "pro", "4K"]
    assert "duration" in schema["required"]
    assert (
        "credits per second" in (await kie.get("/api/v1/models/kling-3.0/video/price"))["data"]["pricingDesc"]
    )
    assert (await kie.get("/api/v1/models/veo-3-1/success-rate"))["code"] == 200
    assert (await kie.get("/api/v1/models/no/such/price"))["code"] == 404


async def test_the_price_pages_need_no_key_and_go_through_all_rows(kie: KieCaller) -> None:
    del kie.http.headers["Authorization"]
    count = (await kie.get("/client/v1/model-pricing/count"))["data"]
    rows = []
    page = 1
    while True:
        data = (await kie.post("/client/v1/model-pricing/page", {"pageNum": page, "pageSize": 100}))["data"]
        rows += data["records"]
        if page >= data["pages"]:
            break
        page += 1
    assert len(rows) == count["all"] == data["total"] == count["video"] + count["image"]
    assert all(isinstance(row["creditPrice"], str) for row in rows)
    found = await kie.post("/client/v1/model-pricing/page", {"modelDescription": "minimax h3", "pageSize": 5})
    assert all("MiniMax H3" in row["modelDescription"] for row in found["data"]["records"])


async def test_the_older_veo_address_makes_and_shows_a_task(sandbox: Sandbox, kie: KieCaller) -> None:
    body = {"prompt": "a kite", "model": "veo3_lite", "aspectRatio": "9:16", "imageUrls": []}
    task_id = (await kie.post("/api/v1/veo/generate", body))["data"]["taskId"]
    await kie.end(task_id)
    data = (await kie.get(f"/api/v1/veo/record-info?taskId={task_id}"))["data"]
    assert (data["successFlag"], data["errorCode"]) == (1, None)
    assert (await kie.http.get(data["response"]["resultUrls"][0])).status_code == 200
    assert sandbox.tasks[task_id].price == "30"
    sandbox.faults.set("fail")
    failing = (await kie.post("/api/v1/veo/generate", body))["data"]["taskId"]
    await kie.end(failing)
    data = (await kie.get(f"/api/v1/veo/record-info?taskId={failing}"))["data"]
    assert (data["successFlag"], data["response"]) == (3, None)


async def test_the_older_runway_address_makes_and_shows_a_task(sandbox: Sandbox, kie: KieCaller) -> None:
    sandbox.faults.set("stuck-waiting")
    body = {"prompt": "a kite", "duration": 5, "quality": "720p", "aspectRatio": "16:9"}
    task_id = (await kie.post("/api/v1/runway/generate", body))["data"]["taskId"]
    look = f"/api/v1/runway/record-detail?taskId={task_id}"
    assert (await kie.get(look))["data"]["state"] == "wait"
    sandbox.faults.clear()
    await kie.end(task_id)
    data = (await kie.get(look))["data"]
    assert data["state"] == "success"
    assert (await kie.http.get(data["videoInfo"]["videoUrl"])).status_code == 200


async def test_an_unknown_path_is_404_in_the_envelope(kie: KieCaller) -> None:
    answer = await kie.http.get("/playground/recordInfo")
    assert (answer.status_code, answer.json()["code"]) == (404, 404)


async def test_tasks_and_balance_outlive_a_restart_in_the_same_folder(tmp_path: Path) -> None:
    options = SandboxOptions(speed=math.inf, stock_clip=True, rate_limits=False, data=tmp_path)
    async with calling(options) as (sandbox, kie):
        done = await kie.task()
        await kie.end(done)
        sandbox.faults.set("stuck-generating")
        running = await kie.task()
    async with calling(options) as (_, kie):
        data = await kie.end(running)
        assert data["state"] == "success"
        url = json.loads((await kie.end(done))["resultJson"])["resultUrls"][0]
        assert (await kie.http.get(url)).status_code == 200
        assert await kie.credit() == 9_940


async def test_files_older_than_kie_keeps_them_are_dropped_at_the_start(tmp_path: Path) -> None:
    options = SandboxOptions(speed=math.inf, stock_clip=True, data=tmp_path)
    async with calling(options) as (_, kie):
        await kie.result()
        await kie.result()
    old, _ = (tmp_path / "results").iterdir()
    os.utime(old, (0, 0))
    async with calling(options):
        assert len(list((tmp_path / "results").iterdir())) == 1


async def test_every_example_of_the_catalogue_is_accepted(sandbox: Sandbox, kie: KieCaller) -> None:
    refused = {
        model.id: answer["msg"]
        for model in load()
        if (answer := await kie.create(model.kie, dict(model.example)))["code"] != 200
    }
    assert refused == {}
    for task_id, task in sandbox.tasks.items():
        assert (await kie.end(task_id))["state"] == "success", task.model
