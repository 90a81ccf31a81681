"""A disk gone bad, for processes of the bot: a preloaded library that fails what it is told to (see bad_disk.c)."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
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
