"""The loopback Discord when things go wrong, what it refuses, and its driver in another process."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands, ui
from support import discord_commands as commands
from support.clock import FakeClock
from support.discord_gateway import MESSAGE_CONTENT
from support.discord_interactions import Interaction
from support.discord_people import User
from support.discord_places import Channel
from support.discord_probe import Event, Probe, Scene, aimed_at, open_scene, running, video
from support.discord_server import DiscordServer

TESTS = Path(__file__).parents[1]
POST = ("POST", "/channels/*/messages")


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with open_scene() as opened:
        yield opened


@asynccontextmanager
async def logged_in(scene: Scene) -> AsyncIterator[Probe]:
    """The bot with REST only, which is all that most of these need."""
    with aimed_at(scene.server):
        async with scene.bot as bot:
            await bot.login(scene.server.token)
            yield bot


def place(bot: Probe, channel: Channel) -> discord.PartialMessageable:
    return bot.get_partial_messageable(channel.id)


async def code_of(doing: Any) -> int:
    """The code with which Discord refuses."""
    with pytest.raises(discord.HTTPException) as caught:
        await doing
    return caught.value.code


# --- faults


async def test_a_rate_limit_that_names_its_relay_is_waited_out_and_another_is_raised(scene: Scene) -> None:
    async with logged_in(scene) as bot:
        busy = scene.server.fault(*POST, status=429, retry_after=0.05, times=2)
        await place(bot, scene.channel).send("hello")
        assert busy.hits == 2
        scene.server.fault(*POST, status=429, via=False)
        with pytest.raises(discord.HTTPException, match="429"):
            await place(bot, scene.channel).send("hello")
    assert [each.text for each in scene.channel.messages] == ["hello"]


async def test_a_bucket_lets_no_more_through_than_its_limit(scene: Scene) -> None:
    bucket = scene.server.rate_limit(*POST, 3, per=0.2)
    async with logged_in(scene) as bot:
        await asyncio.gather(*(place(bot, scene.channel).send(str(number)) for number in range(5)))
    assert len(scene.channel.messages) == 5
    times = [each.at for each in scene.channel.messages]
    assert times[3] - times[0] >= 190
    assert bucket.refused <= 1, (
        "discord.py heeds the headers, though on a busy machine it may be a hair early"
    )


async def test_a_message_that_was_taken_before_the_connection_broke_is_not_posted_twice(scene: Scene) -> None:
    async with logged_in(scene) as bot:
        scene.server.fault(*POST, drop=True, after=True)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await place(bot, scene.channel).send("video", nonce="job-1", file=video(100))
        again = await place(bot, scene.channel).send("video", nonce="job-1", file=video(100))
        assert [each.id for each in scene.channel.messages] == [again.id]
        assert scene.channel.last.nonce == "job-1"
        scene.server.advance(301)
        await place(bot, scene.channel).send("video", nonce="job-1")
        assert len(scene.channel.messages) == 2
        assert await code_of(place(bot, scene.channel).send("x", nonce="n" * 26)) == 50035


async def test_a_fault_may_refuse_break_the_line_or_only_be_slow(scene: Scene) -> None:
    async with logged_in(scene) as bot:
        scene.server.fault(*POST, status=403, code=50013)
        assert await code_of(place(bot, scene.channel).send("a")) == 50013
        scene.server.fault(*POST, drop=True)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await place(bot, scene.channel).send("b")
        scene.server.fault(*POST, hang=3600, times=None)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(place(bot, scene.channel).send("c"), 0.05)
        scene.server.faults.faults.clear()
        scene.server.fault(*POST, hang=0.05)
        await place(bot, scene.channel).send("d")
    assert [each.text for each in scene.channel.messages] == ["d"]
    assert [each.status for each in scene.server.seen(*POST)] == [403, 0, 0, 200]


async def test_a_refused_upload_of_many_megabytes_is_read_to_its_end(scene: Scene) -> None:
    async with logged_in(scene) as bot:
        scene.server.fault(*POST, status=413, code=40005)
        assert await code_of(place(bot, scene.channel).send(file=video(30_000_000))) == 40005


# --- places and permissions


async def test_missing_permissions_are_refused_as_discord_does(scene: Scene) -> None:
    async with logged_in(scene) as bot:
        send = place(bot, scene.channel).send
        scene.channel.deny("attach_files")
        await send("words")
        assert await code_of(send(file=video(1))) == 50013
        scene.channel.permit("attach_files")
        scene.channel.uploads_limited = True
        assert await code_of(send(file=video(1))) == 400001
        scene.channel.deny("read_message_history")
        reply = discord.MessageReference(message_id=scene.channel.last.id, channel_id=scene.channel.id)
        assert await code_of(send("reply", reference=reply)) == 160002
        scene.channel.deny("send_messages")
        assert await code_of(send("words")) == 50013
        scene.channel.deny("view_channel")
        assert await code_of(send("words")) == 50001
        thread = scene.guild.thread(scene.guild.text_channel("other"), "idea")
        await place(bot, thread).send("in a thread")
        thread.archived = True
        assert await code_of(place(bot, thread).send("too late")) == 50083
        scene.guild.kick_bot()
        assert await code_of(place(bot, thread).send("gone")) == 50001
        scene.channel.delete()
        assert await code_of(send("words")) == 10003


async def test_closed_direct_messages_are_refused_and_opening_them_is_repeatable(scene: Scene) -> None:
    async with logged_in(scene) as bot:
        user = await bot.fetch_user(scene.ada.id)
        first = await user.create_dm()
        assert (await bot.http.start_private_message(scene.ada.id))["id"] == str(first.id)
        scene.ada.close_dms()
        assert await code_of(user.send("hello")) == 50007
        scene.ada.leave_common_servers()
        assert await code_of(user.send("hello")) == 50278
        scene.ada.open_dms()
        await user.send("hello")
    assert scene.server.world.dm(scene.ada).last.text == "hello"


async def test_words_of_others_are_hidden_unless_they_mention_the_bot_or_are_sent_to_it(scene: Scene) -> None:
    world = scene.server.world
    async with running(scene.bot, scene.server) as bot:
        scene.ada.says(scene.channel, "a secret")
        scene.ada.says(scene.channel, f"{world.bot.mention} hear me")
        scene.ada.says(world.dm(scene.ada), "between us")
        await world.until(lambda: len(bot.heard) == 3)
        assert [each.content for each in bot.heard] == ["", f"{world.bot.mention} hear me", "between us"]
    scene.server.gateway.allowed_intents = MESSAGE_CONTENT
    intents = discord.Intents.default()
    intents.message_content = True
    async with running(Probe(intents=intents), scene.server) as bot:
        scene.ada.says(scene.channel, "a secret")
        await world.until(lambda: bot.heard)
        assert bot.heard[0].content == "a secret"


# --- what messages may be


async def test_a_reply_to_a_deleted_message_fails_or_stands_alone(scene: Scene) -> None:
    asked = scene.ada.says(scene.channel, "make one")
    async with logged_in(scene) as bot:
        reply = discord.MessageReference(message_id=asked.id, channel_id=scene.channel.id)
        await place(bot, scene.channel).send(
            f"<@{scene.ada.id}> done", reference=reply, allowed_mentions=discord.AllowedMentions.none()
        )
        assert (scene.channel.last.reference, scene.channel.last.pings) == (asked.id, [])
        await place(bot, scene.channel).send(f"<@{scene.ada.id}>")
        assert scene.channel.last.pings == ["ada"]
        scene.ada.deletes(asked)
        assert await code_of(place(bot, scene.channel).send("done", reference=reply)) == 50035
        gentle = discord.MessageReference(
            message_id=asked.id, channel_id=scene.channel.id, fail_if_not_exists=False
        )
        await place(bot, scene.channel).send("done", reference=gentle)
    assert scene.channel.last.reference is None


async def test_components_v2_show_uploaded_files_and_are_checked(scene: Scene) -> None:
    view = ui.LayoutView()
    row: ui.ActionRow[ui.LayoutView] = ui.ActionRow(ui.Button(label="Again", custom_id="again"))
    gallery: ui.MediaGallery[ui.LayoutView] = ui.MediaGallery(
        discord.MediaGalleryItem("attachment://video.mp4")
    )
    view.add_item(ui.Container(ui.TextDisplay("## Done"), gallery, row))
    async with logged_in(scene) as bot:
        channel = place(bot, scene.channel)
        assert await code_of(channel.send(view=view)) == 50035
        sent = await channel.send(view=view, file=video(20))
        posted = scene.channel.last
        assert (posted.texts(), posted.buttons()) == (["## Done"], {"Again": "again"})
        assert posted.unseen() == []
        assert await code_of(channel.get_partial_message(sent.id).edit(content="old style")) == 50035
        again = await channel.fetch_message(sent.id)
        assert again.components[0].to_dict()["type"] == 17
        double = ui.LayoutView()
        for _ in range(2):
            double.add_item(ui.ActionRow(ui.Button(label="Twice", custom_id="same")))
        assert await code_of(channel.send(view=double)) == 50035
        long = ui.LayoutView().add_item(ui.TextDisplay("x" * 4001))
        assert await code_of(channel.send(view=long)) == 50035
        assert await code_of(channel.send("x" * 2001)) == 50035


async def test_files_that_components_show_are_not_listed_and_an_edit_finds_only_files_it_lists(
    scene: Scene,
) -> None:
    def showing(url: str) -> ui.LayoutView:
        return ui.LayoutView().add_item(ui.MediaGallery(discord.MediaGalleryItem(url)))

    async with logged_in(scene) as bot:
        channel = place(bot, scene.channel)
        sent = await channel.send(view=showing("attachment://video.mp4"), file=video(20))
        posted, files = scene.channel.last, scene.server.files
        assert (sent.attachments, [each.name for each in posted.attachments]) == ([], ["video.mp4"])
        assert await code_of(sent.edit(view=showing("attachment://video.mp4"))) == 50035
        (first,) = posted.attachments
        await sent.edit(view=showing(files.address(first, scene.channel.id)))
        assert (posted.attachments, posted.unseen()) == ([first], [])
        await sent.edit(view=showing("attachment://new.mp4"), attachments=[video(3, "new.mp4")])
        assert [each.name for each in posted.attachments] == ["new.mp4"]
        assert first.gone_at == 0
        scene.server.world.lists_shown_files = True
        again = await channel.fetch_message(sent.id)
        assert [each.filename for each in again.attachments] == ["new.mp4"]
        assert await code_of(channel.send("")) == 50006


async def test_a_field_that_the_api_does_not_have_is_refused_by_name(scene: Scene) -> None:
    scene.channel.permit()
    headers = {"Authorization": f"Bot {scene.server.token}"}
    address = f"{scene.server.api_url}/channels/{scene.channel.id}/messages"
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(address, json={"content": "hi", "contents": 1}) as answer:
            assert answer.status == 400
            assert answer.headers["Content-Type"] == "application/json"
            told = await answer.json()
        assert told["code"] == 50035
        assert list(told["errors"]) == ["contents"]
        button = {"type": 2, "style": 1, "custom_id": "b", "label": "x" * 81}
        components = [{"type": 1, "components": [button]}]
        async with session.post(address, json={"content": "hi", "components": components}) as answer:
            assert "label" in json.dumps((await answer.json())["errors"])


async def test_commands_that_break_the_rules_are_not_registered(scene: Scene) -> None:
    async with logged_in(scene) as bot:

        async def put(*commands: dict[str, Any]) -> int:
            app = scene.server.world.app_id
            return await code_of(bot.http.bulk_upsert_global_commands(app, list(commands)))

        def option(name: str, **more: Any) -> dict[str, Any]:
            return {"type": 3, "name": name, "description": "d", **more}

        good = {"name": "sora", "description": "d"}
        assert await put({"name": "Sora", "description": "d"}) == 50035
        assert await put(good, good) == 50035
        assert await put({**good, "options": [option("a"), option("b", required=True)]}) == 50035
        assert await put({**good, "options": [option(f"o{number}") for number in range(26)]}) == 50035
        choices = [{"name": str(number), "value": "v" * 100} for number in range(25)]
        options = [option(f"o{number}", choices=choices) for number in range(4)]
        assert await put({**good, "options": options}) == 50035
        await bot.http.bulk_upsert_global_commands(scene.server.world.app_id, [good])
        assert [each["name"] for each in await bot.http.get_global_commands(scene.server.world.app_id)] == [
            "sora"
        ]


async def test_answers_that_do_not_fit_the_interaction_are_refused(scene: Scene) -> None:
    world, ada = scene.server.world, scene.ada
    option = {"type": 3, "name": "model", "description": "d", "autocomplete": True}
    commands.register(world, None, [{"name": "sora", "description": "d", "options": [option]}])
    modal = {"custom_id": "m", "title": "t", "components": [{"type": 10, "content": "words"}]}
    async with aiohttp.ClientSession() as session:

        async def answer(asked: Interaction, kind: int, **data: Any) -> int:
            address = f"{scene.server.api_url}/interactions/{asked.id}/{asked.token}/callback"
            async with session.post(address, json={"type": kind, "data": data}) as response:
                return 0 if response.status == 204 else int((await response.json())["code"])

        slash = ada.slash(scene.channel, "sora")
        assert await answer(slash, 6) == 50035
        assert await answer(slash, 5, flags=1 << 15) == 50035
        assert await answer(slash, 9, **{**modal, "title": "t" * 46}) == 50035
        assert await answer(slash, 9, **modal) == 0
        assert await answer(slash, 4, content="second") == 40060
        assert await answer(ada.submit_modal(slash, {}), 9, **modal) == 50035
        typed = ada.autocomplete(scene.channel, "sora", "model", "v")
        assert await answer(typed, 4, content="words") == 50035
        choices = [{"name": str(number), "value": "v"} for number in range(26)]
        assert await answer(typed, 8, choices=choices) == 50035
        assert await answer(typed, 8, choices=choices[:25]) == 0
    assert scene.channel.messages == []


async def test_a_command_is_offered_only_where_and_to_whom_it_belongs(scene: Scene) -> None:
    @scene.bot.tree.command(description="For operators")
    @app_commands.default_permissions()
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    async def pause(interaction: Event) -> None:
        await interaction.response.send_message("paused")

    boss: User = scene.guild.member(scene.server.world.user("boss"), admin=True)
    async with running(scene.bot, scene.server):
        with pytest.raises(AssertionError, match="hidden"):
            scene.ada.slash(scene.channel, "pause")
        with pytest.raises(AssertionError, match="context"):
            boss.slash(scene.server.world.dm(boss), "pause")
        assert (await boss.slash(scene.channel, "pause").answered()).text == "paused"


async def test_one_clock_may_serve_the_bot_and_discord() -> None:
    clock = FakeClock()
    async with DiscordServer(clock) as server:
        message = server.world.user("ada").says(server.world.guild("g").text_channel("c"), "hello")
        assert message.at == clock.now()
        server.advance(5)
        assert clock.now() == message.at + 5000


# --- alone


async def test_a_program_elsewhere_can_act_for_people_and_read_what_was_posted(scene: Scene) -> None:
    @scene.bot.tree.command(description="Make a video")
    async def sora(interaction: Event, prompt: str, image: discord.Attachment) -> None:
        view = ui.View()
        view.add_item(ui.Button(label="Confirm", custom_id="order"))
        size = len(await image.read())
        await interaction.response.send_message(f"{prompt} {size}", view=view, file=video(size))

    async def on_component(interaction: Event) -> None:
        await interaction.response.edit_message(content="ordered", view=None)

    scene.bot.on_component = on_component
    async with running(scene.bot, scene.server), aiohttp.ClientSession(scene.server.url) as session:

        async def control(what: str, /, **asked: Any) -> Any:
            async with session.post(f"/control/{what}", json=asked) as answer:
                return await answer.json()

        image = {"file": "cat.png", "base64": base64.b64encode(b"meow").decode()}
        options = {"prompt": "a cat", "image": image}
        asked = await control("slash", user="ada", channel="general", command="sora", options=options)
        assert asked["response"]["text"] == "a cat 4"
        assert asked["response"]["attachments"][0]["sha256"] == hashlib.sha256(b"\0" * 4).hexdigest()
        pressed = await control("click", user="ada", message=asked["response"]["id"], what="Confirm")
        assert pressed["answer"] == 7
        nobody = await control("click", user="eve", message=asked["response"]["id"], what="Confirm")
        assert nobody == {"error": "nobody is called eve"}
        async with session.get("/control/messages?channel=general") as answer:
            assert [each["text"] for each in await answer.json()] == ["ordered"]


async def test_the_stand_in_runs_alone_and_is_driven_over_http() -> None:
    environment = {**os.environ, "PYTHONPATH": f"{TESTS.parent}:{TESTS}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "support.discord_server", stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout
    try:
        told = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as session:

            async def control(what: str, /, **asked: Any) -> Any:
                async with session.post(f"{told['control']}/{what}", json=asked) as answer:
                    return await answer.json()

            await control("users", name="ada")
            await control("guilds", name="studio", channels=["general"])
            headers = {"Authorization": f"Bot {told['token']}"}
            async with session.get(f"{told['api_url']}/gateway/bot", headers=headers) as answer:
                assert (await answer.json())["url"].startswith("ws://127.0.0.1")
            said = await control("says", user="ada", channel="general", text="hello")
            wrong = await control("slash", user="ada", channel="general", command="sora")
            assert "no command 'sora'" in wrong["error"]
            async with session.get(f"{told['control']}/messages?channel=general") as answer:
                assert [each["id"] for each in await answer.json()] == [said["id"]]
    finally:
        process.terminate()
    assert await process.wait() == 0
