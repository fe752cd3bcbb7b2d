"""What a watch remembers: readings, the baseline, the alerts that are on and that were.

In: readings, in order. Out: alert events. No thread, no clock: the readings
carry the time, so a scripted day runs in a millisecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from snapshot_engine.errors import ConfigError
from snapshot_engine.monitoring.alert_rules import (
    GROWTH,
    USAGE,
    Alert,
    AlertEvent,
    AlertRule,
    Level,
    RuleState,
    active_alerts,
    advance,
    default_rules,
    observe,
)
from snapshot_engine.monitoring.history import History, Trend, judge_trend
from snapshot_engine.monitoring.reading import MIB, MemoryLimit, MemoryReading

# Enough for a page or a status; the history proper is the sink's business.
RECENT_ALERTS = 50
# Alertmanager takes an alert that it does not hear of again for ended.
REMINDER_SECONDS = 60.0


class MemoryWatch:
    """The state of watching one process; not thread-safe by itself.

    rules: None for the documented table.
    Holds at most `history_size` readings and RECENT_ALERTS ended alerts.
    """

    def __init__(
        self,
        first: MemoryReading,
        limit: MemoryLimit,
        *,
        rules: Sequence[AlertRule] | None = None,
        history_size: int = 1000,
    ) -> None:
        self.limit = limit
        self.rules = tuple(rules) if rules is not None else default_rules(first.total_bytes)
        self.baseline_bytes = first.resident_bytes
        self.history = History(history_size)
        self.newest = first
        self.readings = 0
        self.alerts_fired = 0
        self.recent: deque[Alert] = deque(maxlen=RECENT_ALERTS)
        self._book: dict[str, RuleState] = {}
        self._reminded_seconds = first.monotonic_seconds

    def take(self, reading: MemoryReading) -> list[AlertEvent]:
        """Remember one reading; return what it began, changed or ended, and once a minute what is still on."""
        self.newest = reading
        self.readings += 1
        self.history.append(reading)
        self._book, events = advance(
            self._book,
            self.rules,
            observe(reading, self.limit, self.baseline_bytes),
            monotonic_seconds=reading.monotonic_seconds,
            wall_seconds=reading.wall_seconds,
        )
        for event in events:
            self.alerts_fired += event.kind in {"fired", "escalated"}
            ended = event.alert if event.kind == "resolved" else event.previous
            if ended is not None:
                self.recent.appendleft(ended)
        return events + self._reminders(reading.monotonic_seconds, events)

    def _reminders(self, now: float, told: Sequence[AlertEvent]) -> list[AlertEvent]:
        """Return once a minute the alerts that are on and were not just told of."""
        if now - self._reminded_seconds < REMINDER_SECONDS:
            return []
        self._reminded_seconds = now
        just_told = {event.alert.rule for event in told}
        return [
            AlertEvent(kind="still on", alert=alert) for alert in self.active if alert.rule not in just_told
        ]

    @property
    def active(self) -> list[Alert]:
        return active_alerts(self._book)

    @property
    def trend(self) -> Trend:
        return judge_trend(self.history.newest(), self.limit.limit_bytes)

    def set_baseline(self) -> None:
        """Measure growth from the newest reading on."""
        self.baseline_bytes = self.newest.resident_bytes

    def move_usage_warning(self, threshold_mb: float) -> None:
        """Warn of usage above this many MiB instead of 80 % of the limit."""
        percent = 100.0 * threshold_mb * MIB / self.limit.limit_bytes
        self._move_warning(USAGE.name, Level(threshold=percent, clear_at=max(0.0, percent - 5.0)))

    def move_growth_warning(self, threshold_mb: float) -> None:
        """Warn of growth above this many MiB instead of 100."""
        threshold = threshold_mb * MIB
        self._move_warning(GROWTH.name, Level(threshold=threshold, clear_at=0.9 * threshold))

    def warning_threshold(self, rule_name: str) -> float | None:
        """Return the warning threshold in the rule's own unit; None where the rule was left out."""
        return next((rule.warning.threshold for rule in self.rules if rule.name == rule_name), None)

    def _move_warning(self, rule_name: str, level: Level) -> None:
        if not level.threshold > 0:
            raise ConfigError([f"threshold of {rule_name}: must be above 0 MiB"])
        self.rules = tuple(
            replace(rule, warning=level) if rule.name == rule_name else rule for rule in self.rules
        )
