"""The page's sentences: each one that its files name exists, and each one that exists is named."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.web import files
from bot.texts import sentences

PAGE = Path(files.__file__).parent / "page"
CODE = Path(files.__file__).parents[2]


def named() -> set[str]:
    text = "".join(file.read_text("utf-8") for file in PAGE.iterdir())
    return set(re.findall(r'["{](web\.\w+)["}]', text))


def test_every_sentence_the_page_names_exists() -> None:
    assert named() <= set(sentences())


def test_every_sentence_of_the_web_is_named_somewhere() -> None:
    python = [*CODE.glob("bot/web/*.py"), *CODE.glob("adapters/web/*.py")]
    said = set(re.findall(r'"(web\.\w+)"', "".join(file.read_text("utf-8") for file in python)))
    assert {key for key in sentences() if key.startswith("web.")} - named() - said == set()


def test_the_page_asks_for_no_address_outside_and_runs_no_inline_script() -> None:
    for file in PAGE.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//cdn|@import", text), file.name
    index = (PAGE / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", index)
