"""`kiebot check`: each finding with its remedy."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from support.command import Ended, Kiebot, line_with, running

NOWHERE = {"KIE_API_URL": "http://127.0.0.1:9", "KIE_UPLOAD_URL": "http://127.0.0.1:9", "HTTP_PORT": "0"}


def by_name(ended: Ended) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in ended.json}


def test_every_finding_has_its_words_and_every_bad_one_its_remedy(kiebot: Kiebot) -> None:
    ended = kiebot("check", "--json", **NOWHERE)
    assert ended.status == 1
    assert all(set(each) == {"name", "ok", "text", "remedy"} and each["text"] for each in ended.json)
    bad = [each["name"] for each in ended.json if not each["ok"]]
    assert bad == ["kie_address", "kie_key"]
    assert all(each["remedy"] for each in ended.json if not each["ok"])
    assert "kie_address, kie_key" in ended.complaint


def test_all_is_well_with_a_key_a_database_and_a_running_bot(kiebot: Kiebot) -> None:
    with running("sandbox", "--port", 0) as sandbox:
        url = line_with(sandbox, "at http").rpartition(" ")[2]
        kie = {"KIE_API_URL": url, "KIE_UPLOAD_URL": url, "KIE_API_KEY": "any-key-at-all"}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        settings = {
            **kie,
            "HTTP_PORT": port,
            "OPERATORS": "telegram:1",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        before = by_name(kiebot("check", "--json", **settings))
        with running("run", **settings) as bot:
            line_with(bot, "The page is at")
            ended = kiebot("check", "--json", **settings)
            words = kiebot("check", **settings).out
    during = by_name(ended)
    assert ended.status == 0
    assert all(each["ok"] for each in ended.json)
    assert "No bot is running" in before["running"]["text"]
    assert "while no bot runs" in before["public_url"]["text"]
    assert "is running" in during["running"]["text"]
    assert "by the bot" in during["port"]["text"]
    assert "can be reached" in during["public_url"]["text"]
    assert "10000 KIE credits" in during["kie_key"]["text"]
    assert "telegram:1" in during["operators"]["text"]
    assert "advice" in words


@pytest.mark.parametrize(
    ("settings", "name", "remedy"),
    [
        ({"HTTP_PORT": "eighty"}, "settings", "HTTP_PORT"),
        ({"DATA_DIR": "/proc/nowhere"}, "data_dir", "DATA_DIR"),
        ({"DATABASE_URL": "sqlite:///broken.db"}, "database", "kiebot db restore"),
    ],
)
def test_what_keeps_the_bot_from_starting_is_bad(
    kiebot: Kiebot, folder: Path, settings: dict[str, str], name: str, remedy: str
) -> None:
    (folder / "broken.db").write_bytes(b"not a database" * 1000)
    found = by_name(kiebot("check", "--json", **{**NOWHERE, **settings}))[name]
    assert found["ok"] is False
    assert remedy in found["remedy"]


def test_a_port_in_use_by_something_else_is_bad(kiebot: Kiebot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0)
        found = by_name(kiebot("check", "--json", **{**NOWHERE, "HTTP_PORT": str(taken.getsockname()[1])}))
    assert found["port"]["ok"] is False


def test_risks_and_misspelt_settings_are_advice(kiebot: Kiebot) -> None:
    ended = kiebot(
        "check", "--json", **NOWHERE, ACCESS="open", KIE_APIKEY="x", PUBLIC_URL="http://127.0.0.1:9"
    )
    advice = {each["name"]: each["text"] for each in ended.json if each["ok"] and each["remedy"]}
    assert "KIE_API_KEY" in advice["settings"]
    assert "nothing bounds" in advice["access"]
    assert "ADMIN_TOKEN" in advice["pages"]


def test_content_rules_that_would_stop_the_start_are_found_before_it(kiebot: Kiebot, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "rules.toml").write_text("[[rules]]\nname = 'no words'\n")
    found = by_name(kiebot("check", "--json", DATA_DIR=str(folder), **NOWHERE))
    assert not found["rules"]["ok"]
    assert "rules.toml" in found["rules"]["text"]


def test_a_server_that_others_can_reach_needs_an_admin_token(kiebot: Kiebot) -> None:
    found = by_name(kiebot("check", "--json", **NOWHERE, HTTP_HOST="0.0.0.0"))
    assert "ADMIN_TOKEN" in found["pages"]["remedy"]


def test_a_chat_whose_server_does_not_answer_is_named_without_its_token(kiebot: Kiebot) -> None:
    token = "MTIwMDAwMDAwMDAwMDAwMDAw.GabcDe.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
    given = {"DISCORD_BOT_TOKEN": token, "DISCORD_API_URL": "http://127.0.0.1:9/api/v10"}
    run = kiebot("check", "--json", **{**NOWHERE, **given})
    found = by_name(run)
    assert found["discord"]["ok"] is not True
    assert found["discord"]["remedy"]
    assert token not in str(found)
