"""The server: each address, who may ask, what it refuses, and that it ends."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time

import pytest
from scripted_readings import reading

from snapshot_engine import Config, MemoryMonitoringService
from snapshot_engine.monitoring.dashboard_parts import live_parts
from snapshot_engine.monitoring.exposition import render_text
from snapshot_engine.monitoring.metrics import Metric, Sample, metrics_of
from snapshot_engine.monitoring.status import MemoryStatus
from snapshot_engine.monitoring.status_server import AddressProblem, StatusServer
from snapshot_engine.monitoring.stored_history import HistoryProblem


@pytest.fixture
def service(scripted):
    with MemoryMonitoringService(Config(), 3600, source=scripted(100, 150, 160, 170), sinks=()) as running:
        yield running


@pytest.fixture
def server(service):
    with StatusServer(service) as running:
        yield running


def ask(server: StatusServer, path: str, *, method: str = "GET", host: str | None = None):
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def test_it_listens_on_loopback_only(server):
    assert server.address.startswith("http://127.0.0.1:")


def test_status_is_the_services_status(server):
    answer, body = ask(server, "/status")
    assert answer.getheader("Content-Type") == "application/json"
    assert set(json.loads(body)) == set(MemoryStatus.__annotations__)


def test_probes_answer_health_json(server):
    for probe in ("live", "ready"):
        answer, body = ask(server, f"/health/{probe}")
        assert (answer.status, answer.getheader("Content-Type")) == (200, "application/health+json")
        assert json.loads(body)["status"] == "pass"


def test_metrics_can_be_read_by_prometheus_client(server):
    parser = pytest.importorskip("prometheus_client.parser")
    answer, body = ask(server, "/metrics")
    assert answer.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in parser.text_string_to_metric_families(body)}
    assert families["process_resident_memory_bytes"].type == "gauge"
    assert families["snapshot_engine_memory_alerts"].type == "counter"
    assert families["snapshot_engine_memory_monitoring_up"].samples[0].value == 1


def test_label_values_are_escaped():
    metric = Metric(
        name="x", kind="gauge", help="a\nb\\", samples=(Sample(value=0.5, labels={"l": 'q"\\\n'}),)
    )
    assert render_text([metric]) == '# HELP x a\\nb\\\\\n# TYPE x gauge\nx{l="q\\"\\\\\\n"} 0.5\n'


def test_what_could_not_be_measured_is_left_out(scripted):
    from scripted_readings import ScriptedSource

    source = ScriptedSource([reading(100, pressure_percent=None)])
    service = MemoryMonitoringService(Config(), source=lambda: source)
    names = [metric.name for metric in metrics_of(service.facts())]
    assert "snapshot_engine_memory_pressure_ratio" not in names


def test_the_page_comes_under_a_strict_policy(server):
    answer, body = ask(server, "/")
    policy = answer.getheader("Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert body.count("<script>") == 1
    assert "style=" not in body
    assert "//" not in body.split("<style>")[0].replace("<!doctype", "")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]"])
def test_a_foreign_name_is_refused(server, host):
    """A page of evil.example that resolves to 127.0.0.1 must not read us through a browser."""
    for path in ("/", "/status", "/events", "/metrics", "/health/ready"):
        assert ask(server, path, host=host)[0].status == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:123", "127.0.0.1:9", "[::1]:80"])
def test_this_machines_own_names_are_answered(server, host):
    assert ask(server, "/status", host=host)[0].status == 200


def test_other_paths_and_methods_are_refused(server):
    for path in ("/x", "/../etc/passwd", "/health", "/status/"):
        assert ask(server, path)[0].status == 404
    assert ask(server, "/status", method="POST")[0].status == 501
    answer, body = ask(server, "/status", method="HEAD")
    assert (answer.status, body) == (200, "")


def test_a_page_that_cannot_be_made_is_said_and_the_server_goes_on(service, caplog):
    def gone(_):
        raise HistoryProblem("history.sqlite3: no such file")

    def broken(_):
        return {}["mine"]

    for content, words in ((gone, "history.sqlite3: no such file"), (broken, "KeyError in this process")):
        with StatusServer(service, content=content) as server:
            answer, body = ask(server, "/")
            assert answer.status == 500
            assert words in body
            assert ask(server, "/status")[0].status == 200
    assert "/ could not be answered" in caplog.text


def test_a_port_in_use_is_one_sentence(service, server):
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(AddressProblem) as refused:
        StatusServer(service, port=port)
    assert str(refused.value) == f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    with pytest.raises(AddressProblem, match=r"cannot listen on 127\.0\.0\.1 port 70000"):
        StatusServer(service, port=70000)


def test_a_dead_socket_is_replaced_and_a_live_one_is_not(service, tmp_path):
    path = str(tmp_path / "s")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    with (
        StatusServer(service, socket_path=path),
        pytest.raises(AddressProblem, match=r"cannot listen on .*/s: Address already in use"),
    ):
        StatusServer(service, socket_path=path)
    with open(path, "w") as file:
        file.write("precious")
    with pytest.raises(AddressProblem):
        StatusServer(service, socket_path=path)
    with open(path) as file:
        assert file.read() == "precious"


def read_events(server: StatusServer, service: MemoryMonitoringService, looks: int) -> list[dict[str, str]]:
    host, _, port = server.address.removeprefix("http://").partition(":")
    events = []
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        stream = connection.makefile("rb")
        while stream.readline() != b"\r\n":
            pass
        while len(events) <= looks:
            line = stream.readline()
            if line.startswith(b"data: "):
                events.append(json.loads(line[6:]))
                if len(events) <= looks:
                    service.look()
    return events


def test_events_send_everything_first_and_then_what_changed(server, service):
    first, second, _ = read_events(server, service, 2)
    assert set(first) == set(live_parts(service.status(), service.history()))
    assert "150.0 MiB" in second["tiles"]
    assert "100.0 MiB" in first["tiles"]
    assert "advice" not in second or second["advice"] != first["advice"]


def test_a_process_that_ends_is_told_to_open_pages(scripted):
    service = MemoryMonitoringService(Config(), 0.05, source=scripted(100, gone=True), sinks=())
    with service, StatusServer(service) as server:
        host, _, port = server.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
            stream = connection.makefile("rb")
            while "has ended" not in (line := stream.readline().decode()):
                assert line
        assert ask(server, "/health/live")[0].status == 503


def test_more_streams_than_people_are_refused(server, service):
    taken = []
    for _ in range(20):
        assert server.streams.acquire(blocking=False)
        taken.append(True)
    assert ask(server, "/events")[0].status == 503
    for _ in taken:
        server.streams.release()


def test_closing_ends_streams_and_threads(service):
    before = threading.active_count()
    server = StatusServer(service).start()
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.0 200")
        server.close()
        service.stop()
        deadline = time.monotonic() + 15
        while threading.active_count() > before - 1 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert threading.active_count() <= before - 1  # the sampler has ended as well


@pytest.mark.skipif(not os.path.exists("/proc/net/if_inet6"), reason="no IPv6 here")
def test_ipv6_loopback_by_name(service):
    try:
        server = StatusServer(service, host="::1")
    except AddressProblem:
        pytest.skip("::1 is not configured here")
    with server:
        assert server.address.startswith("http://[::1]:")
        assert ask(server, "/health/live")[0].status == 200


def test_an_address_for_the_network_must_be_named(service):
    with StatusServer(service, host="0.0.0.0") as server:
        port = server.address.rpartition(":")[2]
        connection = http.client.HTTPConnection(f"127.0.0.1:{port}", timeout=10)
        connection.request("GET", "/health/live", headers={"Host": "my-container:8750"})
        assert connection.getresponse().status == 200
        connection.close()
