"""The service's metrics on a prometheus_client registry that the caller passes in.

    from prometheus_client import REGISTRY
    export_to_prometheus(service, REGISTRY)

prometheus_client is imported on use: it is an extra.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from snapshot_engine.errors import MissingExtra
from snapshot_engine.monitoring.metrics import COUNTER, Metric, metrics_of
from snapshot_engine.monitoring.status import ServiceFacts


class FactsGiver(Protocol):
    """What an exporter needs of the service."""

    def facts(self, *, fresh: bool = False) -> ServiceFacts: ...


class MemoryCollector:
    """A Prometheus collector: one method, called at each scrape.

    left_out: families that another collector on the registry gives already.
    """

    def __init__(self, service: FactsGiver, left_out: frozenset[str] = frozenset()) -> None:
        self._service = service
        self._left_out = left_out

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for metric in metrics_of(self._service.facts(fresh=True)):
            if metric.name in self._left_out:
                continue
            family = CounterMetricFamily if metric.kind == COUNTER else GaugeMetricFamily
            yield _filled(family, metric)


def _filled(family: Any, metric: Metric) -> Any:
    names = list(metric.samples[0].labels)
    filled = family(metric.name, metric.help, labels=names)
    for sample in metric.samples:
        filled.add_metric([sample.labels[name] for name in names], sample.value)
    return filled


def export_to_prometheus(service: FactsGiver, registry: Any) -> MemoryCollector:
    """Register the service's metrics on a registry and return the collector (for `unregister`).

    The default registry gives process_resident_memory_bytes by itself on
    Linux; what a registry has already is left to it.
    Raises MissingExtra without prometheus_client.
    """
    try:
        import prometheus_client
    except ImportError:
        raise MissingExtra("prometheus_client", "monitoring") from None
    del prometheus_client
    shared = ("process_resident_memory_bytes", "process_virtual_memory_bytes")
    taken = frozenset(name for name in shared if registry.get_sample_value(name) is not None)
    collector = MemoryCollector(service, taken)
    registry.register(collector)
    return collector
