"""Logging: one handler on the root, text for people or JSON for machines, secrets masked in whatever leaves it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from bot.masking import mask

log = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# At `info` these write a line for each request or update, addresses included.
_TALKATIVE = ("aiogram.event", "aiohttp.access", "httpcore", "httpx", "PIL")
# A member's words must neither forge a line nor steer the operator's terminal.
_CONTROLS = {code: "\ufffd" for code in [*range(32), *range(127, 160)] if chr(code) not in "\n\t"}


def set_up(
    level: str = "info",
    form: str = "text",
    secrets: Collection[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send the log of everything, crashes and warnings included, to `stream` (stderr). A second call replaces the
    first. `level` and `form` are LOG_LEVEL and LOG_FORMAT.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json(secrets) if form == "json" else _Text(secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _crashed


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Python's own last words would show a traceback unmasked."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("the process ends by an error nobody caught", exc_info=(kind, error, trace))


class _Masking(logging.Formatter):
    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def _clean(self, text: str) -> str:
        return mask(text, self._secrets).translate(_CONTROLS)

    def _trouble(self, record: logging.LogRecord) -> str:
        """The traceback and the stack, if the record has them."""
        trouble = record.exc_text or ""
        if record.exc_info and not trouble:
            trouble = self.formatException(record.exc_info)
        return "\n".join(filter(None, (trouble, record.stack_info)))


class _Text(_Masking):
    """`2026-11-22 18:19:00 INFO bot.engine: job ended job=7K3M9QX2AB`, further lines indented."""

    def format(self, record: logging.LogRecord) -> str:
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        head = f"{_time(record):%Y-%m-%d %H:%M:%S} {record.levelname} {record.name}: "
        trouble = self._trouble(record)
        lines = self._clean(head + record.getMessage() + extra + ("\n" + trouble if trouble else ""))
        return lines.replace("\n", "\n    ")


class _Json(_Masking):
    """One object a line: time (UTC, ISO 8601), level, logger, message, the fields given as `extra`, exception."""

    def format(self, record: logging.LogRecord) -> str:
        data: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        data = {name: value for name, value in _extra(record).items() if name not in data} | data
        if trouble := self._trouble(record):
            data["exception"] = trouble
        return json.dumps({name: self._plain(value) for name, value in data.items()}, ensure_ascii=False)

    def _plain(self, value: object) -> object:
        return value if value is None or isinstance(value, bool | int | float) else self._clean(str(value))


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _extra(record: logging.LogRecord) -> Mapping[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}
