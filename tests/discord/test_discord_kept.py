"""A message that is edited keeps the picture and the video it shows, also when the address it was given is dead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from support.discord_live import Live, open_live
from support.discord_messages import Message

from adapters.discord.render import lasting

CAT = ("cat.png", b"\x89PNG\r\n\x1a\n" + b"picture" * 40)
TWO_DAYS = 2 * 86_400


async def opens(message: Message) -> list[bool]:
    """Whether each picture and video that it shows can be loaded now."""
    async with aiohttp.ClientSession() as http:

        async def loads(url: str) -> bool:
            async with http.get(url) as answer:
                return answer.status == 200

        return [await loads(each) for each in message.media()]


async def keep(live: Live, video: Message) -> None:
    await live.press(video, "Delete")
    await live.press(video, "No, keep it")


@pytest.mark.parametrize("listed", [False, True], ids=["files not listed", "files listed"])
async def test_a_video_that_was_nearly_deleted_still_plays_days_later(tmp_path: Path, listed: bool) -> None:
    async with open_live(tmp_path) as live:
        live.server.world.lists_shown_files = listed
        await live.finish(await live.order())
        (video,) = live.videos()
        for _ in range(2):
            await keep(live, video)
            assert "Again" in video.buttons()
            assert await opens(video) == [True]
            live.advance(TWO_DAYS)
            assert await opens(video) == [True]
        assert len(video.edits) >= 4
        assert [each.size for each in video.attachments] == [live.kie.size]
        assert video.unseen() == []


async def test_a_private_video_that_was_nearly_deleted_still_plays(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        await live.finish(await live.order(private=True))
        (video,) = live.videos()
        await keep(live, video)
        assert await opens(video) == [True]


@pytest.mark.parametrize("listed", [False, True], ids=["files not listed", "files listed"])
async def test_the_picture_beside_a_card_lasts_as_long_as_the_message_that_brought_it(
    tmp_path: Path, listed: bool
) -> None:
    async with open_live(tmp_path) as live:
        live.server.world.lists_shown_files = listed
        bot = live.server.world.bot.mention
        live.ada.says(live.channel, f"{bot} it waves", [CAT])
        card = await live.channel.shows("Your video")
        await live.quiet()
        live.advance(TWO_DAYS)
        assert await opens(card) == [True]
        await live.press(card, "Model")
        live.advance(TWO_DAYS)
        await asyncio.sleep(0)
        assert await opens(card) == [True]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (
            "https://cdn.discordapp.com/attachments/12/34/a-b_c.mp4?ex=6a&is=5b&hm=0f9e&",
            "https://cdn.discordapp.com/attachments/12/34/a-b_c.mp4",
        ),
        *(
            (each, each)
            for each in (
                "attachment://a.mp4",
                "https://cdn.discordapp.com/attachments/12/34/a.mp4",
                "https://cdn.discordapp.com/ephemeral-attachments/12/34/a.mp4?ex=6a&is=5b&hm=0f&",
                "https://example.org/attachments/1/2/a.png?size=3",
                "https://example.org/a.png?hm=1",
            )
        ),
    ],
)
def test_only_what_discord_itself_keeps_is_addressed_without_its_signature(url: str, kept: str) -> None:
    assert lasting(url) == kept
