"""`kiebot demo`: the whole product on a fresh machine, and nothing of the operator's own."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.request
from pathlib import Path

from support.command import Clip, Kiebot, begin, clip, line_with, run_apart

REAL = {
    "KIE_API_KEY": "a-real-key-that-stays-unused",
    "KIE_API_URL": "http://127.0.0.1:9",
    "DATABASE_URL": "sqlite:///real.db",
    "PUBLIC_URL": "https://bot.example.org",
    "DAILY_KIE_CREDITS": "0",
    "HTTP_PORT": "1",
}


def test_once_makes_a_video_from_a_picture_and_verifies_the_ledger(kiebot: Kiebot, folder: Path) -> None:
    ended = run_apart("demo", "--once", "--port", 0, "--speed", 1000, **REAL)
    assert ended.status == 0, ended.err
    assert "KIE is making the video" in ended.out
    assert "every rule holds" in ended.out
    file = re.search(r"^The video: (.+\.mp4)$", ended.out, re.MULTILINE)
    assert file
    assert clip(Path(file[1])) == Clip(1280, 720, 8.0, sound=True)
    (job,) = kiebot("jobs", "--json", "--data", "data/demo").json
    assert (job["user"], job["state"], job["outcome"]["kind"]) == ("web:ada", "delivered", "video")
    assert kiebot("credits", "balance", "web:ada", "--json", "--data", "data/demo").json["available"] == 470
    assert not (folder / "real.db").exists()


def test_a_failed_first_video_fails_once(folder: Path) -> None:
    ended = run_apart(
        "demo", "--once", "--port", 0, "--speed", 1000, "--data", "here", "--fault", "fail=busy"
    )
    assert ended.status == 1
    assert "too busy" in ended.complaint
    assert (folder / "here" / "kiebot.db").exists()


def test_the_page_is_served_at_once_on_another_port_if_need_be_until_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with begin("demo", "--port", port, "--speed", 1000) as demo:
            page = line_with(demo, "The page is at").rpartition(" ")[2]
            assert f":{port}/" not in page
            with urllib.request.urlopen(page, timeout=5) as answer:
                assert answer.status == 200
            line_with(demo, "Everything is yours")
            with urllib.request.urlopen(f"{page}/api/ada/history", timeout=5) as answer:
                assert len(json.load(answer)["jobs"]) == 1
            demo.send_signal(signal.SIGINT)
            _, told = demo.communicate(timeout=20)
    assert demo.returncode == 0
    assert told.startswith("Stopping")
