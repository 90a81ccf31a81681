"""Too few credits: what is missing, what would fit, where more comes from, and whom it costs nothing."""

from __future__ import annotations

from pathlib import Path

from support.card_talk import open_member
from support.house import ADA
from support.small_talk import BOSS


async def test_without_enough_credits_there_is_no_confirm_but_the_cheapest_that_fits(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=50, support_contact="@boss") as ada:
        card = await ada.ask("kling 15s a dog")
        assert "You have 50 credits and need 250 credits more." in card
        assert "For more credits: @boss" in card
        assert "Confirm" not in card
        card = await ada.press("3 s · std 720p · silent · 42 credits")
        assert "[✅ Confirm · 42 credits]" in card
        assert (await ada.draft()).request.prompt == "a dog"
        await ada.press("✅ Confirm")
        assert ada.job.price == 42


async def test_when_the_model_is_too_dear_a_cheaper_one_is_named(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=40) as ada:
        await ada.ask("veo quality a dog")
        label = ada.labels()[0]
        assert label == "Veo 3.1 Lite · 8 s · 720p · 30 credits"
        assert "Model: Veo 3.1 Lite" in await ada.press(label)


async def test_a_long_variant_is_told_in_whole_words(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=10) as ada:
        card = await ada.ask("veo fast a dog")
        assert ada.labels()[0] == "Seedance 1.5 Pro · 4 s · 7 credits"
        assert "The first button is the cheapest version you can pay." in card


async def test_with_no_credits_at_all_the_card_says_that_nothing_would_fit(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=0) as ada:
        card = await ada.ask("a dog")
        assert "You have 0 credits and need 30 credits more." in card
        assert "No cheaper version of this would fit either." in card
        assert "Confirm" not in card


async def test_without_a_contact_the_card_says_where_credits_come_from(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=0) as ada:
        assert "More credits come from the operator of this bot." in await ada.ask("a dog")


async def test_credits_spent_meanwhile_turn_the_card_into_one_that_says_so(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=40) as ada:
        await ada.ask("a dog")
        confirm = ada.action("✅ Confirm")
        await ada.house.order(ADA)
        card = await ada.act(confirm)
        assert "need 20 credits more" in card
        assert "Confirm" not in "".join(ada.labels())


async def test_a_price_is_never_cut_off_a_button(tmp_path: Path) -> None:
    async with open_member(tmp_path) as ada:
        await ada.ask("grok imagine 1.5, a dog", pictures=1)
        await ada.press("Model")
        long = [label for label in ada.labels() if label.startswith("✓ Grok Imagine Video")]
        assert long
        assert long[0].endswith(" credits")


async def test_an_operator_is_told_that_it_costs_nothing(tmp_path: Path) -> None:
    async with open_member(tmp_path, new_user_credits=0) as ada:
        boss = ada.other(BOSS)
        card = await boss.ask("kling a dog")
        assert "this costs you nothing" in card
        assert "missing." not in card
        await boss.press("✅ Confirm · 100 credits")
        assert boss.job.price == 100
