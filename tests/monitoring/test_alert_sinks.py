"""What each sink makes of an event, and what the delivery does with sinks that fail."""

from __future__ import annotations

import builtins
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from scripted_readings import MIB, reading

from snapshot_engine.errors import ConfigError, MissingExtra
from snapshot_engine.monitoring.alert_rules import AlertEvent
from snapshot_engine.monitoring.alert_sinks import (
    AlertDelivery,
    AppriseSink,
    LogSink,
    WebhookSink,
    alertmanager_alerts,
    rfc3339,
)
from snapshot_engine.monitoring.json_lines import JsonLinesSink, UnwritablePath
from snapshot_engine.monitoring.reading import MemoryLimit
from snapshot_engine.monitoring.watch import MemoryWatch


def events_of(*resident_mb: float, step_seconds: float = 20.0) -> list[AlertEvent]:
    """Events of usage alone: growth is measured from a baseline that follows."""
    readings = [reading(mb, at=step_seconds * index) for index, mb in enumerate(resident_mb)]
    watch = MemoryWatch(readings[0], MemoryLimit(limit_bytes=1000 * MIB, of="machine"))
    told = []
    for one in readings:
        watch.baseline_bytes = one.resident_bytes
        told += watch.take(one)
    return told


FIRED, ESCALATED, RESOLVED = events_of(100, 850, 950, 100, 100, step_seconds=11)


def test_a_fired_alert_in_alertmanagers_format():
    assert alertmanager_alerts(FIRED, {"service": "s"}, 1_800_000_000.0) == [
        {
            "labels": {
                "service": "s",
                "alertname": "HighMemoryUsage",
                "severity": "warning",
                "rule": "memory_usage",
            },
            "annotations": {"summary": "Memory usage is 85.0 %, above 80.0 % (warning).", "value": "85"},
            "startsAt": "2023-11-14T22:13:31.000Z",
            "endsAt": "2027-01-15T08:00:00.000Z",
        }
    ]


def test_a_change_of_severity_ends_one_alert_and_begins_another():
    ended, begun = alertmanager_alerts(ESCALATED, {}, 1_800_000_000.0)
    assert (ended["labels"]["severity"], ended["endsAt"]) == ("warning", "2023-11-14T22:13:42.000Z")
    assert (begun["labels"]["severity"], begun["endsAt"]) == ("critical", "2027-01-15T08:00:00.000Z")


def test_an_end_is_one_alert_with_its_end():
    (ended,) = alertmanager_alerts(RESOLVED, {}, 1_800_000_000.0)
    assert (ended["labels"]["severity"], ended["endsAt"]) == ("critical", "2023-11-14T22:14:04.000Z")


def test_rfc3339_keeps_milliseconds():
    assert rfc3339(0.25) == "1970-01-01T00:00:00.250Z"


def test_alerts_that_stay_on_are_repeated_once_a_minute_to_those_who_ask():
    events = events_of(100, *[850] * 10)
    assert [event.kind for event in events] == ["fired", "still on", "still on", "still on"]

    class Asks:
        wants_reminders = True

        def __init__(self):
            self.told = []

        def __call__(self, event):
            self.told.append(event.kind)

    asks, plain = Asks(), []
    delivery = AlertDelivery([asks, plain.append])
    for event in events:
        delivery.offer(event)
    delivery.close(10)
    assert asks.told == ["fired", "still on", "still on", "still on"]
    assert [event.kind for event in plain] == ["fired"]


def test_log_levels_follow_severity(caplog):
    with caplog.at_level(logging.DEBUG, logger="snapshot_engine.monitoring"):
        for event in (FIRED, ESCALATED, RESOLVED):
            LogSink()(event)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "INFO"]
    assert caplog.records[2].getMessage() == "memory alert resolved: Memory usage is back to 10.0 %."


def test_webhook_posts_json_and_a_refusal_is_a_failure():
    bodies, answers = [], [200, 500]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, *_): ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        sink = WebhookSink(f"http://127.0.0.1:{server.server_address[1]}/api/v2/alerts")
        sink(FIRED)
        with pytest.raises(OSError, match="500"):
            sink(FIRED)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert bodies[0][0]["labels"]["alertname"] == "HighMemoryUsage"
    with pytest.raises(OSError):
        sink(FIRED)


@pytest.mark.parametrize("address", ["", "ftp://x", "file:///etc/passwd", "127.0.0.1:9093"])
def test_an_address_that_is_not_http_is_refused_when_it_is_named(address):
    with pytest.raises(ConfigError, match="http"):
        WebhookSink(address)


def test_a_failing_sink_is_counted_and_the_others_are_told():
    told = []

    def breaks(event):
        raise ZeroDivisionError

    delivery = AlertDelivery([breaks, told.append])
    delivery.offer(FIRED)
    delivery.offer(RESOLVED)
    delivery.close(10)
    assert (told, delivery.failures) == ([FIRED, RESOLVED], 2)


def test_a_sink_that_hangs_fills_a_bounded_queue_and_close_does_not_wait():
    release, told = threading.Event(), []

    def hangs(event):
        release.wait(30)
        told.append(event)

    delivery = AlertDelivery([hangs], most_waiting=3)
    for _ in range(10):
        delivery.offer(FIRED)
    delivery.close(0.01)
    assert told == []
    assert delivery.failures >= 6
    release.set()
    delivery.close(10)
    assert 3 <= len(told) <= 4


def test_without_sinks_no_thread_is_begun():
    before = threading.active_count()
    delivery = AlertDelivery([])
    delivery.offer(FIRED)
    assert threading.active_count() == before
    delivery.close(1)


def test_apprise_gets_title_body_and_kind():
    apprise = pytest.importorskip("apprise")
    told = []

    class Recorder(apprise.NotifyBase):
        def send(self, body, title="", notify_type=None, **_):
            told.append((title, body, str(getattr(notify_type, "value", notify_type))))
            return True

    sink = AppriseSink()
    sink._apprise.add(Recorder())
    for event in (FIRED, ESCALATED, RESOLVED):
        sink(event)
    assert [(title, kind) for title, _, kind in told] == [
        ("Memory alert fired: HighMemoryUsage", "warning"),
        ("Memory alert escalated: HighMemoryUsage", "failure"),
        ("Memory alert resolved: HighMemoryUsage", "success"),
    ]
    assert told[0][1] == FIRED.alert.sentence
    with pytest.raises(ConfigError, match="does not understand"):
        AppriseSink("nonsense")


def test_without_apprise_the_error_is_the_line_to_type(monkeypatch):
    real_import = builtins.__import__

    def without(name, *rest, **more):
        if name.partition(".")[0] == "apprise":
            raise ImportError(name)
        return real_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'pytest-snapshot-memory\[monitoring\]'"):
        AppriseSink("json://localhost")


def test_json_lines_hold_alerts_and_statuses(tmp_path, scripted):
    from snapshot_engine import Config, MemoryMonitoringService

    path = tmp_path / "memory.jsonl"
    sink = JsonLinesSink(path)
    service = MemoryMonitoringService(Config(), 3600, source=scripted(100, 950), sinks=[sink])
    with service:
        service.look()
        status = service.status()
    sink.write_status(status)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["alert", "alert", "status"]
    assert {(line["rule"], line["event"], line["severity"]) for line in lines[:2]} == {
        ("memory_usage", "fired", "critical"),
        ("memory_growth", "fired", "critical"),
    }
    assert lines[2]["current_memory_mb"] == 950


def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path):
    with pytest.raises(UnwritablePath, match=r"cannot write .*: "):
        JsonLinesSink(tmp_path / "missing" / "memory.jsonl")
    with pytest.raises(UnwritablePath, match="Is a directory"):
        JsonLinesSink(tmp_path)
