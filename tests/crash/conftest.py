"""What the tests of killed bots share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from support.kill_house import Zygote, open_zygote


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def zygote() -> AsyncIterator[Zygote]:
    async with open_zygote() as opened:
        yield opened
