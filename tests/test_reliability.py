"""The page on reliability names tests: each exists, no promise goes without, and every mutant's catcher stands there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from support.mutants import MUTANTS, Mutant
from support.sources import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text("utf-8")
PROMISES = [f"P{number}" for number in range(1, 11)]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", PAGE)))


@cache
def names_in(path: str) -> frozenset[str]:
    file = ROOT / path
    tree = ast.parse(file.read_text("utf-8")) if file.exists() else ast.Module([], [])
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, kinds))


def section(promise: str) -> str:
    """What stands between this promise's heading and the next one."""
    return PAGE.partition(f"\n## {promise}: ")[2].partition("\n## ")[0]


def test_every_test_that_the_page_names_exists() -> None:
    parts = [name.partition("::") for name in NAMED]
    assert [f"{path}::{name}" for path, _, name in parts if name not in names_in(path)] == []
    assert len(NAMED) > 50


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_names_a_test_that_proves_it(promise: str) -> None:
    assert re.search(r"^- `tests/[\w/]+\.py::test_\w+`$", section(promise), re.MULTILINE)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_page_tells_what_catches_each_mutant(mutant: Mutant) -> None:
    catcher = mutant.catcher.partition("[")[0]
    table = PAGE.partition("## The safeguards and their mutants")[2]
    assert f"`{catcher}` |" in table
