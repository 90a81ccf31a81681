"""Small file work for async tests, which must not block by name."""

from __future__ import annotations

import os
from pathlib import Path


def exists(file: Path) -> bool:
    return file.exists()


def names(folder: Path) -> list[str]:
    """What lies in a folder, sorted; nothing when there is none."""
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def put(file: Path, data: bytes = b"x", *, at: float | None = None) -> Path:
    """A file with its folder; `at` is when it was last changed, in Unix seconds."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    if at is not None:
        os.utime(file, (at, at))
    return file


def mode(file: Path) -> int:
    """Its permission bits."""
    return file.stat().st_mode & 0o777


def read(file: Path) -> bytes:
    return file.read_bytes()


def drop(file: Path) -> None:
    file.unlink()


def make(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def move(source: Path, target: Path) -> int:
    """Returns the size in bytes."""
    source.rename(target)
    return target.stat().st_size


def holding(folder: Path, text: str) -> list[str]:
    """The files below a folder whose bytes hold a text."""
    wanted = text.encode()
    return sorted(
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and wanted in file.read_bytes()
    )
