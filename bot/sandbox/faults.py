"""What the sandbox may be told to do wrong, by name; changeable while it runs."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.errors import UserError
from bot.texts import sentences

NUMBERS: Mapping[str, float] = {
    "create-code": 500,
    "slow-create": 5,
    "null-record": 5,
    "cost": 1.5,
    "callback-late": 5,
    "callback-early": 1,
    "result-gone": 404,
    "result-slow": 5,
    "result-size": 60,
    "upload-code": 500,
}
"""The faults whose value is a number, with what stands in for a missing one."""

_WRITTEN = re.compile(r"(?P<name>[^=*]+)(?:=(?P<value>.*?))?(?:\*(?P<times>\d+))?", re.DOTALL)


def known() -> Mapping[str, str]:
    """Every fault with the line that explains it."""
    start = "faults."
    return {key.removeprefix(start): text for key, text in sentences().items() if key.startswith(start)}


@dataclass(slots=True)
class _Fault:
    value: str
    left: int | None
    struck: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Faults:
    """The faults in force. `set` and `clear` may be called at any time from the sandbox's own loop."""

    def __init__(self, written: Mapping[str, str] | None = None) -> None:
        self._faults: dict[str, _Fault] = {}
        for name, value in (written or {}).items():
            self.add(f"{name}={value}" if value else name)

    def add(self, written: str) -> None:
        """As on the command line: `name`, `name=value`, `name=value*3`. Raises UserError."""
        match = _WRITTEN.fullmatch(written)
        name, value, times = match.group("name", "value", "times") if match else (written, "", None)
        self.set(name.strip(), value or "", int(times) if times else None)

    def set(self, name: str, value: object = "", times: int | None = None) -> None:
        """Switch a fault on, for good or for the next `times` occasions. Raises UserError for an unknown name."""
        name = name.replace("_", "-")
        if name not in known():
            nearest = difflib.get_close_matches(name, known(), 3, 0.3) or list(known())[:3]
            raise UserError("sandbox.unknown_fault", name=name, nearest=", ".join(nearest))
        if times is not None and times < 1:
            raise UserError("sandbox.fault_times", name=name, times=times)
        if name in NUMBERS and value != "":
            try:
                float(str(value))
            except ValueError:
                example = f"{NUMBERS[name]:g}"
                raise UserError("sandbox.fault_number", name=name, example=example, got=value) from None
        self.clear(name)
        self._faults[name] = _Fault(str(value), times)

    def clear(self, *names: str) -> None:
        """Switch these faults off, or all of them."""
        for name in names or tuple(self._faults):
            fault = self._faults.pop(name.replace("_", "-"), None)
            if fault:
                fault.gone.set()

    def on(self, name: str) -> bool:
        """Whether the fault is switched on and not used up. Uses up nothing."""
        fault = self._faults.get(name)
        return fault is not None and fault.left != 0

    def value(self, name: str) -> str:
        """The value of a fault, used up or not; "" when there is none."""
        fault = self._faults.get(name)
        return fault.value if fault else ""

    def strike(self, name: str) -> bool:
        """Whether the fault happens now; uses up one of its times."""
        fault = self._faults.get(name)
        if fault is None or fault.left == 0:
            return False
        fault.struck += 1
        if fault.left is not None:
            fault.left -= 1
        return True

    def every_second(self, name: str) -> int | None:
        """As `strike`, but without a number of times only on every second occasion; says how many came before."""
        fault = self._faults.get(name)
        if fault is None or not self.strike(name):
            return None
        if fault.left is not None:
            return fault.struck - 1
        return fault.struck // 2 if fault.struck % 2 else None

    def number(self, name: str) -> float:
        """The value of one of NUMBERS."""
        return float(self.value(name) or NUMBERS[name])

    async def hold(self, name: str) -> None:
        """If the fault happens now, wait until it is cleared."""
        if self.strike(name):
            await self._faults[name].gone.wait()

    def written(self) -> list[str]:
        """The faults in force as they would be written on the command line."""
        return [
            name
            + (f"={fault.value}" if fault.value else "")
            + (f"*{fault.left}" if fault.left is not None else "")
            for name, fault in self._faults.items()
        ]
