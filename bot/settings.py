"""The settings: the only reader of the environment and of `.env` (contract.md, Environment)."""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_type_hints
from urllib.parse import urlsplit

from dotenv import dotenv_values

from bot.domain import UserRef
from bot.errors import StartError, UserError
from bot.masking import SHORTEST, Secret, mask
from bot.texts import say

Access = Literal["closed", "open"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class KieKey:
    """A key of KIE's. Keys of one `account` share its balance, its limits and its gate."""

    key: Secret
    account: str = "kie"


# --- one reader for each kind of value; a wrong one raises the sentence that tells what is right ------------------


def _whole(low: int, example: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or int(text) < low:
            raise UserError("settings.whole_number", low=low, example=example)
        return int(text)

    return read


def _amount(example: str, zero: bool = False) -> Callable[[str], Decimal]:
    def read(text: str) -> Decimal:
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number < 0 or (number == 0 and not zero):
            raise UserError("settings.amount_or_zero" if zero else "settings.amount", example=example)
        return number

    return read


def _one_of(*words: str) -> Callable[[str], Any]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise UserError("settings.one_of", words=", ".join(words))
        return text.lower()

    return read


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) > 65535:
        raise UserError("settings.port")
    return int(text)


def _address(example: str, carries_secret: bool = True) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            parts = urlsplit(text)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise UserError("settings.address", example=example) from None
        extras = parts.username or parts.password or parts.query or parts.fragment
        if parts.scheme not in ("http", "https") or not host or extras or re.search(r"\s", text):
            raise UserError("settings.address", example=example)
        if carries_secret and parts.scheme == "http" and not _is_near(host):
            raise UserError("settings.address_open")
        return text.rstrip("/")

    return read


def _is_near(host: str) -> bool:
    """This machine, a private network, or a name that no public server can have."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".localhost"))


def _kie_keys(text: str) -> tuple[KieKey, ...]:
    keys = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        account, colon, key = part.rpartition(":")
        if not key or re.search(r"[\s:]", key + account) or (colon and not account):
            raise UserError("settings.kie_key")
        keys.append(KieKey(Secret(key), account) if account else KieKey(Secret(key)))
    if not keys:
        raise UserError("settings.kie_key")
    return tuple(keys)


def _secret(shape: str, key: str) -> Callable[[str], Secret]:
    def read(text: str) -> Secret:
        if not re.fullmatch(shape, text):
            raise UserError(key, shortest=SHORTEST)
        return Secret(text)

    return read


def _operators(text: str) -> tuple[UserRef, ...]:
    users = [UserRef.parse(part) for part in text.split(",") if part.strip()]
    # A name chosen on the web page never gains operator rights (contract.md, HTTP), and no chat id is a word.
    if not users or not all(user and _can_operate(user) for user in users):
        raise UserError("settings.operators")
    return tuple(dict.fromkeys(user for user in users if user))


def _can_operate(user: UserRef) -> bool:
    return user.platform == "cli" or (
        user.platform in ("telegram", "discord") and bool(re.fullmatch(r"\d+", user.external_id, re.ASCII))
    )


def _database(text: str) -> str:
    if re.match(r"postgres(ql)?(\+\w+)?:", text):
        raise UserError("settings.postgresql")
    if not re.fullmatch(r"sqlite:///[^?#]*[^?#/]", text) or text.endswith(":memory:"):
        raise UserError("settings.database")
    return text


def _path(text: str) -> Path:
    return Path(text).expanduser()


# --- the settings ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every variable of contract.md, Environment, under its own name in small letters, with its reader."""

    kie_api_key: Annotated[tuple[KieKey, ...], _kie_keys] = ()
    kie_api_url: Annotated[str, _address("https://api.kie.ai")] = "https://api.kie.ai"
    kie_upload_url: Annotated[str, _address("https://kieai.redpandaai.co")] = "https://kieai.redpandaai.co"
    kie_webhook_key: Annotated[Secret | None, _secret(r"\S{4,}", "settings.secret")] = None
    telegram_bot_token: Annotated[Secret | None, _secret(r"\d+:[\w-]+", "settings.telegram_token")] = None
    telegram_api_url: Annotated[str, _address("https://api.telegram.org")] = "https://api.telegram.org"
    discord_bot_token: Annotated[Secret | None, _secret(r"\S{4,}", "settings.discord_token")] = None
    discord_api_url: Annotated[str, _address("https://discord.com/api/v10")] = "https://discord.com/api/v10"
    database_url: Annotated[str | None, _database] = None
    data_dir: Annotated[Path, _path] = Path("data")
    public_url: Annotated[str | None, _address("https://bot.example.org", carries_secret=False)] = None
    http_host: Annotated[str, str] = "127.0.0.1"
    http_port: Annotated[int, _port] = 8080
    admin_token: Annotated[Secret | None, _secret(r"\S{4,}", "settings.secret")] = None
    operators: Annotated[tuple[UserRef, ...], _operators] = ()
    support_contact: Annotated[str | None, str] = None
    access: Annotated[Access, _one_of("closed", "open")] = "closed"
    new_user_credits: Annotated[int, _whole(0, 100)] = 0
    price_markup: Annotated[Decimal, _amount("1.5")] = Decimal("1.0")
    default_model: Annotated[str, str] = "veo-3-1:lite"
    daily_kie_credits: Annotated[Decimal | None, _amount("2000", zero=True)] = None
    max_running: Annotated[int, _whole(1, 10)] = 10
    max_running_per_user: Annotated[int, _whole(1, 2)] = 2
    max_queued_per_user: Annotated[int, _whole(1, 5)] = 5
    user_daily_credits: Annotated[int | None, _whole(0, 300)] = None
    commands_per_minute: Annotated[int, _whole(1, 10)] = 10
    give_up_hours: Annotated[Decimal, _amount("6")] = Decimal(6)
    keep_videos_days: Annotated[int, _whole(1, 14)] = 14
    videos_max_gb: Annotated[Decimal, _amount("5")] = Decimal(5)
    log_level: Annotated[LogLevel, _one_of("debug", "info", "warning", "error")] = "info"
    log_format: Annotated[LogFormat, _one_of("text", "json")] = "text"

    @property
    def database_path(self) -> Path:
        if self.database_url is None:
            return self.data_dir / "kiebot.db"
        return _path(self.database_url.removeprefix("sqlite:///"))

    @property
    def videos_dir(self) -> Path:
        return self.data_dir / "videos"

    @property
    def pictures_dir(self) -> Path:
        return self.data_dir / "pictures"

    @property
    def backups_dir(self) -> Path:
        return self.data_dir / "backups"

    def with_data_dir(self, path: Path) -> Self:
        """The same settings with everything they store, the database included, under another folder."""
        return replace(self, data_dir=path, database_url=None)

    def secrets(self) -> tuple[str, ...]:
        """Every secret text, for `mask`."""
        held = [getattr(self, each.name) for each in fields(self)]
        found = [value.reveal() for value in held if isinstance(value, Secret)]
        found += [each.key.reveal() for each in self.kie_api_key]
        if self.telegram_bot_token:
            # The half behind the id is the secret one, and the id alone stands in every update.
            found.append(self.telegram_bot_token.reveal().partition(":")[2])
        return tuple(found)


VARIABLES: tuple[str, ...] = tuple(each.name.upper() for each in fields(Settings))
# What `kiebot demo` must not touch: real keys, real chats, the real database.
DEMO_IGNORES: frozenset[str] = frozenset(
    name
    for name in VARIABLES
    if name.startswith("KIE_") or name in ("TELEGRAM_BOT_TOKEN", "DISCORD_BOT_TOKEN", "DATABASE_URL")
)


def load(
    env: Mapping[str, str] | None = None,
    env_file: Path | None = Path(".env"),
    ignore: Collection[str] = (),
) -> Settings:
    """The settings from `env` (the process's own by default) over `env_file`, without the variables in `ignore`.

    An empty value means: not set. Raises StartError, which names every wrong value and its remedy.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    given = _given(env, env_file)
    for field, hint in get_type_hints(Settings, include_extras=True).items():
        name = field.upper()
        text = given.get(name, "").strip()
        if not text or name in ignore:
            continue
        (read,) = hint.__metadata__
        try:
            values[field] = read(text)
        except UserError as wrong:
            problems.append(say("settings.wrong", name=name, got=_shown(name, text), remedy=wrong))
    if len(problems) > 1:
        problems = [say("settings.several", n=len(problems)), *(f"- {problem}" for problem in problems)]
    if problems:
        raise StartError("\n".join(problems))
    return Settings(**values)


def typos(env: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> tuple[str, ...]:
    """A sentence for each name that is no variable of ours but nearly one."""
    strangers = sorted(set(_given(env, env_file)) - set(VARIABLES))
    guesses = {name: difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.8) for name in strangers}
    return tuple(say("settings.typo", name=name, meant=guess[0]) for name, guess in guesses.items() if guess)


def _given(env: Mapping[str, str] | None, env_file: Path | None) -> dict[str, str]:
    given: dict[str, str] = {}
    if env_file is not None:
        try:
            # A byte order mark is what Windows editors put in front; `$` is an ordinary character of a secret.
            found = dotenv_values(env_file, interpolate=False, encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problem = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise StartError(say("settings.not_a_file", file=env_file, problem=problem)) from None
        given = {name: text for name, text in found.items() if text}
    return given | dict(os.environ if env is None else env)


def _shown(name: str, text: str) -> str:
    if name.endswith(("_KEY", "_TOKEN")):
        return say("settings.hidden", n=len(text))
    return f'"{mask(text)}"'
