"""What users of other memory plugins asked for, one test named after each topic."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., pytest.RunResult]
MIB = 2**20
TOUCH = 'import os, subprocess, sys, threading\nimport pytest\ndef touch(mib): return bytearray(b"x") * (mib << 20)\n'


def report(pytester: pytest.Pytester) -> dict[str, Any]:
    """Return the tests of the JSON report by their short name."""
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    return {test["nodeid"].split("::")[-1]: test for test in tests}


def call(test: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in test["phases"] if one["phase"] == "call"]
    return dict(found)


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_request_memory_beside_benchmarks(pytester: pytest.Pytester, run_project: Run, workers: str) -> None:
    pytester.makepyfile(
        test_it=TOUCH
        + """
def test_bench(memory_benchmark):
    assert len(memory_benchmark(touch, 10, rounds=3)) == 10 << 20
    stats = memory_benchmark.stats
    assert stats.rounds == 3 and 9 << 20 < stats.min_bytes <= stats.median_bytes <= stats.max_bytes
"""
    )
    result = run_project(workers)
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines(
        [r" +min +median +max .*", r" +10\.0 MiB +10\.0 MiB .* test_it.py::test_bench touch .*"]
    )


def test_request_memory_beside_pytest_benchmark(pytester: pytest.Pytester, run_project: Run) -> None:
    """pytest-benchmark's own fixture goes on working in a measured test."""
    pytest.importorskip("pytest_benchmark")
    pytester.makepyfile(test_it=TOUCH + "def test_bench(benchmark): benchmark(touch, 5)\n")
    result = run_project(
        "--memory-json=out.json",
        "--memory-gauge=python",
        "--benchmark-max-time=0.1",
        plugins=("pytest_benchmark.plugin",),
    )
    result.assert_outcomes(passed=1)
    assert 4 * MIB < call(report(pytester)["test_bench"])["growth_bytes"] < 12 * MIB


def test_request_suite_wide_limit(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it=TOUCH
        + """
def test_over(): touch(30)
@pytest.mark.memory_limit("60 MB")
def test_raised(): touch(30)
def test_small(): touch(2)
"""
    )
    run_project("--memory-limit-default=10 MB", "--memory-no-rerun", "-q").assert_outcomes(passed=2, failed=1)


def test_request_json_output(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_it=TOUCH + "def test_a(): touch(20)\n")
    run_project("--memory-json=out.json")
    whole = json.loads((pytester.path / "out.json").read_text())
    assert whole["schema"] == "pytest-snapshot-memory/report"
    assert whole["environment"]["gauge"] == "resident"
    assert abs(call(report(pytester)["test_a"])["growth_bytes"] - 20 * MIB) < MIB


def test_request_child_processes(pytester: pytest.Pytester, run_project: Run) -> None:
    """50 MB in a grandchild is found."""
    pytester.makepyfile(
        test_it=TOUCH
        + """
CHILD = "b = bytearray(b'x') * (50 << 20)\\nimport time; time.sleep(0.2)"
GRANDCHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', {CHILD!r}])"
@pytest.mark.memory_limit("30 MB", gauge="tree")
def test_grandchild(): subprocess.run([sys.executable, "-I", "-S", "-c", GRANDCHILD], check=True)
@pytest.mark.memory_limit("150 MB", gauge="tree")
def test_fits(): subprocess.run([sys.executable, "-I", "-S", "-c", GRANDCHILD], check=True)
"""
    )
    run_project("-q", "--memory-no-rerun").assert_outcomes(failed=1, passed=1)


def test_request_unittest(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it=TOUCH
        + """
import unittest
class TestIt(unittest.TestCase):
    def setUp(self): self.kept = touch(5)
    @pytest.mark.memory_limit("10 MB")
    def test_over(self): touch(30)
    @pytest.mark.memory_limit("60 MB")
    def test_under(self): touch(30)
"""
    )
    run_project("-q", "--memory-no-rerun", "--memory-json=out.json").assert_outcomes(failed=1, passed=1)
    # unittest runs setUp within the call
    assert abs(call(report(pytester)["test_under"])["growth_bytes"] - 35 * MIB) < MIB


def test_request_ini_works(pytester: pytest.Pytester, run_project: Run) -> None:
    """See test_plugin_ini.py for every single key."""
    pytester.makeini(
        "[pytest]\nmemory_report = full\nmemory_top = 1\nmemory_json = out.json\nmemory_limit_default = 10 MB\n"
        "memory_no_rerun = true\nmemory_gauge = python\n"
    )
    pytester.makepyfile(test_it=TOUCH + "def test_a(): touch(20)\ndef test_b(): touch(1)\n")
    result = run_project()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["memory: python gauge*", "2 tests measured, gauge python*"])
    assert call(report(pytester)["test_a"])["gauge"] == "python"


def test_request_session_total_and_peak_under_xdist(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it=TOUCH + "@pytest.mark.parametrize('mib', [1, 5, 90, 10])\ndef test_a(mib): touch(mib)\n"
    )
    for options in (("-n2",), ()):
        result = run_project("--memory-report", *options)
        total = next(line for line in result.stdout.lines if line.startswith("4 tests measured"))
        assert "highest process peak" in total
        assert total.endswith("in test_it.py::test_a[90]")
        assert ("on 2 workers" in total) == bool(options)


def test_request_leak_test_that_ignores_caches(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import functools, itertools, pytest
KEPT, ROUND = [], itertools.count()
@functools.lru_cache(maxsize=12)
def cached(n): return bytes(20_000)
@pytest.mark.memory_leak
def test_leaks(): KEPT.append(bytes(3_000))
@pytest.mark.memory_leak
def test_cache_that_fills(): cached(next(ROUND))
@pytest.mark.memory_leak
def test_nothing(): bytes(3_000)
@pytest.mark.memory_leak(allowed="10 KB")
def test_allowed(): KEPT.append(bytes(3_000))
"""
    )
    result = run_project("-rf", "-q")
    result.assert_outcomes(failed=1, passed=3)
    result.stdout.fnmatch_lines(["memory leak: * more after each round", "*a round*test_it.py:6"])


def test_request_thresholds_per_test_or_group(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it=TOUCH
        + """
pytestmark = pytest.mark.memory_limit("60 MB")
def test_module(): touch(30)
@pytest.mark.memory_limit("10 MB")
class TestTight:
    def test_class(self): touch(30)
    @pytest.mark.memory_limit("60 MB")
    def test_own(self): touch(30)
    @pytest.mark.parametrize("mib", [2, pytest.param(30, marks=pytest.mark.memory_limit("60 MB"))])
    def test_parameter(self, mib): touch(mib)
"""
    )
    result = run_project("-q", "-rf", "--memory-no-rerun")
    result.assert_outcomes(failed=1, passed=4)
    result.stdout.fnmatch_lines(["FAILED test_it.py::TestTight::test_class*"])


def test_request_standalone_compare_that_fails(pytester: pytest.Pytester, run_project: Run) -> None:
    for name, mib in (("old", 20), ("new", 40)):
        pytester.makepyfile(test_it=TOUCH + f"def test_a(): touch({mib})\n")
        run_project(f"--memory-json={name}.json", "--memory-gauge=python")
    command = [sys.executable, "-m", "pytest_snapshot_memory.cli", "compare"]
    for pair, status in ((("old.json", "new.json"), 1), (("old.json", "old.json"), 0)):
        done = subprocess.run([*command, *pair], cwd=pytester.path, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
    assert "regressed" not in done.stdout


def test_request_results_readable_inside_the_test(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it=TOUCH
        + """
def test_a(memory_measure):
    with memory_measure() as outer:
        kept = touch(10)
        with memory_measure("python") as inner:
            more = touch(5)
        assert 4 << 20 < inner.peak_growth_bytes < 6 << 20
    assert 14 << 20 < outer.peak_growth_bytes < 17 << 20
    assert (outer.measurement.gauge, inner.measurement.gauge) == ("resident", "python")
"""
    )
    run_project("-q").assert_outcomes(passed=1)


def test_request_short_failure_output(pytester: pytest.Pytester, run_project: Run) -> None:
    lines = "\n".join(f"    kept.append(touch({n}))" for n in range(1, 12))
    pytester.makepyfile(
        test_it=TOUCH + f"@pytest.mark.memory_limit('20 MB')\ndef test_a():\n    kept = []\n{lines}\n"
    )
    result = run_project("-q")
    lines_shown = result.stdout.lines
    first = next(i for i, line in enumerate(lines_shown) if line.startswith("memory limit exceeded"))
    last = next(i for i in range(first, len(lines_shown)) if lines_shown[i].startswith("="))
    assert 3 <= last - first <= 15
    assert "Traceback" not in result.stdout.str()


def test_request_no_crash_with_coverage_or_greenlets(pytester: pytest.Pytester, run_project: Run) -> None:
    pytest.importorskip("pytest_cov")
    greenlet = "import greenlet" if _has("greenlet") else "greenlet = None"
    pytester.makepyfile(
        mycode="def f(n):\n    if n:\n        return 1\n    return 2\n",
        test_it=TOUCH
        + f"{greenlet}\n"
        + """
import mycode
@pytest.mark.memory_limit("10 MB")
def test_over(): mycode.f(1); touch(30)
@pytest.mark.memory_limit("60 MB", isolate=True)
def test_isolated(): mycode.f(0)
def test_greenlet():
    if greenlet is None: return
    held = []
    def body():
        held.append(touch(5)); main.switch(); held.append(touch(5))
    main, other = greenlet.getcurrent(), greenlet.greenlet(body)
    other.switch(); other.switch()
    assert len(held) == 2
""",
    )
    for gauge in ("resident", "python", "allocated", "thread"):
        result = run_project(
            "--cov=mycode", "--memory-report", f"--memory-gauge={gauge}", plugins=("pytest_cov.plugin",)
        )
        assert result.parseoutcomes()["failed"] == 1, gauge
        assert result.parseoutcomes()["passed"] == 2, gauge
        result.stdout.re_match_lines([r"mycode\.py +4 +0 +100%"])  # line 4 runs in the isolated child alone


def _has(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module) is not None


def test_request_stable_numbers(pytester: pytest.Pytester, run_project: Run) -> None:
    """The same test after others: its limit is decided the same, and the exact gauge reads the same."""
    pytester.makepyfile(
        test_it="""
import pytest
KEPT = []
def rows(): return [i + 1000 for i in range(400_000)]
def test_first():
    KEPT.extend(rows()[::2000])
@pytest.mark.memory_limit("8 MB")
def test_over(): rows()
@pytest.mark.memory_limit("40 MB")
def test_under(): rows()
"""
    )
    names = ["test_it.py::test_first", "test_it.py::test_over", "test_it.py::test_under"]
    for order in (names, names[::-1]):
        result = run_project("-q", "-rA", *order)
        result.assert_outcomes(passed=2, failed=1)
        result.stdout.fnmatch_lines(["FAILED test_it.py::test_over*"])
    growths = []
    for order in (names, names[::-1]):
        run_project("-q", "--memory-gauge=python", "--memory-json=out.json", *order)
        growths.append(call(report(pytester)["test_under"])["growth_bytes"])
    assert abs(growths[0] - growths[1]) <= growths[0] / 100


def test_request_windows_imports_and_runs_markers(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a double of Windows; test_plugin_elsewhere.py runs every marker and fixture on it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        test_it=TOUCH
        + "@pytest.mark.memory_limit('10 MB')\ndef test_over(): touch(30)\n"
        + "@pytest.mark.memory_leak\ndef test_leak(): pass\n"
    )
    script = str(Path(__file__).with_name("as_on_windows.py"))
    command = [sys.executable, script, "-p", "pytest_snapshot_memory.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True)
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("library", ["asyncio", "anyio", "trio"])
def test_request_async(pytester: pytest.Pytester, run_project: Run, library: str) -> None:
    """pytest-asyncio's marker, and anyio's with both backends."""
    plugin = "pytest_asyncio.plugin" if library == "asyncio" else "anyio.pytest_plugin"
    pytest.importorskip(plugin.partition(".")[0])
    if library == "trio":
        pytest.importorskip("trio")
    mark, backend = ("asyncio", "asyncio") if library == "asyncio" else ("anyio", library)
    backend = "asyncio" if backend == "anyio" else backend
    pytester.makepyfile(
        test_it=TOUCH
        + f"""
pytestmark = pytest.mark.{mark}
@pytest.fixture
def anyio_backend(): return {backend!r}
@pytest.fixture
def library():
    import sniffio
    return sniffio.current_async_library
@pytest.mark.memory_limit("10 MB")
async def test_over(): touch(30)
@pytest.mark.memory_limit("10 MB", gauge="python")
async def test_over_python(): touch(30)
@pytest.mark.memory_limit("60 MB", isolate=True)
async def test_isolated():
    touch(30)
    import {backend}
    await {backend}.sleep(0)
@pytest.mark.memory_leak
async def test_no_leak(): touch(1)
"""
    )
    options = ("-o", "asyncio_default_fixture_loop_scope=function") if library == "asyncio" else ()
    result = run_project("-q", "--memory-no-rerun", *options, plugins=(plugin,))
    result.assert_outcomes(failed=2, passed=2)


def test_request_flame_graph_from_pytest(pytester: pytest.Pytester, run_project: Run) -> None:
    pytest.importorskip("memray")
    pytester.makepyfile(test_it=TOUCH + "@pytest.mark.memory_limit('10 MB')\ndef test_over(): touch(30)\n")
    result = run_project("-q", "--memory-flamegraphs=flames")
    result.stdout.fnmatch_lines(["*flame graph: *flames/test_it.py__test_over.html"])
    page = (pytester.path / "flames/test_it.py__test_over.html").read_text()
    assert "touch" in page
    assert '<script src="http' not in page
    assert '<link rel="stylesheet" href="http' not in page


def test_request_failing_tests_measured(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it=TOUCH
        + """
def test_fails():
    touch(30)
    assert False
def test_raises():
    kept = touch(20)
    raise ValueError
"""
    )
    run_project("-q", "--memory-json=out.json").assert_outcomes(failed=2)
    found = report(pytester)
    assert {name: test["outcome"] for name, test in found.items()} == dict.fromkeys(found, "failed")
    growths = [round(call(found[name])["growth_bytes"] / MIB) for name in ("test_fails", "test_raises")]
    assert growths == [30, 20]


def test_request_this_thread_only(pytester: pytest.Pytester, run_project: Run) -> None:
    """gauge="thread": what the test's own thread allocates, whatever others do beside it."""
    pytest.importorskip("memray")
    pytester.makepyfile(
        test_it=TOUCH
        + """
def beside():
    thread = threading.Thread(target=touch, args=(40,))
    thread.start()
    thread.join()
@pytest.mark.memory_limit("20 MB", gauge="thread")
def test_another_thread():
    beside()
    touch(5)
@pytest.mark.memory_limit("20 MB", gauge="thread")
def test_own_thread(): touch(30)
def test_measured(memory_measure):
    with memory_measure("thread") as m:
        beside()
        kept = touch(5)
        rows = [str(i) for i in range(100_000)]
    assert 10 << 20 < m.peak_growth_bytes < 12 << 20
"""
    )
    result = run_project("-q", "-rf", "--memory-no-rerun")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*counted: growth in the call, thread gauge", "FAILED *test_own_thread*"])


def test_request_markdown_for_pull_requests(
    pytester: pytest.Pytester, run_project: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = pytester.path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    pytester.makepyfile(test_it=TOUCH + "@pytest.mark.memory_limit('10 MB')\ndef test_over(): touch(30)\n")
    result = run_project("-q", "--memory-report", "--memory-markdown=out.md", "--junitxml=junit.xml")
    written = (pytester.path / "out.md").read_text()
    assert "| `test_it.py::test_over` | 10.0 MiB of growth in call |" in written
    assert summary.read_text() == "before\n" + written
    result.stdout.fnmatch_lines(["::error file=test_it.py,line=4,title=memory limit::*test_over*"])
    names = {one.get("name") for one in ElementTree.parse(pytester.path / "junit.xml").iter("property")}
    assert "memory_growth_bytes" in names
