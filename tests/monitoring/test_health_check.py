"""`snapshot-engine health` and the two probes: what they say, what they exit with, whom they look at."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripted_readings import MIB, ScriptedSource, reading

from snapshot_engine import Config, MemoryMonitoringService
from snapshot_engine.monitoring.health import http_status_of, judge_health, one_line
from snapshot_engine.monitoring.health_cli import main
from snapshot_engine.monitoring.http_get import NoAnswer, get_json, split_address
from snapshot_engine.monitoring.one_look import look_once
from snapshot_engine.monitoring.pid_file import (
    PidFileProblem,
    default_pid_path,
    read_pid_file,
    remove_pid_file,
    write_pid_file,
)
from snapshot_engine.monitoring.status_server import StatusServer

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")


@pytest.fixture
def neighbour():
    """A process that is not this one and has a known memory: about 10 MiB of Python and 64 MiB of pages."""
    code = "b = bytearray(b'1') * (64 << 20); print('ready', flush=True); import time; time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def ended_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def status_of(resident_mb: float, limit_mb: float = 1000, **changed):
    from snapshot_engine.monitoring.reading import MemoryLimit

    limit = MemoryLimit(limit_bytes=int(limit_mb * MIB), of="MEMORY_LIMIT_MB")
    return look_once(ScriptedSource([reading(resident_mb, **changed)], limit=limit))


@pytest.mark.parametrize(
    ("resident_mb", "ready", "code"),
    [(100, "pass", 200), (800, "pass", 200), (810, "warn", 200), (900, "warn", 200), (910, "fail", 503)],
)
def test_ready_follows_the_alert_table_and_live_never_fails_on_memory(resident_mb, ready, code):
    status = status_of(resident_mb)
    document = judge_health(status, "ready")
    assert (document["status"], http_status_of(document)) == (ready, code)
    alive = judge_health(status, "live")
    assert (alive["status"], http_status_of(alive)) == ("pass", 200)


def test_system_memory_makes_it_unready_too():
    assert judge_health(status_of(100, available_bytes=150 * MIB))["status"] == "fail"
    assert judge_health(status_of(100, available_bytes=300 * MIB))["status"] == "warn"
    assert judge_health(status_of(100, pressure_percent=50.0))["status"] == "fail"


def test_the_document_has_the_shape_of_health_json():
    document = judge_health(status_of(950))
    assert document["serviceId"] == "process 4242"
    assert document["checks"]["memory:utilization"] == [
        {"componentType": "component", "observedValue": 95.0, "observedUnit": "percent", "status": "fail"}
    ]
    assert document["checks"]["memory:available"][0]["status"] == "pass"
    assert one_line(document) == (
        "fail: process 4242 uses 950.0 MiB, 95.0 % of 1,000.0 MiB (MEMORY_LIMIT_MB); "
        "Memory usage is 95.0 %, above 90.0 % (critical)"
    )


# The command, by process id and PID file -------------------------------------


def test_it_looks_at_the_named_process_and_not_at_itself(neighbour, capsys):
    assert main(["--pid", str(neighbour.pid), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["serviceId"] == f"process {neighbour.pid}"
    used = float(document["output"].split("uses ")[1].split(" MiB")[0])
    assert 64 < used < 110


def test_a_process_over_the_limit_is_unhealthy_but_alive(neighbour, capsys, monkeypatch):
    monkeypatch.setenv("MEMORY_LIMIT_MB", "70")
    assert main(["--pid", str(neighbour.pid)]) == 1
    line = capsys.readouterr().out
    assert line.startswith(f"fail: process {neighbour.pid} uses ")
    assert line.count("\n") == 1
    assert main(["--pid", str(neighbour.pid), "--live"]) == 0


def test_a_pid_file_leads_to_the_process(neighbour, tmp_path, capsys):
    path = tmp_path / "service.pid"
    write_pid_file(path, neighbour.pid)
    assert main(["--pid-file", str(path)]) == 0
    neighbour.kill()
    neighbour.wait()
    assert main(["--pid-file", str(path), "--live"]) == 1
    told = capsys.readouterr().out.splitlines()[-1]
    assert told == f"fail: process {neighbour.pid}, named by PID file {path}, is not running"


def test_without_a_target_the_users_own_pid_file_is_read(neighbour, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert main([]) == 1
    assert (
        capsys.readouterr().out
        == f"fail: PID file {tmp_path}/snapshot-engine.pid: No such file or directory\n"
    )
    write_pid_file(default_pid_path(), neighbour.pid)
    assert main([]) == 0


@pytest.mark.parametrize("content", ["", "abc", "-5", "0", "12x\n"])
def test_a_pid_file_without_a_process_id_is_said_to_be_one(tmp_path, capsys, content):
    path = tmp_path / "service.pid"
    path.write_text(content)
    assert main(["--pid-file", str(path)]) == 1
    assert capsys.readouterr().out == f"fail: PID file {path} holds no process id\n"


def test_a_dead_pid_is_one_sentence_and_exit_1(capsys):
    pid = ended_pid()
    assert main(["--pid", str(pid)]) == 1
    assert capsys.readouterr().out == f"fail: process {pid} is not running\n"


def test_a_zombie_is_not_running(capsys):
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while main(["--pid", str(process.pid)]) == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert capsys.readouterr().out.endswith(f"fail: process {process.pid} is not running\n")
    process.wait()


def test_a_process_id_given_away_again_is_not_mistaken(neighbour, tmp_path):
    path = tmp_path / "service.pid"
    path.write_text(f"{neighbour.pid}\n12345\n")
    with pytest.raises(PidFileProblem, match="stale"):
        read_pid_file(path)


def test_wrong_settings_are_unhealthy_with_the_variable_named(capsys, monkeypatch):
    monkeypatch.setenv("MEMORY_LIMIT_MB", "lots")
    assert main(["--pid", str(os.getpid())]) == 1
    assert "MEMORY_LIMIT_MB='lots'" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["--pid", "0"], ["--pid", "x"], ["--timeout", "-1"], ["--pid", "1", "--url", "x"]]
)
def test_wrong_usage_is_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    capsys.readouterr()


# PID files of a service --------------------------------------------------------


def test_a_pid_file_is_not_taken_from_a_live_process(neighbour, tmp_path):
    path = tmp_path / "service.pid"
    write_pid_file(path, neighbour.pid)
    with pytest.raises(PidFileProblem, match=f"belongs to process {neighbour.pid}"):
        write_pid_file(path)
    remove_pid_file(path)
    assert path.exists()
    neighbour.kill()
    neighbour.wait()
    write_pid_file(path)
    assert read_pid_file(path) == os.getpid()
    remove_pid_file(path)
    assert list(tmp_path.iterdir()) == []


def test_a_pid_file_that_cannot_be_written_is_one_sentence(tmp_path):
    path = tmp_path / "missing" / "service.pid"
    with pytest.raises(PidFileProblem) as refused:
        write_pid_file(path)
    assert str(refused.value) == f"cannot write PID file {path}: No such file or directory"


def test_the_service_writes_its_pid_file_and_takes_it_away(tmp_path):
    path = tmp_path / "service.pid"
    service = MemoryMonitoringService(Config(), 3600, pid_file=path)
    with service:
        assert read_pid_file(path) == os.getpid()
        assert main(["--pid-file", str(path)]) == 0
    assert not path.exists()
    broken = MemoryMonitoringService(Config(), 3600, pid_file=tmp_path / "missing" / "x.pid")
    with pytest.raises(PidFileProblem, match="cannot write"):
        broken.start()
    assert not broken.running


# Over a socket or an address -----------------------------------------------------


@pytest.fixture
def steered():
    """A running service whose readings the test replaces."""

    class Source(ScriptedSource):
        def read(self):
            return self.script[0]

    source = Source([reading(100)])
    with MemoryMonitoringService(Config(), 3600, source=lambda: source, sinks=()) as service:
        yield source, service


def test_over_http_and_a_unix_socket(steered, tmp_path, capsys):
    source, service = steered
    path = str(tmp_path / "s")
    with StatusServer(service) as web, StatusServer(service, socket_path=path) as local:
        assert local.address == f"unix:{path}"
        assert os.stat(path).st_mode & 0o777 == 0o600
        for target in (["--url", web.address], ["--socket", path]):
            source.script = [reading(100)]
            service.look()
            service.look()
            assert main(target) == 0
            assert capsys.readouterr().out.startswith("pass: process 4242 uses 100.0 MiB")
            source.script = [reading(1000, at=5.0)]
            service.look()
            assert main(target) == 1
            assert main([*target, "--live"]) == 0
            assert capsys.readouterr().out.startswith("fail: process 4242 uses 1,000.0 MiB")
            source.script = [reading(100, at=50.0)]
            service.look()
            source.script = [reading(100, at=100.0)]
            service.look()
    assert not os.path.exists(path)


def test_nobody_answering_is_one_sentence_and_exit_1(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    for target, reason in [
        (["--url", f"http://127.0.0.1:{port}"], "Connection refused"),
        (["--socket", str(tmp_path / "none")], "No such file or directory"),
        (["--url", "https://127.0.0.1"], "only http://host:port can be asked (no TLS)"),
        (["--url", "http://127.0.0.1:x"], "'x' is not a port"),
    ]:
        assert main(target) == 1
        told = capsys.readouterr().out
        assert told.startswith("fail: ")
        assert reason in told
        assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-x\r\n", "does not speak HTTP"),
        (b"", "does not speak HTTP"),
        (b"HTTP/1.0 200 OK\r\n\r\n<html>", "answered 200 without JSON"),
        (b"HTTP/1.0 404 No\r\n\r\n", "answered 404 without JSON"),
    ],
)
def test_another_server_is_told_from_a_service(answer, reason):
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NoAnswer, match=reason):
            get_json(f"http://127.0.0.1:{listener.getsockname()[1]}", "/health/ready", 5)
        thread.join()


def test_a_server_that_says_nothing_is_not_waited_for():
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(NoAnswer, match="no answer in time"),
    ):
        get_json(f"http://127.0.0.1:{listener.getsockname()[1]}", "/", 0.1)


def test_addresses():
    assert split_address("http://127.0.0.1:8750/x/y") == ("127.0.0.1", 8750)
    assert split_address("http://[::1]:81") == ("::1", 81)
    assert split_address("http://localhost") == ("localhost", 80)
    assert split_address("http://[::1]") == ("::1", 80)


def test_a_health_check_is_small():
    """In a fresh process: below 30 MiB, and without the libraries that would cost more than the check."""
    code = (
        "import sys\n"
        "from snapshot_engine.cli import main\n"
        f"code = main(['health', '--live', '--pid', '{os.getpid()}'])\n"
        "peak = next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM'))\n"
        "heavy = {'http.client', 'urllib.request', 'ssl', 'logging', 'spacy', 'numpy', 'psutil'} & set(sys.modules)\n"
        "print(code, peak, sorted(heavy))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, peak_kib, heavy = ran.stdout.splitlines()[-1].split(" ", 2)
    assert (exit_code, heavy) == ("0", "[]")
    assert int(peak_kib) < 30 * 1024
