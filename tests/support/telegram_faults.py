"""Faults of the Bot API stand-in: what goes wrong, with which method, how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.telegram_schema import ApiError

# The call is refused: details fill in the answer.
_REFUSALS = ("flood", "forbidden", "bad_request", "migrate", "unauthorized", "conflict", "error")
# The call goes astray on its way.
_WAYS = ("bad_gateway", "hang", "drop_before", "drop_after", "hang_after", "slow")
# The call works, but not as one expects.
_TWISTS = ("scheduled", "animation", "repeat")
KINDS = (*_REFUSALS, *_WAYS, *_TWISTS)


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong `times` times, after `skip` calls that go well."""

    method: str
    kind: str
    times: int = 1
    skip: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0

    @property
    def is_refusal(self) -> bool:
        return self.kind in _REFUSALS

    @property
    def twist(self) -> str | None:
        return self.kind if self.kind in _TWISTS else None

    def error(self) -> ApiError:
        """The refusal that was ordered."""
        details = self.details
        said = details.get("description")
        if self.kind == "flood":
            seconds = int(details.get("retry_after", 1))
            return ApiError(429, said or f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        if self.kind == "forbidden":
            return ApiError(403, said or "Forbidden: bot was blocked by the user")
        if self.kind == "migrate":
            told = "Bad Request: group chat was upgraded to a supergroup chat"
            return ApiError(400, said or told, migrate_to_chat_id=int(details["migrate_to_chat_id"]))
        if self.kind == "unauthorized":
            return ApiError(401, said or "Unauthorized")
        if self.kind == "conflict":
            told = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
            return ApiError(409, said or told)
        if self.kind == "bad_request":
            return ApiError(400, said or "Bad Request: something is wrong")
        return ApiError(int(details.get("code", 500)), said or "Internal Server Error")


@dataclass(slots=True)
class Faults:
    """All that is ordered; each one ends by itself."""

    ordered: list[Fault] = field(default_factory=list)

    def add(self, method: str, kind: str, times: int = 1, skip: int = 0, **details: Any) -> Fault:
        """Raises ValueError for a kind that does not exist."""
        if kind not in KINDS:
            raise ValueError(f"no fault {kind}; there are {', '.join(KINDS)}")
        fault = Fault(method, kind, times, skip, details)
        self.ordered.append(fault)
        return fault

    def take(self, method: str) -> Fault | None:
        """The fault that this call of the method runs into."""
        for fault in list(self.ordered):
            if fault.method in (method, "*"):
                fault.seen += 1
                if fault.seen > fault.skip:
                    if fault.seen >= fault.skip + fault.times:
                        self.ordered.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        self.ordered.clear()
