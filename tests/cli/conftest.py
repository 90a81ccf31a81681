"""Commands run in an empty folder, with no settings but those a test gives."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import Ended, Kiebot

from bot.cli import main
from bot.settings import VARIABLES


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def logging_is_put_back() -> Iterator[None]:
    root, hook = logging.getLogger(), sys.excepthook
    before, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level, sys.excepthook = before, level, hook


@pytest.fixture
def kiebot(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kiebot:
    """Runs a command in this process."""

    def run(*words: object, **settings: str) -> Ended:
        with monkeypatch.context() as these:
            for name, value in settings.items():
                these.setenv(name, value)
            status = main([str(word) for word in words])
        written = capsys.readouterr()
        return Ended(status, written.out, written.err)

    return run
