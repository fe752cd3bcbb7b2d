"""The exporters against the real thing: scraped by Prometheus, fired through Alertmanager."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from threading import Lock

import pytest
from real_servers import Webhook, alertmanager, eventually, needs, prometheus
from scripted_readings import MIB, reading

import snapshot_engine.monitoring
from snapshot_engine import Config, MemoryMonitoringService
from snapshot_engine.monitoring.alert_sinks import WebhookSink
from snapshot_engine.monitoring.prometheus_exporter import export_to_prometheus
from snapshot_engine.monitoring.reading import MemoryLimit, MemoryReading
from snapshot_engine.monitoring.status_server import StatusServer

FILES = Path(snapshot_engine.monitoring.__file__).parent / "files"
RULES = FILES / "alerting_rules.yml"
GRAFANA = FILES / "grafana_dashboard.json"


class SteerableSource:
    """A process whose memory the test sets."""

    pid = 4242
    peak_is_exact = True
    limit = MemoryLimit(limit_bytes=1000 * MIB, of="container")

    def __init__(self) -> None:
        self._lock = Lock()
        self._now = reading(100)

    def set(self, resident_mb: float, **changed: object) -> None:
        with self._lock:
            self._now = reading(resident_mb, **changed)

    def read(self) -> MemoryReading:
        with self._lock:
            return self._now

    def close(self) -> None: ...


@needs("promtool")
def test_promtool_accepts_the_shipped_rules():
    checked = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "9 rules found" in checked.stdout


# series, its value, and the one alert that must be on after a minute ("" for none)
TABLE = [
    ("snapshot_engine_memory_usage_ratio", 0.80, ""),
    ("snapshot_engine_memory_usage_ratio", 0.81, "HighMemoryUsage warning"),
    ("snapshot_engine_memory_usage_ratio", 0.90, "HighMemoryUsage warning"),
    ("snapshot_engine_memory_usage_ratio", 0.91, "HighMemoryUsage critical"),
    ("process_resident_memory_bytes", 200 * MIB, ""),
    ("process_resident_memory_bytes", 201 * MIB, "MemoryGrowth warning"),
    ("process_resident_memory_bytes", 600 * MIB, "MemoryGrowth warning"),
    ("process_resident_memory_bytes", 601 * MIB, "MemoryGrowth critical"),
    ("snapshot_engine_memory_available_bytes", 500 * MIB, ""),
    ("snapshot_engine_memory_available_bytes", 499 * MIB, "LowAvailableMemory warning"),
    ("snapshot_engine_memory_available_bytes", 200 * MIB, "LowAvailableMemory warning"),
    ("snapshot_engine_memory_available_bytes", 199 * MIB, "LowAvailableMemory critical"),
    ("snapshot_engine_memory_pressure_ratio", 0.10, ""),
    ("snapshot_engine_memory_pressure_ratio", 0.11, "MemoryPressure warning"),
    ("snapshot_engine_memory_pressure_ratio", 0.41, "MemoryPressure critical"),
    ("snapshot_engine_memory_monitoring_up", 0, "MemoryMonitoringStopped warning"),
]


@needs("promtool")
def test_the_shipped_rules_fire_by_the_documented_table(tmp_path):
    """Prometheus's own rule tester plays each line: at the threshold, past it, and which one of the two fires."""
    quiet = {"snapshot_engine_memory_baseline_bytes": 100 * MIB}
    tests = []
    for series, value, wanted in TABLE:
        played = {**quiet, series: value}
        # ALERTS, not alert_rule_test: the texts of the annotations are not the point here.
        expected = []
        if wanted:
            name, severity = wanted.split()
            rule = next(r for n, r in RULE_LABELS if n == name)
            labels = (
                f'ALERTS{{alertname="{name}", alertstate="firing", rule="{rule}", severity="{severity}"}}'
            )
            expected = [{"labels": labels, "value": 1}]
        tests.append(
            {
                "interval": "10s",
                "name": f"{series} = {value}",
                "input_series": [{"series": n, "values": f"{v}x30"} for n, v in played.items()],
                "promql_expr_test": [
                    {"expr": 'ALERTS{alertstate="firing"}', "eval_time": "2m", "exp_samples": expected}
                ],
            }
        )
    path = tmp_path / "rules_test.yml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "10s", "tests": tests}))
    tested = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stdout + tested.stderr


RULE_LABELS = [
    ("HighMemoryUsage", "memory_usage"),
    ("MemoryGrowth", "memory_growth"),
    ("LowAvailableMemory", "system_available"),
    ("MemoryPressure", "memory_pressure"),
    ("MemoryMonitoringStopped", "monitoring"),
]


@needs("promtool")
def test_promtool_finds_nothing_wrong_with_our_metrics(scripted):
    from snapshot_engine.monitoring.exposition import render_text
    from snapshot_engine.monitoring.metrics import metrics_of

    service = MemoryMonitoringService(Config(), 3600, source=scripted(100, 950))
    with service:
        service.look()
        page = render_text(metrics_of(service.facts()))
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


@needs("prometheus", "prometheus-alertmanager")
def test_scraped_fired_and_charted(tmp_path):
    """One process at 30, then 95 % of its limit: the metrics arrive, the alert goes off, every chart has data."""
    prometheus_client = pytest.importorskip("prometheus_client")
    source = SteerableSource()
    service = MemoryMonitoringService(Config(), 0.1, source=lambda: source, sinks=())
    registry = prometheus_client.CollectorRegistry()
    webhook = Webhook()
    with service, StatusServer(service) as server:
        export_to_prometheus(service, registry)
        exporter, exporter_thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
        jobs = {
            "status": server.address.removeprefix("http://"),
            "registry": f"127.0.0.1:{exporter.server_address[1]}",
        }
        try:
            with (
                alertmanager(tmp_path, webhook) as manager,
                prometheus(tmp_path, RULES, manager, jobs) as scraper,
            ):
                for job in jobs:
                    expression = f'process_resident_memory_bytes{{job="{job}"}}'
                    assert eventually(lambda e=expression: scraper.value(e)) == 100 * MIB
                assert scraper.value('snapshot_engine_memory_limit_bytes{of="container",job="registry"}') == (
                    1000 * MIB
                )
                assert scraper.query('ALERTS{alertstate="firing"}') == []

                source.set(950, swap_bytes=MIB)
                fired = eventually(lambda: webhook.received(alertname="HighMemoryUsage", status="firing"))
                assert fired[0]["labels"]["severity"] == "critical"
                assert fired[0]["annotations"]["summary"] == "Memory usage is 95% of the limit, above 90 %."
                eventually(lambda: webhook.received(alertname="MemoryGrowth", severity="critical"))

                empty = [query for query in grafana_queries() if not eventually_nonempty(scraper, query)]
                assert empty == []
        finally:
            exporter.shutdown()
            exporter.server_close()
            exporter_thread.join()
            webhook.close()


def grafana_queries() -> list[str]:
    dashboard = json.loads(GRAFANA.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [note["expr"] for note in dashboard["annotations"]["list"]]
    return [query.replace("$instance", ".*") for query in queries]


def eventually_nonempty(scraper, query: str) -> bool:
    try:
        return bool(eventually(lambda: scraper.query(query), 10))
    except AssertionError:
        return False


def test_the_grafana_dashboard_charts_every_metric_that_we_export(scripted):
    from snapshot_engine.monitoring.metrics import metrics_of

    queries = " ".join(grafana_queries())
    service = MemoryMonitoringService(Config(), source=scripted(100))
    names = {metric.name for metric in metrics_of(service.facts())}
    # Virtual size says nothing about memory; failures and readings are for debugging.
    names -= {
        "process_virtual_memory_bytes",
        "snapshot_engine_memory_used_bytes",
        "snapshot_engine_memory_readings_total",
        "snapshot_engine_memory_alert_delivery_failures_total",
    }
    assert {name for name in names if name not in queries} == set()
    assert len(grafana_queries()) >= 12


@needs("prometheus-alertmanager")
def test_our_webhook_sink_speaks_to_a_real_alertmanager(tmp_path):
    """Warning, critical, end: each reaches the receiver, and the warning is ended by the escalation."""
    source, webhook = SteerableSource(), Webhook()
    with alertmanager(tmp_path, webhook) as manager:
        sink = WebhookSink(f"{manager}/api/v2/alerts", labels={"service": "snapshots"})
        service = MemoryMonitoringService(Config(), 3600, source=lambda: source, sinks=[sink])
        with service:
            source.set(850, at=1.0)
            service.set_baseline()  # growth is not the subject
            eventually(lambda: webhook.received(severity="warning", rule="memory_usage", service="snapshots"))
            source.set(950, at=2.0)
            service.look()
            eventually(lambda: webhook.received(severity="critical", rule="memory_usage"))
            eventually(lambda: webhook.received(severity="warning", rule="memory_usage", status="resolved"))
            source.set(100, at=100.0)
            service.look()
            source.set(100, at=200.0)
            service.look()
            eventually(lambda: webhook.received(severity="critical", rule="memory_usage", status="resolved"))
            assert service.status()["alert_delivery_failures"] == 0
    webhook.close()
