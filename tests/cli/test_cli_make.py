"""`kiebot make`: prices without a key, refusals before anything is spent, and videos out of the sandbox."""

from __future__ import annotations

import io
import json
import shlex
import signal
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from support.command import Clip, Kiebot, Person, begin, clip, line_with, running, wait_for

LINK = "https://sora.chatgpt.com/p/s_68e83bd7eee88191be79d2ba7158516f"
SHORT = ("--model", "veo-3-1:lite", "--seconds", 4)
KEY = {"KIE_API_KEY": "a-key-of-nobody", "KIE_API_URL": "http://127.0.0.1:9"}


@pytest.fixture
def picture(folder: Path) -> Path:
    """A portrait picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (720, 1280), "teal").save(buffer, "JPEG")
    file = folder / "p.jpg"
    file.write_bytes(buffer.getvalue())
    return file


# --- only the price ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "model", "sent", "price"),
    [
        (
            "'a dog' --model sora-2-text-to-video",
            "sora-2-text-to-video",
            {"prompt": "a dog", "aspect_ratio": "landscape", "n_frames": "10", "remove_watermark": True},
            30,
        ),
        (
            "'a dog' --model sora-2-pro-text-to-video --quality high --aspect portrait --watermark keep",
            "sora-2-pro-text-to-video",
            {"size": "high", "aspect_ratio": "portrait", "remove_watermark": False},
            330,
        ),
        (
            "--shot '7.5|out to sea' --shot 'home again' --seconds 15 --model sora-2-pro-storyboard",
            "sora-2-pro-storyboard",
            {
                "shots": [
                    {"Scene": "out to sea", "duration": 7.5},
                    {"Scene": "home again", "duration": 7.5},
                ]
            },
            270,
        ),
        (f"--video {LINK}", "sora-watermark-remover", {"video_url": LINK}, 10),
        ("'a dog' --model 'Kling 3.0' --seconds 6 --sound off", "kling-3.0/video", {"duration": "6"}, 84),
        (
            "'a dog' --model 'Seedance 2.0' --set web_search=on",
            "bytedance/seedance-2",
            {"web_search": True},
            205,
        ),
        ("'a dog'", "veo-3-1", {"model": "veo3_lite", "duration": 8}, 30),
    ],
)
def test_a_dry_run_prints_price_and_body_without_a_key(
    kiebot: Kiebot, folder: Path, words: str, model: str, sent: dict[str, object], price: int
) -> None:
    ended = kiebot("make", *shlex.split(words), "--dry-run", "--json", KIE_API_KEY="not one, surely")
    assert ended.status == 0
    body = ended.json["body"]
    assert (body["model"], ended.json["price"]) == (model, price)
    assert sent.items() <= body["input"].items()
    assert not (folder / "data" / "kiebot.db").exists()


def test_a_dry_run_in_words_shows_the_rule_the_notes_and_the_state(kiebot: Kiebot, picture: Path) -> None:
    out = kiebot("make", "a dog", "--image", picture, "--model", "sora-2-image-to-video", "--dry-run").out
    for words in ("30 credits", "30 KIE credits a video", "nearest to your picture", "is retired since"):
        assert words in out
    assert '"(p.jpg, once it is uploaded)"' in out


def test_the_terminal_names_a_model_as_the_chats_do(kiebot: Kiebot, picture: Path) -> None:
    out = kiebot("make", "a dog", "--image", picture, "--model", "sora-2-image-to-video", "--dry-run").out
    assert "Sora 2, 10 s: 30 KIE credits a video" in out
    assert "Sora 2 is retired since" in out
    assert "Sora 2 (image)" not in out


def test_further_images_guide_a_model_that_takes_them(kiebot: Kiebot, picture: Path) -> None:
    words = ("make", "a dog", "--image", picture, "--image", picture, "--dry-run", "--json")
    body = kiebot(*words, "--model", "minimax-h3/reference-to-video").json["body"]
    assert body["model"] == "minimax-h3/reference-to-video"
    assert [len(value) for value in body["input"].values() if isinstance(value, list)] == [2]


# --- what refuses an order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("'a dog' --sandbox --seconds 77", "4, 6 or 8 s"),
        ("'a dog' --sandbox --image nothing.jpg", "nothing.jpg"),
        ("'a dog' --sandbox --model nonsense", "No model is called"),
        ("'a dog' --sandbox -o /proc/nowhere/x.mp4", "Nothing was ordered"),
        ("--sandbox", "Write it as the prompt"),
    ],
)
def test_an_impossible_request_is_refused_in_one_line(kiebot: Kiebot, words: str, said: str) -> None:
    ended = kiebot("make", *shlex.split(words))
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.complaint
    assert kiebot("jobs", "--json", DATA_DIR="data/sandbox").json == []


def test_real_money_is_never_spent_unasked(kiebot: Kiebot) -> None:
    ended = kiebot("make", "a dog", **KEY)
    assert ended.status == 1
    assert "--yes" in ended.complaint
    assert "30 credits" in ended.out
    assert kiebot("jobs", "--json").json == []


def test_a_withdrawn_model_is_refused_before_any_hold_with_commands_for_its_stand_ins(
    kiebot: Kiebot, picture: Path
) -> None:
    words = ("make", "a dog", "--image", picture, "--model", "sora-2-image-to-video", "--sandbox")
    ended = kiebot(*words, "--fault", "sora-withdrawn", "--json")
    assert ended.status == 1
    assert "is retired since 2026-09-24" in ended.complaint
    offers = ended.json["offers"]
    assert 1 <= len(offers) <= 3
    assert all(f"--image {picture}" in each["command"] for each in offers)
    again = kiebot(*shlex.split(offers[0]["command"])[1:], "--dry-run", "--json").json
    assert (again["model"], again["price"]) == (offers[0]["model"], offers[0]["price"])
    assert kiebot("jobs", "--json", "--data", "data/sandbox").json == []


def test_the_watermark_remover_has_no_stand_in_and_says_so(kiebot: Kiebot) -> None:
    ended = kiebot("make", "--video", LINK, "--sandbox", "--fault", "sora-withdrawn")
    assert (ended.status, ended.out) == (1, "")
    assert "Nothing replaces it" in ended.complaint


def test_kie_refusing_the_key_cancels_the_order_and_names_the_remedy(kiebot: Kiebot) -> None:
    with running("sandbox", "--port", 0, "--key", "the-right-key") as sandbox:
        url = line_with(sandbox, "at http").rpartition(" ")[2]
        kie = {"KIE_API_URL": url, "KIE_UPLOAD_URL": url, "KIE_API_KEY": "the-wrong-key"}
        refused = kiebot("make", "a dog", *SHORT, "--yes", "--json", **kie)
        found = {each["name"]: each for each in kiebot("check", "--json", **kie, HTTP_PORT="0").json}
        right = kiebot("models", "probe", "kling 3.0", **{**kie, "KIE_API_KEY": "the-right-key"})
    assert (refused.status, refused.out) == (1, "")
    assert "Check KIE_API_KEY" in refused.complaint
    assert found["kie_key"]["ok"] is False
    assert "401" in found["kie_key"]["text"]
    assert found["kie_address"]["ok"]
    assert found["clock"]["ok"]
    assert right.out == "kling-3.0/video: active\n"
    assert kiebot("jobs", "--json").json[0]["outcome"]["reason"] == "cancelled"
    assert kiebot("credits", "verify").status == 0


# --- videos ------------------------------------------------------------------------------------------------------


def test_a_picture_becomes_a_playable_video_of_the_asked_length_and_shape(
    kiebot: Kiebot, folder: Path, picture: Path
) -> None:
    words = ("make", "a dog", *SHORT, "--image", picture, "--sandbox", "--speed", 1000, "-o", "new/dog.mp4")
    ended = kiebot(*words, "--json")
    assert ended.status == 0, ended.err
    file = folder / "new" / "dog.mp4"
    assert ended.json["file"] == str(file)
    assert ended.json["outcome"]["kind"] == "video"
    assert ended.json["delivered_to"] == "file"
    assert clip(file) == Clip(720, 1280, 4.0, sound=True)
    shown = kiebot("jobs", "show", ended.json["id"], "--json", "--data", "data/sandbox").json
    assert [each["kind"] for each in shown["events"]][:3] == ["ordered", "submitting", "accepted"]
    assert shown["request"]["first"]["height"] == 1280
    told = kiebot("jobs", "show", ended.json["id"], "--data", "data/sandbox").out
    assert "Receipt for job" in told
    assert "settled  charged: 30" in told
    _is_refunded_and_removed(kiebot, ended.json["id"])


def _is_refunded_and_removed(kiebot: Kiebot, job: str) -> None:
    here = ("--data", "data/sandbox")
    assert "30 credits returned" in kiebot("jobs", "refund", job, "--reason", "bad luck", *here).out
    assert kiebot("jobs", "refund", job, "--reason", "again", *here).status == 1
    assert "when the bot runs next" in kiebot("jobs", "resend", job, *here).out
    assert "is deleted" in kiebot("jobs", "remove", job, *here).out
    (listed,) = kiebot("jobs", "--json", "--state", "delivered", "--user", "cli:operator", *here).json
    assert (listed["refunded"], listed["outcome"]["file"]) == (True, None)
    assert "a dog" in kiebot("jobs", *here).out
    assert kiebot("credits", "verify", *here).status == 0


def test_a_failure_is_told_with_its_reason_and_costs_nothing(kiebot: Kiebot) -> None:
    words = ("make", "a dog", *SHORT, "--sandbox", "--speed", 1000, "--fault", "fail=policy")
    ended = kiebot(*words, "--json")
    assert ended.status == 1
    assert "safety rules" in ended.complaint
    assert ended.json["outcome"]["reason"] == "policy"
    assert kiebot("credits", "balance", "cli:operator", "--json", "--data", "data/sandbox").json["held"] == 0


def test_a_killed_command_loses_nothing_and_others_are_served_beside_a_running_bot(
    kiebot: Kiebot, folder: Path
) -> None:
    killed = begin("make", "killed", *SHORT, "--sandbox", "--speed", 12, "-o", "killed.mp4")
    with killed:
        line_with(killed, "KIE is making")
        killed.send_signal(signal.SIGKILL)
    (task,) = (folder / "data" / "sandbox" / "kie" / "tasks").iterdir()
    callback = urlsplit(json.loads(task.read_text())["callback"]).path
    here = ("--data", "data/sandbox")
    assert kiebot("jobs", "--json", *here).json[0]["state"] == "running"
    with running("run", "--sandbox", "--speed", 1000, HTTP_PORT="0") as bot:
        page = line_with(bot, "The page is at").rpartition(" ")[2]
        assert "/claim" in line_with(bot, "operator")
        beside = kiebot("make", "beside", *SHORT, "--sandbox", "-o", "made/")
        second = kiebot("run", "--sandbox", HTTP_PORT="0")
        restore = kiebot("db", "restore", "x.db", *here)
        pausing = kiebot("pause", "--reason", "tea", *here)
        paused = kiebot("make", "paused", *SHORT, "--sandbox")
        # KIE's callback finds the restarted bot; without one, the file would come at the next look.
        urllib.request.urlopen(page.removesuffix("/chat") + callback, data=b"{}", timeout=5).close()
        wait_for(folder / "killed.mp4")
    assert bot.returncode == 0
    assert beside.status == 0, beside.err
    (made,) = (folder / "made").iterdir()
    assert made.name in beside.out
    assert "already running" in second.complaint
    assert restore.status == 1
    assert pausing.status == 0
    assert "tea" in paused.complaint
    assert clip(folder / "killed.mp4").seconds == clip(made).seconds == 4.0
    assert kiebot("credits", "verify", *here).status == 0


def test_an_interrupt_ends_with_130_and_says_how_to_get_the_video(kiebot: Kiebot) -> None:
    with begin("make", "a dog", *SHORT, "--sandbox", "--speed", 0.5) as command:
        line_with(command, "KIE is making")
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=20)
    assert command.returncode == 130
    job = kiebot("jobs", "--json", "--data", "data/sandbox").json[0]
    assert "kiebot run --sandbox" in told
    assert f"kiebot jobs show {job['id']}" in told
    assert job["state"] == "running"


# --- with a person at the terminal -------------------------------------------------------------------------------


def test_a_person_takes_an_offer_with_one_press_picture_included(
    kiebot: Kiebot, folder: Path, picture: Path
) -> None:
    words = ("make", "a dog", "--image", picture, "--model", "sora-2-image-to-video", "-o", "dog.mp4")
    person = Person(*words, "--sandbox", "--speed", 1000, "--fault", "sora-withdrawn")
    person.answers("Order which one", "1\n")
    assert person.ends() == 0, person.seen
    job = kiebot("jobs", "--json", "--data", "data/sandbox").json[0]
    assert job["model"] != "sora-2-image-to-video"
    video = clip(folder / "dog.mp4")
    assert (video.width < video.height, video.seconds) == (True, 10.0)


def test_a_person_who_says_no_or_interrupts_orders_nothing(kiebot: Kiebot) -> None:
    for answer, status in (("n\n", 1), ("\n", 1), ("\x03", 130)):
        person = Person("make", "a dog", **KEY)
        person.answers("Order this for 30 credits?", answer)
        assert person.ends() == status, person.seen
    assert kiebot("jobs", "--json").json == []
