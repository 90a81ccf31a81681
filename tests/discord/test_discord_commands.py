"""Commands in servers, direct messages and other people's, as Discord shows and answers them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.simcord_world import PNG, World, button, labels, open_world, text_of

from adapters.discord.address import Address, Place
from adapters.discord.mentions import command_in
from bot.domain import Draft
from bot.store import drafts


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


async def draft_of(world: World, message: Any) -> Draft:
    draft_id = button(message, "✅ Confirm").split(":")[2]
    draft = await world.house.store.read(lambda tx: drafts.get(tx, draft_id))
    assert draft
    return draft


# --- ordering ----------------------------------------------------------------------------------------------------


async def test_video_needs_only_a_prompt_and_answers_with_the_price(world: World) -> None:
    result = await world.ada.slash(world.channel, "video", prompt="a happy dog")
    assert not result.ephemeral
    assert "a happy dog" in text_of(result.response)
    assert labels(result.response)[0].startswith("✅ Confirm")


async def test_a_command_is_acknowledged_before_anything_is_looked_up(world: World) -> None:
    await world.ada.slash(world.channel, "video", prompt="a happy dog")
    first = [each for each in world.env.http_requests if "/callback" in each.path][-1]
    assert first.json
    assert first.json["type"] == 5


async def test_every_option_of_sora_reaches_the_request(world: World) -> None:
    result = await world.ada.slash(
        world.channel,
        "sora",
        prompt="a happy dog",
        image=("dog.png", PNG),
        shape="portrait",
        length=15,
        quality="pro",
        watermark="remove",
    )
    request = (await draft_of(world, result.response)).request
    assert request.model == "sora-2-pro-image-to-video"
    assert (request.aspect, request.seconds, request.remove_watermark) == ("portrait", 15, True)
    assert request.first


async def test_a_dead_model_is_answered_with_offers_and_costs_nothing(world: World) -> None:
    await world.house.withdraw("sora-2-text-to-video", "shut down")
    result = await world.ada.slash(world.channel, "sora", prompt="a happy dog")
    assert "shut down" in text_of(result.response)
    assert any("credits" in each for each in labels(result.response))


async def test_every_option_of_video_reaches_the_request(world: World) -> None:
    result = await world.ada.slash(
        world.channel,
        "video",
        prompt="a happy dog",
        model="kling-3.0/video",
        image=("first.png", PNG),
        last_image=("last.png", PNG + b"2"),
        length=5,
        quality="high",
        sound="on",
    )
    request = (await draft_of(world, result.response)).request
    assert request.model == "kling-3.0/video"
    assert request.first
    assert request.last
    assert (request.seconds, request.quality, request.sound) == (5, "high", True)


async def test_a_private_request_is_for_the_askers_eyes_only(world: World) -> None:
    result = await world.ada.slash(world.channel, "video", prompt="a happy dog", private=True)
    assert result.ephemeral
    draft = await draft_of(world, result.response)
    assert draft.chat.private
    assert Address.parse(draft.chat.address).hidden


async def test_who_prefers_private_results_gets_them_privately_unasked(world: World) -> None:
    await world.house.studio.prefer(world.ref(world.ada), private=True)
    assert (await world.ada.slash(world.channel, "video", prompt="a dog")).ephemeral
    assert not (await world.ada.slash(world.channel, "video", prompt="a cat", private=False)).ephemeral


async def test_the_draft_knows_all_that_delivery_will_need(world: World) -> None:
    result = await world.ada.slash(world.channel, "video", prompt="a happy dog")
    draft = await draft_of(world, result.response)
    address = Address.parse(draft.chat.address)
    assert address.user == world.ada.id
    assert address.channel == world.channel.id
    assert address.guild == world.guild.id
    assert address.place is Place.SERVER
    assert address.member
    assert address.ticket
    assert address.ticket.lives(world.house.clock.now())
    assert not address.ticket.lives(world.house.clock.now() + 15 * 60_000)
    assert address.ticket.limit == world.how.upload
    assert str(draft.chat.community) == f"discord-server:{world.guild.id}"


async def test_a_command_that_discord_tells_of_twice_makes_one_draft(world: World) -> None:
    with world.told_twice():
        await world.ada.slash(world.channel, "video", prompt="a happy dog")
    (key,) = await keys(world)
    assert key.startswith("discord:")
    assert key.partition(":")[2].isdecimal()


async def test_a_message_that_discord_tells_of_twice_makes_one_draft_and_one_answer(world: World) -> None:
    user = world.env.create_user("carl")
    with world.told_twice():
        await world.dm(user, "a happy dog")
    assert len(await keys(world)) == 1
    sent = [each.json["nonce"] for each in world.requests("POST", "/messages")]
    assert len(set(sent)) == 1, "Discord takes the same nonce once"


async def keys(world: World) -> list[str]:
    return await world.house.store.read(lambda tx: [row["key"] for row in tx.all("SELECT key FROM drafts")])


async def test_who_may_not_come_in_is_told_so_privately_and_nothing_stays_in_the_channel(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path, access="closed") as world:
        result = await world.ada.slash(world.channel, "video", prompt="a dog", image=("a.png", PNG))
        assert result.response is None
        (told,) = result.followups
        assert told.ephemeral
        assert f"discord-server:{world.guild.id}" in text_of(told)
        assert not list(world.house.settings.pictures_dir.glob("*"))


async def test_a_refused_prompt_is_given_back_to_its_writer_only(world: World) -> None:
    result = await world.ada.slash(world.channel, "video", prompt="a dog", model="no such model")
    assert result.response is None
    (told,) = result.followups
    assert told.ephemeral
    assert "a dog" in text_of(told)


async def test_too_many_commands_are_warned_about_once_and_then_met_with_silence(tmp_path: Path) -> None:
    async with open_world(tmp_path, commands_per_minute=1) as world:
        results = [await world.ada.slash(world.channel, "video", prompt="a dog") for _ in range(3)]
        assert [bool(each.response) for each in results] == [True, False, False]
        assert [len(each.followups) for each in results] == [0, 1, 0]


async def test_unwatermark_takes_the_link(world: World) -> None:
    url = "https://sora.chatgpt.com/p/s_68e83bd7eee88191be79d2ba7158516f"
    result = await world.ada.slash(world.channel, "unwatermark", url=url)
    assert (await draft_of(world, result.response)).request.video_url == url


# --- telling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("help", "/sora"),
        ("models", "Veo 3.1"),
        ("balance", "credits"),
        ("history", "No videos yet"),
        ("cancel", "nothing to cancel"),
        ("settings", "Your settings"),
        ("terms", "The rules"),
        ("privacy", "KIE.ai"),
        ("forget", "Erase everything"),
    ],
)
async def test_a_command_that_only_tells_is_for_the_askers_eyes_only(
    world: World, name: str, says: str
) -> None:
    result = await world.ada.slash(world.channel, name)
    assert result.ephemeral
    assert says in text_of(result.response)


async def test_the_claim_code_makes_its_sender_the_operator(world: World) -> None:
    code = await world.house.office.claim_code()
    result = await world.ada.slash(world.channel, "claim", code=code)
    assert result.ephemeral
    assert await world.house.studio.is_operator_now(world.ref(world.ada))


async def test_a_report_reaches_the_operators(world: World) -> None:
    job = await world.house.order()
    result = await world.bob.slash(world.channel, "report", job=job.id)
    asked = next(each for each in [result.response, *result.followups] if each)
    await world.bob.click(asked, custom_id=button(asked, "Report"))
    assert [kind for kind, _, _ in world.noticed] == [f"report:{job.id}"]


# --- autocomplete ------------------------------------------------------------------------------------------------


async def test_models_are_offered_by_name_with_their_prices(world: World) -> None:
    choices = await world.ada.autocomplete(world.channel, "video", "model", "kling 3", prompt="a dog")
    assert choices
    assert all(each["name"].startswith("Kling 3") and "credits" in each["name"] for each in choices)


async def test_autocomplete_answers_without_touching_the_database(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(world.house.store, "read", fail)
    assert await world.ada.autocomplete(world.channel, "video", "model", "", prompt="a dog")


async def test_a_withdrawn_model_is_no_longer_offered(world: World) -> None:
    await world.house.withdraw("runway")
    await world.client.shelf.refresh()
    assert not await world.ada.autocomplete(world.channel, "video", "model", "runway", prompt="a dog")


async def test_qualities_are_those_of_the_chosen_model(world: World) -> None:
    own = await world.ada.autocomplete(
        world.channel, "video", "quality", "", prompt="a dog", model="veo-3-1:lite"
    )
    assert [each["value"] for each in own] == ["720p", "1080p", "4k"]
    any_model = await world.ada.autocomplete(world.channel, "video", "quality", "", prompt="a dog")
    assert [each["value"] for each in any_model] == ["low", "standard", "high", "max"]


# --- direct messages, mentions, message menus --------------------------------------------------------------------


async def test_a_command_in_direct_messages_stays_there(world: World) -> None:
    user = world.env.create_user("carl")
    result = await user.slash("video", prompt="a happy dog", private=True)
    assert not result.ephemeral
    draft = await draft_of(world, result.response)
    assert not draft.chat.private
    assert Address.parse(draft.chat.address).place is Place.BOT_DM


async def test_a_direct_message_with_words_and_a_picture_is_a_request(world: World) -> None:
    user = world.env.create_user("carl")
    await world.dm(user, "a happy dog", ("dog.png", PNG))
    answer = world.said_to(user)[-1]
    request = (await draft_of(world, answer)).request
    assert request.prompt == "a happy dog"
    assert request.first


async def test_a_mention_with_words_is_a_request_and_is_answered_there(world: World) -> None:
    me = world.client.user
    assert me
    await world.ada.send(world.channel, f"<@{me.id}> a happy dog")
    answer = world.channel.last_message
    draft = await draft_of(world, answer)
    assert draft.request.prompt == "a happy dog"
    assert answer.reference
    assert Address.parse(draft.chat.address).message == answer.reference.message_id


async def test_talk_that_is_not_meant_for_the_bot_is_left_alone(world: World) -> None:
    before = await world.ada.send(world.channel, "a happy dog")
    assert world.channel.last_message.id == before.id


async def test_answering_a_message_of_the_bot_is_no_request(world: World) -> None:
    result = await world.ada.slash(world.channel, "video", prompt="a happy dog")
    sent = await world.ada.send(world.channel, "how nice", reply_to=result.response.message)
    assert world.channel.last_message.id == sent.id


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/sora a dog", ("sora", "a dog")),
        ("!help", ("help", "")),
        ("help", ("help", "")),
        ("help a kitten over the road", ("", "help a kitten over the road")),
        ("a dog", ("", "a dog")),
        ("", ("", "")),
    ],
)
def test_a_message_is_a_command_only_when_it_looks_like_one(text: str, command: tuple[str, str]) -> None:
    assert command_in(text) == command


async def test_what_is_private_is_not_told_in_a_channel_when_it_was_asked_by_a_mention(world: World) -> None:
    assert world.client.user
    await world.ada.send(world.channel, f"<@{world.client.user.id}> balance")
    assert "credits" not in text_of(world.channel.last_message)
    assert "credits" in text_of(world.said_to(world.ada)[-1])


async def test_make_a_video_of_this_text_quotes_the_message(world: World) -> None:
    message = await world.bob.send(world.channel, "a whale over the city")
    result = await world.ada.context_menu(world.channel, "Make a video of this text", message)
    assert (await draft_of(world, result.response)).request.prompt == "a whale over the city"


async def test_a_text_longer_than_can_be_taken_is_refused_with_what_to_do_and_never_cut(world: World) -> None:
    message = await world.bob.send(world.channel, "a whale")
    world.env.backend.messages[world.channel.id][message.id].content = "a whale " * 800
    result = await world.ada.context_menu(world.channel, "Make a video of this text", message)
    told = text_of(result.response)
    assert result.response.flags.ephemeral
    assert "6,000 is the most" in told
    assert "/video" in told
    assert not await world.house.store.read(lambda tx: tx.all("SELECT id FROM drafts"))


# --- where the bot is no member ----------------------------------------------------------------------------------


async def test_a_user_install_says_how_a_late_video_will_come(world: World) -> None:
    world.how.user_install, world.how.context = True, 2
    user = world.env.create_user("carl")
    result = await user.slash("video", prompt="a happy dog")
    address = Address.parse((await draft_of(world, result.response)).chat.address)
    assert address.place is Place.ELSEWHERE
    assert not address.member
    pressed = await user.click(result.response, custom_id=button(result.response, "✅ Confirm"))
    assert "Get my video" in labels(result.response)
    assert any("Get my video" in text_of(each) and each.ephemeral for each in pressed.followups)


async def test_missing_rights_are_named_before_a_long_wait(world: World) -> None:
    world.how.app_permissions = 1024 | 2048
    result = await world.ada.slash(world.channel, "sora", prompt="a happy dog", quality="pro-hd")
    pressed = await world.ada.click(result.response, custom_id=button(result.response, "✅ Confirm"))
    assert any("Attach Files" in text_of(each) and each.ephemeral for each in pressed.followups)
