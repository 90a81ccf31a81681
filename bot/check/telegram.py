"""What Telegram says of the bot: its token, what it sees in groups, and how its updates come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from bot.check.finding import Finding
from bot.errors import UserError
from bot.masking import mask
from bot.settings import Settings
from bot.texts import say


async def examine(settings: Settings, http: httpx.AsyncClient, running: bool) -> list[Finding]:
    """Whether Telegram knows the bot, what it sees in groups, and how its updates come."""
    if settings.telegram_bot_token is None:
        return []
    try:
        me = await _ask(settings, http, "getMe")
        hook = await _ask(settings, http, "getWebhookInfo")
    except UserError as error:
        return [Finding("telegram", False, str(error), say("check.telegram_token_remedy"))]
    except (httpx.HTTPError, ValueError) as error:
        problem = mask(str(error) or type(error).__name__, settings.secrets())
        text = say("check.unreachable", url=settings.telegram_api_url, problem=problem)
        return [Finding("telegram", False, text, say("check.telegram_unreachable_remedy"))]
    known = Finding("telegram", True, say("check.telegram", name=me.get("username")))
    return [known, _groups(me), _updates(settings, hook, running)]


async def _ask(settings: Settings, http: httpx.AsyncClient, method: str) -> Mapping[str, Any]:
    """Raises UserError when the token is refused, ValueError when it is not Telegram that answers."""
    assert settings.telegram_bot_token
    token = settings.telegram_bot_token.reveal()
    answer = (await http.get(f"{settings.telegram_api_url}/bot{token}/{method}")).json()
    if not isinstance(answer, dict) or "ok" not in answer:
        raise ValueError(say("check.not_telegram"))
    if not answer["ok"]:
        raise UserError(
            "check.telegram_refused", code=answer.get("error_code"), text=answer.get("description")
        )
    result: Mapping[str, Any] = answer["result"]
    return result


def _groups(me: Mapping[str, Any]) -> Finding:
    if not me.get("can_join_groups", True):
        return Finding("telegram_groups", True, say("check.no_groups"), say("check.no_groups_remedy"))
    if me.get("can_read_all_group_messages"):
        return Finding("telegram_groups", True, say("check.no_privacy"), say("check.privacy_remedy"))
    return Finding("telegram_groups", True, say("check.privacy"))


def _updates(settings: Settings, hook: Mapping[str, Any], running: bool) -> Finding:
    """By polling or by webhook; both at once is a conflict with another program."""
    name, public, url = "telegram_updates", settings.public_url, str(hook.get("url") or "")
    host = urlsplit(url).hostname
    if public and url.startswith(f"{public}/"):
        waiting, problem = hook.get("pending_update_count"), hook.get("last_error_message")
        if running and waiting and problem:
            text = say("check.webhook_bad", n=waiting, problem=mask(problem, settings.secrets()))
            return Finding(name, False, text, say("check.public_url_remedy"))
        return Finding(name, True, say("check.webhook", host=host))
    if url:
        key = "check.webhook_taken" if running else "check.webhook_foreign"
        return Finding(name, not running, say(key, host=host), say("check.webhook_foreign_remedy"))
    if public and (running or not public.startswith("https:")):
        return Finding(name, True, say("check.webhook_not_used"), say("check.webhook_not_used_remedy"))
    return Finding(name, True, say("check.webhook_later" if public else "check.polling"))
