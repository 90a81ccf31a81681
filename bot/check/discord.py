"""What Discord says of the bot: its token, how it can be installed, its rights in each server, its commands."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from bot import __version__
from bot.check.finding import Finding
from bot.errors import KiebotError, UserError
from bot.masking import mask
from bot.ports import Clock
from bot.settings import Settings
from bot.store import Store, memory, schema
from bot.texts import say

# What posting later needs (discord.md 2), as Discord's own settings name it.
RIGHTS = {
    1 << 10: "View Channels",
    1 << 11: "Send Messages",
    1 << 38: "Send Messages in Threads",
    1 << 15: "Attach Files",
    1 << 14: "Embed Links",
    1 << 16: "Read Message History",
}
ADMINISTRATOR = 1 << 3
# Flags of an application whose privileged intents are switched on, by each way there is.
INTENTS = {
    (1 << 12) | (1 << 13): "Presence Intent",
    (1 << 14) | (1 << 15): "Server Members Intent",
    (1 << 18) | (1 << 19): "Message Content Intent",
}
IN_SERVERS, BY_PEOPLE = "0", "1"  # the kinds of installation (discord.md 3)
STARTS_COMFORT = 100  # of 1000 a day (discord.md 6)
PAGE, NAMED_MOST = 200, 10
NOTE = "discord:tree"  # what adapters.discord.register has told Discord
# Discord wants every program to name itself so.
AGENT = f"DiscordBot (https://discord.com, {__version__})"

Json = Mapping[str, Any]


async def examine(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> list[Finding]:
    if settings.discord_bot_token is None:
        return []
    try:
        me = await _ask(settings, http, "/users/@me")
        application, gateway, servers = await asyncio.gather(
            _ask(settings, http, "/oauth2/applications/@me"),
            _ask(settings, http, "/gateway/bot"),
            _servers(settings, http),
        )
        commands = await _ask(settings, http, f"/applications/{application['id']}/commands")
        return [
            Finding("discord", True, say("check.discord", name=me["username"])),
            *_application(application),
            _starts(gateway),
            *_rights(servers, application),
            _commands(application, commands, await _registered(settings, clock)),
        ]
    except UserError as error:
        return [Finding("discord", False, str(error), say("check.discord_token_remedy"))]
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        problem = say("check.not_discord")
        if isinstance(error, httpx.HTTPError):
            problem = mask(str(error) or type(error).__name__, settings.secrets())
        text = say("check.unreachable", url=settings.discord_api_url, problem=problem)
        return [Finding("discord", False, text, say("check.discord_unreachable_remedy"))]


async def _ask(settings: Settings, http: httpx.AsyncClient, path: str, **params: str) -> Any:
    """Raises UserError when the token is refused, HTTPError, ValueError."""
    assert settings.discord_bot_token
    headers = {"Authorization": f"Bot {settings.discord_bot_token.reveal()}", "User-Agent": AGENT}
    answer = await http.get(settings.discord_api_url + path, headers=headers, params=params)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise UserError("check.discord_refused")
    answer.raise_for_status()
    return answer.json()


# --- the application ---------------------------------------------------------------------------------------------


def _application(application: Json) -> list[Finding]:
    return [_hearing(application), _installing(application), *_intents(application)]


def _hearing(application: Json) -> Finding:
    """Commands come by the gateway, or to an address: never both (discord.md 7)."""
    url = application.get("interactions_endpoint_url")
    if url:
        text, remedy = say("check.discord_endpoint", url=url), say("check.discord_endpoint_remedy")
        return Finding("discord_endpoint", False, text, remedy)
    return Finding("discord_endpoint", True, say("check.discord_gateway"))


def _installing(application: Json) -> Finding:
    """Who may add the bot, and where to."""
    name, link = "discord_install", install_link(application["id"])
    if application.get("bot_require_code_grant"):
        return Finding(name, False, say("check.discord_code_grant"), say("check.discord_code_grant_remedy"))
    public = application.get("bot_public", True)
    text = say("check.discord_public" if public else "check.discord_own", link=link)
    kinds = application.get("integration_types_config")
    if kinds is None:
        return Finding(name, True, text)
    if IN_SERVERS not in kinds:
        return Finding(name, False, say("check.discord_no_servers"), say("check.discord_install_remedy"))
    if BY_PEOPLE not in kinds:
        return Finding(
            name, True, f"{text} {say('check.discord_no_people')}", say("check.discord_people_remedy")
        )
    return Finding(name, True, text)


def install_link(application_id: str) -> str:
    rights = sum(RIGHTS)
    scope = "bot+applications.commands"
    return (
        f"https://discord.com/oauth2/authorize?client_id={application_id}&scope={scope}&permissions={rights}"
    )


def _intents(application: Json) -> list[Finding]:
    on = [name for flags, name in INTENTS.items() if application.get("flags", 0) & flags]
    if not on:
        return []
    text = say("check.discord_intents", names=", ".join(on))
    return [Finding("discord_intents", True, text, say("check.discord_intents_remedy"))]


def _starts(gateway: Json) -> Finding:
    limit = gateway["session_start_limit"]
    left, hours = limit["remaining"], round(limit["reset_after"] / 3_600_000, 1)
    text = say("check.discord_starts", left=left, total=limit["total"], hours=f"{hours:g}")
    remedy = say("check.discord_starts_remedy") if left < STARTS_COMFORT else ""
    return Finding("discord_starts", left >= gateway["shards"], text, remedy)


# --- servers -----------------------------------------------------------------------------------------------------


async def _servers(settings: Settings, http: httpx.AsyncClient) -> Sequence[Json]:
    found: list[Json] = []
    while True:
        after = found[-1]["id"] if found else "0"
        page = await _ask(settings, http, "/users/@me/guilds", limit=str(PAGE), after=after)
        found += page
        if len(page) < PAGE:
            return found


def _rights(servers: Sequence[Json], application: Json) -> list[Finding]:
    """What its roles do not allow; a channel may have rules of its own."""
    name = "discord_servers"
    if not servers:
        remedy = say("check.discord_invite", link=install_link(application["id"]))
        return [Finding(name, True, say("check.discord_nowhere"), remedy)]
    lacking = [(each, missing) for each in servers if (missing := _missing(int(each["permissions"])))]
    findings = [
        Finding(
            name,
            True,
            say("check.discord_lacks", server=each["name"], rights=", ".join(missing)),
            say("check.discord_rights_remedy"),
        )
        for each, missing in lacking[:NAMED_MOST]
    ]
    if len(lacking) > NAMED_MOST:
        more = say("check.discord_lacks_more", n=len(lacking) - NAMED_MOST)
        findings.append(Finding(name, True, more, say("check.discord_rights_remedy")))
    rest = len(servers) - len(lacking)
    return [Finding(name, True, say("check.discord_servers", n=rest, all=len(servers))), *findings]


def _missing(rights: int) -> list[str]:
    return [] if rights & ADMINISTRATOR else [right for bit, right in RIGHTS.items() if not rights & bit]


# --- commands ----------------------------------------------------------------------------------------------------


async def _registered(settings: Settings, clock: Clock) -> Json | None:
    """What the last start told Discord; None when that is not known."""
    path = settings.database_path
    if not path.exists() or schema.version(path) != schema.latest():
        return None
    try:
        async with Store(path) as store:
            found: Json | None = await store.read(lambda tx: memory.get(tx, NOTE, clock.now()))
    except (KiebotError, sqlite3.DatabaseError, OSError):
        return None  # told by what looks at the database
    return found


def _commands(application: Json, commands: Sequence[Json], told: Json | None) -> Finding:
    name = "discord_commands"
    if told is None or told["application"] != application["id"]:
        return Finding(name, True, say("check.discord_commands_later", n=len(commands)))
    lost = set(told["commands"]) - set(map(_outline, commands))
    if lost:
        names = ", ".join(sorted(each.partition(":")[2].rpartition("(")[0] for each in lost))
        text = say("check.discord_commands_lost", names=names)
        return Finding(name, False, text, say("check.discord_commands_remedy"))
    return Finding(name, True, say("check.discord_commands", n=len(told["commands"])))


def _outline(command: Json) -> str:
    """As adapters.discord.register writes it: kind, name and options."""
    options = ",".join(each["name"] for each in command.get("options") or ())
    return f"{command.get('type', 1)}:{command['name']}({options})"
