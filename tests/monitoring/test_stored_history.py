"""Recorded runs: read from the file that the gate writes, never created, never written."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from snapshot_engine.monitoring.stored_history import HistoryProblem, HistorySeries, read_stored_history

MIB = 2**20


def make_file(path, rows) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE dashboard_series(name, kind, recorded_at REAL, peak_bytes INTEGER)")
        connection.executemany("INSERT INTO dashboard_series VALUES (?, ?, ?, ?)", rows)
        connection.commit()


def test_series_are_in_order_of_time_and_the_largest_first(tmp_path):
    path = tmp_path / "history #1?.sqlite3"  # characters that mean something in a URI
    rows = [("small", "test", 2.0, MIB), ("big", "test", 2.0, 9 * MIB), ("big", "test", 1.0, 8 * MIB)]
    make_file(path, [*rows, ("benchmarks/test_reader.py::test_50_mb", "test", 1.0, 14 * MIB)])
    stored = read_stored_history(path)
    assert [(one.name, list(one.values_mb)) for one in stored.tests] == [("big", [8, 9]), ("small", [1])]
    assert [one.name for one in stored.benchmarks] == ["benchmarks/test_reader.py::test_50_mb"]
    assert stored.note == ""


def test_only_the_newest_runs_are_kept(tmp_path):
    path = tmp_path / "h"
    make_file(path, [("t", "test", float(run), run * MIB) for run in range(250)])
    (series,) = read_stored_history(path).tests
    assert list(series.values_mb) == list(range(150, 250))


def test_change_is_against_the_median_of_the_runs_before():
    def change(*values: float):
        return HistorySeries(name="t", values_mb=values).change_percent

    assert change(10, 12, 100, 24) == pytest.approx(100.0)
    assert change(10) is None
    assert change(0, 0, 5) is None


def test_a_missing_file_is_said_and_not_created(tmp_path):
    path = tmp_path / "none.sqlite3"
    with pytest.raises(HistoryProblem, match="does not exist"):
        read_stored_history(path)
    assert not path.exists()
    assert "--history-file" in read_stored_history(None).note


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_file_of_another_kind_is_said_to_be_one(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(HistoryProblem, match=r"history file .*/other cannot be read: "):
        read_stored_history(path)
    assert path.read_bytes() == content


def test_the_file_that_the_gate_makes_has_the_view():
    """The two sides share no code: this is where their agreement is held."""
    history = pytest.importorskip("pytest_snapshot_memory.history")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(history._SCHEMA)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(dashboard_series)")]
    assert columns == ["name", "kind", "recorded_at", "peak_bytes"]
