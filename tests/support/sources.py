"""The product's own sources, parsed once, for tests that read code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root, its dotted name, its text and its tree."""

    path: str
    module: str
    text: str
    tree: ast.Module

    @property
    def area(self) -> str:
        """What the dependency rule speaks of: `bot.store`, `bot.domain`, `adapters.web`."""
        return ".".join(self.module.split(".")[:2])


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file in `folders`."""
    found = []
    for file in sorted(each for folder in folders for each in (ROOT / folder).rglob("*.py")):
        path = file.relative_to(ROOT)
        module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        text = file.read_text("utf-8")
        found.append(Source(str(path), module, text, ast.parse(text)))
    return tuple(found)


def product() -> tuple[Source, ...]:
    return sources("bot", "adapters")


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a file imports, also inside functions: `bot.store.db.Store`, `httpx`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{each.name}") for each in node.names)


def is_standard(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names


def dotted(node: ast.AST) -> str:
    """`time.monotonic` for the expression that says so; empty for anything but names and dots."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def docstrings(source: Source) -> set[int]:
    """The ids of the constants that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(source.tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }


def strings(source: Source) -> Iterator[tuple[int, str]]:
    """Line and text of every string constant that is not a docstring."""
    skipped = docstrings(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value
