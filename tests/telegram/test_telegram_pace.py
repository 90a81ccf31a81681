"""Nobody keeps the bot busy by its buttons; and whoever is blocked gets nothing any more (product.md, P7)."""

from __future__ import annotations

from pathlib import Path

from support.telegram_house import TelegramHouse, open_telegram

from bot.domain import KEPT, UserRef
from bot.studio.base import PRESSES_A_COMMAND

MOST = 3


def ada(bot: TelegramHouse) -> UserRef:
    return UserRef("telegram", str(bot.ada.id))


async def test_a_hammered_button_is_answered_so_often_then_warned_about_once_and_always_acknowledged(
    tmp_path: Path,
) -> None:
    async with open_telegram(tmp_path, commands_per_minute=MOST) as bot:
        await bot.press(await bot.says("a happy dog"), "✅ Confirm")
        await bot.deliver()
        video = bot.chat.messages[-1]
        bot.house.clock.advance(61)
        for _ in range(MOST * PRESSES_A_COMMAND):
            assert not (await bot.press(video, "Receipt")).text
        receipts = [each for each in bot.chat.messages if "Receipt for job" in each.text]
        assert len(receipts) == MOST * PRESSES_A_COMMAND
        over = [await bot.press(video, "Receipt") for _ in range(3)]
        assert ["Easy" in str(each.text) for each in over] == [True, False, False]
        assert over[0].alert
        assert len([each for each in bot.chat.messages if "Receipt for job" in each.text]) == len(receipts)
        assert {each.status for each in bot.world.calls_of("answerCallbackQuery")} == {200}


async def test_confirm_and_cancel_are_followed_however_often_other_buttons_were_pressed(
    tmp_path: Path,
) -> None:
    async with open_telegram(tmp_path, commands_per_minute=MOST) as bot:
        first, second = await bot.says("a happy dog"), await bot.says("a sad cat")
        pressed: list[str] = []
        while "Easy" not in str(pressed[-1:]):
            button = "Back" if "Back" in first.buttons else "Length"
            pressed.append(str((await bot.press(first, button)).text))
            assert len(pressed) <= MOST * PRESSES_A_COMMAND + 1
        await bot.press(second, "✅ Confirm")
        (job,) = await bot.house.office.jobs()
        await bot.press(second, "Cancel")
        assert (await bot.house.job(job.id)).outcome is not None


async def test_a_deep_link_brings_a_video_to_its_owner_and_nothing_to_who_is_blocked(tmp_path: Path) -> None:
    async with open_telegram(tmp_path) as bot:
        await bot.press(await bot.says("a happy dog"), "✅ Confirm")
        await bot.deliver()
        (job,) = await bot.house.office.jobs()
        assert (await bot.says(f"/start get_{job.id}")).media
        await bot.house.office.block(ada(bot))
        told = await bot.says(f"/start get_{job.id}")
        assert not told.media
        assert "You cannot use this bot" in told.text


async def test_what_is_kept_is_not_offered_to_who_is_blocked_and_stays_unseen_for_its_refund(
    tmp_path: Path,
) -> None:
    async with open_telegram(tmp_path) as bot:
        await bot.press(await bot.says("a happy dog"), "✅ Confirm")
        await bot.chat.block_bot(bot.ada)
        await bot.deliver()
        (job,) = await bot.house.office.jobs()
        assert job.delivered_to == KEPT
        await bot.chat.unblock(bot.ada)
        await bot.house.office.block(ada(bot))
        assert "waits for you" not in (await bot.says("/help")).text
        await bot.house.office.block(ada(bot), False)
        assert "waits for you" in (await bot.says("/help")).text
