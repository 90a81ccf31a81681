"""`/metrics`: the process's meters and a snapshot of the database, in Prometheus' words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from bot.meters import Labels, Meters

_HELP = {
    "jobs": "Jobs not yet delivered, by state",
    "outcomes": "Ended jobs, by video or kind of failure",
    "kie_credits": "KIE credits left on the account",
    "gate_open": "Whether submissions of a KIE account are open (1) or closed (0)",
    "ledger_broken": "Rows that break a check of the ledger; always 0",
    "paused": "Whether the operator paused submissions",
    "step": "Time spent in steps of jobs",
    "jobs_ended": "Jobs that ended since this process started, by outcome",
    "kie_calls": "Calls to KIE, by code",
    "callbacks": "Callbacks that came, by whether they were known and signed",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is true now. `jobs` by state, not yet delivered; `outcomes` since the first start, by `video` or kind of
    failure; `gates`: account to whether it is open; `broken_checks`: ledger check to how many rows break it.
    """

    jobs: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    kie_credits: Decimal | None = None
    gates: Mapping[str, bool] = field(default_factory=dict)
    broken_checks: Mapping[str, int] = field(default_factory=dict)
    paused: bool = False


def render(meters: Meters, snapshot: Snapshot) -> bytes:
    """The page, in the text format that prometheus_client.CONTENT_TYPE_LATEST names."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Everything(meters, snapshot))
    return generate_latest(registry)


class _Everything(Collector):
    def __init__(self, meters: Meters, snapshot: Snapshot) -> None:
        self._meters = meters
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        now = self._snapshot
        yield _gauge("jobs", "state", now.jobs)
        outcomes = CounterMetricFamily("kiebot_outcomes", _help("outcomes"), labels=["outcome"])
        for outcome, number in now.outcomes.items():
            outcomes.add_metric([outcome], number)
        yield outcomes
        if now.kie_credits is not None:
            yield GaugeMetricFamily("kiebot_kie_credits", _help("kie_credits"), float(now.kie_credits))
        yield _gauge("gate_open", "account", now.gates)
        yield _gauge("ledger_broken", "check", now.broken_checks)
        yield GaugeMetricFamily("kiebot_paused", _help("paused"), float(now.paused))
        yield from self._counts()
        yield from self._spans()

    def _counts(self) -> Iterator[Metric]:
        for name, names in _families(self._meters.counts):
            family = CounterMetricFamily(f"kiebot_{name}", _help(name), labels=names)
            for (each, labels), number in list(self._meters.counts.items()):
                if each == name:
                    family.add_metric(_values(names, labels), number)
            yield family

    def _spans(self) -> Iterator[Metric]:
        for name, names in _families(self._meters.spans):
            family = SummaryMetricFamily(f"kiebot_{name}_seconds", _help(name), labels=names)
            for (each, labels), (times, total) in list(self._meters.spans.items()):
                if each == name:
                    family.add_metric(_values(names, labels), count_value=times, sum_value=total)
            yield family


def _gauge(name: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"kiebot_{name}", _help(name), labels=[label])
    for value, number in values.items():
        family.add_metric([value], float(number))
    return family


def _families(keys: Iterable[tuple[str, Labels]]) -> list[tuple[str, list[str]]]:
    """Each name with all labels ever used with it: one family must have the same labels throughout."""
    found: dict[str, dict[str, None]] = {}
    for name, labels in list(keys):
        found.setdefault(name, {}).update(dict.fromkeys(label for label, _ in labels))
    return [(name, list(names)) for name, names in found.items()]


def _values(names: list[str], labels: Labels) -> list[str]:
    given = dict(labels)
    return [given.get(name, "") for name in names]


def _help(name: str) -> str:
    return _HELP.get(name, name)
