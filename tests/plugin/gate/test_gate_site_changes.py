"""A regression names the allocation sites that made it: what is saved, matched and shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from pytest_snapshot_memory.gate import GatePolicy, conclude
from pytest_snapshot_memory.record import AllocationSite, PhaseReading, TestRecord
from pytest_snapshot_memory.regression import Comparison, Verdict
from pytest_snapshot_memory.rerun import Rerun
from pytest_snapshot_memory.site_changes import (
    SHOWN_CHANGES,
    SavedSites,
    describe_changes,
    explain_regressions,
    load_sites,
    save_sites,
    sites_path,
)

MIB = 2**20


def site(mib: float, file: str, line: int, function: str) -> AllocationSite:
    return AllocationSite(size_bytes=int(mib * MIB), count=1, file=file, line=line, function=function)


def run(*sites: AllocationSite, gauge: str = "allocated") -> Rerun:
    return Rerun(sites=sites, gauge=gauge, growth_bytes=sum(one.size_bytes for one in sites))


def record(nodeid: str, mib: float) -> TestRecord:
    reading = PhaseReading(
        phase="call", gauge="resident", start_bytes=0, peak_bytes=int(mib * MIB), end_bytes=0
    )
    return TestRecord(nodeid=nodeid, outcome="passed", phases=(reading,))


BEFORE = SavedSites(
    gauge="allocated",
    growth_bytes=60 * MIB,
    sites={("a.py", "rows"): 40 * MIB, ("a.py", "index"): 20 * MIB, ("b.py", "same"): 5 * MIB},
)


def test_sites_are_matched_by_function_and_the_largest_change_comes_first() -> None:
    now = run(site(44, "a.py", 99, "rows"), site(5, "b.py", 3, "same"), site(30, "c.py", 7, "cache"))
    assert describe_changes(BEFORE, now) == (
        "allocation sites, baseline against now (allocated gauge):",
        "+  30.0 MiB  c.py:7 cache (new)",
        "-  20.0 MiB  a.py index (20.0 MiB before, gone)",
        "+   4.0 MiB  a.py:99 rows (40.0 MiB before, 44.0 MiB now)",
    )


def test_two_lines_of_one_function_count_together() -> None:
    now = run(site(25, "a.py", 5, "rows"), site(25, "a.py", 6, "rows"), site(20, "a.py", 9, "index"))
    assert describe_changes(BEFORE, now)[1] == "+  10.0 MiB  a.py:5 rows (40.0 MiB before, 50.0 MiB now)"


@pytest.mark.parametrize(
    ("before", "why"),
    [(None, "no sites were saved"), (SavedSites(gauge="python", growth_bytes=1, sites={}), "are python")],
)
def test_without_sites_to_compare_with_those_of_now_are_shown(before: SavedSites | None, why: str) -> None:
    head, first = describe_changes(before, run(site(3, "a.py", 1, "f")))
    assert why in head
    assert first == "   3.0 MiB  a.py:1 f"


def test_a_run_that_failed_says_why() -> None:
    assert describe_changes(BEFORE, Rerun(problem="its second run was killed")) == (
        "no allocation sites: its second run was killed",
    )


def test_never_more_than_the_shown_lines() -> None:
    now = run(*(site(n, f"{n}.py", n, "f") for n in range(1, 30)))
    assert len(describe_changes(BEFORE, now)) == len(describe_changes(None, now)) == 1 + SHOWN_CHANGES


def test_large_tests_are_saved_once_and_again_when_they_moved(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def explain(nodeids: object, of: str) -> dict[str, Rerun]:
        assert of == "growth"
        asked.append(sorted(nodeids))  # type: ignore[call-overload]
        place = "/home/me/venv/lib/python3.11/site-packages/lib/core.py"
        return {n: run(site(9, place, 1, "load"), site(0.01, "t.py", 1, "small")) for n in asked[-1]}

    baseline = tmp_path / "linux.txt"
    save_sites(
        baseline,
        [record("t.py::a", 9), record("t.py::b", 0.5)],
        "resident",
        explain,
        complete=True,
        kept_bytes={},
    )
    text = sites_path(baseline).read_text()
    assert "/home" not in text
    assert load_sites(baseline)["t.py::a"].sites == {("lib/core.py", "load"): 9 * MIB}
    save_sites(baseline, [record("t.py::a", 9.1)], "resident", explain, complete=True, kept_bytes={})
    assert sites_path(baseline).read_text() == text
    save_sites(
        baseline,
        [record("t.py::a", 12), record("t.py::c", 2)],
        "resident",
        explain,
        complete=True,
        kept_bytes={},
    )
    save_sites(baseline, [record("t.py::c", 2)], "resident", explain, complete=False, kept_bytes={})
    assert asked == [["t.py::a"], ["t.py::a", "t.py::c"]]
    assert set(load_sites(baseline)) == {"t.py::a", "t.py::c"}
    save_sites(baseline, [record("t.py::c", 2)], "resident", explain, complete=True, kept_bytes={})
    assert set(load_sites(baseline)) == {"t.py::c"}


def test_sites_are_kept_of_what_grows_only_in_fresh_runs(tmp_path: Path) -> None:
    baseline = tmp_path / "linux.txt"
    save_sites(
        baseline,
        [record("t.py::a", 0.5), record("t.py::b", 0.5)],
        "resident",
        lambda nodeids, of: {n: run(site(9, "t.py", 1, "load")) for n in nodeids},
        complete=True,
        kept_bytes={"t.py::a": 2 * MIB, "t.py::b": MIB // 2},
    )
    assert {n: saved.growth_bytes for n, saved in load_sites(baseline).items()} == {"t.py::a": 2 * MIB}


@given(st.binary(max_size=200))
def test_any_bytes_give_sites_or_none(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    baseline = tmp_path_factory.mktemp("sites") / "x.txt"
    good = json.dumps({"test": "t", "gauge": "g", "growth_kib": 1, "sites": [[70, "f", "n"]]})
    sites_path(baseline).write_bytes(data + b"\n" + good.encode() + b"\n")
    found = load_sites(baseline)
    assert found == {} or found["t"].sites == {("f", "n"): 70 * 1024}


def decided(tmp_path: Path, rise_mib: float, *now: AllocationSite) -> Comparison:
    """Return what becomes of a regression of 10 MiB whose saved sites are 9 and 1 MiB."""
    baseline = tmp_path / "linux.txt"
    saved = run(site(9, "a.py", 5, "rows"), site(1, "a.py", 9, "index"))
    save_sites(
        baseline,
        [record("test_a", 10)],
        "resident",
        lambda ids, of: {"test_a": saved},
        complete=True,
        kept_bytes={},
    )
    found = Comparison(
        nodeid="test_a",
        verdict=Verdict.REGRESSED,
        old_bytes=10 * MIB,
        new_bytes=int((10 + rise_mib) * MIB),
        moved=True,
    )
    (after,) = explain_regressions([found], baseline, lambda ids, of: {name: run(*now) for name in ids})
    return after


def test_a_small_rise_that_no_site_made_is_the_layout_of_the_heap(tmp_path: Path) -> None:
    after = decided(tmp_path, 0.6, site(9, "a.py", 5, "rows"), site(1.01, "a.py", 9, "index"))
    assert after.verdict is Verdict.UNCHANGED
    assert not after.moved
    lines = conclude([after], GatePolicy()).lines
    assert lines[0].startswith("unchanged: test_a growth 10.0 MiB -> 10.6 MiB")
    assert "layout of the heap, not the test: no allocation site changed by 64.0 KiB" in lines[1]


@pytest.mark.parametrize(
    ("rise_mib", "now"),
    [
        (0.6, (site(9.5, "a.py", 5, "rows"), site(1, "a.py", 9, "index"))),  # a site rose
        (0.6, (site(9, "a.py", 5, "rows"), site(1, "a.py", 9, "index"), site(0.3, "b.py", 1, "new"))),
        (0.6, ()),  # nothing was seen: nobody is acquitted by that
        (1.5, (site(9, "a.py", 5, "rows"), site(1, "a.py", 9, "index"))),  # too large for a layout
    ],
)
def test_a_rise_that_has_another_cause_stays_a_regression(
    tmp_path: Path, rise_mib: float, now: tuple[AllocationSite, ...]
) -> None:
    assert decided(tmp_path, rise_mib, *now).verdict is Verdict.REGRESSED


def test_many_small_new_sites_together_are_a_regression(tmp_path: Path) -> None:
    small = [site(0.05, f"{number}.py", 1, "part") for number in range(10)]
    same = (site(9, "a.py", 5, "rows"), site(1, "a.py", 9, "index"))
    assert decided(tmp_path, 0.6, *same, *small).verdict is Verdict.REGRESSED
