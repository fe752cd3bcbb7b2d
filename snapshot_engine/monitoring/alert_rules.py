"""The alert rules: a table of thresholds, and one pure step from reading to reading.

In: what was observed and when. Out: the new state of every rule, and an event
where an alert begins, changes its severity or ends. Each threshold is a switch
with hold times and a further point at which it lets go, so that one crossing is
one alert however often the value trembles around the line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from snapshot_engine.monitoring.reading import MIB, MemoryLimit, MemoryReading

WARNING, CRITICAL = "warning", "critical"
_RANK = {None: 0, WARNING: 1, CRITICAL: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One threshold: crossed strictly past `threshold`, let go at `clear_at` or better."""

    threshold: float
    clear_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One row of the table; `quantity` names the field of Observation it looks at.

    falls: True where less is worse (available memory).
    hold_seconds: how long a level must stay crossed before its alert begins.
    clear_seconds: how long it must stay let go before its alert ends.
    """

    name: str
    alertname: str
    title: str
    quantity: str
    unit: str
    warning: Level
    critical: Level
    falls: bool = False
    hold_seconds: float = 0.0
    clear_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the rules look at; None where it could not be measured (the rule then waits)."""

    usage_percent: float | None = None
    growth_bytes: float | None = None
    available_bytes: float | None = None
    pressure_percent: float | None = None


USAGE = AlertRule(
    name="memory_usage",
    alertname="HighMemoryUsage",
    title="Memory usage",
    quantity="usage_percent",
    unit="percent",
    warning=Level(threshold=80.0, clear_at=75.0),
    critical=Level(threshold=90.0, clear_at=85.0),
)
GROWTH = AlertRule(
    name="memory_growth",
    alertname="MemoryGrowth",
    title="Memory growth since the baseline",
    quantity="growth_bytes",
    unit="bytes",
    warning=Level(threshold=100 * MIB, clear_at=90 * MIB),
    critical=Level(threshold=500 * MIB, clear_at=450 * MIB),
)
AVAILABLE = AlertRule(
    name="system_available",
    alertname="LowAvailableMemory",
    title="Available memory",
    quantity="available_bytes",
    unit="bytes",
    warning=Level(threshold=500 * MIB, clear_at=600 * MIB),
    critical=Level(threshold=200 * MIB, clear_at=240 * MIB),
    falls=True,
)
# The kernel's figure is an average over ten seconds already: a tenth of the
# time lost to waiting is felt, four tenths is thrashing.
PRESSURE = AlertRule(
    name="memory_pressure",
    alertname="MemoryPressure",
    title="Time lost to waiting for memory",
    quantity="pressure_percent",
    unit="percent",
    warning=Level(threshold=10.0, clear_at=5.0),
    critical=Level(threshold=40.0, clear_at=30.0),
)


def default_rules(total_bytes: int) -> tuple[AlertRule, ...]:
    """Return the documented table, and the pressure rule, for a place with `total_bytes` of memory.

    "500 MB available" cannot be asked of a container of 256 MB: where a
    threshold is more than half of all there is, 20 % (warning) and 10 %
    (critical) of it take the threshold's place.
    """
    available = AVAILABLE
    if AVAILABLE.warning.threshold > total_bytes / 2:
        warning = Level(threshold=total_bytes * 0.20, clear_at=total_bytes * 0.24)
        available = replace(available, warning=warning)
        critical = min(AVAILABLE.critical.threshold, total_bytes * 0.10)
        available = replace(available, critical=Level(threshold=critical, clear_at=critical * 1.2))
    return (USAGE, GROWTH, available, PRESSURE)


def observe(reading: MemoryReading, limit: MemoryLimit, baseline_bytes: int) -> Observation:
    """Turn a reading into what the rules look at."""
    return Observation(
        usage_percent=100.0 * reading.used_bytes / limit.limit_bytes,
        growth_bytes=float(reading.resident_bytes - baseline_bytes),
        available_bytes=float(reading.available_bytes),
        pressure_percent=reading.pressure_percent,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert that is or was on. Times are Unix seconds; `ended_seconds` is None while it is on."""

    rule: str
    alertname: str
    severity: str
    value: float
    threshold: float
    unit: str
    sentence: str
    started_seconds: float
    ended_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent:
    """What happened to an alert: "fired", "escalated", "eased", "resolved", or nothing new: "still on".

    previous: the alert as it was before, ended; None for "fired" and "still on".
    alert: the alert as it is now; ended itself for "resolved".
    """

    kind: str
    alert: Alert
    previous: Alert | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """One level's state: on or off, and since when the value has asked for the other."""

    on: bool = False
    asked_since: float | None = None

    def step(self, crossed: bool, now: float, hold_seconds: float) -> Switch:
        if crossed == self.on:
            return Switch(self.on)
        since = now if self.asked_since is None else self.asked_since
        return Switch(crossed) if now - since >= hold_seconds else Switch(self.on, since)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """One rule's two switches, and its alert while there is one."""

    warning: Switch = field(default_factory=Switch)
    critical: Switch = field(default_factory=Switch)
    alert: Alert | None = None


AlertBook = Mapping[str, RuleState]


def advance(
    book: AlertBook,
    rules: Sequence[AlertRule],
    observation: Observation,
    *,
    monotonic_seconds: float,
    wall_seconds: float,
) -> tuple[dict[str, RuleState], list[AlertEvent]]:
    """Return the state after one observation, and what began, changed or ended by it."""
    states: dict[str, RuleState] = {}
    events: list[AlertEvent] = []
    for rule in rules:
        state = book.get(rule.name, RuleState())
        value = getattr(observation, rule.quantity)
        if value is not None:
            state, event = _advance_rule(rule, state, float(value), monotonic_seconds, wall_seconds)
            events += [event] if event else []
        states[rule.name] = state
    return states, events


def active_alerts(book: AlertBook) -> list[Alert]:
    """Return the alerts that are on, critical ones first, then the oldest."""
    alerts = [state.alert for state in book.values() if state.alert]
    return sorted(alerts, key=lambda alert: (-_RANK[alert.severity], alert.started_seconds))


def _advance_rule(
    rule: AlertRule, state: RuleState, value: float, now: float, wall: float
) -> tuple[RuleState, AlertEvent | None]:
    warning = _step(rule, rule.warning, state.warning, value, now)
    critical = _step(rule, rule.critical, state.critical, value, now)
    severity = CRITICAL if critical.on else WARNING if warning.on else None
    before, alert, event = state.alert, state.alert, None
    if severity is not None and before is not None and severity == before.severity:
        alert = replace(before, value=value, sentence=_sentence(rule, severity, value))
    elif severity is not None:
        alert = _alert(rule, severity, value, wall)
        ended = replace(before, ended_seconds=wall) if before else None
        kind = "fired" if before is None else "escalated" if severity == CRITICAL else "eased"
        event = AlertEvent(kind=kind, alert=alert, previous=ended)
    elif before is not None:
        sentence = f"{rule.title} is back to {format_quantity(value, rule.unit)}."
        ended = replace(before, value=value, sentence=sentence, ended_seconds=wall)
        alert, event = None, AlertEvent(kind="resolved", alert=ended, previous=before)
    return RuleState(warning=warning, critical=critical, alert=alert), event


def _step(rule: AlertRule, level: Level, switch: Switch, value: float, now: float) -> Switch:
    sign = -1.0 if rule.falls else 1.0
    line = level.clear_at if switch.on else level.threshold
    crossed = sign * value > sign * line
    return switch.step(crossed, now, rule.clear_seconds if switch.on else rule.hold_seconds)


def _alert(rule: AlertRule, severity: str, value: float, wall: float) -> Alert:
    return Alert(
        rule=rule.name,
        alertname=rule.alertname,
        severity=severity,
        value=value,
        threshold=_level(rule, severity).threshold,
        unit=rule.unit,
        sentence=_sentence(rule, severity, value),
        started_seconds=wall,
    )


def _level(rule: AlertRule, severity: str) -> Level:
    return rule.critical if severity == CRITICAL else rule.warning


def _sentence(rule: AlertRule, severity: str, value: float) -> str:
    side = "below" if rule.falls else "above"
    threshold = format_quantity(_level(rule, severity).threshold, rule.unit)
    return f"{rule.title} is {format_quantity(value, rule.unit)}, {side} {threshold} ({severity})."


def format_quantity(value: float, unit: str) -> str:
    """Return a value with its unit as people read it: "83.4 %" or "512.0 MiB"."""
    return f"{value:.1f} %" if unit == "percent" else f"{value / MIB:,.1f} MiB"
