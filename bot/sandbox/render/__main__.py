"""`python -m bot.sandbox.render`: reads a Spec as JSON on stdin and writes its file."""

from __future__ import annotations

import os
import sys

from bot.sandbox.render.clip import render
from bot.sandbox.spec import Spec

if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(5)
    render(Spec.from_json(sys.stdin.buffer.read()))
