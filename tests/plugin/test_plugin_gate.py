"""Baselines and the gate in whole pytest runs: save, compare, explain, accept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., pytest.RunResult]

# how much the tests build is in a file, so that "the code changed" is one write
SUITE = """
import pathlib
def build():
    mib = int(pathlib.Path("size").read_text())
    return bytearray(b"x") * (mib << 20)
def extra():
    mib = int(pathlib.Path("extra").read_text())
    return bytearray(b"y") * (mib << 20)
def test_orders():
    kept = build()
    more = extra()
def test_small(): pass
"""


def project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=SUITE)
    change(pytester, size=20, extra=0)


def change(pytester: pytest.Pytester, **numbers: int) -> None:
    for name, number in numbers.items():
        (pytester.path / name).write_text(str(number))


def baseline(pytester: pytest.Pytester) -> Path:
    (path,) = pytester.path.glob(".memory-baseline/main/*.txt")
    return path


def test_a_regression_shows_which_allocation_sites_made_it(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    pytest.importorskip("memray")
    project(pytester)
    assert run_project("--memory-save").ret == 0
    change(pytester, size=30, extra=5)
    result = run_project("--memory-compare", "--memory-json=out.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.re_match_lines(
        [
            r"regressed: test_it.py::test_orders growth (20|19)\.\d MiB -> 3[45]\.\d MiB.*",
            r"  allocation sites, baseline against now \(allocated gauge\):",
            r"  \+  10\.0 MiB  test_it\.py:4 build \(20\.0 MiB before, 30\.0 MiB now\)",
            r"  \+   5\.0 MiB  test_it\.py:7 extra \(new\)",
            r"memory gate failed: .*1 regressed",
        ]
    )
    report = json.loads((pytester.path / "out.json").read_text())
    changed = next(one for one in report["comparisons"] if one["nodeid"].endswith("test_orders"))
    assert "extra" in "".join(changed["site_changes"])


def test_a_leak_is_found_and_a_torn_heap_is_none(pytester: pytest.Pytester, run_project: Run) -> None:
    """What stays resident after these tests differs by MiB with their order; what lives does not."""
    pytester.makepyfile(
        test_it="""
import pathlib, pytest
KEPT = []
@pytest.mark.parametrize("n", range(3))
def test_tears_the_heap(n):
    rows = [[i] * 3 for i in range(60_000 + 20_000 * n)]
    KEPT.append(rows[::20_000])
def test_leaks():
    KEPT.append(bytearray(b"x") * (int(pathlib.Path("leak").read_text()) << 10))
def test_small(): pass
"""
    )
    pytester.makeconftest(
        "def pytest_collection_modifyitems(items): items.sort(key=lambda i: i.name, reverse=ORDER)"
    )
    order = pytester.path / "conftest.py"
    text = order.read_text()
    change(pytester, leak=0)
    order.write_text("ORDER = False\n" + text)
    assert run_project("--memory-save").ret == 0
    order.write_text("ORDER = True\n" + text)
    unchanged = run_project("--memory-compare", "--memory-fail-on=retained>0.5MB")
    assert unchanged.ret == 0
    unchanged.stdout.re_match_lines([r"memory gate passed: 5 unchanged"])
    change(pytester, leak=1024)
    result = run_project("--memory-compare", "--memory-fail-on=retained>0.5MB")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.re_match_lines(
        [r"regressed: test_it.py::test_leaks retained .* \+1\.0 MiB.*", r"memory gate failed: .*1 regressed"]
    )


def test_nothing_but_save_and_update_moves_a_baseline(pytester: pytest.Pytester, run_project: Run) -> None:
    project(pytester)
    run_project("--memory-save")
    saved = {path: path.read_bytes() for path in baseline(pytester).parent.iterdir()}
    run_project("--memory-save")
    change(pytester, size=30)
    for options in (
        ("--memory-compare",),
        ("--memory-report", "--memory-fail-on=growth>5%"),
        ("--memory-json=out.json", "--memory-baseline=.memory-baseline"),
        ("--memory-compare", "--memory-save"),
    ):
        result = run_project(*options)
        assert {path: path.read_bytes() for path in baseline(pytester).parent.iterdir()} == saved, options
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["memory baseline not saved: something regressed; pytest --memory-update*"])


def test_update_accepts_and_sets_the_anchor(pytester: pytest.Pytester, run_project: Run) -> None:
    """What the gate allows leaves the line as it is, until --memory-update takes it over."""
    project(pytester)
    run_project("--memory-save", "--memory-fail-on=growth>50%")
    value, anchor = anchors(baseline(pytester))["test_orders"]
    assert value == anchor
    change(pytester, size=25)
    run_project("--memory-save", "--memory-fail-on=growth>50%")
    assert anchors(baseline(pytester))["test_orders"] == (value, anchor)
    run_project("--memory-update", "--memory-fail-on=growth>50%")
    value, accepted = anchors(baseline(pytester))["test_orders"]
    assert accepted == value > anchor + 4 * 1024
    assert run_project("--memory-compare").ret == 0
    change(pytester, size=40)
    run_project("--memory-update", "--memory-compare")
    assert anchors(baseline(pytester))["test_orders"][1] > 39 * 1024


def anchors(path: Path) -> dict[str, tuple[int, int]]:
    """Return (value, anchor) in KiB by test, from the text of a baseline."""
    found = {}
    for line in path.read_text().splitlines():
        if line.startswith(" "):
            growth, _, anchor, fresh, _, name = line.split(None, 5)
            value = int(growth if fresh in "=-" else fresh)
            found[name] = (value, value if anchor == "=" else int(anchor))
    return found


def test_benchmarks_are_in_the_history_the_report_and_its_table(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    pytester.makepyfile(
        test_it="""
def build(mib): return bytearray(b"x") * (mib << 20)
def test_bench(memory_benchmark):
    memory_benchmark(build, 10, rounds=3)
    memory_benchmark(len, "abc", rounds=2, process="fresh")
"""
    )
    result = run_project("--memory-save", "--memory-json=out.json")
    result.stdout.re_match_lines([r" *min +median +max +stdev +blocks +rounds +benchmark"])
    result.stdout.re_match_lines([r" +10\.0 MiB +10\.0 MiB +10\.0 MiB .* 3  test_it.py::test_bench build .*"])
    with sqlite3.connect(pytester.path / ".memory-baseline/.local/history.sqlite3") as history:
        rows = history.execute("SELECT phase, growth_bytes, process FROM reading WHERE phase LIKE 'bench%'")
        found = {phase: (growth >> 20, process) for phase, growth, process in rows}
    assert found == {"benchmark:build": (10, "suite"), "benchmark:len": (0, "forked")}
    (test,) = json.loads((pytester.path / "out.json").read_text())["tests"]
    assert [one["phase"] for one in test["phases"]].count("benchmark:build") == 1


def test_an_inner_run_leaves_summary_baseline_and_reports_alone(
    pytester: pytest.Pytester, run_project: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under xdist single tests are run again by pytest processes; ini and addopts hold for them, too."""
    project(pytester)
    run_project("--memory-save", "--memory-no-rerun")
    before = baseline(pytester).read_bytes()
    change(pytester, size=30)
    pytester.makeini("[pytest]\nmemory_markdown = out.md\nmemory_compare = main\n")
    summary = pytester.path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = run_project("-n1")
    result.stdout.re_match_lines(
        [
            r"regressed: test_it.py::test_orders .* \(one reading.*",
            r"  largest allocation sites now .*no sites were saved with the baseline.*",
            r" +30\.0 MiB  test_it\.py:4 build",
        ]
    )
    assert summary.read_text().count("## Memory") == 1
    assert baseline(pytester).read_bytes() == before
