"""The service's metrics as OpenTelemetry observable instruments, named by the semantic conventions.

In: a service and a MeterProvider (or the global one). Out: instruments that are
observed whenever the caller's reader collects; nothing is sent from here.
Source: OpenTelemetry semantic conventions, "Process metrics" and "System
metrics" (UpDownCounters in bytes, unit "By"); what they have no name for is
under snapshot_engine.memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from snapshot_engine.errors import MissingExtra
from snapshot_engine.monitoring.prometheus_exporter import FactsGiver
from snapshot_engine.monitoring.status import ServiceFacts

_Value = Callable[[ServiceFacts], "float | None"]

# name, unit, description, how to read it off the facts
_SIZES: tuple[tuple[str, str, str, _Value], ...] = (
    ("process.memory.usage", "By", "The amount of physical memory in use.", lambda f: f.newest.resident_bytes),
    ("process.memory.virtual", "By", "The amount of committed virtual memory.", lambda f: f.newest.virtual_bytes),
    ("system.linux.memory.available", "By", "Memory that could still be had, container included.", lambda f: f.newest.available_bytes),
    ("snapshot_engine.memory.limit", "By", "The limit that usage is a share of.", lambda f: f.limit.limit_bytes),
    ("snapshot_engine.memory.swap", "By", "Memory of the process that is swapped out.", lambda f: f.newest.swap_bytes),
)  # fmt: skip
_GAUGES: tuple[tuple[str, str, str, _Value], ...] = (
    ("snapshot_engine.memory.peak", "By", "Highest resident memory since watching began.", lambda f: f.newest.peak_bytes),
    ("snapshot_engine.memory.growth", "By", "Resident memory above the baseline.", lambda f: f.newest.resident_bytes - f.baseline_bytes),
    ("snapshot_engine.memory.utilization", "1", "Used share of the limit.", lambda f: f.newest.used_bytes / f.limit.limit_bytes),
    ("snapshot_engine.memory.pressure", "1", "Share of time in which a task waited for memory.", lambda f: None if f.newest.pressure_percent is None else f.newest.pressure_percent / 100.0),
)  # fmt: skip


def export_to_opentelemetry(service: FactsGiver, meter_provider: Any = None) -> None:
    """Create the instruments on a provider's meter "snapshot_engine".

    Raises MissingExtra without opentelemetry-api.
    """
    try:
        from opentelemetry import metrics
    except ImportError:
        raise MissingExtra("opentelemetry-api", "monitoring") from None
    provider = metrics.get_meter_provider() if meter_provider is None else meter_provider
    meter = provider.get_meter("snapshot_engine")
    for name, unit, text, value in _SIZES:
        callbacks = [_observer(service, value)]
        meter.create_observable_up_down_counter(name, callbacks, unit=unit, description=text)
    for name, unit, text, value in _GAUGES:
        meter.create_observable_gauge(name, [_observer(service, value)], unit=unit, description=text)
    meter.create_observable_gauge(
        "snapshot_engine.memory.alerts",
        [_alert_observer(service)],
        unit="{alert}",
        description="Alerts that are on, by rule and severity.",
    )


def _observer(service: FactsGiver, value: _Value) -> Callable[[Any], Iterable[Any]]:
    from opentelemetry.metrics import Observation

    def observe(_options: Any) -> Iterable[Any]:
        facts = service.facts(fresh=True)
        observed = value(facts)
        return [] if observed is None else [Observation(observed, {"process.pid": facts.pid})]

    return observe


def _alert_observer(service: FactsGiver) -> Callable[[Any], Iterable[Any]]:
    from opentelemetry.metrics import Observation

    def observe(_options: Any) -> Iterable[Any]:
        facts = service.facts(fresh=True)
        return [
            Observation(1, {"process.pid": facts.pid, "rule": alert.rule, "severity": alert.severity})
            for alert in facts.active
        ]

    return observe
