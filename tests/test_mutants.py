"""Each safeguard that a promise rests on has a named test that catches its absence (`make mutants` shows it)."""

from __future__ import annotations

import ast

import pytest
from support.mutants import MUTANTS, Mutant
from support.sources import ROOT

EACH = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@EACH
def test_every_mutants_catcher_exists(mutant: Mutant) -> None:
    path, _, name = mutant.catcher.partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}
    assert name.partition("[")[0] in found


@EACH
def test_every_mutant_still_fits_the_code(mutant: Mutant) -> None:
    for change in mutant.changes:
        assert (ROOT / change.file).read_text("utf-8").count(change.old) == 1
