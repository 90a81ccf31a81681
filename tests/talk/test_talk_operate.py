"""Operators' commands in chat, and that they do not exist for anybody else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from support.small_talk import ANN, BOSS, TOM, Spoken, buttons, open_talk, words

from bot.domain import CommunityRef, FailureKind, UserRef
from bot.errors import RouteClosed, UserError
from bot.ports import Refused
from bot.store import backup, provider
from bot.talk.commands import OPERATOR_COMMANDS

NAMES = [name for name, _ in OPERATOR_COMMANDS]


async def usage(bot: Spoken, name: str, text: str = "") -> str:
    with pytest.raises(UserError) as caught:
        await bot.operate(name, text)
    return str(caught.value)


# --- whose they are ----------------------------------------------------------------------------------------------


async def test_to_members_operators_commands_read_like_any_unknown_command(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        for name in NAMES:
            with pytest.raises(UserError) as refused:
                await bot.operate(name, "telegram:3 100", ANN)
            with pytest.raises(UserError) as unknown:
                await bot.say(name)
            assert str(refused.value) == str(unknown.value)
        assert await bot.house.available(TOM) == 0


async def test_who_claimed_the_bot_has_them_too(tmp_path: Path) -> None:
    async with open_talk(tmp_path, operators=()) as bot:
        with pytest.raises(UserError):
            await bot.operate("status", who=ANN)
        code = await bot.house.office.claim_code()
        await bot.say("claim", code or "")
        assert "The bot at a glance" in await bot.operate("status", who=ANN)


async def test_a_name_on_the_page_never_operates(tmp_path: Path) -> None:
    page = UserRef("web", "ada")
    async with open_talk(tmp_path, operators=(page,)) as bot:
        with pytest.raises(UserError, match="no command"):
            await bot.operate("status", who=page)


# --- access ------------------------------------------------------------------------------------------------------


async def test_users_and_communities_are_let_in_and_shut_out(tmp_path: Path) -> None:
    async with open_talk(tmp_path, access="closed") as bot:
        assert await bot.operate("allow", "telegram:2") == "telegram:2 may use the bot now."
        await bot.talk.admit(bot.asker(ANN))
        await bot.operate("deny", "telegram:2")
        with pytest.raises(UserError, match="switched off"):
            await bot.talk.admit(bot.asker(ANN))
        await bot.operate("allow", "discord-server:77")
        assert {"who": "discord-server:77", "allowed": True}.items() <= (await bot.house.office.access())[
            -1
        ].items()


async def test_allow_without_a_name_means_the_reply_or_else_this_group(tmp_path: Path) -> None:
    async with open_talk(tmp_path, access="closed") as bot:
        here = bot.asker(BOSS, group=True)
        assert "Everybody here may use" in words(await bot.talk.operate(here, "allow"))
        assert "telegram:3 may use" in words(await bot.talk.operate(here, "allow", target=TOM))
        assert "telegram:3 may use" in words(await bot.talk.operate(here, "allow", "@tom", TOM))
        assert "telegram:2 may use" in words(await bot.talk.operate(here, "allow", "telegram:2", TOM))
        other = CommunityRef("telegram-chat", "-7")
        assert "telegram-chat:-7 may no longer" in words(await bot.talk.operate(here, "deny", "", other))


async def test_access_without_anybody_says_how_to_name_one(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "/allow telegram:123" in await usage(bot, "allow")
        assert "/deny telegram:123" in await usage(bot, "deny")
        assert "is no user or community" in await usage(bot, "allow", "somebody")


async def test_a_block_holds_until_it_is_lifted_and_spares_operators(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "telegram:2 is blocked" in await bot.operate("block", "", target=ANN)
        with pytest.raises(UserError, match="cannot use this bot"):
            await bot.talk.admit(bot.asker(ANN))
        assert "no longer blocked" in await bot.operate("unblock", "telegram:2")
        await bot.talk.admit(bot.asker(ANN))
        assert "is an operator" in await usage(bot, "block", str(BOSS))
        assert "/block telegram:123" in await usage(bot, "block")
        assert "/unblock telegram:123" in await usage(bot, "unblock")
        assert "is no user" in await usage(bot, "block", "discord-server:1")


# --- credits -----------------------------------------------------------------------------------------------------


async def test_a_grant_gives_credits_tells_the_receiver_and_says_so(tmp_path: Path) -> None:
    async with open_talk(tmp_path, new_user_credits=0) as bot:
        done = await bot.operate("grant", "telegram:2 1,500 thanks for the fish")
        assert done == "telegram:2 got 1,500 credits and now has 1,500 credits. They have been told."
        assert bot.told == [(ANN, "🎁 You got 1,500 credits from the operator: thanks for the fish")]
        bot.reachable = False
        done = await bot.operate("grant", "1", target=ANN)
        assert "got 1 credit and now has 1,501 credits. They could not be told" in done
        assert "from the operator: a gift" in await bot.say("balance")


@pytest.mark.parametrize("text", ["50", "@tom 50", "+50 thanks", "telegram:3 50"])
async def test_a_grant_finds_its_receiver_by_reply_mention_or_name(tmp_path: Path, text: str) -> None:
    async with open_talk(tmp_path, new_user_credits=0) as bot:
        await bot.operate("grant", text, target=None if "telegram" in text else TOM)
        assert await bot.house.available(TOM) == 50


async def test_the_same_message_heard_twice_grants_once(tmp_path: Path) -> None:
    async with open_talk(tmp_path, new_user_credits=0) as bot:
        asker = bot.asker(BOSS, key="telegram:9:77")
        for _ in range(2):
            await bot.talk.operate(asker, "grant", "telegram:3 50")
        assert await bot.house.available(TOM) == 50
        await bot.operate("grant", "telegram:3 50")
        assert await bot.house.available(TOM) == 100


async def test_credits_can_be_taken_back_without_a_word_to_the_member(tmp_path: Path) -> None:
    async with open_talk(tmp_path, new_user_credits=0) as bot:
        await bot.operate("grant", "telegram:2 50")
        bot.told.clear()
        taken = await bot.operate("grant", "telegram:2 -20")
        assert taken == "20 credits taken back from telegram:2, who now has 30 credits."
        assert bot.told == []
        assert "has only 30 credits" in await usage(bot, "grant", "telegram:2 -31")


@pytest.mark.parametrize("text", ["", "50", "telegram:2", "telegram:2 lots", "discord-server:9 50", "2 50"])
async def test_a_grant_that_cannot_be_read_says_how_to_write_it(tmp_path: Path, text: str) -> None:
    async with open_talk(tmp_path) as bot:
        assert "/grant telegram:123 100" in await usage(bot, "grant", text)
        assert bot.told == []


# --- switches and state ------------------------------------------------------------------------------------------


async def test_pause_and_resume_are_felt_by_members_with_the_reason(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "Paused" in await bot.operate("pause", "back on\nMonday " + "x" * 500)
        with pytest.raises(UserError, match="paused by the operator: back on Monday"):
            await bot.house.order(ANN)
        assert "paused: back on Monday" in await bot.operate("status")
        assert await bot.operate("resume") == "New videos are made again."
        await bot.house.order(ANN)
        assert "New orders: taken" in await bot.operate("status")


async def test_resuming_after_a_restore_lists_what_was_refunded(tmp_path: Path) -> None:
    async with open_talk(tmp_path, max_queued_per_user=20) as bot:
        lost = [await bot.house.order(ANN) for _ in range(12)]
        await bot.house.store.write(lambda tx: provider.set_meta(tx, backup.RESTORED, "1"))
        told = await bot.operate("resume")
        assert "12 waiting jobs" in told
        assert "30 credits" in told
        assert "and 2 more" in told
        assert sum(job.id in told for job in lost) == 10


async def test_status_tells_jobs_gates_spending_balance_disk_and_notices(tmp_path: Path) -> None:
    async with open_talk(tmp_path, max_running=1) as bot:
        house = bot.house
        kept = await house.order(ANN)
        house.chat.faults = [RouteClosed("kicked")]
        await house.end(kept.id)
        await house.order(ANN)
        await house.step()
        await house.order(ANN)
        house.office.kie_balance = lambda: Decimal("12345.5")
        shown = await bot.operate("status")
        assert "Jobs: 1 waiting, 1 at KIE" in shown
        assert "KIE account: takes new videos" in shown
        assert "Spent today: 60 KIE credits" in shown
        assert "KIE balance: 12,345.5 KIE credits" in shown
        assert "GB free" in shown
        assert f"a video could not be delivered ({kept.id})" in shown


async def test_status_names_the_gate_that_is_closed(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        bot.house.kie.creates = [Refused(FailureKind.ACCOUNT, 402, "Credits insufficient", account=True)]
        await bot.house.order(ANN)
        await bot.house.step()
        shown = await bot.operate("status")
        assert "refuses new videos (402: Credits insufficient)" in shown
        assert "KIE stopped taking videos" in shown
        assert "KIE balance" not in shown


async def test_every_answer_to_an_operator_is_private(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        for name in NAMES:
            text = "5" if name == "grant" else ""
            answer = await bot.talk.operate(bot.asker(BOSS, group=True), name, text, ANN)
            assert answer.screen is not None
            assert answer.screen.private, name


# --- reports -----------------------------------------------------------------------------------------------------


async def test_the_buttons_of_a_report_remove_the_video_and_block_its_asker(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        await bot.house.end(job.id)
        await bot.press(f"1:rprt:{job.id}:yes", TOM)
        remove, block = bot.notices[0][2]
        removed = await bot.press(remove.action, BOSS)
        assert f"The video of job {job.id} is deleted" in words(removed)
        assert (await bot.house.job(job.id)).removed
        assert "telegram:2 is blocked" in words(await bot.press(block.action, BOSS))
        with pytest.raises(UserError, match="cannot use this bot"):
            await bot.talk.admit(bot.asker(ANN))
        assert not buttons(removed)


async def test_only_operators_press_the_buttons_of_a_report(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        await bot.house.end(job.id)
        for action in (f"1:op:remove:{job.id}", f"1:op:block:{job.id}"):
            with pytest.raises(UserError) as caught:
                await bot.press(action, TOM)
            assert caught.value.key == "talk.not_yours"
        assert not (await bot.house.job(job.id)).removed
        with pytest.raises(UserError) as caught:
            await bot.press(f"1:op:promote:{job.id}", BOSS)
        assert caught.value.key == "talk.old_button"


async def test_an_asker_who_was_forgotten_cannot_be_blocked_any_more(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        await bot.house.end(job.id)
        await bot.press("1:bye:yes")
        with pytest.raises(UserError, match="has been forgotten"):
            await bot.press(f"1:op:block:{job.id}", BOSS)


# --- a reason behind a name --------------------------------------------------------------------------------------


async def test_a_reason_may_follow_whom_a_block_or_a_decision_is_about(tmp_path: Path) -> None:
    async with open_talk(tmp_path, access="closed") as bot:
        assert await bot.operate("block", "telegram:2 sends spam") == (
            "telegram:2 is blocked, and stays so until you unblock them."
        )
        assert await bot.operate("deny", "telegram:2 sends spam") == "telegram:2 may no longer use the bot."


async def test_a_name_in_the_text_outweighs_the_reply_also_with_a_reason_behind_it(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        said = words(await bot.talk.operate(bot.asker(BOSS), "block", "telegram:2 sends spam", TOM))
        assert said.startswith("telegram:2 is blocked")
        assert words(await bot.talk.operate(bot.asker(BOSS), "block", "spam", TOM)).startswith(f"{TOM} is")


async def test_that_a_group_is_let_in_is_said_to_everybody_in_it_and_nowhere_else(tmp_path: Path) -> None:
    async with open_talk(tmp_path, access="closed") as bot:
        here = bot.asker(BOSS, group=True)
        for name in ("allow", "deny"):
            in_the_group = (await bot.talk.operate(here, name)).screen
            assert in_the_group
            assert not in_the_group.private
            about_another = (await bot.talk.operate(here, name, "telegram:2")).screen
            assert about_another
            assert about_another.private
