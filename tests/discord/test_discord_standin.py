"""The loopback Discord with the real discord.py: what passes, what Discord refuses, what breaks and heals."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands, ui
from support.discord_files import MIB
from support.discord_gateway import MESSAGE_CONTENT
from support.discord_probe import Event, Probe, Scene, open_scene, running, video

CAT = ("cat.png", b"\x89PNG" + b"meow" * 500)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with open_scene() as opened:
        yield opened


# --- connecting


async def test_a_bot_logs_in_registers_its_commands_and_sees_its_guild(scene: Scene) -> None:
    @scene.bot.tree.command(description="Make a video")
    async def sora(interaction: Event, prompt: str) -> None: ...

    async with running(scene.bot, scene.server) as bot:
        assert [each.name for each in bot.guilds] == ["studio"]
        channel = bot.get_channel(scene.channel.id)
        assert isinstance(channel, discord.TextChannel)
        assert channel.permissions_for(channel.guild.me).attach_files
    assert scene.server.world.registrations == [(None, ["sora"])]


async def test_a_wrong_token_and_an_intent_that_is_not_enabled_are_refused(scene: Scene) -> None:
    with pytest.raises(discord.LoginFailure):
        async with running(Probe(), scene.server, token="another"):
            pass
    intents = discord.Intents.default()
    intents.message_content = True
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(Probe(intents=intents), scene.server):
            pass
    scene.server.gateway.allowed_intents = MESSAGE_CONTENT
    async with running(Probe(intents=intents), scene.server) as bot:
        assert bot.is_ready()


async def test_events_missed_while_the_connection_is_broken_come_after_it_is_resumed(scene: Scene) -> None:
    async with running(scene.bot, scene.server) as bot:
        for harm in (scene.server.gateway.drop, scene.server.gateway.reconnect):
            bot.heard.clear()
            harm()
            said = scene.ada.says(scene.channel, f"hello {scene.server.world.bot.mention}")
            await scene.server.world.until(lambda: bot.heard and scene.server.gateway.connected)
            assert [each.id for each in bot.heard] == [said.id]
    assert scene.server.gateway.resumes == 2
    assert scene.server.gateway.identifies == 1


async def test_an_invalid_session_is_begun_anew(scene: Scene) -> None:
    async with running(scene.bot, scene.server):
        gateway = scene.server.gateway
        gateway.invalidate()
        await scene.server.world.until(lambda: gateway.identifies == 2 and gateway.connected, 15)
        assert gateway.resumes == 0
        assert gateway.starts_left == 998


async def test_each_shard_hears_of_its_own_guilds_and_the_first_of_direct_messages(scene: Scene) -> None:
    world, bot = scene.server.world, Probe(shards=2)
    guilds = [world.guild(f"shard {number}", shard=(number, 2)) for number in range(2)]
    channels = [each.text_channel("talk") for each in guilds]
    async with running(bot, scene.server):
        assert {each.name: each.shard_id for each in bot.guilds if each.name != "studio"} == {
            "shard 0": 0,
            "shard 1": 1,
        }
        for channel in [*channels, world.dm(scene.ada)]:
            scene.ada.says(channel, "hello")
        await world.until(lambda: len(bot.heard) == 3 or None)
        await asyncio.sleep(0.02)
        assert len(bot.heard) == 3


# --- interactions


async def test_a_slash_command_is_deferred_and_its_reply_edited_with_a_button(scene: Scene) -> None:
    @scene.bot.tree.command(description="Make a video")
    @app_commands.describe(prompt="What happens")
    async def sora(interaction: Event, prompt: str, image: discord.Attachment, seconds: int = 8) -> None:
        await interaction.response.defer()
        view = ui.View()
        view.add_item(ui.Button(label="✅ Confirm", custom_id="order:1"))
        words = f"{prompt}, {len(await image.read())} bytes, {seconds} s, {interaction.filesize_limit}"
        await interaction.edit_original_response(content=words, view=view)

    async def on_component(interaction: Event) -> None:
        await interaction.response.edit_message(content="ordered", view=None)
        await interaction.followup.send("thank you", ephemeral=True)

    scene.bot.on_component = on_component
    async with running(scene.bot, scene.server):
        asked = scene.ada.slash(scene.channel, "sora", prompt="a cat", image=CAT, seconds=4)
        reply = await asked.answered()
        assert reply.texts() == [f"a cat, {len(CAT[1])} bytes, 4 s, {20 * MIB}"]
        assert reply.buttons() == {"✅ Confirm": "order:1"}
        assert asked.acked_after is not None
        assert asked.acked_after < 1
        assert asked.answer == 5
        pressed = await scene.ada.click(reply, "✅ Confirm")
        thanks = await pressed.shows("thank you")
    assert reply.text == "ordered"
    assert reply.buttons() == {}
    assert thanks.ephemeral
    assert scene.channel.messages == [reply, thanks]
    with pytest.raises(AssertionError, match="registered"):
        scene.ada.slash(scene.channel, "veo")
    with pytest.raises(AssertionError, match="requires"):
        scene.ada.slash(scene.channel, "sora", prompt="a cat")


async def test_the_first_follow_up_completes_a_deferred_reply_and_an_update_may_be_deferred(
    scene: Scene,
) -> None:
    @scene.bot.tree.command(description="Think")
    async def think(interaction: Event) -> None:
        await interaction.response.defer(thinking=True, ephemeral=True)
        view = ui.View()
        view.add_item(
            ui.Select(custom_id="shape", options=[discord.SelectOption(label="Wide", value="16:9")])
        )
        await interaction.followup.send("choose", view=view)

    async def on_component(interaction: Event) -> None:
        await interaction.response.defer()
        data: Any = interaction.data
        await interaction.edit_original_response(content=f"chosen: {data['values']}", view=None)

    scene.bot.on_component = on_component
    async with running(scene.bot, scene.server):
        asked = await scene.ada.slash(scene.channel, "think")
        assert asked.response
        reply = await asked.answered()
        assert (reply.text, reply.ephemeral, asked.followups) == ("choose", True, [])
        assert await scene.ada.select(reply, None, "Wide").answered() is reply
    assert reply.text == "chosen: ['16:9']"
    assert scene.channel.messages == [reply]


async def test_options_complete_themselves_and_groups_have_subcommands(scene: Scene) -> None:
    group = app_commands.Group(name="operator", description="For operators")

    @group.command(description="Let somebody use the bot")
    async def allow(interaction: Event, who: discord.Member, model: str) -> None:
        await interaction.response.send_message(f"{who.name} may use {model}", ephemeral=True)

    @allow.autocomplete("model")
    async def models(interaction: Event, current: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=f"{current}o 3", value="veo-3")]

    scene.bot.tree.add_command(group)
    async with running(scene.bot, scene.server):
        typed = await scene.ada.autocomplete(scene.channel, "operator allow", "model", "ve")
        assert typed.choices == [{"name": "veo 3", "value": "veo-3"}]
        asked = await scene.ada.slash(scene.channel, "operator allow", who=scene.ada, model="veo-3")
    assert asked.response
    assert asked.response.text == "ada may use veo-3"
    assert asked.response.ephemeral


async def test_a_modal_with_a_file_upload_is_opened_and_submitted(scene: Scene) -> None:
    class Ask(ui.Modal, title="A new video"):
        prompt = ui.Label(text="Prompt", component=ui.TextInput[ui.Modal](custom_id="prompt", max_length=500))
        frame = ui.Label(
            text="First frame", component=ui.FileUpload[ui.Modal](custom_id="frame", max_values=2)
        )
        shape = ui.Label(
            text="Shape",
            component=ui.Select[ui.Modal](
                custom_id="shape", options=[discord.SelectOption(label="Portrait", value="9:16")]
            ),
        )

        async def on_submit(self, interaction: Event) -> None:
            prompt, frame, shape = self.prompt.component, self.frame.component, self.shape.component
            assert isinstance(prompt, ui.TextInput)
            assert isinstance(frame, ui.FileUpload)
            assert isinstance(shape, ui.Select)
            read = [hashlib.sha256(await each.read()).hexdigest()[:8] for each in frame.values]
            await interaction.response.send_message(f"{prompt.value} {shape.values} {read}")

    @scene.bot.tree.command(description="Open the form")
    async def form(interaction: Event) -> None:
        await interaction.response.send_modal(Ask())

    async with running(scene.bot, scene.server):
        opened = await scene.ada.slash(scene.channel, "form")
        assert opened.modal
        assert opened.modal["title"] == "A new video"
        filled = scene.ada.submit_modal(
            opened, {"Prompt": "a cat", "First frame": CAT, "Shape": ["Portrait"]}
        )
        reply = await filled.answered()
    assert reply.text == f"a cat ['9:16'] ['{hashlib.sha256(CAT[1]).hexdigest()[:8]}']"
    with pytest.raises(AssertionError, match="required"):
        scene.ada.submit_modal(opened, {"First frame": CAT, "Shape": ["Portrait"]})


async def test_a_menu_command_gets_a_strangers_message_with_its_picture(scene: Scene) -> None:
    @scene.bot.tree.context_menu(name="Animate this image")
    async def animate(interaction: Event, message: discord.Message) -> None:
        size = len(await message.attachments[0].read())
        await interaction.response.send_message(f"{message.content}: {size}")

    async with running(scene.bot, scene.server) as bot:
        shown = scene.ada.says(scene.channel, "my cat", attachments=[CAT])
        asked = scene.ada.context_menu("Animate this image", shown)
        assert (await asked.answered()).text == f"my cat: {len(CAT[1])}"
        await scene.server.world.until(lambda: bot.heard)
        heard = bot.heard[0]
        assert (heard.content, heard.attachments) == ("", [])


async def test_the_same_interaction_delivered_twice_can_be_answered_once(scene: Scene) -> None:
    @scene.bot.tree.command(description="Say hello")
    async def hello(interaction: Event) -> None:
        await interaction.response.send_message("hello")

    async with running(scene.bot, scene.server) as bot:
        asked = await scene.ada.slash(scene.channel, "hello")
        asked.redeliver()
        await scene.server.world.until(lambda: asked.refused)
        assert len(scene.channel.messages) == 1
        await scene.server.world.until(lambda: bot.errors or None)
    assert isinstance(bot.errors[0], discord.HTTPException)
    assert bot.errors[0].code == 40060


async def test_an_answer_after_three_seconds_comes_too_late(scene: Scene) -> None:
    @scene.bot.tree.command(description="Slow")
    async def slow(interaction: Event) -> None:
        scene.server.advance(3.5)
        await interaction.response.send_message("late")

    async with running(scene.bot, scene.server) as bot:
        asked = scene.ada.slash(scene.channel, "slow")
        await scene.server.world.until(lambda: bot.errors)
    assert asked.failed
    assert isinstance(bot.errors[0], discord.NotFound)
    assert bot.errors[0].code == 10062
    assert scene.channel.messages == []


async def test_a_token_is_dead_after_fifteen_minutes_but_the_message_can_still_be_edited(
    scene: Scene,
) -> None:
    @scene.bot.tree.command(description="Long")
    async def long(interaction: Event) -> None:
        await interaction.response.send_message("working")
        scene.server.advance(901)
        await interaction.edit_original_response(content="done")

    async with running(scene.bot, scene.server) as bot:
        asked = await scene.ada.slash(scene.channel, "long")
        await scene.server.world.until(lambda: bot.errors)
        error = bot.errors[0]
        assert isinstance(error, discord.HTTPException)
        assert (error.status, error.code) == (401, 50027)
        assert asked.response
        place = bot.get_partial_messageable(scene.channel.id)
        await place.get_partial_message(asked.response.id).edit(content="done")
    assert asked.response.text == "done"


async def test_an_ephemeral_reply_is_out_of_reach_of_the_channel_and_of_others(scene: Scene) -> None:
    @scene.bot.tree.command(description="Private")
    async def private(interaction: Event) -> None:
        view = ui.View()
        view.add_item(ui.Button(label="Go", custom_id="go"))
        await interaction.response.send_message("for you", ephemeral=True, view=view, file=video(10))

    async with running(scene.bot, scene.server) as bot:
        reply = await scene.ada.slash(scene.channel, "private").answered()
        place = bot.get_partial_messageable(scene.channel.id)
        with pytest.raises(discord.NotFound) as caught:
            await place.get_partial_message(reply.id).edit(content="seen by all?")
        assert caught.value.code == 10008
        assert [each async for each in place.history()] == []
    bob = scene.guild.member(scene.server.world.user("bob"))
    assert not bob.sees(reply)
    with pytest.raises(AssertionError, match="does not see"):
        bob.click(reply, "Go")


async def test_a_user_install_has_five_follow_ups_and_no_channel(scene: Scene) -> None:
    world = scene.server.world
    foreign = world.guild("foreign", bot_in=False).text_channel("lounge")
    eve = world.user("eve", installed=True, locale="de")

    @scene.bot.tree.command(description="Anywhere")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def anywhere(interaction: Event) -> None:
        assert interaction.is_user_integration()
        assert not interaction.is_guild_integration()
        await interaction.response.send_message(f"in {interaction.locale}")
        for number in range(6):
            await interaction.followup.send(f"more {number}")

    async with running(scene.bot, scene.server) as bot:
        for place in (foreign, world.group_dm(eve, scene.ada, world.user("bob"))):
            bot.errors.clear()
            asked = await eve.slash(place, "anywhere")
            await world.until(lambda: bot.errors)
            assert len(asked.followups) == 5
            assert isinstance(bot.errors[0], discord.HTTPException)
            assert bot.errors[0].code == 40094
            assert asked.response
            assert asked.response.text == "in de"
            with pytest.raises(discord.Forbidden) as caught:
                await bot.get_partial_messageable(place.id).send("hello")
            assert caught.value.code == 50001
    with pytest.raises(AssertionError, match="have not installed"):
        scene.ada.slash(foreign, "anywhere")


# --- files


async def test_fifteen_mebibytes_arrive_whole_with_their_description(scene: Scene, tmp_path: Path) -> None:
    data = b"0123456789abcdef" * MIB
    data = data[: 15 * MIB]
    path = tmp_path / "video.mp4"
    path.write_bytes(data)
    async with running(scene.bot, scene.server) as bot:
        file = discord.File(path, description="a cat dances")
        sent = await bot.get_partial_messageable(scene.channel.id).send("here", file=file)
        assert await sent.attachments[0].read() == data
        kept = await sent.edit(content="again", attachments=[*sent.attachments, video(3, "small.mp4")])
        only = await kept.edit(attachments=kept.attachments[1:])
        assert [each.filename for each in only.attachments] == ["small.mp4"]
    posted = scene.channel.last
    first = posted.edits[0]["attachments"]
    assert len(first) == 2
    assert [(each.name, each.size) for each in posted.attachments] == [("small.mp4", 3)]
    uploaded = next(each for each in scene.server.files.uploads.values() if each.name == "video.mp4")
    assert uploaded.sha256 == hashlib.sha256(data).hexdigest()
    assert uploaded.description == "a cat dances"


async def test_upload_limits_follow_the_boost_tier_and_the_interaction(scene: Scene) -> None:
    world = scene.server.world
    boosted = world.guild("boosted", boost_tier=2).text_channel("big")
    rich = world.user("rich", upload_limit=500 * MIB)

    @scene.bot.tree.command(description="Send 21 MiB")
    async def big(interaction: Event) -> None:
        assert interaction.filesize_limit == 500 * MIB
        await interaction.response.send_message(file=video(21 * MIB))

    async with running(scene.bot, scene.server) as bot:
        await bot.get_partial_messageable(boosted.id).send(file=video(50 * MIB))
        await bot.get_partial_messageable(scene.channel.id).send(file=video(20 * MIB))
        for channel, size in ((boosted, 50 * MIB + 1), (scene.channel, 20 * MIB + 1)):
            with pytest.raises(discord.HTTPException) as caught:
                await bot.get_partial_messageable(channel.id).send(file=video(size))
            assert (caught.value.status, caught.value.code) == (413, 40005)
        asked = await rich.slash(scene.channel, "big")
    assert asked.response
    assert asked.response.attachments[0].size == 21 * MIB
    assert [each.attachments[0].size // MIB for each in world.posted()] == [50, 20, 21]


async def test_links_die_after_a_day_and_slash_uploads_after_a_while(scene: Scene) -> None:
    kept: list[discord.Attachment] = []

    @scene.bot.tree.command(description="Take a picture")
    async def take(interaction: Event, image: discord.Attachment) -> None:
        kept.append(image)
        await interaction.response.send_message("taken")

    async with running(scene.bot, scene.server) as bot:
        await scene.ada.slash(scene.channel, "take", image=CAT)
        said = scene.ada.says(scene.channel, bot.user.mention if bot.user else "", attachments=[CAT])
        await scene.server.world.until(lambda: any(each.id == said.id for each in bot.heard))
        kept += bot.heard[-1].attachments
        assert [await each.read() for each in kept] == [CAT[1], CAT[1]]
        scene.server.advance(7201)
        with pytest.raises(discord.NotFound):
            await kept[0].read()
        assert await kept[1].read() == CAT[1]
        scene.server.advance(86_400)
        with pytest.raises(discord.NotFound):
            await kept[1].read()
        again = await bot.get_partial_messageable(scene.channel.id).fetch_message(said.id)
        assert await again.attachments[0].read() == CAT[1]
