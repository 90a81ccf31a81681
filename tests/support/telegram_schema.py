"""What Bot API 10.3 takes: which methods and parameters exist, and of what types (facts: telegram-bot-api-10.3.json)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_SCHEMA = Path(__file__).with_name("telegram-bot-api-10.3.json")
_INTEGER = re.compile(r"-?\d{1,19}")
_FLOAT = re.compile(r"-?\d+(\.\d+)?")
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}

# How the API names things in its own errors.
_EMPTY = {"text": "message text is empty"}


class ApiError(Exception):
    """An answer that is not ok: its HTTP status, its description, its parameters."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad(what: str, **parameters: int) -> ApiError:
    return ApiError(400, f"Bad Request: {what}", **parameters)


def forbidden(what: str) -> ApiError:
    return ApiError(403, f"Forbidden: {what}")


# Fields of objects inside of parameters: s string, i integer, b boolean, f float, any anything, ! required.
_OBJECTS = {
    "InlineKeyboardMarkup": "inline_keyboard:[[InlineKeyboardButton]]! force_reply:b",
    "InlineKeyboardButton": "text:s! icon_custom_emoji_id:s style:s url:s callback_data:s web_app:WebAppInfo"
    " login_url:any switch_inline_query:s switch_inline_query_current_chat:s switch_inline_query_chosen_chat:any"
    " copy_text:CopyTextButton callback_game:any pay:b disabled:any",
    "ReplyKeyboardMarkup": "keyboard:[[KeyboardButton]]! is_persistent:b resize_keyboard:b one_time_keyboard:b"
    " input_field_placeholder:s selective:b force_reply:b",
    "KeyboardButton": "text:s! icon_custom_emoji_id:s style:s request_users:any request_chat:any"
    " request_managed_bot:any request_contact:b request_location:b request_poll:any web_app:WebAppInfo",
    "ReplyKeyboardRemove": "remove_keyboard:b! selective:b",
    "ForceReply": "force_reply:b! input_field_placeholder:s selective:b",
    "WebAppInfo": "url:s!",
    "CopyTextButton": "text:s!",
    "ReplyParameters": "message_id:i ephemeral_message_id:i chat_id:any allow_sending_without_reply:b quote:s"
    " quote_parse_mode:s quote_entities:[MessageEntity] quote_position:i checklist_task_id:i poll_option_id:s",
    "LinkPreviewOptions": "is_disabled:b url:s prefer_small_media:b prefer_large_media:b show_above_text:b",
    "EphemeralMessageParameters": "receiver_user_id:i! callback_query_id:s replace_callback_query_message:b",
    "MessageEntity": "type:s! offset:i! length:i! url:s user:any language:s custom_emoji_id:s unix_time:i"
    " date_time_format:s",
    "BotCommand": "command:s! description:s! is_ephemeral:b",
    "BotCommandScope": "type:s! chat_id:any user_id:i",
    "MenuButton": "type:s! text:s web_app:WebAppInfo",
    "ReactionType": "type:s! emoji:s custom_emoji_id:s",
    "InputMedia:photo": "type:s! media:s! caption:s parse_mode:s caption_entities:[MessageEntity]"
    " show_caption_above_media:b has_spoiler:b",
    "InputMedia:video": "type:s! media:s! thumbnail:s cover:s start_timestamp:i caption:s parse_mode:s"
    " caption_entities:[MessageEntity] show_caption_above_media:b width:i height:i duration:i"
    " supports_streaming:b has_spoiler:b",
    "InputMedia:animation": "type:s! media:s! thumbnail:s caption:s parse_mode:s"
    " caption_entities:[MessageEntity] show_caption_above_media:b width:i height:i duration:i has_spoiler:b",
    "InputMedia:document": "type:s! media:s! thumbnail:s caption:s parse_mode:s"
    " caption_entities:[MessageEntity] disable_content_type_detection:b",
    "InputMedia:audio": "type:s! media:s! thumbnail:s caption:s parse_mode:s caption_entities:[MessageEntity]"
    " duration:i performer:s title:s",
    "ChatAdministratorRights": "is_anonymous:b can_manage_chat:b can_delete_messages:b can_manage_video_chats:b"
    " can_restrict_members:b can_promote_members:b can_change_info:b can_invite_users:b can_post_stories:b"
    " can_edit_stories:b can_delete_stories:b can_send_welcome_messages:b can_post_messages:b"
    " can_edit_messages:b can_pin_messages:b can_manage_topics:b can_manage_direct_messages:b"
    " can_manage_tags:b",
}
_MARKUPS = {
    "inline_keyboard": "InlineKeyboardMarkup",
    "keyboard": "ReplyKeyboardMarkup",
    "remove_keyboard": "ReplyKeyboardRemove",
    "force_reply": "ForceReply",
}
_ACTIONS = (
    *("url", "callback_data", "web_app", "login_url", "switch_inline_query", "disabled", "copy_text", "pay"),
    *("switch_inline_query_current_chat", "switch_inline_query_chosen_chat", "callback_game"),
)


@cache
def methods() -> Mapping[str, Mapping[str, tuple[tuple[str, ...], bool]]]:
    """Every method: parameter -> (types, required)."""
    schema = json.loads(_SCHEMA.read_text("utf-8"))["methods"]
    return {
        method: {name: (tuple(types), required) for name, (types, required) in fields.items()}
        for method, fields in schema.items()
    }


@cache
def _method_names() -> Mapping[str, str]:
    return {name.lower(): name for name in methods()}


def method_named(name: str) -> str | None:
    """The method's own spelling; the API takes any case."""
    return _method_names().get(name.lower())


def read_params(method: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Typed parameters from what came over the wire (text, or a value of a JSON body). Raises ApiError 400."""
    fields = methods()[method]
    unknown = [name for name in raw if name not in fields]
    if unknown:
        raise bad(f"{method} has no parameter {', '.join(sorted(unknown))}")
    missing = [name for name, (_, required) in fields.items() if required and raw.get(name) in (None, "")]
    if missing:
        raise bad(_EMPTY.get(missing[0], f"{missing[0]} is empty"))
    return {name: _read(name, fields[name][0], value) for name, value in raw.items()}


def _read(name: str, types: tuple[str, ...], value: Any) -> Any:
    """The value as the first of the types that it fits."""
    if "InputFile" in types and not isinstance(value, str):
        return value
    for kind in types:
        if kind == "Integer" and (number := _integer(value)) is not None:
            return number
        if kind == "Boolean" and (truth := _boolean(value)) is not None:
            return truth
        if kind == "Float" and isinstance(value, str | int | float) and _FLOAT.fullmatch(str(value)):
            return float(value)
        if kind in ("String", "InputFile") and isinstance(value, str):
            return value
    if name == "reply_markup":
        return check_markup(_object(name, value, dict), types)
    kind = types[0]
    if kind.startswith("Array of "):
        items = _object(name, value, list)
        inner = kind.removeprefix("Array of ")
        return [_check(f"{name}[{index}]", inner, item) for index, item in enumerate(items)]
    if kind in ("Integer", "Boolean", "Float", "String", "InputFile"):
        raise bad(f"{name} must be of type {' or '.join(types)}")
    return _check(name, kind, _object(name, value, dict))


def _integer(value: Any) -> int | None:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _boolean(value: Any) -> bool | None:
    return (
        _BOOLEANS.get(value.lower()) if isinstance(value, str) else value if value in (True, False) else None
    )


def _object(name: str, value: Any, shape: type) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise bad(f"can't parse {name} JSON object") from None
    if not isinstance(value, shape):
        raise bad(f"{'object' if shape is dict else 'array'} expected as {name}")
    return value


@cache
def _fields(kind: str) -> Mapping[str, tuple[str, bool]]:
    found = (field.partition(":") for field in _OBJECTS[kind].split())
    return {name: (rest.rstrip("!"), rest.endswith("!")) for name, _, rest in found}


_PLAIN: dict[str, Callable[[Any], bool]] = {
    "s": lambda value: isinstance(value, str),
    "String": lambda value: isinstance(value, str),
    "i": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "Integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "b": lambda value: isinstance(value, bool),
    "f": lambda value: isinstance(value, int | float),
    "any": lambda value: True,
}


def _check(where: str, kind: str, value: Any) -> Any:
    """The value, if it has the shape of this kind all the way down."""
    if kind.startswith("["):
        if not isinstance(value, list):
            raise bad(f"array expected as {where}")
        return [_check(f"{where}[{index}]", kind[1:-1], item) for index, item in enumerate(value)]
    if kind in _PLAIN:
        if not _PLAIN[kind](value):
            raise bad(f"{where} has a value of the wrong type")
        return value
    if not isinstance(value, dict):
        raise bad(f"object expected as {where}")
    if kind.startswith("InputMedia"):
        kind = f"InputMedia:{value.get('type')}"
        if kind not in _OBJECTS:
            raise bad("InputMedia type is invalid")
    if kind not in _OBJECTS:
        return value
    fields = _fields(kind)
    if unknown := sorted(set(value) - set(fields)):
        raise bad(f"{where}: {kind} has no field {', '.join(unknown)}")
    if missing := [name for name, (_, required) in fields.items() if required and name not in value]:
        raise bad(f"can't parse {where}: field {missing[0]} must be given")
    return {name: _check(f"{where}.{name}", fields[name][0], item) for name, item in value.items()}


def check_markup(value: dict[str, Any], types: tuple[str, ...]) -> dict[str, Any]:
    """A keyboard with a kind that this method takes; each inline button does exactly one thing (telegram.md 3)."""
    kind = next((kind for key, kind in _MARKUPS.items() if key in value), None)
    if kind is None or kind not in types:
        raise bad(f"{' or '.join(types)} expected as reply markup")
    _check("reply_markup", kind, value)
    for button in (button for row in value.get("inline_keyboard", []) for button in row):
        _check_button(button)
    return value


def _check_button(button: Mapping[str, Any]) -> None:
    if not button["text"].strip():
        raise bad("inline keyboard button text is empty")
    actions = [name for name in _ACTIONS if name in button]
    if len(actions) != 1:
        raise bad(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
            if not actions
            else f"inline keyboard button {button['text']!r} has more than one action: {', '.join(actions)}"
        )
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if "url" in button and not re.match(r"(https?|tg)://\S+$", button["url"]):
        raise bad(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    if "copy_text" in button and not 1 <= len(button["copy_text"]["text"]) <= 256:
        raise bad("BUTTON_COPY_TEXT_INVALID")
    if button.get("style", "primary") not in ("danger", "success", "primary", "link"):
        raise bad("BUTTON_STYLE_INVALID")
