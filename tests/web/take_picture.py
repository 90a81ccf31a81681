"""Takes the README's picture of the web chat: `PYTHONPATH=.:tests python tests/web/take_picture.py`."""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Page
from support.browsing import ask, attach, chromium
from support.web_bot import web_bot

TARGET = Path(__file__).parents[2] / "docs" / "pictures" / "chat.png"
SIZE = {"width": 1280, "height": 1365}
COLOURS = 256  # enough for the page, and a third of the bytes
PLAY_A_LITTLE = """async () => {
  const video = document.querySelector('.job video');
  video.controls = false;
  video.currentTime = 3;
  await new Promise((done) => video.addEventListener('seeked', done, {once: true}));
}"""


async def converse(page: Page) -> None:
    """A finished video, and below it the quote of the next."""
    await attach(page)
    await ask(page, "/sora The sun sinks into a calm sea, gentle waves, slow push-in")
    await page.click(".quote .main")
    await page.wait_for_selector(".job video")
    await page.evaluate(PLAY_A_LITTLE)
    await ask(page, "A paper boat sails down a rainy street at dusk, seen from water level")
    await page.locator("#say").blur()
    await page.mouse.move(0, 0)


async def take(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with web_bot(Path(folder)) as bot, chromium() as browser:
            page = await browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
            await page.goto(f"{bot.url}/chat")
            await converse(page)
            shot = await page.screenshot()
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG).save(target, optimize=True)


if __name__ == "__main__":
    asyncio.run(take(TARGET))
