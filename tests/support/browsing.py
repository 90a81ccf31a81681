"""A real Chromium for tests of pages, and the few things that every such test does."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable

from axe_playwright_python.async_playwright import Axe
from PIL import Image, ImageDraw
from playwright.async_api import Browser, Page, async_playwright

WAIT_MS = 15_000

OpenPage = Callable[..., Awaitable[Page]]


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The machine's own Chromium. Without one the test fails and names it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "Chromium is missing: install it (apt-get install chromium)"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


def sunset(width: int = 1280, height: int = 720) -> bytes:
    """A picture worth moving, as PNG."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for y in range(height):
        share = y / height
        draw.line(
            (0, y, width, y), fill=(int(250 - 150 * share), int(140 - 60 * share), int(80 + 70 * share))
        )
    draw.ellipse(
        (width * 0.42, height * 0.36, width * 0.58, height * 0.36 + width * 0.16), fill=(255, 214, 120)
    )
    draw.rectangle((0, height * 0.7, width, height), fill=(24, 58, 84))
    for row in range(6):
        level = height * (0.73 + 0.045 * row)
        draw.line((width * (0.36 - 0.02 * row), level, width * (0.64 + 0.02 * row), level), (226, 164, 96), 3)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


async def attach(page: Page, data: bytes | None = None) -> None:
    """Add a picture by the button's file chooser and wait until the bot has taken it."""
    picture = {"name": "sunset.png", "mimeType": "image/png", "buffer": data or sunset()}
    await page.set_input_files("#file", picture)  # type: ignore[arg-type]
    await page.wait_for_selector("#pictures li[aria-busy=false]")


async def ask(page: Page, words: str, card: str = ".quote") -> None:
    """Type a request, send it with Enter, and wait for its card."""
    await page.fill("#say", words)
    await page.press("#say", "Enter")
    await page.wait_for_selector(card)


async def serious_findings(page: Page) -> list[str]:
    """What axe-core finds against accessibility, serious or worse."""
    results = await Axe().run(page)
    return [
        f"{each['id']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for each in results.response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
