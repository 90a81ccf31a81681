"""The settings: what they read, what they refuse and how, and that nothing prints a secret."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain import UserRef
from bot.errors import StartError
from bot.masking import MASK, Secret
from bot.settings import DEMO_IGNORES, VARIABLES, Settings, load, typos

ROOT = Path(__file__).parent.parent
TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
SECRETS = {
    "KIE_API_KEY": "0123456789abcdef0123456789abcdef,second:fedcba9876543210fedcba9876543210",
    "KIE_WEBHOOK_KEY": "hook-of-horror",
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "DISCORD_BOT_TOKEN": "not.the.usual.shape",
    "ADMIN_TOKEN": "let-me-in",
}


def of(**variables: str) -> Settings:
    return load(variables, env_file=None)


def refusal(**variables: str) -> str:
    with pytest.raises(StartError) as caught:
        of(**variables)
    return str(caught.value)


def test_without_any_variable_the_defaults_of_the_contract_hold() -> None:
    settings = of()
    assert settings == Settings()
    assert settings.database_path == Path("data/kiebot.db")
    assert (settings.http_host, settings.http_port, settings.access) == ("127.0.0.1", 8080, "closed")


def test_the_example_file_lists_every_variable_once_in_order_and_with_its_true_default() -> None:
    example = (ROOT / ".env.example").read_text("utf-8")
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE)
    assert [name for name, _ in lines] == list(VARIABLES)
    shown = load({name: text for name, text in lines if name != "DATABASE_URL"}, env_file=None)
    assert shown == Settings()
    assert of(DATABASE_URL=dict(lines)["DATABASE_URL"]).database_path == Settings().database_path
    for name, text in lines:
        has_default = getattr(Settings(), name.lower()) not in (None, ())
        assert bool(text) == (has_default or name == "DATABASE_URL"), name


def test_the_example_file_can_be_used_as_it_is() -> None:
    assert load({}, env_file=ROOT / ".env.example") == Settings()


def test_the_environment_wins_over_the_file_even_when_it_is_empty(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('HTTP_PORT=9000\nKIE_API_KEY=from-the-file\nSUPPORT_CONTACT="ask $Ada"\n', "utf-8")
    settings = load({"HTTP_PORT": "9001", "KIE_API_KEY": ""}, env_file=file)
    assert settings.http_port == 9001
    assert settings.kie_api_key == ()
    assert settings.support_contact == "ask $Ada"


def test_a_file_from_a_windows_editor_is_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes("\ufeffACCESS=open\r\nMAX_RUNNING=3\r\n".encode())
    settings = load({}, env_file=file)
    assert (settings.access, settings.max_running) == ("open", 3)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"ADMIN_TOKEN=\xff\xfe\x00")
    with pytest.raises(StartError, match=r"\.env cannot be read"):
        load({}, env_file=file)


def test_every_kind_of_value_is_read_into_its_type() -> None:
    settings = of(
        DATA_DIR="/srv/kiebot",
        DATABASE_URL="sqlite:////srv/db/bot.db",
        OPERATORS="telegram:1, discord:2,telegram:1",
        PRICE_MARKUP="1.5",
        DAILY_KIE_CREDITS="0",
        PUBLIC_URL="https://kiebot.example.org/",
        LOG_LEVEL="DEBUG",
    )
    assert settings.database_path == Path("/srv/db/bot.db")
    assert settings.videos_dir == Path("/srv/kiebot/videos")
    assert settings.operators == (UserRef("telegram", "1"), UserRef("discord", "2"))
    assert (settings.price_markup, settings.daily_kie_credits) == (Decimal("1.5"), Decimal(0))
    assert settings.public_url == "https://kiebot.example.org"
    assert settings.log_level == "debug"


def test_kie_keys_share_one_account_unless_they_name_another() -> None:
    keys = of(KIE_API_KEY=" one, two ,studio:three").kie_api_key
    assert [(each.account, each.key.reveal()) for each in keys] == [
        ("kie", "one"),
        ("kie", "two"),
        ("studio", "three"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("HTTP_PORT", "80a", "0 to 65535"),
        ("HTTP_PORT", "70000", "0 to 65535"),
        ("MAX_RUNNING", "0", "from 1 up"),
        ("MAX_RUNNING", "٣", "from 1 up"),
        ("NEW_USER_CREDITS", "-5", "from 0 up"),
        ("PRICE_MARKUP", "1,5", "for example 1.5"),
        ("PRICE_MARKUP", "nan", "for example 1.5"),
        ("PRICE_MARKUP", "0", "greater than zero"),
        ("GIVE_UP_HOURS", "inf", "for example 6"),
        ("ACCESS", "public", "closed, open"),
        ("OPERATORS", "telegram:@ada", "Ids are numbers"),
        ("OPERATORS", "web:ada", "Ids are numbers"),
        ("PUBLIC_URL", "kiebot.example.org", "https://bot.example.org"),
        ("PUBLIC_URL", "https://[::1", "https://bot.example.org"),
        ("KIE_API_URL", "http://api.kie.ai", "begin the address with https://"),
        ("TELEGRAM_API_URL", "https://me:hunter2@tg.example.org", "without user name"),
        ("DATABASE_URL", "sqlite://data.db", "sqlite:///file"),
        ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///file"),
        ("DATABASE_URL", "postgresql://me:hunter2@db/kiebot", "PostgreSQL is not built in yet"),
        ("KIE_API_KEY", "a key with hunter2", "API key page"),
        ("TELEGRAM_BOT_TOKEN", "hunter2", "@BotFather"),
        ("DISCORD_BOT_TOKEN", "Bot hunter2", "without the word Bot"),
        ("ADMIN_TOKEN", "a hunter2 b", "openssl rand"),
    ],
)
def test_a_wrong_value_names_its_variable_and_the_remedy_but_no_secret(
    name: str, value: str, remedy: str
) -> None:
    sentence = refusal(**{name: value})
    assert sentence.startswith(f"{name} is ")
    assert remedy in sentence
    assert "hunter2" not in sentence


def test_all_wrong_values_are_reported_at_once() -> None:
    sentence = refusal(HTTP_PORT="x", ACCESS="y", LOG_FORMAT="z")
    assert sentence.startswith("3 settings")
    assert all(name in sentence for name in ("HTTP_PORT", "ACCESS", "LOG_FORMAT"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8788", "sandbox:8788", "192.168.1.7", "[::1]:80", "kie.internal"]
)
def test_plain_http_is_fine_on_this_machine_and_in_a_private_network(host: str) -> None:
    assert of(KIE_API_URL=f"http://{host}").kie_api_url == f"http://{host}"


def test_no_representation_of_the_settings_shows_a_secret() -> None:
    settings = of(**SECRETS)
    shown = [repr(settings), str(settings), f"{settings}", repr(asdict(settings)), str(settings.admin_token)]
    for secret in settings.secrets():
        assert all(secret not in text for text in shown)
    assert MASK in shown[0]


def test_all_secrets_are_handed_to_the_mask_with_the_bare_half_of_the_bot_token() -> None:
    found = of(**SECRETS).secrets()
    for value in SECRETS.values():
        for part in value.split(","):
            assert any(part.endswith(secret) for secret in found)
    assert TOKEN.partition(":")[2] in found


def test_a_secret_can_be_compared_and_copied_but_not_written_down() -> None:
    secret = Secret("hunter2")
    assert copy.deepcopy(secret) == secret != Secret("hunter3")
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_the_demo_sees_neither_key_nor_token_nor_the_real_database() -> None:
    everything = {**SECRETS, "KIE_API_URL": "not an address", "DATABASE_URL": "nonsense"}
    settings = load(everything, env_file=None, ignore=DEMO_IGNORES).with_data_dir(Path("data/demo"))
    assert (settings.kie_api_key, settings.telegram_bot_token, settings.discord_bot_token) == ((), None, None)
    assert settings.database_path == Path("data/demo/kiebot.db")


def test_another_data_folder_takes_the_database_along() -> None:
    settings = of(DATABASE_URL="sqlite:////srv/real.db").with_data_dir(Path("elsewhere"))
    assert settings.database_path == Path("elsewhere/kiebot.db")


def test_a_near_miss_of_a_name_is_pointed_out_and_strangers_are_left_alone() -> None:
    found = typos({"KIE_APIKEY": "x", "HTTPS_PROXY": "y", "PATH": "z", "HTTP_PORT": "1"}, env_file=None)
    assert found == ("KIE_APIKEY means nothing to kiebot. Did you mean KIE_API_KEY?",)
