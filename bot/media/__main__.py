"""`python -m bot.media PARENT`: gets ready, does one piece of work given on stdin, answers on stdout, and ends.

In: one line of JSON (`do`, the number of `bytes` that follow, and what the work needs), then those bytes. Out: one
line of JSON: `{"made": {...}}`, `{"refused": KEY, "values": {...}}` with a key of `bot.texts`, or `{"later": TEXT}`.
The other end, the process PARENT, holds stdin open as long as it wants the answer.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import threading
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.domain import Picture
from bot.errors import UserError

MEMORY = {
    "picture": 1 << 30,
    "video": 1 << 30,
    "fit": 2 << 30,
    "last_frame": 1 << 30,
}  # bytes of address space, 160 MB being libraries
CPU_SECONDS = {"picture": 20, "video": 40, "fit": 900, "last_frame": 40}
_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    answers = _settle_in(parent=int(sys.argv[1]))
    _load()
    line = sys.stdin.buffer.readline()
    work = json.loads(line) if line else {}
    payload = sys.stdin.buffer.read(work.get("bytes", 0))
    if not line or len(payload) < work["bytes"]:
        return
    threading.Thread(target=_end_when_unwanted, daemon=True).start()
    limit(work["do"])
    try:
        answer: dict[str, Any] = {"made": _do(work, payload)}
    except UserError as error:
        answer = {"refused": error.key, "values": error.values}
    except (OSError, MemoryError) as error:
        answer = {"later": f"{work['do']}: {error or 'too little memory'}"}
    except Exception:
        _say(answers, {"later": f"{work['do']} met a bug: {traceback.format_exc()}"})
        raise
    _say(answers, answer)


def _settle_in(parent: int) -> int:
    """Become a process that ends with its parent and only then. Returns where the answer is to be written."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(
            number, signal.SIG_IGN
        )  # a service manager signals all of us; our parent knows when to stop
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)  # it was dead already, and what it has asked for is not wanted any more
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    return answers


def _load() -> None:
    """Load what videos need while there is time; what only pictures need is loaded when one comes."""
    from bot.media import videos

    videos.get_ready()


def limit(do: str) -> None:
    """Bound this process's memory and CPU time for a piece of work."""
    if sys.platform == "linux":  # macOS refuses this one
        _bound(resource.RLIMIT_AS, MEMORY[do])
    _bound(resource.RLIMIT_CPU, CPU_SECONDS[do])
    if do == "fit":
        os.nice(10)


def _bound(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or value < hard:
        resource.setrlimit(what, (value, hard))


def _end_when_unwanted() -> None:
    """Where the kernel does not end us with our parent, the end of stdin tells; so it does when work is called off."""
    os.read(0, 1)
    os._exit(1)


def _do(work: dict[str, Any], payload: bytes) -> dict[str, Any]:
    if work["do"] == "picture":
        from bot.media import pictures

        folder = Path(work["folder"])
        return asdict(pictures.picture(payload, folder, work["max_bytes"], work["max_side"], work["png"]))
    from bot.media import videos

    source = Path(work["source"])
    if work["do"] == "last_frame":
        return asdict(_last_frame(source, work))
    target = Path(work["target"])
    if work["do"] == "video":
        return asdict(videos.video(source, target))
    return asdict(videos.fit(source, target, work["max_bytes"]))


def _last_frame(source: Path, work: dict[str, Any]) -> Picture:
    from bot.media import pictures, videos

    image = videos.last_frame(source, work["max_side"])
    return pictures.store(image, Path(work["folder"]), work["max_bytes"], exact=work["png"])


def _say(answers: int, answer: dict[str, Any]) -> None:
    os.write(answers, json.dumps(answer, default=str).encode() + b"\n")


if __name__ == "__main__":
    main()
    os._exit(0)  # the libraries' teardown would only cost time
