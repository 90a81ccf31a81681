"""A disk gone bad, for processes of the bot: a preloaded library that fails what it is told to (see bad_disk.c)."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@functools.cache
def library() -> Path:
    """The library, compiled once a run. Fails by name where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "a C compiler is needed: apt-get install gcc libc6-dev"
    made = Path(tempfile.mkdtemp(prefix="bad-disk-")) / "bad_disk.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return made


def environment(trouble: str, folder: Path) -> Mapping[str, str]:
    """What a process needs around it so that the disk under `folder` has this trouble."""
    path = str(Path(__file__).parents[1])
    return {
        **os.environ,
        "LD_PRELOAD": str(library()),
        "BAD_DISK": trouble,
        "BAD_DISK_DIR": str(folder),
        "PYTHONPATH": path,
    }


@dataclass(frozen=True)
class SmallDisk:
    """The disk under `folder`, and the `trouble` that stands in for it where none could be mounted."""

    folder: Path
    flag: Path
    trouble: str = ""

    def leave(self, megabytes: int) -> None:
        """Take all but so much."""
        if self.trouble:
            self.flag.write_text(str(megabytes))
            return
        with (self.folder / "full-of-this").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.folder).free - megabytes * 1_000_000)

    def make_room(self) -> None:
        (self.flag if self.trouble else self.folder / "full-of-this").unlink()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A disk of its own under a new folder, in memory; for whoever may not mount one, the free space is only told."""
    folder.mkdir()
    flag = folder.with_name(f"{folder.name}.low")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield SmallDisk(folder, flag, "" if mounted else f"low:{flag}")
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)
