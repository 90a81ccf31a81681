"""Methods of the Bot API stand-in about the bot and its chats: names, commands, members, files, leaving."""

from __future__ import annotations

import json
import re
from typing import Any

from support.telegram_rooms import Member
from support.telegram_schema import bad, forbidden
from support.telegram_sends import Ask, Handler

_MOST_COMMANDS = 100
_SCOPES = (
    *("default", "all_private_chats", "all_group_chats", "all_chat_administrators"),
    *("chat", "chat_administrators", "chat_member"),
)
_TEXT_LIMITS = {"name": 64, "description": 512, "short_description": 120}


async def get_me(ask: Ask) -> Any:
    can = {"can_join_groups": True, "can_read_all_group_messages": not ask.world.privacy_mode}
    cannot = ("supports_inline_queries", "can_connect_to_business", "has_main_web_app", "has_topics_enabled")
    return ask.world.bot.json() | can | dict.fromkeys(cannot, False)


async def log_out(ask: Ask) -> Any:
    return True


def _scope(ask: Ask) -> tuple[str, str]:
    scope = ask.get("scope") or {"type": "default"}
    if scope["type"] not in _SCOPES:
        raise bad("can't parse BotCommandScope: unsupported type specified")
    if "chat_id" in scope:
        ask.world.chat(scope["chat_id"])
    language = ask.get("language_code", "")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad("BOT_LANGUAGE_CODE_INVALID")
    return json.dumps(scope, sort_keys=True) if len(scope) > 1 else scope["type"], language


async def set_commands(ask: Ask) -> Any:
    key, commands = _scope(ask), ask.params["commands"]
    if len(commands) > _MOST_COMMANDS:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    for each in commands:
        if not re.fullmatch(r"[a-z0-9_]{1,32}", each["command"]):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= len(each["description"]) <= 256:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    ask.world.commands[key] = commands
    return True


async def get_commands(ask: Ask) -> Any:
    return ask.world.commands.get(_scope(ask), [])


async def delete_commands(ask: Ask) -> Any:
    ask.world.commands.pop(_scope(ask), None)
    return True


def _setter(name: str) -> Handler:
    async def handler(ask: Ask) -> Any:
        value = ask.get(name, "")
        if len(value) > _TEXT_LIMITS[name]:
            raise bad(f"{name.upper()}_TOO_LONG")
        ask.world.profile[f"{name}:{ask.get('language_code', '')}"] = value
        return True

    return handler


def _getter(name: str) -> Handler:
    async def handler(ask: Ask) -> Any:
        profile = ask.world.profile
        own = profile.get(f"{name}:{ask.get('language_code', '')}")
        return {name: own if own is not None else profile.get(f"{name}:", "")}

    return handler


async def set_menu_button(ask: Ask) -> Any:
    button = ask.get("menu_button") or {"type": "default"}
    if button["type"] not in ("default", "commands", "web_app"):
        raise bad("can't parse menu button: unsupported type specified")
    ask.world.profile[f"menu_button:{ask.get('chat_id', '')}"] = button
    return True


async def get_menu_button(ask: Ask) -> Any:
    return ask.world.profile.get(f"menu_button:{ask.get('chat_id', '')}", {"type": "default"})


async def set_default_rights(ask: Ask) -> Any:
    ask.world.profile["default_rights"] = ask.get("rights") or {}
    return True


async def get_chat(ask: Ask) -> Any:
    chat = ask.world.chat(ask.params["chat_id"])
    if chat.migrated_to:
        chat.check_reachable()
    gifts = (
        "unlimited_gifts",
        "limited_gifts",
        "unique_gifts",
        "premium_subscription",
        "gifts_from_channels",
    )
    full = {
        "accent_color_id": 1,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts, False),
    }
    if not chat.is_private:
        full["permissions"] = {"can_send_messages": True}
    return chat.json() | full


def _member(ask: Ask) -> Member:
    chat, user_id = ask.world.chat(ask.params["chat_id"]), ask.params["user_id"]
    if not chat.is_private and not chat.bot.is_in:
        chat.check_reachable()
    if user_id in chat.members:
        return chat.members[user_id]
    if user_id not in ask.world.users:
        raise bad("PARTICIPANT_ID_INVALID")
    return Member(ask.world.users[user_id], "left")


async def get_member(ask: Ask) -> Any:
    return _member(ask).json()


async def get_administrators(ask: Ask) -> Any:
    chat = ask.world.chat(ask.params["chat_id"])
    if chat.is_private:
        raise bad("there are no administrators in the private chat")
    chat.check_reachable()
    bots = ask.get("return_bots", False)
    return [each.json() for each in chat.members.values() if each.is_admin and (bots or not each.user.is_bot)]


async def count_members(ask: Ask) -> Any:
    return sum(each.is_in for each in ask.world.chat(ask.params["chat_id"]).members.values())


async def leave_chat(ask: Ask) -> Any:
    chat = ask.world.chat(ask.params["chat_id"])
    if chat.is_private:
        raise bad("chat member status can't be changed in private chats")
    if not chat.bot.is_in:
        raise forbidden(f"bot is not a member of the {chat.kind} chat")
    chat.bot_left()
    return True


async def get_file(ask: Ask) -> Any:
    return ask.world.files.describe(ask.params["file_id"])


PROFILE: dict[str, Handler] = {
    "getMe": get_me,
    "logOut": log_out,
    "close": log_out,
    "setMyCommands": set_commands,
    "getMyCommands": get_commands,
    "deleteMyCommands": delete_commands,
    "setMyName": _setter("name"),
    "getMyName": _getter("name"),
    "setMyDescription": _setter("description"),
    "getMyDescription": _getter("description"),
    "setMyShortDescription": _setter("short_description"),
    "getMyShortDescription": _getter("short_description"),
    "setChatMenuButton": set_menu_button,
    "getChatMenuButton": get_menu_button,
    "setMyDefaultAdministratorRights": set_default_rights,
    "getChat": get_chat,
    "getChatMember": get_member,
    "getChatAdministrators": get_administrators,
    "getChatMemberCount": count_members,
    "leaveChat": leave_chat,
    "getFile": get_file,
}
