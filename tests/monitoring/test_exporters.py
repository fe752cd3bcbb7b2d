"""Exporters through the client libraries themselves: registries, instruments, what is decoded at the end."""

from __future__ import annotations

import builtins
import json

import pytest
from scripted_readings import MIB

from snapshot_engine import Config, MemoryMonitoringService
from snapshot_engine.errors import MissingExtra
from snapshot_engine.monitoring.opentelemetry_exporter import export_to_opentelemetry
from snapshot_engine.monitoring.prometheus_exporter import export_to_prometheus


@pytest.fixture
def service(scripted):
    with MemoryMonitoringService(Config(), 3600, source=scripted(100, 950), sinks=()) as running:
        running.look()
        yield running


# Prometheus ---------------------------------------------------------------------


def test_a_registry_of_ones_own_gets_everything(service):
    client = pytest.importorskip("prometheus_client")
    registry = client.CollectorRegistry()
    collector = export_to_prometheus(service, registry)
    value = registry.get_sample_value
    assert value("process_resident_memory_bytes") == 950 * MIB
    assert value("snapshot_engine_memory_limit_bytes", {"of": "MEMORY_LIMIT_MB"}) == 1024 * MIB
    assert value("snapshot_engine_memory_usage_ratio") == pytest.approx(950 / 1024)
    assert value("snapshot_engine_memory_baseline_bytes") == 100 * MIB
    assert value("snapshot_engine_memory_alerts_total") == 2
    active = "snapshot_engine_memory_alert_active"
    assert value(active, {"rule": "memory_usage", "severity": "critical"}) == 1
    assert value(active, {"rule": "memory_usage", "severity": "warning"}) == 0
    registry.unregister(collector)
    assert value("process_resident_memory_bytes") is None


def test_what_a_registry_has_already_is_left_to_it(service):
    """prometheus_client's own ProcessCollector names the same family; two would be refused as duplicates."""
    client = pytest.importorskip("prometheus_client")
    registry = client.CollectorRegistry()
    client.ProcessCollector(registry=registry)
    if registry.get_sample_value("process_resident_memory_bytes") is None:
        pytest.skip("prometheus_client has no process metrics on this platform")
    export_to_prometheus(service, registry)
    page = client.generate_latest(registry).decode()
    assert page.count("# TYPE process_resident_memory_bytes gauge") == 1
    assert registry.get_sample_value("process_resident_memory_bytes") != 950 * MIB
    assert "snapshot_engine_memory_usage_ratio" in page


def test_a_scrape_looks_when_the_last_reading_is_old():
    """At an interval of 30 s a scrape would otherwise get half a minute's old figures."""
    client = pytest.importorskip("prometheus_client")
    registry = client.CollectorRegistry()
    with MemoryMonitoringService(Config(), 3600, sinks=()) as service:
        export_to_prometheus(service, registry)
        service.history()
        before = registry.get_sample_value("process_resident_memory_bytes")
        held = bytearray(b"\1") * (64 * MIB)
        service._watch.newest = _aged(service._watch.newest)
        after = registry.get_sample_value("process_resident_memory_bytes")
        assert after - before > 60 * MIB
        del held


def _aged(newest):
    from dataclasses import replace

    return replace(newest, monotonic_seconds=newest.monotonic_seconds - 10)


# OpenTelemetry --------------------------------------------------------------------


def exported(service) -> dict[str, dict]:
    """Collect through the SDK and decode its JSON: {instrument: its metric}."""
    sdk = pytest.importorskip("opentelemetry.sdk.metrics")
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = sdk.MeterProvider([reader])
    export_to_opentelemetry(service, provider)
    data = json.loads(reader.get_metrics_data().to_json())
    provider.shutdown()
    scopes = [scope for resource in data["resource_metrics"] for scope in resource["scope_metrics"]]
    assert [scope["scope"]["name"] for scope in scopes] == ["snapshot_engine"]
    return {metric["name"]: metric for metric in scopes[0]["metrics"]}


def test_instruments_follow_the_semantic_conventions(service):
    metrics = exported(service)
    usage = metrics["process.memory.usage"]
    assert usage["unit"] == "By"
    assert usage["data"]["is_monotonic"] is False  # an UpDownCounter
    (point,) = usage["data"]["data_points"]
    assert point["value"] == 950 * MIB
    assert point["attributes"] == {"process.pid": 4242}
    assert metrics["process.memory.virtual"]["data"]["data_points"][0]["value"] == 1900 * MIB
    assert metrics["snapshot_engine.memory.limit"]["data"]["data_points"][0]["value"] == 1024 * MIB
    assert metrics["snapshot_engine.memory.utilization"]["unit"] == "1"


def test_the_conventions_of_the_installed_package_agree(service):
    """The names come from a text; where the generated package is there, it is asked."""
    names = pytest.importorskip("opentelemetry.semconv._incubating.metrics.process_metrics")
    system = pytest.importorskip("opentelemetry.semconv._incubating.metrics.system_metrics")
    metrics = exported(service)
    assert names.PROCESS_MEMORY_USAGE in metrics
    assert names.PROCESS_MEMORY_VIRTUAL in metrics
    assert system.SYSTEM_LINUX_MEMORY_AVAILABLE in metrics


def test_alerts_are_observed_while_they_are_on(service):
    points = exported(service)["snapshot_engine.memory.alerts"]["data"]["data_points"]
    on = {(point["attributes"]["rule"], point["attributes"]["severity"]) for point in points}
    assert on == {("memory_usage", "critical"), ("memory_growth", "critical")}


def test_over_the_wire_it_is_the_same(service):
    """Encoded as OTLP protobuf and decoded again, where that encoder is installed."""
    encoder = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.metrics_encoder")
    service_pb2 = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    export_to_opentelemetry(service, provider)
    wire = encoder.encode_metrics(reader.get_metrics_data()).SerializeToString()
    decoded = service_pb2.ExportMetricsServiceRequest.FromString(wire)
    metrics = {m.name: m for m in decoded.resource_metrics[0].scope_metrics[0].metrics}
    point = metrics["process.memory.usage"].sum.data_points[0]
    assert (point.as_int, metrics["process.memory.usage"].unit) == (950 * MIB, "By")


@pytest.mark.parametrize(
    ("package", "export"),
    [
        ("prometheus_client", lambda service: export_to_prometheus(service, None)),
        ("opentelemetry", export_to_opentelemetry),
    ],
)
def test_without_the_extra_the_error_is_the_line_to_type(monkeypatch, service, package, export):
    real_import = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'pytest-snapshot-memory\[monitoring\]'"):
        export(service)
