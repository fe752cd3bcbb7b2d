from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest
from gate_builders import HERE, record

from pytest_snapshot_memory import gate_files
from pytest_snapshot_memory.baseline_store import baseline_path, list_baselines
from pytest_snapshot_memory.environment import Environment, fingerprint
from pytest_snapshot_memory.gate_expression import parse_expressions
from pytest_snapshot_memory.gate_files import BaselinePlace, compare, place_of, save
from pytest_snapshot_memory.history import history_path, trend
from pytest_snapshot_memory.rerun import Rerun

NAME = "tests/test_a.py::test_one"
GATE = parse_expressions(["growth>5%+1MB"])
NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)


@pytest.fixture
def place(tmp_path: Path) -> BaselinePlace:
    return BaselinePlace(directory=tmp_path / "baselines")


def test_save_then_compare_passes_and_a_rise_fails(place: BaselinePlace) -> None:
    saved = save([record(NAME, 40_000)], place, HERE, GATE, now=NOW, commit_id="abc")
    assert saved.saved
    assert saved.lines[0].startswith("memory baseline saved to ")
    assert not compare([record(NAME, 40_100)], place, HERE, GATE).failed
    assert compare([record(NAME, 50_000)], place, HERE, GATE).failed
    (point,) = trend(history_path(place.directory), NAME, gauge="resident")
    assert (point.saved_at, point.commit_id) == ("2026-11-22T00:00:00+00:00", "abc")


def test_sites_are_saved_of_a_test_that_grows_in_fresh_runs_only(place: BaselinePlace) -> None:
    asked: list[str] = []

    def explain(nodeids: Sequence[str], of: str) -> dict[str, Rerun]:
        asked.extend(nodeids)
        return {}

    little, quiet = record(NAME, 500), record(f"{NAME}_quiet", 500)
    fresh = {little.nodeid: 2048 * 1024, quiet.nodeid: 500 * 1024}

    def repeat(nodeids: Sequence[str], runs: int) -> dict[str, list[int]]:
        return {nodeid: [fresh[nodeid]] * runs for nodeid in nodeids}

    save([little, quiet], place, HERE, GATE, repeat=repeat, explain=explain)
    assert asked == [little.nodeid]


def test_comparing_never_writes(place: BaselinePlace) -> None:
    save([record(NAME, 40_000)], place, HERE, GATE)
    before = {p: p.stat().st_mtime_ns for p in place.directory.rglob("*")}
    compare([record(NAME, 90_000), record("t.py::new", 5)], place, HERE, GATE)
    # SQLite may leave its own side files when a history is read
    after = {p: p.stat().st_mtime_ns for p in place.directory.rglob("*") if ".local" not in str(p)}
    assert after == {p: t for p, t in before.items() if ".local" not in str(p)}


def test_saving_the_same_run_again_changes_no_byte(place: BaselinePlace) -> None:
    save([record(NAME, 40_000)], place, HERE, GATE)
    path = baseline_path(place.directory, "main", HERE)
    before = path.read_bytes()
    saved = save([record(NAME, 40_300)], place, HERE, GATE)
    assert saved.lines[0].startswith("memory baseline unchanged: ")
    assert path.read_bytes() == before


def test_each_gauge_has_its_own_file_and_is_compared_with_it(place: BaselinePlace) -> None:
    records = [record(NAME, 40_000), record("t.py::exact", 500, gauge="python")]
    save(records, place, HERE, GATE)
    assert sorted(stored.path.stem.split("-")[-1] for stored in list_baselines(place.directory)) == [
        "python",
        "resident",
    ]
    result = compare(records, place, HERE, GATE)
    assert [c.verdict.value for c in result.comparisons] == ["unchanged", "unchanged"]


def test_no_baseline_fails_with_the_command_that_makes_one(place: BaselinePlace) -> None:
    result = compare([record(NAME, 1)], place, HERE, GATE)
    assert result.failed
    assert result.lines[0].startswith("no memory baseline at ")
    assert result.lines[0].endswith("pytest --memory-save")


def test_a_corrupt_baseline_fails_the_gate_and_the_save_and_stays(place: BaselinePlace) -> None:
    save([record(NAME, 40_000)], place, HERE, GATE)
    path = baseline_path(place.directory, "main", HERE)
    path.write_text(path.read_text() + "<<<<<<< HEAD\n")
    broken = path.read_bytes()
    assert "unresolved merge conflict" in compare([record(NAME, 40_000)], place, HERE, GATE).lines[0]
    saved = save([record(NAME, 40_000)], place, HERE, GATE)
    assert not saved.saved
    assert "unresolved merge conflict" in saved.lines[0]
    assert path.read_bytes() == broken


def test_a_file_of_another_environment_is_not_compared(place: BaselinePlace, tmp_path: Path) -> None:
    other = Environment(platform="linux-x86_64-gnu", python="cpython-3.10", gauge="resident")
    save([record(NAME, 40_000)], place, other, GATE)
    file = baseline_path(place.directory, "main", other)
    result = compare([record(NAME, 40_000)], place_of(tmp_path, str(file)), HERE, GATE)
    assert result.failed
    assert "python cpython-3.11 instead of cpython-3.10" in result.lines[0]


def test_a_run_without_a_measured_test_saves_nothing(place: BaselinePlace) -> None:
    saved = save([], place, HERE, GATE)
    assert not saved.saved
    assert "no test was measured" in saved.lines[0]


def test_a_history_that_cannot_be_written_is_a_note_and_no_failure(
    place: BaselinePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.directory.mkdir(parents=True)
    (place.directory / ".local").write_text("a file in the way")
    saved = save([record(NAME, 40_000)], place, HERE, GATE)
    assert saved.saved
    assert saved.lines[-1].startswith("memory history: ")


def test_the_option_value_may_be_a_name_a_file_or_a_directory(tmp_path: Path) -> None:
    assert place_of(tmp_path, "") == BaselinePlace(directory=tmp_path, name="main")
    assert place_of(tmp_path, "release") == BaselinePlace(directory=tmp_path, name="release")
    folder = tmp_path / "store" / "v1"
    folder.mkdir(parents=True)
    assert place_of(tmp_path, str(folder)) == BaselinePlace(directory=tmp_path / "store", name="v1")
    file = place_of(tmp_path, str(folder / "x.txt"))
    assert (file.directory, file.name, file.file) == (tmp_path / "store", "v1", folder / "x.txt")


def test_a_bad_name_is_a_sentence_in_the_result(place: BaselinePlace) -> None:
    bad = BaselinePlace(directory=place.directory, name=".hidden")
    assert "baseline name '.hidden'" in compare([record(NAME, 1)], bad, HERE, GATE).lines[0]
    assert not save([record(NAME, 1)], bad, HERE, GATE).saved


def test_records_are_grouped_by_the_gauge_of_their_call() -> None:
    groups = gate_files.by_gauge([record("a", 1), record("b", 1, gauge="tree"), record("c", 1)])
    assert {gauge: len(found) for gauge, found in groups.items()} == {"resident": 2, "tree": 1}


def test_the_fingerprint_names_what_moves_numbers() -> None:
    here = fingerprint(
        "resident", dependencies=["pytest", "no-such-thing"], extra={"blas": "one thread"}, environ={}
    )
    assert here.python.startswith("cpython-3.") or os.name != "posix"
    assert dict(here.versions)["no-such-thing"] == "none"
    assert dict(here.versions)["pytest"].count(".") == 1
    assert Environment.from_plain(here.to_plain()) == here
    assert "/" not in here.file_name
    assert " " not in here.file_name


@pytest.mark.parametrize(
    ("environ", "allocator"),
    [
        ({}, None),
        ({"PYTHONMALLOC": "malloc"}, "malloc"),
        ({"PYTHONMALLOC": "malloc", "LD_PRELOAD": "/usr/lib/libjemalloc.so.2"}, "malloc+jemalloc"),
    ],
)
def test_the_allocator_is_part_of_the_environment(environ: dict[str, str], allocator: str | None) -> None:
    here = fingerprint("resident", environ=environ)
    assert here.allocator == (allocator or fingerprint("resident", environ={}).allocator)
    if allocator:
        assert allocator in here.file_name
        assert here.differences(fingerprint("resident", environ={})) == [
            f"allocator {allocator} instead of {fingerprint('resident', environ={}).allocator}"
        ]
