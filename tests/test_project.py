"""What stands around the code: lock files, Makefile, package, container, and that the pages tell the truth."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from support.sources import ROOT

import bot
from bot.clock import SystemClock
from bot.settings import VARIABLES

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def pins(lock: str) -> dict[str, str]:
    """Package and pinned version, once for each marker."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", text_of(lock), re.MULTILINE))


def plain(requirement: str) -> str:
    """A package's name as lock files spell it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", requirement)[0]).lower()


# --- what gets installed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_every_package_is_pinned_by_hash_and_no_registry_is_named(lock: str) -> None:
    text = text_of(lock)
    blocks = re.split(r"\n(?=[\w.-]+==)", text)
    assert len(blocks) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 20
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|^\s*-(-index|-extra-index|-find-links|i |f )", text, re.MULTILINE)


def test_the_lock_files_hold_all_that_the_project_asks_for_and_agree() -> None:
    extras = PROJECT["optional-dependencies"]
    product, everything = pins("requirements.lock"), pins("requirements-test.lock")
    wanted = [*PROJECT["dependencies"], *extras["telegram"], *extras["discord"], *extras["build"]]
    assert {plain(each) for each in wanted} <= set(product)
    assert {plain(each) for each in [*wanted, *extras["test"]]} <= set(everything)
    assert product.items() <= everything.items()


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["version"] == bot.__version__


def test_the_wheel_carries_every_data_file(tmp_path: Path) -> None:
    copy = tmp_path / "source"
    for name in ("bot", "adapters"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "-w", tmp_path, copy], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(file.relative_to(copy))
        for name in ("bot", "adapters")
        for file in (copy / name).rglob("*")
        if file.is_file()
    }
    assert wanted - packed == set()


# --- make and CI -------------------------------------------------------------------------------------------------


def make(*arguments: str, path: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "HOME": str(folder), "LC_ALL": "C"}
    command = [shutil.which("make") or "make", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_make_alone_lists_every_target_of_the_contract() -> None:
    listed = make(path=os.defpath).stdout
    for target in ("demo", "install", "test", "check", "bench", "soak"):
        assert f"make {target} " in listed


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A fresh folder with the Makefile, and a PATH with the system's tools but our own `python3`."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "echo", "test", "sed", "apt-get"):
        (tools / name).symlink_to(shutil.which(name) or "/bin/true")
    return tmp_path


def a_python(machine: Path, version_is_fine: bool) -> None:
    """A python3 that lacks the venv module, or is too old."""
    script = f"""#!/bin/sh
case "$2" in
*version_info*3,*11*) exit {0 if version_is_fine else 1};;
*venv*) echo python3.12-venv;;
esac
case "$2" in *import*ensurepip*) exit 1;; esac
"""
    python = machine / "tools" / "python3"
    python.write_text(script)
    python.chmod(0o755)


def test_an_older_python_is_answered_with_the_one_line_to_type(bare_machine: Path) -> None:
    a_python(bare_machine, version_is_fine=False)
    ended = make("install", path=str(bare_machine / "tools"), folder=bare_machine)
    assert ended.returncode != 0
    assert "kiebot needs Python 3.11 or newer" in ended.stderr
    assert "  sudo apt-get update && sudo apt-get install -y python3.11 python3.11-venv\n" in ended.stderr


def test_a_missing_venv_module_is_answered_with_the_one_line_to_type(bare_machine: Path) -> None:
    a_python(bare_machine, version_is_fine=True)
    ended = make("install", path=str(bare_machine / "tools"), folder=bare_machine)
    assert ended.returncode != 0
    assert "lacks its venv module" in ended.stderr
    assert "  sudo apt-get update && sudo apt-get install -y python3.12-venv\n" in ended.stderr


def test_ci_runs_the_checks_and_the_readmes_test_command() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = script.read_text("utf-8").splitlines()
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert commands[-2:] == ["make check", "make test"]
    assert "set -euo pipefail" in commands
    assert "make test" in text_of("README.md")


# --- the container -----------------------------------------------------------------------------------------------


def test_the_image_copies_only_what_exists_and_what_the_ignore_file_lets_in() -> None:
    let_in = set(re.findall(r"^!(\S+)", text_of(".dockerignore"), re.MULTILINE))
    assert text_of(".dockerignore").splitlines()[1] == "*"
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text_of("Dockerfile"), re.MULTILINE)
        for name in line.split()
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_runs_without_rights_keeps_its_data_and_tells_its_health() -> None:
    last_stage = text_of("Dockerfile").rpartition("\nFROM ")[2]
    assert re.search(r"^USER kiebot$", last_stage, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", last_stage, re.MULTILINE)
    assert "DATA_DIR=/data" in last_stage
    probe = re.search(r'CMD \["python", "-c", "(.+)"\]$', last_stage, re.MULTILINE)
    assert probe
    assert "/healthz" in probe[1]
    compile(probe[1].replace('\\"', '"'), "HEALTHCHECK", "exec")


def test_neither_git_nor_docker_takes_the_env_file_or_data() -> None:
    ignored = text_of(".gitignore").splitlines()
    assert {".env", "/data/"} <= set(ignored)
    assert not re.search(r"^!(\.env|data)", text_of(".dockerignore"), re.MULTILINE)


# --- the pages ---------------------------------------------------------------------------------------------------


def headings(page: Path) -> set[str]:
    """The anchors of a page, spelled as GitHub does."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_the_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        file, _, anchor = target.partition("#")
        goal = (page.parent / file).resolve() if file else page
        assert goal.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in headings(goal), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    prefixes = (
        "KIE|TELEGRAM|DISCORD|HTTP|MAX|DAILY|USER|KEEP|VIDEOS|LOG|GIVE|PRICE|DEFAULT|PUBLIC|ADMIN|NEW|DATA"
    )
    named = set(re.findall(rf"\b(?:{prefixes})(?:_[A-Z]+)+\b", page.read_text("utf-8")))
    assert named <= set(VARIABLES)


def test_no_file_names_the_machine_it_was_written_on() -> None:
    places = re.compile("|".join(["/ro" + "ot/", "/wo" + "rk/", "/ho" + "me/", "py" + r"pi\.org"]))
    skipped = {"build", "dist", "data", "__pycache__", "kiebot.egg-info"}
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [each for each in folders if each == ".ci" or (each not in skipped and each[0] != ".")]
        for file in (Path(folder, name) for name in files if name != ".env"):
            found += [
                f"{file}: {each}" for each in places.findall(file.read_bytes().decode("utf-8", "ignore"))
            ]
    assert found == []


# --- the clock ---------------------------------------------------------------------------------------------------


async def test_the_real_clock_counts_milliseconds_since_1970_and_moves_on() -> None:
    clock = SystemClock()
    before, now = clock.monotonic(), clock.now()
    await clock.sleep(0.002)
    assert clock.monotonic() - before >= 0.002
    assert clock.now() - now < 60_000
    assert 1_700_000_000_000 < now < 4_000_000_000_000
