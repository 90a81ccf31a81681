"""The log: what it looks like, and that no secret leaves through it, whichever way it came in."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import log
from bot.masking import MASK, mask

SECRETS = ("hunter2-and-more", "p@ss/word")
TELEGRAM = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
DISCORD = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GhIjKl.abcdefghijklmnopqrstuvwxyz-_0123456789AB"


@pytest.fixture(autouse=True)
def logging_is_put_back() -> Iterator[None]:
    root, hook = logging.getLogger(), sys.excepthook
    before, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level, sys.excepthook = before, level, hook


def written(form: str = "text", level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    log.set_up(level, form, SECRETS, stream)
    return stream


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_masked_in_message_arguments_extra_traceback_and_stack(form: str) -> None:
    stream = written(form)
    logger = logging.getLogger("bot.kie")
    try:
        raise ValueError("refused: hunter2-and-more")
    except ValueError:
        logger.exception(
            "hunter2-and-more %s", {"key": "hunter2-and-more"}, extra={"job": "hunter2-and-more"}
        )
    logger.warning("here", stack_info=True)
    text = stream.getvalue()
    assert "hunter2" not in text
    assert text.count(MASK) >= 4
    assert "ValueError: refused" in text
    assert "Stack (most recent call last)" in text


def test_a_secret_is_masked_in_an_error_nobody_caught() -> None:
    program = "from bot import log; log.set_up(secrets=['hunter2']); raise ValueError('no hunter2 here')"
    root = Path(__file__).parent.parent
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=False
    )
    assert ended.returncode == 1
    assert f"ValueError: no {MASK} here" in ended.stderr
    assert "hunter2" not in ended.stderr.replace(program, "")


def test_a_warning_of_a_library_goes_through_the_same_mask() -> None:
    stream = written()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("deprecated: hunter2-and-more", DeprecationWarning, stacklevel=1)
    assert "hunter2" not in stream.getvalue()
    assert f"deprecated: {MASK}" in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://api.telegram.org/bot{TELEGRAM}/getMe",
        f"GET https://proxy/?to=bot{TELEGRAM.replace(':', '%3A')}",
        f"{{'token': '{DISCORD}'}}",
        f"Authorization: Bot {DISCORD}",
        "authorization: Bearer 0123456789abcdef0123456789abcdef",
        "POST /kie/callback/7K3M9QX2AB/Xy12_-tokentokentoken HTTP/1.1",
        "POST /telegram/webhook/0123456789abcdef HTTP/1.1",
        "GET /v/7K3M9QX2AB/Xy12_-tokentokentoken HTTP/1.1",
        "PATCH https://discord.com/api/v10/webhooks/1200000000000000001/aW50.tokentoken-x_/messages/@original",
        "POST https://discord.com/api/v10/interactions/1200000000000000001/tokentoken/callback",
        "proxy http://user:secretword@proxy.example.org:3128",
        "the word p@ss/word in an address: p%40ss%2Fword",
    ],
)
def test_what_looks_like_a_secret_is_masked_even_if_nobody_told_us(text: str) -> None:
    masked = mask(text, SECRETS)
    assert MASK in masked
    assert not re.search(r"AAEhBO|MTIzNDU|0123456789abcdef|tokentoken|secretword|p@ss|p%40ss", masked)


def test_ordinary_words_times_and_ids_are_left_alone() -> None:
    text = "12:34:56 job 7K3M9QX2AB of telegram:123456789 is bot-made, see https://kie.ai/v1/models?a=b:c@d"
    assert mask(text, ("", "a", "abc")) == text


def test_json_is_one_object_a_line_with_the_extra_fields_and_their_types() -> None:
    stream = written("json")
    logging.getLogger("bot.engine").info("job %s\nended", "x", extra={"job": "7K3M9QX2AB", "seconds": 4.5})
    (line,) = stream.getvalue().splitlines()
    data = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", data.pop("time"))
    assert data == {
        "level": "info",
        "logger": "bot.engine",
        "message": "job x\nended",
        "job": "7K3M9QX2AB",
        "seconds": 4.5,
    }


def test_a_members_words_can_neither_forge_a_line_nor_steer_the_terminal() -> None:
    stream = written()
    logging.getLogger("bot.studio").info("asked: %s", "a dog\n2026-01-01 00:00:00 INFO fake: \x1b[2J")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("INFO bot.studio: asked: a dog")
    assert second == "    2026-01-01 00:00:00 INFO fake: \ufffd[2J"


def test_the_text_names_the_job_behind_the_message() -> None:
    stream = written()
    logging.getLogger("bot.engine").info("job ended", extra={"job": "7K3M9QX2AB"})
    assert stream.getvalue().endswith(" INFO bot.engine: job ended job=7K3M9QX2AB\n")


def test_libraries_that_log_every_request_keep_quiet_until_debugging() -> None:
    stream = written()
    logging.getLogger("httpx").info("HTTP Request: POST")
    assert stream.getvalue() == ""
    stream = written(level="debug")
    logging.getLogger("httpx").info("HTTP Request: POST")
    assert "HTTP Request: POST" in stream.getvalue()
