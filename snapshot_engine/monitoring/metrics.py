"""The metrics that the exporters share: names, meanings and values, as facts.

In: the facts of a service. Out: Metrics, from which the Prometheus text, the
Prometheus collector and the OpenTelemetry instruments are made. Base units
(bytes, seconds, ratios) and names follow the conventions of each side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapshot_engine.monitoring.alert_rules import AVAILABLE, CRITICAL, GROWTH, PRESSURE, USAGE, WARNING
from snapshot_engine.monitoring.status import ServiceFacts

GAUGE, COUNTER = "gauge", "counter"
_PREFIX = "snapshot_engine_memory_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value under its labels."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric family; a counter's `name` ends in _total."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def metrics_of(facts: ServiceFacts) -> list[Metric]:
    """Return every metric of one moment; what could not be measured is left out, not zero."""
    return [*_sizes(facts), *_ratios(facts), *_alerts(facts), *_own(facts)]


def _gauge(name: str, help_text: str, value: float, **labels: str) -> Metric:
    return Metric(name=name, kind=GAUGE, help=help_text, samples=(Sample(value=value, labels=labels),))


def _counter(name: str, help_text: str, value: float) -> Metric:
    return Metric(name=name, kind=COUNTER, help=help_text, samples=(Sample(value=value),))


def _sizes(facts: ServiceFacts) -> list[Metric]:
    newest = facts.newest
    sizes = [
        ("process_resident_memory_bytes", "Resident memory size in bytes.", newest.resident_bytes),
        ("process_virtual_memory_bytes", "Virtual memory size in bytes.", newest.virtual_bytes),
        (_PREFIX + "peak_bytes", "Highest resident memory since watching began.", newest.peak_bytes),
        (_PREFIX + "recent_peak_bytes", "Highest resident memory since the reading before.", newest.recent_peak_bytes),
        (_PREFIX + "baseline_bytes", "Resident memory that growth is measured from.", facts.baseline_bytes),
        (_PREFIX + "swap_bytes", "Memory of the process that is swapped out.", newest.swap_bytes),
        (_PREFIX + "used_bytes", "What the limit counts: the process, or its whole container.", newest.used_bytes),
        (_PREFIX + "available_bytes", "What the process could still get, container included.", newest.available_bytes),
    ]  # fmt: skip
    limit = _gauge(
        _PREFIX + "limit_bytes", "The limit, and whose it is.", facts.limit.limit_bytes, of=facts.limit.of
    )
    return [*(_gauge(name, text, value) for name, text, value in sizes), limit]


def _ratios(facts: ServiceFacts) -> list[Metric]:
    usage = facts.newest.used_bytes / facts.limit.limit_bytes
    ratios = [_gauge(_PREFIX + "usage_ratio", "Used share of the limit; 1 is all of it.", usage)]
    pressure = facts.newest.pressure_percent
    if pressure is not None:
        text = "Share of the last ten seconds in which a task waited for memory."
        ratios.append(_gauge(_PREFIX + "pressure_ratio", text, pressure / 100.0))
    return ratios


def _alerts(facts: ServiceFacts) -> list[Metric]:
    on = {(alert.rule, alert.severity) for alert in facts.active}
    # Every alert is there at 0 before it is first on: a series that appears at
    # 1 has no rate and no "since".
    known = {
        (rule.name, level) for rule in (USAGE, GROWTH, AVAILABLE, PRESSURE) for level in (WARNING, CRITICAL)
    }
    samples = tuple(
        Sample(value=float((rule, severity) in on), labels={"rule": rule, "severity": severity})
        for rule, severity in sorted(known | on)
    )
    active = Metric(
        name=_PREFIX + "alert_active", kind=GAUGE, help="1 while the alert is on.", samples=samples
    )
    fired = _counter(_PREFIX + "alerts_total", "Alerts begun or escalated.", facts.alerts_fired)
    return [active, fired]


def _own(facts: ServiceFacts) -> list[Metric]:
    return [
        _gauge(_PREFIX + "monitoring_up", "1 while the monitoring service runs.", float(facts.running)),
        _gauge(_PREFIX + "process_up", "1 while the watched process runs.", float(facts.process_running)),
        _counter(_PREFIX + "readings_total", "Readings taken.", facts.readings),
        _counter(_PREFIX + "sampler_cpu_seconds_total", "CPU time of the sampler.", facts.sampler_cpu_seconds),
        _counter(_PREFIX + "alert_delivery_failures_total", "Alerts a sink did not take.", facts.delivery_failures),
    ]  # fmt: skip
