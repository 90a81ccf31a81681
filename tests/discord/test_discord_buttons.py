"""Buttons and menus: who may press, what stands in which message, restarts, repeats and buttons of other days."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
from support.simcord_world import PNG, World, button, labels, open_world, parts, text_of

from adapters.discord.address import Card, Ticket, card_note, ticket_note
from adapters.discord.items import is_ours
from bot.domain import JobState


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


async def quote(world: World, **options: Any) -> Any:
    """A card that Ada asked for."""
    return (await world.ada.slash(world.channel, "video", prompt="a happy dog", **options)).response


async def press(world: World, message: Any, label: str, actor: Any = None) -> Any:
    return await (actor or world.ada).click(message, custom_id=button(message, label))


async def jobs(world: World) -> list[str]:
    return await world.house.store.read(lambda tx: [row["id"] for row in tx.all("SELECT id FROM jobs")])


# --- ordering ----------------------------------------------------------------------------------------------------


async def test_one_press_orders_and_the_card_becomes_the_status(world: World) -> None:
    card = await quote(world)
    await press(world, card, "✅ Confirm")
    (job_id,) = await jobs(world)
    assert (await world.house.job(job_id)).state is JobState.QUEUED
    assert "Waiting for a turn" in text_of(card)
    assert labels(card) == ["Cancel"]


async def test_the_fresh_token_of_confirm_and_the_status_message_are_remembered(world: World) -> None:
    card = await quote(world)
    await world.pass_time(600)
    await press(world, card, "✅ Confirm")
    (job_id,) = await jobs(world)
    ticket = Ticket.from_json(await world.memory.get(ticket_note(job_id)))
    assert ticket.expires == world.house.clock.now() + 15 * 60_000
    status = Card.from_json(await world.memory.get(card_note(job_id)))
    assert (status.channel, status.message, status.hidden) == (world.channel.id, card.id, False)


async def test_a_press_that_discord_tells_of_twice_makes_one_job(world: World) -> None:
    card = await quote(world)
    with world.told_twice():
        await press(world, card, "✅ Confirm")
    assert len(await jobs(world)) == 1
    assert "Waiting for a turn" in text_of(card)


async def test_only_the_asker_may_press_and_others_are_told_so_privately(world: World) -> None:
    card = await quote(world)
    before = text_of(card)
    result = await press(world, card, "✅ Confirm", world.bob)
    assert not await jobs(world)
    assert text_of(card) == before
    (told,) = result.followups
    assert told.ephemeral


async def test_cancel_before_its_turn_gives_the_credits_back(world: World) -> None:
    card = await quote(world)
    await press(world, card, "✅ Confirm")
    await press(world, card, "Cancel")
    assert await world.house.available(world.ref(world.ada)) == 1000


# --- choosing ----------------------------------------------------------------------------------------------------


async def test_an_option_is_chosen_in_the_same_message(world: World) -> None:
    card = await quote(world)
    await press(world, card, "Length")
    assert "✓ 8 s" in " ".join(labels(card))
    await press(world, card, "4 s")
    assert "Length: 4 s" in labels(card)


async def test_a_model_is_chosen_from_a_menu(world: World) -> None:
    card = await quote(world)
    await press(world, card, "Model")
    (menu,) = [each for each in parts(card) if each["type"] == 3]
    other = next(each for each in menu["options"] if not each.get("default"))
    await world.ada.select(card, [other["value"]], custom_id=menu["custom_id"])
    assert f"Model: {other['label']}" in labels(card)


async def test_the_picture_stays_beside_the_card_while_it_changes(world: World) -> None:
    card = await quote(world, image=("dog.png", PNG))
    before = [each["media"]["url"] for each in parts(card) if each["type"] == 11]
    assert before
    await press(world, card, "Length")
    assert [each["media"]["url"] for each in parts(card) if each["type"] == 11] == before


async def test_settings_are_kept_and_confirmed(world: World) -> None:
    shown = (await world.ada.slash(world.channel, "settings")).response
    await press(world, shown, "Shape")
    pressed = await press(world, shown, "portrait")
    assert (await world.house.studio.preferences(world.ref(world.ada)))["aspect"] == "portrait"
    assert any("portrait" in text_of(each) and each.ephemeral for each in pressed.followups)


# --- other days --------------------------------------------------------------------------------------------------


async def test_a_button_works_after_a_restart(world: World) -> None:
    card = await quote(world)
    await world.restart()
    await press(world, card, "✅ Confirm")
    assert len(await jobs(world)) == 1


async def test_a_menu_works_after_a_restart(world: World) -> None:
    card = await quote(world)
    await press(world, card, "Model")
    await world.restart()
    (menu,) = [each for each in parts(card) if each["type"] == 3]
    other = next(each for each in menu["options"] if not each.get("default"))
    await world.ada.select(card, [other["value"]], custom_id=menu["custom_id"])
    assert f"Model: {other['label']}" in labels(card)


@pytest.mark.parametrize("action", ["0:ok:OLDDRAFT", "2:later:X", "1:nothing:X", "1:ok:UNKNOWN", "vote-up"])
async def test_a_button_of_another_day_is_answered_politely(world: World, action: str) -> None:
    result = await press_stray(world, action)
    (told,) = result.followups
    assert told.ephemeral
    assert text_of(told)


async def press_stray(world: World, action: str) -> Any:
    """Ada presses a button that this version of the bot would not send."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Old", custom_id=action))
    view.stop()
    channel = world.client.get_channel(world.channel.id)
    assert isinstance(channel, discord.TextChannel)
    with world.env.time_context():
        message = await channel.send("a message of another day", view=view)
    await world.env.settle()
    return await world.ada.click(message, label="Old")


@pytest.mark.parametrize(
    ("custom_id", "ours"),
    [
        ("1:ok:AB", True),
        ("9:x:y:z", True),
        ("ask:0AZ", True),
        ("choose:0", True),
        ("hello", False),
        ("form:x", False),
    ],
)
def test_what_is_ours_is_known_by_its_shape(custom_id: str, ours: bool) -> None:
    assert is_ours(custom_id) is ours


# --- trouble -----------------------------------------------------------------------------------------------------


async def test_an_unexpected_error_is_a_polite_sentence_and_stands_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await quote(world)

    async def fail(*_: Any) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(world.talk, "press", fail)
    result = await press(world, card, "Length")
    (told,) = result.followups
    assert told.ephemeral
    assert "went wrong" in text_of(told)
    assert "ZeroDivisionError" in caplog.text


async def test_discord_refusing_an_answer_does_not_break_the_bot(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    card = await quote(world)
    world.env.inject_error("PATCH", "/webhooks/*", status=500)
    await press(world, card, "✅ Confirm")
    assert len(await jobs(world)) == 1
    assert "did not take" in caplog.text


async def test_an_interaction_that_was_answered_by_another_process_is_left_alone(world: World) -> None:
    card = await quote(world)
    world.env.inject_error("POST", "/interactions/*/callback", status=400, code=40060)
    await press(world, card, "✅ Confirm")
    assert not await jobs(world)


async def test_stopping_waits_for_what_is_being_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def slow() -> None:
        begun.set()
        await go_on.wait()
        done.append("answered")

    class Quiet:
        language = "en"

    answering = asyncio.create_task(world.client.answering.guard(Quiet(), slow))  # type: ignore[arg-type]
    await begun.wait()
    idle = asyncio.create_task(world.client.answering.idle())
    await asyncio.sleep(0)
    assert not idle.done()
    go_on.set()
    await idle
    await answering
    assert done == ["answered"]
