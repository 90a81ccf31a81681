"""A quick sandbox: no waiting, no limits, the same tiny clip for every task."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest
from support.kie_caller import KieCaller, calling

from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import Sandbox

QUICK = SandboxOptions(speed=math.inf, rate_limits=False, stock_clip=True)


@pytest.fixture
async def quick() -> AsyncIterator[tuple[Sandbox, KieCaller]]:
    async with calling(QUICK) as pair:
        yield pair


@pytest.fixture
def sandbox(quick: tuple[Sandbox, KieCaller]) -> Sandbox:
    return quick[0]


@pytest.fixture
def kie(quick: tuple[Sandbox, KieCaller]) -> KieCaller:
    return quick[1]
