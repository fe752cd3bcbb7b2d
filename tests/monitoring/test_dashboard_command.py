"""`snapshot-engine dashboard`: page, file and terminal; whom it watches; what it refuses."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from scripted_readings import MIB, ScriptedSource, reading

from snapshot_engine import Config, MemoryMonitoringService
from snapshot_engine.monitoring.dashboard_cli import main
from snapshot_engine.monitoring.dashboard_page import DashboardContent, render_page
from snapshot_engine.monitoring.dashboard_text import render_text
from snapshot_engine.monitoring.stored_history import HistorySeries
from snapshot_engine.monitoring.svg_chart import Mark, choose_scale, line_chart, sparkline

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")


@pytest.fixture
def history_file(tmp_path):
    path = tmp_path / "history.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE dashboard_series(name, kind, recorded_at REAL, peak_bytes INTEGER)")
        rows = [("tests/test_a.py::test_it", "test", float(run), (10 + run) * MIB) for run in range(3)]
        rows += [("reader, 50 MB", "benchmark", float(run), 14 * MIB) for run in range(3)]
        connection.executemany("INSERT INTO dashboard_series VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    return path


def headings(page: str) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", page)


LIVE = ["Alerts", "Now", "Memory over time", "Recommendations"]


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("comprehensive", [*LIVE, "Tests: history", "Benchmarks: history"]),
        ("live", LIVE),
        ("history", ["Tests: history"]),
        ("benchmark", ["Benchmarks: history"]),
    ],
)
def test_each_mode_writes_a_page_of_its_own(tmp_path, history_file, mode, wanted):
    output = tmp_path / "page.html"
    arguments = ["--own", "--mode", mode, "--output", str(output), "--seconds", "0.05", "--interval", "0.01"]
    assert main([*arguments, "--history-file", str(history_file)]) == 0
    page = output.read_text()
    assert headings(page) == wanted
    assert ("tests/test_a.py::test_it" in page) == (mode in {"comprehensive", "history"})
    assert ("reader, 50 MB" in page) == (mode in {"comprehensive", "benchmark"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history.sqlite3", "page.html"]


def test_the_written_page_names_no_other_place(tmp_path):
    output = tmp_path / "page.html"
    assert main(["--own", "--output", str(output), "--seconds", "0", "--mode", "live"]) == 0
    places: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag, attributes):
            places.extend(value for name, value in attributes if name in {"src", "href", "action"})

    Links().feed(output.read_text())
    assert places == ["data:,", "#main"]


def test_the_terminal_view_says_the_same(capsys, monkeypatch):
    monkeypatch.setenv("MEMORY_LIMIT_MB", "1024")
    assert main(["--own", "--text", "--once"]) == 0
    told = capsys.readouterr().out
    for word in ("now ", "peak ", "limit     1,024 MiB (MEMORY_LIMIT_MB)", "available", "trend"):
        assert word in told
    assert "\x1b" not in told


def test_the_terminal_view_shows_alerts_and_history(scripted):
    service = MemoryMonitoringService(Config(), 3600, source=scripted(100, 950), sinks=())
    stored = [HistorySeries(name="t", values_mb=(10, 20))]
    with service:
        service.look()
        plain = render_text(service.status(), service.history(), stored=stored)
        coloured = render_text(service.status(), service.history(), colour=True)
    assert "CRITICAL Memory usage is 92.8 %, above 90.0 % (critical)." in plain
    assert "t: 20.00 MiB in 2 runs, +100.0 % against the median before" in plain
    assert "[###################.]" in plain
    assert "\x1b[1;31mCRITICAL\x1b[0m" in coloured


# What it refuses ------------------------------------------------------------------


def refused(capsys, *arguments: str) -> tuple[int, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return code, captured.err.strip().removeprefix("snapshot-engine dashboard: ")


def test_bad_input_is_one_sentence_and_the_documented_code(capsys, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    missing = tmp_path / "none"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = [
            (["--pid", str(process.pid)], 3, f"process {process.pid} is not running"),
            (["--pid-file", str(missing)], 3, f"PID file {missing}: No such file or directory"),
            (["--own", "--history-file", str(missing)], 3, f"history file {missing} does not exist"),
            (
                ["--own", "--port", port],
                2,
                f"cannot listen on 127.0.0.1 port {port}: Address already in use;",
            ),
            (["--own", "--interval", "-1"], 2, "monitoring interval -1.0: must be between"),
            (["--own", "--seconds", "-4"], 2, "--seconds -4: must be between 0 and one day"),
            (["--own", "--seconds", "nan"], 2, "--seconds nan: must be between"),
            (["--own", "--interval", "nan"], 2, "monitoring interval nan: must be between"),
        ]
        for arguments, code, sentence in cases:
            got, told = refused(capsys, *arguments)
            assert (got, told.startswith(sentence)) == (code, True), told
    unwritable = missing / "page.html"
    got, told = refused(capsys, "--own", "--seconds", "0", "--output", str(unwritable))
    assert (got, told) == (5, f"cannot write {unwritable}: No such file or directory")


def test_wrong_settings_are_exit_2(capsys, monkeypatch):
    monkeypatch.setenv("MEMORY_LIMIT_MB", "-3")
    assert refused(capsys, "--own")[0] == 2


# The served page --------------------------------------------------------------------


def test_the_command_serves_on_loopback_within_30_mib_and_ends_on_request(tmp_path, history_file):
    """Its resident set with a page fetched, events read and history shown; then SIGTERM."""
    command = [sys.executable, "-m", "snapshot_engine.cli", "dashboard", "--own", "--port", "0"]
    command += ["--interval", "0.05", "--history-file", str(history_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert "tests/test_a.py::test_it" in answer.read().decode()
            with urllib.request.urlopen(address + "events", timeout=20) as answer:
                for _ in range(60):
                    answer.readline()
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak_kib = int(status.split("VmHWM:")[1].split()[0])
            listening = listening_addresses(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert peak_kib < 30 * 1024
    assert listening == {"0100007F"}


def listening_addresses(pid: int) -> set[str]:
    """Return the local addresses (as the kernel writes them) on which a process listens."""
    inodes = {
        link.name
        for entry in Path(f"/proc/{pid}/fd").iterdir()
        if (link := Path(entry.readlink())).name.startswith("socket:")
    }
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                found.add(words[1].partition(":")[0])
    return found


# Markup -------------------------------------------------------------------------------


class Balanced(HTMLParser):
    """Fails on a tag that is not closed, or on an attribute that the policy would refuse."""

    VOID = frozenset({"meta", "link", "br", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        assert not [name for name, _ in attributes if name == "style" or name.startswith("on")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@given(st.text(max_size=30), st.lists(st.floats(0, 1e6), min_size=1, max_size=8))
def test_any_name_and_any_history_make_whole_markup(name, values):
    source = ScriptedSource([reading(950)])
    service = MemoryMonitoringService(Config(), source=lambda: source)
    content = DashboardContent(
        mode="comprehensive",
        status=service.status(),
        readings=[reading(950)],
        tests=[HistorySeries(name=name, values_mb=values)],
        history_note="",
    )
    parser = Balanced()
    parser.feed(render_page(content, live=True))
    assert parser.open == []


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e9)), max_size=40), st.floats(0, 1e9))
def test_a_chart_stays_in_its_box(points, mark):
    chart = line_chart(
        sorted(points), label="l", unit="MiB", marks=[Mark(value=mark, label="m", css_class="mark")]
    )
    for path in re.findall(r' d="([^"]*)"', chart):
        assert all(-0.1 <= float(number) <= 1000.1 for number in re.findall(r"-?[\d.]+(?:e-?\d+)?", path))


@pytest.mark.parametrize(
    ("highest", "top"), [(0, 1), (97, 100), (100, 100), (101, 125), (1024, 1250), (0.3, 0.3), (5e-324, 1)]
)
def test_axes_end_on_round_numbers(highest, top):
    assert choose_scale(highest).top == pytest.approx(top)


def test_a_far_limit_does_not_flatten_the_line():
    chart = line_chart(
        [(0, 10), (1, 20)], label="l", unit="MiB", marks=[Mark(value=4000, label="far", css_class="m")]
    )
    assert "far" not in chart
    assert sparkline([1], "one") == ""
    assert line_chart([], label="l", unit="MiB") == '<p class="empty">No readings yet.</p>'


def test_a_process_is_found_by_its_pid_file_named_or_default(tmp_path, capsys, monkeypatch):
    from snapshot_engine.monitoring.pid_file import default_pid_path, write_pid_file

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        path = tmp_path / "service.pid"
        write_pid_file(path, child.pid)
        assert main(["--pid-file", str(path), "--text", "--once"]) == 0
        assert capsys.readouterr().out.startswith(f"Process {child.pid}: ")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
        (tmp_path / "run").mkdir()
        write_pid_file(default_pid_path(), child.pid)
        assert main(["--text", "--once"]) == 0
        assert capsys.readouterr().out.startswith(f"Process {child.pid}: ")
        assert main(["--own", "--text", "--once"]) == 0
        assert not capsys.readouterr().out.startswith(f"Process {child.pid}: ")
        child.kill()
