"""The status: one shape of answer, whether the service runs or not.

In: what the service knows, as facts. Out: a dictionary of plain JSON values
with the same keys every time, and the recommendations that follow from them.
Megabytes are MiB (2**20 bytes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from snapshot_engine.monitoring.alert_rules import CRITICAL, Alert, format_quantity
from snapshot_engine.monitoring.history import UNKNOWN_TREND, Trend
from snapshot_engine.monitoring.reading import MIB, MemoryLimit, MemoryReading


class TrendStatus(TypedDict):
    """direction: "growing", "shrinking", "steady" or "unknown"."""

    direction: str
    mb_per_minute: float
    span_seconds: float
    minutes_to_limit: float | None


class AlertStatus(TypedDict):
    """One alert that is on (`ended_at` None) or was; times are Unix seconds."""

    rule: str
    alertname: str
    severity: str
    value: float
    threshold: float
    unit: str
    message: str
    started_at: float
    ended_at: float | None


class MemoryStatus(TypedDict):
    """What get_memory_status() returns: these keys, always."""

    service_running: bool
    process_running: bool
    pid: int
    interval_seconds: float
    started_at: float | None
    last_reading_at: float | None
    readings: int
    current_memory_mb: float
    peak_memory_mb: float
    peak_is_exact: bool
    recent_peak_mb: float
    baseline_memory_mb: float
    memory_growth_mb: float
    virtual_memory_mb: float
    swap_used_mb: float
    limit_mb: float
    limit_of: str
    used_of_limit_mb: float
    usage_percent: float
    available_memory_mb: float
    memory_pressure_percent: float | None
    trend: TrendStatus
    health: str
    active_alerts: list[AlertStatus]
    recent_alerts: list[AlertStatus]
    alerts_fired: int
    alert_delivery_failures: int
    recommendations: list[str]
    sampler_cpu_seconds: float
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFacts:
    """All that a status is made of, taken at one moment."""

    running: bool
    process_running: bool
    pid: int
    interval_seconds: float
    peak_is_exact: bool
    limit: MemoryLimit
    newest: MemoryReading
    baseline_bytes: int
    readings: int
    started_seconds: float | None = None
    trend: Trend = UNKNOWN_TREND
    active: Sequence[Alert] = ()
    recent: Sequence[Alert] = ()
    alerts_fired: int = 0
    delivery_failures: int = 0
    sampler_cpu_seconds: float = 0.0
    last_error: str | None = None


def compose_status(facts: ServiceFacts) -> MemoryStatus:
    """Return the status as plain values; MiB are rounded to three places (1 KiB)."""
    newest, limit = facts.newest, facts.limit
    return MemoryStatus(
        service_running=facts.running,
        process_running=facts.process_running,
        pid=facts.pid,
        interval_seconds=facts.interval_seconds,
        started_at=facts.started_seconds,
        last_reading_at=newest.wall_seconds if facts.readings else None,
        readings=facts.readings,
        current_memory_mb=_mib(newest.resident_bytes),
        peak_memory_mb=_mib(newest.peak_bytes),
        peak_is_exact=facts.peak_is_exact,
        recent_peak_mb=_mib(newest.recent_peak_bytes),
        baseline_memory_mb=_mib(facts.baseline_bytes),
        memory_growth_mb=_mib(newest.resident_bytes - facts.baseline_bytes),
        virtual_memory_mb=_mib(newest.virtual_bytes),
        swap_used_mb=_mib(newest.swap_bytes),
        limit_mb=_mib(limit.limit_bytes),
        limit_of=limit.of,
        used_of_limit_mb=_mib(newest.used_bytes),
        usage_percent=round(100.0 * newest.used_bytes / limit.limit_bytes, 2),
        available_memory_mb=_mib(newest.available_bytes),
        memory_pressure_percent=newest.pressure_percent,
        trend=_trend_status(facts.trend),
        health=judge_alerts(facts.active),
        active_alerts=[alert_status(alert) for alert in facts.active],
        recent_alerts=[alert_status(alert) for alert in facts.recent],
        alerts_fired=facts.alerts_fired,
        alert_delivery_failures=facts.delivery_failures,
        recommendations=recommend(facts),
        sampler_cpu_seconds=round(facts.sampler_cpu_seconds, 6),
        last_error=facts.last_error,
    )


def judge_alerts(active: Sequence[Alert]) -> str:
    """Return "ok", "warning" or "critical": the worst of the alerts that are on."""
    if not active:
        return "ok"
    return CRITICAL if any(alert.severity == CRITICAL for alert in active) else "warning"


def alert_status(alert: Alert) -> AlertStatus:
    """Return an alert as plain JSON values."""
    return AlertStatus(
        rule=alert.rule,
        alertname=alert.alertname,
        severity=alert.severity,
        value=alert.value,
        threshold=alert.threshold,
        unit=alert.unit,
        message=alert.sentence,
        started_at=alert.started_seconds,
        ended_at=alert.ended_seconds,
    )


# What helps against each rule, in the order in which it is worth trying.
_ADVICE = {
    "memory_usage": "Stream large inputs (lower STREAMING_THRESHOLD_MB), or give more memory (MEMORY_LIMIT_MB, the container's limit).",
    "memory_growth": "Put @memory_profile on the functions that ran since the baseline to find which one keeps what it allocates.",
    "system_available": "Other processes need the memory too: run fewer workers at once (--jobs), or move work to another machine.",
    "memory_pressure": "Tasks are waiting for memory: lower the number of workers before the kernel starts to kill.",
}


def recommend(facts: ServiceFacts) -> list[str]:
    """Return what to do about what is seen, most urgent first; empty when all is well."""
    said = [_ADVICE[alert.rule] for alert in facts.active if alert.rule in _ADVICE]
    newest, limit, trend = facts.newest, facts.limit, facts.trend
    recent_peak_percent = 100.0 * newest.recent_peak_bytes / limit.limit_bytes
    if recent_peak_percent > 90.0 and newest.used_bytes < 0.8 * limit.limit_bytes:
        peak = format_quantity(newest.recent_peak_bytes, "bytes")
        said.append(
            f"A spike of {peak} between two readings touched {recent_peak_percent:.0f} % of the limit: split that step into smaller parts."
        )
    if trend.seconds_to_limit is not None and trend.seconds_to_limit < 3600.0:
        minutes = trend.seconds_to_limit / 60.0
        left = (
            f"{minutes:.0f} minutes"
            if minutes >= 1.5
            else "about a minute"
            if minutes >= 1
            else "less than a minute"
        )
        said.append(
            f"At {_mb_per_minute(trend):,.1f} MiB a minute the limit is reached in {left}: look for a cache without a bound."
        )
    if newest.swap_bytes > 0.1 * newest.resident_bytes and newest.swap_bytes > 16 * MIB:
        swapped = format_quantity(newest.swap_bytes, "bytes")
        said.append(f"{swapped} of this process are swapped out: its working set does not fit.")
    return said


def _trend_status(trend: Trend) -> TrendStatus:
    left = trend.seconds_to_limit
    return TrendStatus(
        direction=trend.direction,
        mb_per_minute=round(_mb_per_minute(trend), 3),
        span_seconds=round(trend.span_seconds, 3),
        minutes_to_limit=None if left is None else round(left / 60.0, 2),
    )


def _mb_per_minute(trend: Trend) -> float:
    return trend.slope_bytes_per_second * 60.0 / MIB


def _mib(size_bytes: int) -> float:
    return round(size_bytes / MIB, 3)
