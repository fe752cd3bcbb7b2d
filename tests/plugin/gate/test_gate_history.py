from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from gate_builders import KIB, record

from pytest_snapshot_memory import history
from pytest_snapshot_memory.history import HistoryError, history_path, save_run, trend

NAME = "tests/test_a.py::test_one"


def save(
    path: Path, growth_kib: int = 100, *, name: str = NAME, day: int = 1, outcome: str = "passed"
) -> int:
    return save_run(
        path,
        [record(name, growth_kib, outcome=outcome)],
        saved_at=f"2026-11-{day:02}T10:00:00+00:00",
        name="main",
        environment={"gauge": "resident"},
        commit_id=f"c{day}",
    )


def save_many(path: str, worker: int) -> None:
    for i in range(10):
        save(Path(path), i, name=f"t.py::test_{worker}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return history_path(tmp_path)


def test_a_trend_is_the_passed_calls_of_one_test_oldest_first(path: Path) -> None:
    for day, growth in enumerate([100, 110, 120, 130], start=1):
        save(path, growth, day=day)
        save(path, 999, day=day, name="t.py::other")
    save(path, 5, day=9, outcome="failed")
    points = trend(path, NAME, gauge="resident", limit=3)
    assert [(p.commit_id, p.growth_bytes // KIB) for p in points] == [("c2", 110), ("c3", 120), ("c4", 130)]
    assert trend(path, NAME, gauge="python") == []


def test_the_directory_keeps_itself_out_of_version_control(path: Path) -> None:
    save(path)
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_concurrent_savers_lose_no_run(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    savers = [context.Process(target=save_many, args=(str(path), worker)) for worker in range(3)]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join(60)
    assert [saver.exitcode for saver in savers] == [0] * 3
    assert sum(len(points) for points in history.trends(path, gauge="resident").values()) == 30


def test_the_dashboard_reads_its_view(path: Path) -> None:
    save(path, 100)
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT name, kind, recorded_at, peak_bytes FROM dashboard_series").fetchall()
    assert rows == [(NAME, "test", 1793527200.0, 50_100 * KIB)]


def test_export_as_json_lines_and_csv_tell_the_same(path: Path) -> None:
    save(path, 100, name="=cmd()|' /C calc'!A0::test\n")
    save(path, 120, day=2)
    lines, table = io.StringIO(), io.StringIO()
    assert history.export(path, lines, form="jsonl") == 2
    assert history.export(path, table, form="csv") == 2
    rows = [json.loads(line) for line in lines.getvalue().splitlines()]
    cells = list(csv.DictReader(io.StringIO(table.getvalue())))
    assert [row["growth_bytes"] for row in rows] == [100 * KIB, 120 * KIB]
    assert [int(row["growth_bytes"]) for row in cells] == [100 * KIB, 120 * KIB]
    assert rows[0]["nodeid"].startswith("=cmd")
    assert cells[0]["nodeid"].startswith("'=cmd")


def test_pruning_keeps_the_newest_runs(path: Path) -> None:
    for day in range(1, 6):
        save(path, day, day=day)
    assert history.prune(path, keep=2) == 3
    assert [p.commit_id for p in trend(path, NAME, gauge="resident")] == ["c4", "c5"]


def test_noise_bands_need_eight_runs(path: Path) -> None:
    for day in range(1, 8):
        save(path, 40_000 + day % 2 * 100, day=day)
    assert history.learned_bands(path, gauge="resident") == {}
    save(path, 40_000, day=8)
    assert history.learned_bands(path, gauge="resident") == {NAME: int(2.58 * 1.4826 * 100 * KIB)}


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database " * 100)
    with pytest.raises(HistoryError, match="left as it is"):
        save(path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_newer_schema_is_refused(path: Path) -> None:
    save(path)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(HistoryError, match="schema version 99 is newer"):
        save(path)


def _as_version_1(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("ALTER TABLE reading DROP COLUMN growth_lower_bytes")
        database.execute("PRAGMA user_version=1")


def _exported(path: Path) -> list[dict[str, object]]:
    out = io.StringIO()
    history.export(path, out, form="jsonl")
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_older_file_is_read_as_it_is_and_brought_up_to_date_by_the_next_save(path: Path) -> None:
    save(path, 100)
    _as_version_1(path)
    before = path.read_bytes()
    assert [row["growth_lower_bytes"] for row in _exported(path)] == [None]
    assert path.read_bytes() == before
    save(path, 120, day=2)
    save(path, 130, day=3)
    assert [row["growth_lower_bytes"] for row in _exported(path)] == [None, 120 * KIB, 130 * KIB]
    assert [row["growth_bytes"] for row in _exported(path)] == [100 * KIB, 120 * KIB, 130 * KIB]


def test_of_concurrent_savers_one_brings_an_older_file_up_to_date(path: Path) -> None:
    save(path, 100)
    _as_version_1(path)
    context = multiprocessing.get_context("spawn")
    savers = [context.Process(target=save_many, args=(str(path), worker)) for worker in range(3)]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    assert [saver.exitcode for saver in savers] == [0, 0, 0]
    assert len(_exported(path)) == 31


def test_a_broken_run_leaves_no_half_of_itself(path: Path) -> None:
    save(path)
    huge = record(NAME, 2**62)
    with pytest.raises(HistoryError):
        save_run(path, [record(NAME), huge], saved_at="x", name="main", environment={})
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM run").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM reading").fetchone() == (1,)


def test_a_missing_history_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(HistoryError, match="--memory-save"):
        trend(path, NAME, gauge="resident")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_a_read_only_directory_is_said_for_writing_and_no_matter_for_reading(path: Path) -> None:
    save(path, 100)
    read_only = multiprocessing.get_context("fork").Process(target=_as_nobody, args=(path,))
    path.parent.chmod(0o555)
    path.chmod(0o444)
    read_only.start()
    read_only.join(30)
    path.parent.chmod(0o755)
    assert read_only.exitcode == 0


def _as_nobody(path: Path) -> None:
    """Root may write anywhere: give that up first; exits with 0 where all is as it should be."""
    if os.geteuid() == 0:
        for place in reversed(path.parents):
            if not place.stat().st_mode & 0o001:
                place.chmod(place.stat().st_mode | 0o055)
        os.setuid(65534)
    readable = [p.growth_bytes for p in trend(path, NAME, gauge="resident")] == [100 * KIB]
    try:
        save(path)
    except HistoryError as error:
        os._exit(0 if readable and "was not written" in str(error) else 3)
    os._exit(4)


def test_a_name_with_a_lone_surrogate_is_kept_readable(path: Path) -> None:
    save(path, name="t.py::test_\udcff")
    assert list(history.trends(path, gauge="resident")) == ["t.py::test_?"]
