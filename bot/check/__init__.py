"""`kiebot check`: looks at everything a bot depends on, touching as little as possible; each finding with its remedy."""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from bot import content
from bot import settings as reading
from bot.check import discord, telegram
from bot.check.finding import Finding
from bot.domain import UserRef
from bot.engine.gate import remedy
from bot.errors import AccountError, KiebotError, StartError, StoreBroken
from bot.kie.client import KieClient
from bot.kie.wire import USER_AGENT
from bot.ports import Clock
from bot.settings import Settings
from bot.store import OwnerLock, Store, Tx, checks, people, schema
from bot.studio import LOW_WATER_BYTES
from bot.texts import say
from bot.web.exposure import is_loopback

WAIT_SECONDS, NEAR_SECONDS = 8.0, 1.0
CLOCK_MOST = 60.0  # seconds: signatures of callbacks and midnights of limits depend on it
DISK_COMFORT = 5_000_000_000
MEMORY_LEAST, MEMORY_COMFORT = 150_000_000, 600_000_000
BALANCE_COMFORT = Decimal(200)
_MEMORY = Path("/proc/meminfo")


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """All findings but those about reading the settings, in the order to mend them."""
    running = _is_running(settings)
    found = [_data_dir(settings), _disk(settings), *_memory()]
    found += await _database(settings)
    found.append(_running(running))
    async with httpx.AsyncClient(
        headers={"User-Agent": USER_AGENT}, timeout=WAIT_SECONDS, trust_env=False
    ) as http:
        outside = await asyncio.gather(
            _addresses(settings, http, clock),
            _key(settings, clock),
            _public_url(settings, http, running),
            telegram.examine(settings, http, running),
            discord.examine(settings, http, clock),
            _port(settings, http),
        )
    for findings in outside:
        found += findings
    return [*found, *_rules(settings), *_pages(settings), _access(settings)]


def typos() -> list[Finding]:
    return [Finding("settings", True, text, say("check.typo_remedy")) for text in reading.typos()]


# --- this machine ------------------------------------------------------------------------------------------------


def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        text = say("check.data_dir_bad", folder=folder, problem=error.strerror)
        return Finding("data_dir", False, text, say("check.data_dir_remedy"))
    return Finding("data_dir", True, say("check.data_dir", folder=folder))


def _disk(settings: Settings) -> Finding:
    place = next(each for each in (settings.data_dir, *settings.data_dir.parents) if each.exists())
    free = shutil.disk_usage(place).free
    text = say("check.disk", gb=f"{free / 1e9:.1f}")
    advice = say("check.disk_remedy") if free < DISK_COMFORT else ""
    return Finding("disk", free > LOW_WATER_BYTES, text, advice)


def _memory() -> list[Finding]:
    """Only where the system tells it (Linux)."""
    if not _MEMORY.exists():
        return []
    facts = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
    free = int(facts["MemAvailable"].split()[0]) * 1024
    text = say("check.memory", mb=free // 1_000_000)
    advice = say("check.memory_remedy") if free < MEMORY_COMFORT else ""
    return [Finding("memory", free > MEMORY_LEAST, text, advice)]


def _is_running(settings: Settings) -> bool:
    if not settings.database_path.exists():
        return False
    lock = OwnerLock(settings.database_path)
    free = lock.take()
    lock.free()
    return not free


def _running(running: bool) -> Finding:
    return Finding("running", True, say("check.running" if running else "check.not_running"))


# --- the database ------------------------------------------------------------------------------------------------


async def _database(settings: Settings) -> list[Finding]:
    path = settings.database_path
    if not path.exists():
        return [Finding("database", True, say("check.no_database", file=path)), *_operators(settings, ())]
    try:
        schema.refuse_newer(path, settings.backups_dir)
        if schema.version(path) < schema.latest():
            return [Finding("database", True, say("check.old_database", file=path))]
        async with Store(path) as store:
            damage, broken, operators = await store.read(_read)
    except (StartError, StoreBroken, sqlite3.DatabaseError, OSError) as error:
        text = say("check.database_bad", file=path, problem=error)
        return [Finding("database", False, text, say("check.database_remedy"))]
    if damage:
        text = say("check.database_bad", file=path, problem=damage)
        return [Finding("database", False, text, say("check.database_remedy"))]
    ledger = Finding("ledger", True, say("cli.verified"))
    if broken:
        text = say("check.ledger_bad", rules="; ".join(broken))
        ledger = Finding("ledger", False, text, say("check.ledger_remedy"))
    return [
        Finding("database", True, say("check.database", file=path)),
        ledger,
        *_operators(settings, operators),
    ]


def _read(tx: Tx) -> tuple[str | None, dict[str, list[str]], Sequence[UserRef]]:
    return checks.damage(tx), checks.broken(tx), people.operators(tx)


def _operators(settings: Settings, claimed: Sequence[UserRef]) -> list[Finding]:
    names = ", ".join(map(str, dict.fromkeys([*settings.operators, *claimed])))
    if names:
        return [Finding("operators", True, say("check.operators", names=names))]
    return [Finding("operators", True, say("check.no_operators"), say("check.operators_remedy"))]


# --- outside -----------------------------------------------------------------------------------------------------


async def _addresses(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> list[Finding]:
    """Whether KIE can be reached, and whether its clock and ours agree."""
    api, upload = settings.kie_api_url, settings.kie_upload_url
    reached = [await _reach("kie_address", api, http, clock)]
    if upload != api:
        reached.append(await _reach("upload_address", upload, http, clock))
    seconds = next((ahead for _, ahead in reached if ahead is not None), None)
    findings = [finding for finding, _ in reached]
    if seconds is None:
        return findings
    text = say("check.clock", seconds=round(abs(seconds)))
    wrong = abs(seconds) > CLOCK_MOST
    return [*findings, Finding("clock", not wrong, text, say("check.clock_remedy") if wrong else "")]


async def _reach(name: str, url: str, http: httpx.AsyncClient, clock: Clock) -> tuple[Finding, float | None]:
    """Any answer will do. Also how many seconds our clock is ahead of the answer's date, if it has one."""
    try:
        response = await http.get(url)
    except httpx.HTTPError as error:
        text = say("check.unreachable", url=url, problem=str(error) or type(error).__name__)
        return Finding(name, False, text, say("check.unreachable_remedy")), None
    try:
        theirs = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except ValueError:
        return Finding(name, True, say("check.reachable", url=url)), None
    return Finding(name, True, say("check.reachable", url=url)), clock.now() / 1000 - theirs


async def _key(settings: Settings, clock: Clock) -> list[Finding]:
    """Every account's key is asked for its balance."""
    if not settings.kie_api_key:
        return [Finding("kie_key", False, say("check.no_key"), say("check.key_remedy"))]
    return [
        await _balance(settings, clock, each.account, f"{each.account}:{each.key.reveal()}")
        for each in settings.kie_api_key
    ]


async def _balance(settings: Settings, clock: Clock, account: str, key: str) -> Finding:
    try:
        async with KieClient(
            [key], clock=clock, api_url=settings.kie_api_url, upload_url=settings.kie_upload_url
        ) as kie:
            balance = await kie.balance()
    except AccountError as error:
        text = say("check.key_refused", account=account, code=error.code, text=error.message)
        return Finding("kie_key", False, text, say(remedy(error.code).key))
    except KiebotError as error:
        text = say("check.key_unknown", account=account, problem=error)
        return Finding("kie_key", False, text, say("check.unreachable_remedy"))
    advice = say("check.balance_remedy") if balance < BALANCE_COMFORT else ""
    return Finding("kie_key", True, say("check.key", account=account, balance=balance), advice)


async def _public_url(settings: Settings, http: httpx.AsyncClient, running: bool) -> list[Finding]:
    if settings.public_url is None:
        return [Finding("public_url", True, say("check.no_public_url"))]
    if await _alive(settings.public_url, http):
        return [Finding("public_url", True, say("check.public_url", url=settings.public_url))]
    key = "check.public_url_bad" if running else "check.public_url_later"
    text = say(key, url=settings.public_url)
    return [Finding("public_url", not running, text, say("check.public_url_remedy") if running else "")]


async def _alive(url: str, http: httpx.AsyncClient, seconds: float = WAIT_SECONDS) -> bool:
    """Whether a bot answers there."""
    try:
        response = await http.get(f"{url}/healthz", timeout=seconds)
        return bool(response.json().get("alive"))
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


async def _port(settings: Settings, http: httpx.AsyncClient) -> list[Finding]:
    host, port = settings.http_host, settings.http_port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trying:
            trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trying.bind((host, port))
    except OSError as error:
        near = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host
        if error.errno == errno.EADDRINUSE and await _alive(f"http://{near}:{port}", http, NEAR_SECONDS):
            return [Finding("port", True, say("check.port_ours", host=host, port=port))]
        text = say("check.port_bad", host=host, port=port, problem=error.strerror or error)
        return [Finding("port", False, text, say("check.port_remedy"))]
    return [Finding("port", True, say("check.port", host=host, port=port))]


# --- who may come in ---------------------------------------------------------------------------------------------


def _pages(settings: Settings) -> list[Finding]:
    if (settings.public_url or not is_loopback(settings.http_host)) and not settings.admin_token:
        return [Finding("pages", True, say("check.no_admin_token"), say("check.admin_token_remedy"))]
    return []


def _rules(settings: Settings) -> list[Finding]:
    file = settings.data_dir / "rules.toml"
    if not file.exists():
        return []
    try:
        content.load(file)
    except StartError as error:
        return [Finding("rules", False, str(error), say("check.rules_remedy"))]
    return [Finding("rules", True, say("check.rules", file=file))]


def _access(settings: Settings) -> Finding:
    if settings.access == "open" and settings.daily_kie_credits is None:
        return Finding("access", True, say("check.access_unbounded"), say("check.access_remedy"))
    return Finding(
        "access", True, say("cli.access_open" if settings.access == "open" else "cli.access_closed")
    )
