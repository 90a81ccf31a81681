"""`python -m bench.part MODULE FUNCTION JSON`: one part of a bench in this very process; what it found on stdout."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys


def main() -> None:
    module, name, given = sys.argv[1:]
    part = getattr(importlib.import_module(module), name)
    found = asyncio.run(part(**json.loads(given)))
    if found is not None:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
