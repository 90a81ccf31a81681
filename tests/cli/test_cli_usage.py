"""Help, wrong usage, and how commands fail: quickly, in one line, with the statuses of contract.md."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.command import Kiebot
from support.sources import ROOT

import bot
from bot.cli import COMMANDS

HEAVY = ("aiohttp", "httpx", "rich", "sqlite3", "PIL", "av", "dotenv", "bot.app", "asyncio")


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    script = (
        f"import sys; from bot.cli import main; main(['--help']); print(set(sys.modules) & set({HEAVY!r}))"
    )
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    print(f"kiebot --help took {time.perf_counter() - began:.3f} s")
    assert ended.stdout.splitlines()[-1] == "set()"
    for name in COMMANDS:
        assert re.search(rf"^    {name} ", ended.stdout, re.MULTILINE), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(kiebot: Kiebot, name: str) -> None:
    ended = kiebot(name, "--help")
    assert ended.status == 0
    assert f"usage: kiebot {name}" in ended.out


def test_the_version_is_told(kiebot: Kiebot) -> None:
    assert kiebot("--version").out == f"kiebot {bot.__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        "",
        "nonsense",
        "jobs --state sleeping",
        "jobs show",
        "jobs refund X",
        "credits",
        "credits grant web:ada 5",
        "credits grant web:ada five --reason x",
        "users block",
        "db backup",
        "make --sound loud",
        "make --set seed",
        "make --seconds ten",
        "make x --sandbox --fault no-such-fault",
        "make x --sandbox --speed 0",
        "sandbox --fault no-such-fault",
    ],
)
def test_wrong_usage_ends_with_two_and_says_why_on_stderr(kiebot: Kiebot, words: str) -> None:
    ended = kiebot(*words.split())
    assert (ended.status, ended.out) == (2, "")
    assert ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("credits balance nobody", '"nobody" is no user or community'),
        ("credits balance telegram:1", "telegram:1 is not known"),
        ("jobs show 7K3M9QX2AB", "There is no job 7K3M9QX2AB"),
        ("jobs resend 7K3M9QX2AB", "There is no job"),
        ("users forget telegram-chat:-1", "is no user"),
        ("db restore nothing.db", "there is no nothing.db"),
        ("db backup x.db", "There is no database"),
        ("models refresh", "KIE_API_KEY"),
        ("run", "KIE_API_KEY is not set"),
        ("make dog", "--sandbox"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line_on_stderr(kiebot: Kiebot, words: str, said: str) -> None:
    ended = kiebot(*words.split())
    assert (ended.status, ended.out) == (1, "")
    assert said in ended.complaint


def test_a_wrong_setting_is_named_with_its_remedy(kiebot: Kiebot) -> None:
    ended = kiebot("jobs", HTTP_PORT="eighty")
    assert ended.status == 1
    assert "HTTP_PORT" in ended.complaint


def test_a_folder_that_cannot_be_written_is_told_plainly(kiebot: Kiebot, folder: Path) -> None:
    (folder / "file").touch()
    ended = kiebot("jobs", DATA_DIR=str(folder / "file" / "data"))
    assert ended.status == 1
    assert "DATA_DIR" in ended.complaint


def test_a_damaged_database_is_told_plainly(kiebot: Kiebot, folder: Path) -> None:
    (folder / "broken.db").write_bytes(b"not a database" * 1000)
    ended = kiebot("jobs", DATABASE_URL="sqlite:///broken.db")
    assert ended.status == 1
    assert "kiebot db restore" in ended.complaint


@pytest.mark.parametrize("words", [("credits", "verify"), ("run",), ("check",)], ids=" ".join)
def test_damage_that_shows_only_when_it_is_read_is_told_plainly_too(
    kiebot: Kiebot, folder: Path, words: tuple[str, ...]
) -> None:
    kiebot("credits", "grant", "cli:ada", "5", "--reason", "x")
    file = folder / "data" / "kiebot.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
            " INSERT INTO transfers (at, source, target, amount, reference, reason)"
            " SELECT at, source, target, 1, 'topup:' || i, 'x' FROM transfers, n"
        )
        connection.commit()
    whole = file.read_bytes()
    file.write_bytes(whole[:-300_000] + b"\xff" * 300_000)
    ended = kiebot(*words, KIE_API_KEY="a-key-of-kies", KIE_API_URL="http://127.0.0.1:9")
    assert ended.status == 1
    assert "malformed" in ended.out + ended.err
    assert "kiebot db restore FILE" in ended.out + ended.err
    assert "Traceback" not in ended.err


def test_what_a_restore_replaces_is_named_and_no_backup_takes_the_live_place(
    kiebot: Kiebot, folder: Path
) -> None:
    kiebot("credits", "grant", "cli:ada", "5", "--reason", "x")
    live = folder / "data" / "kiebot.db"
    refused = kiebot("db", "backup", live)
    assert (refused.status, "choose another file" in refused.complaint) == (1, True)
    assert kiebot("db", "backup", "taken.db").status == 0
    for name in ("kiebot.db.replaced", "kiebot.db.replaced-2"):
        told = kiebot("db", "restore", "taken.db", "--force").out.splitlines()
        assert told[-1] == f"What stood there before is kept as {live.with_name(name)}."


def test_a_reader_that_has_had_enough_is_no_trouble() -> None:
    command = f"{sys.executable} -m bot models --all --json | head -1"
    ended = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("[\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "--port", "99999"),
        ("demo", "--port", "-1"),
        ("jobs", "--limit", "9" * 20),
        ("jobs", "--limit", "0"),
    ],
)
def test_numbers_out_of_range_are_wrong_usage(kiebot: Kiebot, words: tuple[str, ...]) -> None:
    ended = kiebot(*words)
    assert ended.status == 2
    assert "Traceback" not in ended.err


def test_a_mistyped_data_folder_is_no_healthy_empty_bot(kiebot: Kiebot, tmp_path: Path) -> None:
    ended = kiebot("credits", "verify", "--data", tmp_path / "nowhere")
    assert ended.status == 1
    assert "no data of kiebot" in ended.complaint
    assert not (tmp_path / "nowhere").exists()
