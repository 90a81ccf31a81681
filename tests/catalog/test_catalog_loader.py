"""A broken model file is refused by naming file, model and field; a good one needs no code."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.catalog_requests import plain

from bot.catalog import loader, quote
from bot.errors import StartError

GOOD = """
["acme/rocket"]
name = "Rocket 1"
family = "rocket"
vendor = "Acme"
kind = "video"
tier = "core"
modes = ["text", "image"]
sound = "switch"
typical = { duration = 5, resolution = "720p", aspect_ratio = "16:9", sound = true }
doc_date = "2026-11-01"
certainty = "documented"
usual_seconds = 60
price_date = "2026-11-01"
prices = [{ when = { resolution = "720p" }, unit = "second", credits = 1.25 }]
constraints = [{ kind = "forbid", when = { resolution = "1080p", sound = true } }]

["acme/rocket".example]
prompt = "A rocket"

["acme/rocket".inputs]
prompt = { type = "string", role = "prompt", required = true }
image_url = { type = "string", role = "first_frame", url = true }
duration = { type = "integer", role = "duration", min = 1, max = 9 }
resolution = { type = "string", role = "resolution", enum = ["720p", "1080p"] }
aspect_ratio = { type = "string", role = "aspect", enum = ["16:9", "9:16"] }
sound = { type = "boolean", role = "audio_toggle" }
"""


def write(folder: Path, text: str) -> Path:
    (folder / "rocket.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_model_is_added_by_one_table_and_no_code(tmp_path: Path) -> None:
    model = loader.load(write(tmp_path, GOOD)).find("rocket 1")
    made = quote(model, plain(model, seconds=4), Decimal(1))
    assert made.kie_credits == Decimal(5)
    assert isinstance(made.kie_credits, Decimal)


@pytest.mark.parametrize(
    ("good", "bad", "field", "why"),
    [
        ('family = "rocket"', "", "family", "is missing"),
        ('family = "rocket"', "family = 5", "family", "must be str"),
        ('tier = "core"', 'tier = "best"', "tier", "none of core"),
        ('tier = "core"', 'tier = "core"\ncolour = "red"', "colour", "is not known here"),
        ('modes = ["text", "image"]', 'modes = ["dance"]', "modes", "none of"),
        ("credits = 1.25", 'credits = "1"', "prices.credits", "must be a number"),
        ("credits = 1.25", "credits = -1", "prices.credits", "must be a number"),
        ('when = { resolution = "720p" }', 'when = { size = "720p" }', "prices", "unknown field 'size'"),
        ('when = { resolution = "720p" }', 'when = { resolution = "4k" }', "prices.resolution", "4k"),
        ('unit = "second"', 'unit = "minute"', "unit", "none of"),
        ('kind = "forbid"', 'kind = "never"', "constraints", "not a kind of rule"),
        ('kind = "forbid", when', 'kind = "forbid", wen', "constraints", "wen"),
        ("sound = true } }", "noise = true } }", "constraints", "unknown field 'noise'"),
        ('type = "integer"', 'type = "int"', "duration.type", "not a type"),
        ('role = "first_frame"', 'role = "picture"', "image_url.role", "not a role"),
        ("url = true", 'url = "yes"', "image_url.url", "must be bool"),
        ('enum = ["16:9", "9:16"]', 'enum = "16:9"', "aspect_ratio.enum", "must be tuple"),
        ("required = true", "requierd = true", "prompt", "requierd"),
        ("typical = { duration = 5,", "typical = { duration = 50,", "typical.duration", "goes from 1 to 9"),
        ("typical = { duration = 5,", "typical = {", "typical.duration", "it is always sent"),
        ('name = "Rocket 1"', 'name = "Rocket 1"\nstatus = { state = "gone" }', "status.state", "gone"),
        (
            'name = "Rocket 1"',
            'name = "Rocket 1"\nstand_ins = [{ model = "x" }]',
            "stand_ins",
            "unknown model",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_model_and_field(
    tmp_path: Path, good: str, bad: str, field: str, why: str
) -> None:
    assert good in GOOD
    with pytest.raises(StartError) as caught:
        loader.load(write(tmp_path, GOOD.replace(good, bad, 1)))
    said = str(caught.value)
    assert "acme/rocket" in said
    assert f"field {field}:" in said
    assert why in said
    assert field == "stand_ins" or "rocket.toml" in said


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"rocket\.toml can't be read as TOML"):
        loader.load(write(tmp_path, "["))


def test_a_model_in_two_files_and_a_name_for_two_models_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(StartError, match="stands in two files"):
        loader.load(write(tmp_path, GOOD))
    other = GOOD.replace("acme/rocket", "acme/booster")
    (tmp_path / "other.toml").write_text(other, encoding="utf-8")
    loader.load.cache_clear()
    with pytest.raises(StartError, match="is also a name of"):
        loader.load(tmp_path)
