"""`kiebot check` looks at the token, at how the bot can be installed, at its rights in each server, and at its commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.discord_live import open_live
from support.discord_server import DiscordServer
from support.sources import ROOT

from adapters.discord.chat import INSTALL_RIGHTS
from bot.check import examine
from bot.check.discord import RIGHTS
from bot.check.finding import Finding
from bot.clock import SystemClock
from bot.masking import Secret
from bot.settings import Settings

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def server() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as opened:
        opened.world.guild("studio")
        yield opened


async def every(server: DiscordServer, folder: Path, **settings: Any) -> list[Finding]:
    """All that was found on Discord."""
    made = Settings(
        data_dir=folder,
        http_port=0,
        kie_api_url=NOWHERE,
        kie_upload_url=NOWHERE,
        discord_bot_token=Secret(server.token),
        discord_api_url=server.api_url,
    )
    findings = await examine(replace(made, **settings), SystemClock())
    return [each for each in findings if each.name.startswith("discord")]


async def found(server: DiscordServer, folder: Path, **settings: Any) -> dict[str, Finding]:
    return {each.name: each for each in await every(server, folder, **settings)}


# --- the token ---------------------------------------------------------------------------------------------------


async def test_a_bot_that_is_set_up_well_needs_no_remedy(server: DiscordServer, tmp_path: Path) -> None:
    findings = await found(server, tmp_path)
    assert all(each.ok and not each.remedy for each in findings.values()), findings
    assert "kiebot" in findings["discord"].text
    assert "In 1 of 1 servers" in findings["discord_servers"].text
    assert "1000 of 1000" in findings["discord_starts"].text


async def test_without_a_token_nothing_is_said_of_discord(server: DiscordServer, tmp_path: Path) -> None:
    assert not await found(server, tmp_path, discord_bot_token=None)


async def test_a_token_that_is_refused_leads_to_the_developer_portal(
    server: DiscordServer, tmp_path: Path
) -> None:
    (finding,) = await every(server, tmp_path, discord_bot_token=Secret("another-token"))
    assert not finding.ok
    assert "refuses the token" in finding.text
    assert "Reset Token" in finding.remedy
    assert "DISCORD_BOT_TOKEN" in finding.remedy


async def test_a_discord_that_does_not_answer_is_told_without_the_token(
    server: DiscordServer, tmp_path: Path
) -> None:
    (finding,) = await every(server, tmp_path, discord_api_url=NOWHERE)
    assert not finding.ok
    assert "DISCORD_API_URL" in finding.remedy
    assert server.token not in finding.text


@pytest.mark.parametrize("status", [403, 429, 502])
async def test_a_discord_out_of_order_is_told(server: DiscordServer, tmp_path: Path, status: int) -> None:
    server.fault("GET", "/users/@me", status=status, code=0, message="no")
    (finding,) = await every(server, tmp_path)
    assert not finding.ok
    assert str(status) in finding.text


async def test_an_address_that_is_not_discords_is_told(server: DiscordServer, tmp_path: Path) -> None:
    (finding,) = await every(server, tmp_path, discord_api_url=f"{server.url}/control")
    assert not finding.ok
    assert "does not answer" in finding.text


# --- how it can be installed -------------------------------------------------------------------------------------


async def test_the_link_to_add_the_bot_asks_for_what_late_videos_need(
    server: DiscordServer, tmp_path: Path
) -> None:
    text = (await found(server, tmp_path))["discord_install"].text
    assert f"client_id={server.world.app_id}" in text
    assert f"permissions={INSTALL_RIGHTS}" in text
    assert sum(RIGHTS) == INSTALL_RIGHTS == 274878024704


async def test_a_bot_of_ones_own_is_told_as_such(server: DiscordServer, tmp_path: Path) -> None:
    server.world.application = {"bot_public": False}
    finding = (await found(server, tmp_path))["discord_install"]
    assert finding.ok
    assert not finding.remedy
    assert "Only you can add" in finding.text


@pytest.mark.parametrize(
    ("application", "name", "ok", "remedy"),
    [
        ({"bot_require_code_grant": True}, "discord_install", False, "Requires OAuth2 Code Grant off"),
        ({"integration_types_config": {"1": {}}}, "discord_install", False, "Guild Install on"),
        ({"integration_types_config": {"0": {}}}, "discord_install", True, "kiebot discord sync"),
        (
            {"interactions_endpoint_url": "https://other.example"},
            "discord_endpoint",
            False,
            "Interactions Endpoint URL",
        ),
        ({"flags": 1 << 19 | 1 << 15}, "discord_intents", True, "No privileged intent is needed"),
    ],
)
async def test_a_setting_in_the_portal_that_stands_in_the_way_has_its_remedy(
    server: DiscordServer,
    tmp_path: Path,
    application: dict[str, Any],
    name: str,
    ok: bool,
    remedy: str,
) -> None:
    server.world.application = application
    finding = (await found(server, tmp_path))[name]
    assert finding.ok is ok
    assert remedy in finding.remedy


async def test_the_intents_that_are_switched_on_are_named(server: DiscordServer, tmp_path: Path) -> None:
    server.world.application = {"flags": 1 << 19 | 1 << 14}
    text = (await found(server, tmp_path))["discord_intents"].text
    assert "Message Content Intent" in text
    assert "Server Members Intent" in text
    assert "Presence" not in text


@pytest.mark.parametrize(("left", "ok"), [(0, False), (42, True)])
async def test_connections_that_run_out_are_told_before_discord_resets_the_token(
    server: DiscordServer, tmp_path: Path, left: int, ok: bool
) -> None:
    server.gateway.starts_left = left
    finding = (await found(server, tmp_path))["discord_starts"]
    assert finding.ok is ok
    assert f"{left} of 1000" in finding.text
    assert "over and over" in finding.remedy


# --- servers -----------------------------------------------------------------------------------------------------


async def test_what_the_bot_may_not_do_is_named_by_server_as_discord_names_it(
    server: DiscordServer, tmp_path: Path
) -> None:
    server.world.guild("gallery").deny("attach_files", "read_message_history")
    findings = [each for each in await every(server, tmp_path) if each.name == "discord_servers"]
    assert "In 1 of 2 servers" in findings[0].text
    assert "gallery" in findings[1].text
    assert "Attach Files, Read Message History." in findings[1].text
    assert findings[1].ok
    assert "Server Settings" in findings[1].remedy


async def test_an_administrator_lacks_nothing(server: DiscordServer, tmp_path: Path) -> None:
    server.world.guild("gallery").rights = 1 << 3
    assert "In 2 of 2 servers" in (await found(server, tmp_path))["discord_servers"].text


async def test_however_many_servers_there_are_all_are_looked_at_and_the_first_ten_named(
    server: DiscordServer, tmp_path: Path
) -> None:
    for n in range(450):
        server.world.guild(f"server {n}").deny("embed_links")
    findings = [each for each in await every(server, tmp_path) if each.name == "discord_servers"]
    assert "In 1 of 451 servers" in findings[0].text
    assert len(findings) == 12
    assert "440 more servers" in findings[-1].text


async def test_a_bot_in_no_server_is_told_how_to_add_it(server: DiscordServer, tmp_path: Path) -> None:
    for each in server.world.guilds.values():
        each.kick_bot()
    finding = (await found(server, tmp_path))["discord_servers"]
    assert finding.ok
    assert f"client_id={server.world.app_id}" in finding.remedy


# --- commands ----------------------------------------------------------------------------------------------------


async def test_commands_are_compared_with_what_was_registered(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live:
        folder, server = live.house.settings.data_dir, live.server
        before = (await found(server, folder))["discord_commands"]
        registered = server.world.commands[None]
        server.world.commands[None] = [each for each in registered if each["name"] != "video"]
        for each in server.world.commands[None]:
            if each["name"] == "sora":
                each["options"] = each["options"][:-1]
        after = (await found(server, folder))["discord_commands"]
    assert before.ok
    assert f"All {len(registered)} commands" in before.text
    assert not after.ok
    assert "sora, video." in after.text
    assert "kiebot discord sync" in after.remedy


async def test_before_the_first_start_commands_are_no_trouble(server: DiscordServer, tmp_path: Path) -> None:
    finding = (await found(server, tmp_path))["discord_commands"]
    assert finding.ok
    assert "next start registers" in finding.text


async def test_commands_of_another_application_are_registered_by_the_next_start(tmp_path: Path) -> None:
    async with open_live(tmp_path) as live, DiscordServer() as other:
        finding = (await found(other, live.house.settings.data_dir))["discord_commands"]
    assert finding.ok
    assert "next start registers" in finding.text


def test_checking_needs_no_chat_library() -> None:
    code = "import sys, bot.check; assert 'discord' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
