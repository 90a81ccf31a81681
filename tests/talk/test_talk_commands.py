"""Members' commands in words: coming in, help, models, credits, earlier videos, cancelling, and being forgotten."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from support.small_talk import ANN, BOSS, TOM, Spoken, buttons, open_talk, words

from bot.catalog import load, sold
from bot.domain import FailureKind, JobState
from bot.errors import DeliveryUnknown, RouteClosed, UserError
from bot.ports import Broken
from bot.talk import Answer, Talk
from bot.talk.cards import Cards
from bot.talk.commands import COMMANDS, OPERATOR_COMMANDS, Commands
from bot.talk.ends import Ends
from bot.talk.operate import Operate
from bot.texts import say


async def refused(spoken: Spoken, name: str, text: str = "") -> str:
    """The key of the sentence a command is refused with."""
    with pytest.raises(UserError) as caught:
        await spoken.say(name, text)
    assert caught.value.text()
    return caught.value.key


# --- coming in ---------------------------------------------------------------------------------------------------


async def test_the_greeting_says_what_the_bot_does_shows_an_example_and_the_purse(tmp_path: Path) -> None:
    async with open_talk(tmp_path, new_user_credits=100) as bot:
        hello = await bot.say("start")
        assert "price first" in hello
        assert "/video A paper boat" in hello
        assert "100 credits come with your first request." in hello
        await bot.house.quote(ANN)
        assert "You have 100 credits." in await bot.say("start")


async def test_the_greeting_in_a_group_tells_nothing_of_anybodys_purse(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        hello = words(await bot.talk.command(bot.asker(group=True), "start"))
        assert "price first" in hello
        assert "You have" not in hello


async def test_a_stranger_to_a_closed_bot_is_told_how_to_be_let_in(tmp_path: Path) -> None:
    async with open_talk(tmp_path, access="closed") as bot:
        hello = await bot.say("start")
        assert "give them this: telegram:2" in hello
        assert "/video" not in hello
        assert "/video" in await bot.say("start", who=BOSS)


async def test_a_deep_link_to_a_job_brings_its_video_or_tells_how_it_stands(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        waiting = await bot.talk.command(bot.asker(), "start", f"job_{job.id}")
        assert "Waiting for a turn" in words(waiting)
        assert "Cancel" in buttons(waiting)
        await bot.house.end(job.id)
        ready = await bot.talk.command(bot.asker(), "start", f"get_{job.id}")
        assert ready.send is not None
        assert ready.send.id == job.id
        with pytest.raises(UserError, match="Only the person who asked"):
            await bot.talk.command(bot.asker(TOM), "start", f"job_{job.id}")


async def test_a_deep_link_to_a_failed_job_tells_why(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        bot.house.kie.next_looks = [Broken(FailureKind.POLICY, "Your prompt was flagged")]
        job = await bot.house.order(ANN)
        await bot.house.end(job.id)
        told = await bot.say("start", f"job_{job.id}")
        assert "safety rules" in told
        assert "Your prompt was flagged" in told


async def test_deep_links_lead_to_settings_history_and_balance(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "Your settings" in await bot.say("start", "settings")
        assert "Your videos" in await bot.say("start", "history")
        assert "Your credits" in await bot.say("start", "balance")
        assert "price first" in await bot.say("start", "something_else")


async def test_what_no_chat_would_take_is_offered_and_what_failed_is_told(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        bot.house.chat.faults = [RouteClosed("kicked"), RouteClosed("kicked")]
        video = await bot.house.order(ANN, prompt="a lighthouse in a storm")
        await bot.house.end(video.id)
        bot.house.kie.next_looks = [Broken(FailureKind.PROVIDER, "internal error")]
        failed = await bot.house.order(ANN, prompt="a train")
        await bot.house.end(failed.id)
        (told,), (button,) = await bot.talk.waiting_for_them(ANN, "en")
        assert "“a train”: KIE tried to make this video and failed." in told.text
        assert button.label == "Get “a lighthouse in a storm”"
        assert (await bot.press(button.action)).send is not None
        # a failure is told by now, a video only once the chat has sent it
        assert [job.id for job in await bot.talk.kept(ANN)] == [video.id]
        assert (await bot.talk.waiting_for_them(ANN, "en"))[0] == []


# --- what it does ------------------------------------------------------------------------------------------------


def test_every_command_can_be_registered_with_telegram_and_discord() -> None:
    for name, about in (*COMMANDS, *OPERATOR_COMMANDS):
        assert re.fullmatch(r"[a-z]{3,32}", name)
        assert 3 <= len(say(about)) <= 100
    assert {"start", "claim"}.isdisjoint(name for name, _ in COMMANDS)
    assert len(dict(COMMANDS)) == len(COMMANDS)


async def test_help_names_every_command_and_whom_to_ask(tmp_path: Path) -> None:
    async with open_talk(tmp_path, support_contact="@helpdesk") as bot:
        shown = await bot.say("help")
        assert all(f"/{name}: " in shown for name, _ in COMMANDS if name != "help")
        assert "Questions? @helpdesk" in shown
        assert "/grant" not in shown


async def test_only_operators_read_of_their_commands_and_only_in_private(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "/grant: Give credits" in await bot.say("help", who=BOSS)
        public = await bot.talk.command(bot.asker(BOSS, group=True), "help")
        assert "/grant" not in words(public)


async def test_help_spells_operators_commands_as_a_chat_with_fields_has_them(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        asker = replace(bot.asker(BOSS), has_fields=True)
        assert "/operator grant: Give credits" in words(await bot.talk.command(asker, "help"))


async def test_an_unknown_command_gets_the_nearest_one(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        with pytest.raises(UserError, match=r"no command /balnce\. Did you mean /balance"):
            await bot.say("balnce")
        assert await refused(bot, "xyzzy") == "info.unknown"


async def test_an_operators_command_does_not_exist_for_others_not_even_as_a_hint(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        with pytest.raises(UserError) as unknown:
            await bot.say("grnat")
        assert "grant" not in str(unknown.value).replace("grnat", "")
        with pytest.raises(UserError, match="Did you mean /grant"):
            await bot.say("grnat", who=BOSS)


def test_the_parts_of_talk_neither_share_a_name_nor_a_verb() -> None:
    """They are one object: a name used twice would silently mean the other part's."""
    parts = [part for part in Talk.__mro__[1:-1] if part.__module__.startswith("bot.talk.")]
    names = [name for part in parts for name in vars(part) if not name.startswith("__") and name != "verbs"]
    assert sorted(names) == sorted(set(names))
    spoken = object.__new__(Talk)
    verbs = [verb for part in (Cards, Commands, Operate, Ends) for verb in part.verbs(spoken)]
    assert sorted(verbs) == sorted(set(verbs))


# --- models ------------------------------------------------------------------------------------------------------


async def all_models(bot: Spoken) -> list[str]:
    """The pages of the list, turned with its own button."""
    shown = [await bot.talk.command(bot.asker(), "models")]
    while "Next" in (found := buttons(shown[-1])):
        shown.append(await bot.press(found["Next"].action))
    return [words(each) for each in shown]


async def test_the_list_of_models_begins_with_the_usual_one_and_holds_each_once(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        pages = await all_models(bot)
        assert "Veo 3.1 Lite is used when you name none." in pages[0]
        assert "Veo 3.1 Lite: from 30 credits · 4, 6 or 8 s · words or a picture" in pages[0]
        listed = [
            line.partition(": ")[0] for page in pages for line in page.splitlines() if ": from " in line
        ]
        names = {model.name.partition(" (")[0] for model in load() if sold(model)}
        assert sorted(listed) == sorted(names)


async def test_prices_by_the_second_are_not_rounded_up_before_they_are_multiplied(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "Grok Imagine: from 2.4 credits a second" in "\n".join(await all_models(bot))
    async with open_talk(tmp_path, price_markup=load()["veo-3-1"].prices[0].kie_credits / 40) as bot:
        pages = "\n".join(await all_models(bot))
        assert "Grok Imagine: from 3.6 credits a second" in pages
        assert "Veo 3.1 Lite: from 45 credits" in pages


async def test_a_model_that_is_gone_says_why_and_what_to_take_instead(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        for model in load():
            if model.family == "sora-2":
                await bot.house.withdraw(model.id, "OpenAI shut it down")
        last = (await all_models(bot))[-1]
        assert (
            "Sora 2: Paused since 2026-06-01. OpenAI shut it down Instead: Grok Imagine, Veo 3.1 Lite" in last
        )


async def test_a_page_that_does_not_exist_shows_the_nearest_one(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        pages = await all_models(bot)
        assert words(await bot.press("1:model:999")) == pages[-1]
        assert words(await bot.press("1:model:nonsense")) == pages[0]


# --- credits -----------------------------------------------------------------------------------------------------


async def test_the_balance_tells_what_came_and_went_in_words(tmp_path: Path) -> None:
    async with open_talk(tmp_path, support_contact="@helpdesk", new_user_credits=100) as bot:
        await bot.house.quote(ANN)
        await bot.house.office.grant(ANN, 50, "birthday")
        await bot.house.office.grant(ANN, -10, "typing error")
        job = await bot.house.order(ANN)
        shown = await bot.say("balance")
        assert "You have 110 credits." in shown
        assert "Set aside for videos in the making: 30 credits." in shown
        assert "+100 credits · welcome" in shown
        assert "+50 credits · from the operator: birthday" in shown
        assert "−10 credits · taken back by the operator: typing error" in shown
        assert f"−30 credits · for video {job.id}" in shown
        assert "More credits: @helpdesk" in shown
        await bot.house.studio.cancel(ANN, job.id)
        assert f"+30 credits · video {job.id} was not made" in await bot.say("balance")


async def test_a_refund_and_an_operators_own_use_have_their_words(tmp_path: Path) -> None:
    async with open_talk(tmp_path, new_user_credits=0) as bot:
        job = await bot.house.order(BOSS)
        await bot.house.end(job.id)
        await bot.house.office.refund(job.id, "too dark")
        shown = await bot.say("balance", who=BOSS)
        assert f"+30 credits · operator's own use, video {job.id}" in shown
        assert f"+30 credits · video {job.id} refunded: too dark" in shown
        assert "More credits come from the operator" in shown


async def test_balance_history_settings_and_the_like_are_private(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        await bot.house.order(ANN)
        for name in ("balance", "history", "cancel", "settings", "forget"):
            answer = await bot.talk.command(bot.asker(group=True), name)
            assert answer.screen is not None
            assert answer.screen.private, name
        for name in ("start", "help", "models", "terms", "privacy"):
            answer = await bot.talk.command(bot.asker(group=True), name)
            assert answer.screen is not None
            assert not answer.screen.private, name


# --- history -----------------------------------------------------------------------------------------------------


async def test_history_tells_every_outcome_in_words_and_gets_every_video_again(tmp_path: Path) -> None:
    async with open_talk(tmp_path, give_up_hours=1, max_queued_per_user=20) as bot:
        house = bot.house
        gone = await house.order(ANN, prompt="gone")
        await house.end(gone.id)
        await house.studio.remove(ANN, gone.id)
        house.chat.faults = [RouteClosed("kicked")]
        kept = await house.order(ANN, prompt="kept")
        await house.end(kept.id)
        house.chat.after, house.chat.can_find = [DeliveryUnknown("lost")] * 2, False
        unsure = await house.order(ANN, prompt="unsure")
        await house.end(unsure.id)
        house.kie.takes = 3 * 3600
        gift = await house.order(ANN, prompt="gift")
        await house.end(gift.id)
        await house.live(4 * 3600, every=600)
        house.kie.next_looks = [Broken(FailureKind.POLICY, "flagged")]
        refused = await house.order(ANN, prompt="refused")
        await house.end(refused.id)
        page = await bot.talk.command(bot.asker(), "history")
        shown = words(page)
        for prompt, became in (
            ("refused", "No video: declined by the model, 30 credits returned."),
            ("gift", "The video came late, as a gift; your credits were returned."),
            ("unsure", "Video sent, but it may not have arrived. Get it again here."),
            ("kept", "Video ready. It could not be delivered and is kept for you."),
            ("gone", "The video is no longer kept."),
        ):
            assert f"“{prompt}”\n{became}" in shown
        assert [name for name in buttons(page) if name.startswith("Get")] == ["Get 2", "Get 3", "Get 4"]
        for name, job in (("Get 2", gift), ("Get 3", unsure), ("Get 4", kept)):
            sent = (await bot.press(buttons(page)[name].action)).send
            assert sent is not None
            assert sent.id == job.id


async def test_history_has_five_a_page_and_turns_both_ways(tmp_path: Path) -> None:
    async with open_talk(tmp_path, max_queued_per_user=20) as bot:
        for number in range(12):
            await bot.house.order(ANN, prompt=f"number {number}")
            bot.house.clock.advance(1)
        first = await bot.talk.command(bot.asker(), "history")
        assert [f"“number {n}”" in words(first) for n in (11, 7, 6)] == [True, True, False]
        assert "Previous" not in buttons(first)
        second = await bot.press(buttons(first)["Next"].action)
        third = await bot.press(buttons(second)["Next"].action)
        assert "11. " in words(third)
        assert "“number 0”" in words(third)
        assert "Next" not in buttons(third)
        assert words(await bot.press(buttons(third)["Previous"].action)) == words(second)
        assert words(await bot.press("1:hist:99")) == words(third)


async def test_an_empty_history_invites_to_a_first_video(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert "No videos yet." in await bot.say("history")


async def test_history_is_ones_own(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        await bot.house.order(TOM, prompt="a secret")
        assert "a secret" not in await bot.say("history")


# --- cancelling --------------------------------------------------------------------------------------------------


async def test_cancel_lists_what_is_in_the_making_and_stops_what_waits(tmp_path: Path) -> None:
    async with open_talk(tmp_path, max_running=1) as bot:
        assert "nothing to cancel" in await bot.say("cancel")
        running = await bot.house.order(ANN, prompt="running")
        await bot.house.step()
        bot.house.clock.advance(1)
        waiting = await bot.house.order(ANN, prompt="waiting")
        listed = await bot.talk.command(bot.asker(), "cancel")
        assert "1. Veo 3.1 Lite · KIE is making the video\n“running”" in words(listed)
        assert [name for name in buttons(listed) if name.startswith("Stop")] == ["Stop 2"]
        stopped = await bot.press(buttons(listed)["Stop 2"].action)
        assert stopped.toast == "Cancelled. Nothing was charged: 30 credits returned."
        assert "waiting" not in words(stopped).partition("What still")[0]
        assert await bot.house.states(running.id) == [JobState.RUNNING]
        assert (await bot.house.job(waiting.id)).outcome is not None


async def test_stopping_too_late_is_answered_honestly(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        listed = await bot.talk.command(bot.asker(), "cancel")
        await bot.house.step()
        late = await bot.press(buttons(listed)["Stop 1"].action)
        assert "Too late to cancel" in late.toast
        await bot.house.end(job.id)
        with pytest.raises(UserError, match="already ended"):
            await bot.press(buttons(listed)["Stop 1"].action)


async def test_nobody_stops_anothers_video(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        job = await bot.house.order(ANN)
        with pytest.raises(UserError) as caught:
            await bot.press(f"1:stop:{job.id}", TOM)
        assert caught.value.key == "talk.not_yours"
        assert await bot.house.states(job.id) == [JobState.QUEUED]


# --- the small print, and leaving --------------------------------------------------------------------------------


async def test_privacy_tells_how_long_what_is_kept_where_it_goes_and_how_to_leave(tmp_path: Path) -> None:
    async with open_talk(tmp_path, keep_videos_days=1, support_contact="@helpdesk") as bot:
        shown = await bot.say("privacy")
        assert "KIE.ai" in shown
        assert "videos are kept for 1 day (undelivered ones for 30 days), pictures for 30 days" in shown
        assert "Nobody here trains models" in shown
        assert "/forget" in shown
        assert "The operator of this bot: @helpdesk" in shown
        assert "every credit back" in await bot.say("terms")


async def test_forgetting_asks_first_says_what_is_lost_and_then_leaves_nothing(tmp_path: Path) -> None:
    async with open_talk(tmp_path, new_user_credits=100) as bot:
        job = await bot.house.order(ANN, prompt="my secret plan")
        await bot.house.end(job.id)
        asked = await bot.talk.command(bot.asker(), "forget")
        assert "You still have 70 credits. They would be lost." in words(asked)
        assert words(await bot.press(buttons(asked)["No, keep everything"].action)) == "Nothing was erased."
        assert "my secret plan" in await bot.say("history")
        gone = await bot.press(buttons(asked)["Yes, forget me"].action)
        assert "You are forgotten." in words(gone)
        assert "No videos yet" in await bot.say("history")
        with pytest.raises(UserError, match="Nothing is stored"):
            await bot.press("1:bye:yes")


async def test_nobody_is_forgotten_while_a_video_is_in_the_making(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        await bot.house.order(ANN)
        with pytest.raises(UserError, match="1 of your videos are still in the making"):
            await bot.press("1:bye:yes")


# --- claiming ----------------------------------------------------------------------------------------------------


async def test_the_claim_code_makes_an_operator_once(tmp_path: Path) -> None:
    async with open_talk(tmp_path, operators=()) as bot:
        code = await bot.house.office.claim_code()
        assert code is not None
        assert await refused(bot, "claim", "WRONG") == "office.bad_code"
        claimed = await bot.say("claim", f" {code.lower()} ")
        assert "You are the operator of this bot now" in claimed
        assert "/grant: " in claimed
        with pytest.raises(UserError, match="wrong or was used"):
            await bot.say("claim", code, TOM)
        assert "/grant" in await bot.say("help")


async def test_a_claim_without_a_code_in_the_house_reads_like_a_wrong_code(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert await refused(bot, "claim", "ANYTHING") == "office.bad_code"
        assert await refused(bot, "claim") == "office.bad_code"


async def test_reporting_by_command_asks_which_and_whether(tmp_path: Path) -> None:
    async with open_talk(tmp_path) as bot:
        assert await refused(bot, "report") == "chat.report_which"
        assert await refused(bot, "report", "NOSUCHJOB1") == "office.no_job"
        job = await bot.house.order(TOM)
        asked: Answer = await bot.talk.command(bot.asker(group=True), "report", f"{job.id}:yes please")
        assert "Report this video" in words(asked)
        assert bot.notices == []
