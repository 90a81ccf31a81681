"""What to do about a KIE account that refuses everything: the remedy to tell, and how long to pause."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remedy:
    """`key` is the sentence for the operator; pauses (seconds) double from `first` to `longest`."""

    key: str
    first: float
    longest: float

    def pause(self, times: int) -> float:
        """Seconds until the next try, after `times` refusals in a row (1 is the first)."""
        return float(min(self.longest, self.first * 2 ** min(max(times - 1, 0), 16)))


_REMEDIES = {
    401: Remedy("notice.remedy_key", 60, 3600),
    402: Remedy("notice.remedy_balance", 60, 1800),
    403: Remedy("notice.remedy_forbidden", 60, 3600),
    433: Remedy("notice.remedy_cap", 300, 3600),
    455: Remedy("notice.remedy_maintenance", 30, 900),
}
_OTHER = Remedy("notice.remedy_address", 60, 3600)


def remedy(code: int) -> Remedy:
    """What mends a refusal of the whole account, by its code (`Refused.code`, `AccountError.code`)."""
    return _REMEDIES.get(code, _OTHER)
