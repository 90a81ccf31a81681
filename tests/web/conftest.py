"""One browser and a few bots for all tests of the page."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from support.browsing import WAIT_MS, OpenPage, chromium
from support.web_bot import WebBot, web_bot


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebBot]:
    async with web_bot(tmp_path_factory.mktemp("bot"), stock_clip=True) as bot:
        yield bot


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def rendering(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebBot]:
    """Its videos show what was asked."""
    async with web_bot(tmp_path_factory.mktemp("rendering")) as bot:
        yield bot


@pytest.fixture(scope="session")
def names() -> itertools.count[int]:
    return itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, bot: WebBot, names: itertools.count[int]) -> AsyncIterator[OpenPage]:
    """Open the page as a new user; faults of the page's own scripts fail the test."""
    contexts = []
    faults: list[str] = []

    async def open_(url: str = bot.url, name: str | None = None, **context: Any) -> Page:
        made = await browser.new_context(
            **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **context}
        )
        contexts.append(made)
        made.set_default_timeout(WAIT_MS)
        page = await made.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        name = name or f"user-{next(names)}"
        await page.add_init_script(f"localStorage['kiebot.user'] ??= '\"{name}\"'")
        await page.goto(f"{url}/chat")
        await expect(page.locator("#available")).not_to_have_text("–")
        return page

    yield open_
    for context in contexts:
        await context.close()
    assert not faults, faults


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def withdrawn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebBot]:
    faults = {"sora-withdrawn": ""}
    async with web_bot(tmp_path_factory.mktemp("withdrawn"), faults=faults, stock_clip=True) as bot:
        yield bot


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stuck(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WebBot]:
    """At most one video of a user is made at a time, and none is ever done."""
    faults = {"stuck-generating": ""}
    async with web_bot(tmp_path_factory.mktemp("stuck"), faults=faults, max_running_per_user=1) as bot:
        yield bot
