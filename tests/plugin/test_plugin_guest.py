"""Being a good guest: other people's tests end as they would without us, and are measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_snapshot_memory.record import TestRecord, decode

Run = Callable[..., pytest.RunResult]

ZOO = '''
"""
>>> 1 + 1
2
"""
import sys, threading, time, unittest, warnings
import pytest
from hypothesis import given, strategies

class TestUnit(unittest.TestCase):
    def setUp(self): self.block = bytes(100)
    def test_passes(self): assert self.block
    def test_fails(self): self.assertEqual(1, 2)
    @unittest.skip("no")
    def test_skips(self): pass
    @unittest.expectedFailure
    def test_expected(self): assert False
    def test_subtests(self):
        for n in range(3):
            with self.subTest(n=n): assert n < 3

@pytest.mark.xfail(strict=True)
def test_xfail(): assert False
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_xpass_strict(): pass
@pytest.mark.skip
def test_skip(): pass
def test_skips_inside(): pytest.skip("later")
@pytest.mark.parametrize("n", [1, 2])
def test_parameter(n): assert n
@given(strategies.integers())
def test_hypothesis(n): assert n == n
def test_subtests_fixture(subtests):
    with subtests.test(msg="one"): assert True
def test_thread_left_running():
    threading.Thread(target=time.sleep, args=(0.3,), daemon=True).start()
def test_sys_exit(): sys.exit(3)
@pytest.fixture
def broken(): raise RuntimeError("set-up")
def test_broken_setup(broken): pass
@pytest.fixture
def late(): yield; raise RuntimeError("tear-down")
def test_broken_teardown(late): pass
'''


def outcomes(result: pytest.RunResult) -> dict[str, str]:
    """Return outcome lines of -rA, without times and order."""
    found = {}
    for line in result.stdout.lines:
        match = re.match(r"(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS|SUBPASSED\S*|SUBFAILED\S*) (\S+)", line)
        if match:
            found[f"{match[2]} {match[1]}"] = match[1]
    return found


@pytest.mark.parametrize("options", [("-n0",), ("-n2",), ("-n0", "--memory-isolate")])
def test_outcomes_are_the_same_with_and_without(
    pytester: pytest.Pytester, run_project: Run, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_zoo=ZOO)
    workers = options[0]
    common = ("-rA", "--doctest-modules", workers)
    plain = run_project(*common)
    ours = run_project(*common, "--memory-report=full", *options[1:])
    assert outcomes(ours) == outcomes(plain)
    assert ours.ret == plain.ret
    assert ours.parseoutcomes().get("failed") == plain.parseoutcomes().get("failed")


def test_every_test_of_the_zoo_is_measured_once(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_zoo=ZOO)
    run_project("--doctest-modules", "--memory-journal=journal.jsonl")
    found = records(pytester.path / "journal.jsonl")
    by_outcome = {record.nodeid.partition("::")[2]: record.outcome for record in found}
    assert len(by_outcome) == len(found)
    assert by_outcome["TestUnit::test_fails"] == "failed"
    assert by_outcome["TestUnit::test_passes"] == "passed"
    assert by_outcome["test_xfail"] == "xfailed"
    assert by_outcome["test_xpass"] == "xpassed"
    assert by_outcome["test_skip"] == "skipped"
    assert by_outcome["test_broken_setup"] == "error"
    assert by_outcome["test_broken_teardown"] == "error"
    assert by_outcome["test_sys_exit"] == "failed"
    assert any("test_zoo" in name for name in by_outcome)  # the doctest


def records(journal: Path) -> list[TestRecord]:
    return [decode(line) for line in journal.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("plugin", ["pytest_asyncio.plugin", "anyio.pytest_plugin"])
def test_async_tests_are_measured_and_limited(
    pytester: pytest.Pytester, run_project: Run, plugin: str
) -> None:
    pytest.importorskip(plugin.split(".")[0])
    mark = "asyncio" if "asyncio" in plugin else "anyio"
    pytester.makepyfile(
        test_it=f"""
import pytest
pytestmark = [pytest.mark.{mark}, pytest.mark.memory_limit("20 MB")]
@pytest.fixture
def anyio_backend(): return "asyncio"
async def test_over(): block = bytearray(b"x") * (40 * 2**20)
async def test_under(): pass
"""
    )
    run_project("-q", plugins=(plugin,)).assert_outcomes(failed=1, passed=1)


def test_reruns_keep_the_last_measurement(pytester: pytest.Pytester, run_project: Run) -> None:
    pytest.importorskip("pytest_rerunfailures")
    pytester.makepyfile(
        test_it="""
TRIES = []
def test_second_time():
    TRIES.append(1)
    assert len(TRIES) == 2
"""
    )
    result = run_project("--reruns=1", "--memory-report=full", plugins=("pytest_rerunfailures",))
    assert result.parseoutcomes() == {"passed": 1, "rerun": 1}
    result.stdout.fnmatch_lines(["1 test measured*"])


def test_coverage_of_an_isolated_test_is_kept(pytester: pytest.Pytester, run_project: Run) -> None:
    pytest.importorskip("pytest_cov")
    pytester.makepyfile(mycode="def f(n):\n    if n:\n        return 1\n    return 2\n")
    pytester.makepyfile(test_it="import mycode\ndef test_f(): assert mycode.f(1) == 1\n")
    plain = run_project("--cov=mycode", "--cov-report=term", plugins=("pytest_cov.plugin",))
    ours = run_project("--cov=mycode", "--cov-report=term", "--memory-report", plugins=("pytest_cov.plugin",))
    for result in (plain, ours):
        result.stdout.re_match_lines([r"mycode\.py +4 +1 +75%"])


def test_limit_memory_of_pytest_memray_keeps_working_beside_ours(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    pytest.importorskip("pytest_memray")
    pytester.makepyfile(
        test_it="""
import pytest
@pytest.mark.limit_memory("20 MB")
@pytest.mark.memory_limit("80 MB")
def test_theirs(): block = bytearray(b"x") * (40 * 2**20)
@pytest.mark.limit_memory("80 MB")
@pytest.mark.memory_limit("20 MB")
def test_ours(): block = bytearray(b"x") * (40 * 2**20)
@pytest.mark.limit_memory("80 MB")
@pytest.mark.memory_limit("80 MB")
def test_both(): block = bytearray(b"x") * (40 * 2**20)
"""
    )
    result = run_project("-rf", "--memory-report", plugins=("pytest_memray.plugin",))
    assert result.parseoutcomes()["failed"] == 2
    assert result.parseoutcomes()["passed"] == 1


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        ("os._exit(3)", "left with status 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
    ],
)
def test_death_of_an_isolated_test_is_named_and_the_rest_goes_on(
    pytester: pytest.Pytester, run_project: Run, end: str, cause: str
) -> None:
    pytester.makepyfile(
        test_it=f"""
import os, signal, pytest
def test_before(): pass
@pytest.mark.memory_limit("100 MB", isolate=True)
def test_dies():
    block = bytearray(b"x") * (40 * 2**20)
    {end}
def test_after(): pass
"""
    )
    result = run_project("-rf", "--memory-report")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([f"*test_it.py::test_dies: its child process *{cause}*"])
    result.stdout.re_match_lines([r".*last known peak: .* (39|40)\.\d MiB above its start"])


def test_worker_that_dies_is_named_with_its_last_memory(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import os
def test_a(): pass
def test_dies(): os._exit(3)
def test_b(): pass
"""
    )
    result = run_project("-n2", "--memory-report=full")
    assert result.parseoutcomes()["failed"] == 1
    assert result.parseoutcomes()["passed"] == 2
    result.stdout.fnmatch_lines(
        ["*last known memory of the worker: * MiB resident at the start of*test_dies*"]
    )


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 11)"])
def test_finished_results_survive_the_death_of_the_run(
    pytester: pytest.Pytester, run_project: Run, end: str
) -> None:
    pytester.makepyfile(
        test_it=f"""
import os, pytest
@pytest.mark.parametrize("n", range(20))
def test_done(n): pass
def test_dies(): {end}
"""
    )
    run_project("-p", "no:faulthandler", "--memory-journal=journal.jsonl")
    found = records(pytester.path / "journal.jsonl")
    assert [record.outcome for record in found] == ["passed"] * 20


def test_keyboard_interrupt_stops_an_isolated_run(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
def test_a(): pass
def test_b(): raise KeyboardInterrupt
def test_c(): pass
"""
    )
    for options in ((), ("--memory-isolate",)):
        result = run_project("--memory-report", *options)
        assert result.ret == pytest.ExitCode.INTERRUPTED
        assert result.parseoutcomes() == {"passed": 1}


def test_no_process_of_ours_is_left_behind(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import os, subprocess, sys, pytest
@pytest.mark.memory_limit("100 MB", isolate=True)
def test_a(): pass
@pytest.mark.memory_limit("100 MB")
def test_leaves_a_child():
    if os.fork() == 0:
        import time
        time.sleep(2)
        os._exit(0)
"""
    )
    run_project("-q").assert_outcomes(passed=2)  # and ends, though the child holds our socket


def test_workers_and_alone_agree(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import pytest
@pytest.mark.parametrize("mib", [1, 5, 10, 20])
def test_spike(mib): block = bytearray(b"x") * (mib * 2**20)
"""
    )
    seen = []
    for workers in ("-n0", "-n2"):
        run_project(workers, "--memory-json=report.json")
        report = json.loads((pytester.path / "report.json").read_text("utf-8"))
        seen.append({test["nodeid"]: growth_of(test) for test in report["tests"]})
    alone, spread = seen
    assert alone.keys() == spread.keys()
    for nodeid, growth in alone.items():
        assert abs(spread[nodeid] - growth) <= 512 * 1024


def growth_of(test: dict[str, Any]) -> int:
    """Return the growth of the call out of the JSON report, whatever else stands around it."""
    for key in ("growth_bytes", "peak_growth_bytes"):
        if key in test:
            return int(test[key])
    for phase in test["phases"]:
        if phase["phase"] == "call":
            return int(phase["peak_bytes"]) - int(phase["start_bytes"])
    raise AssertionError(f"no growth in {test}")


def test_read_only_project_and_missing_cache(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_it="def test_a(): pass")
    result = run_project("--memory-report", "--memory-json=/proc/nowhere/report.json")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["memory: /proc/nowhere/report.json was not written: *"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")
def test_full_disk_ends_the_journal_and_not_the_run(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_it="def test_a(): pass")
    (pytester.path / "full.jsonl").symlink_to("/dev/full")
    result = run_project("--memory-report", "--memory-journal=full.jsonl")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*1 test measured*", "note: no journal: *No space left*"])


def test_junit_properties_are_scalars(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_it="def test_a(): block = bytearray(b'x') * (20 * 2**20)")
    run_project("--memory-report", "--junit-xml=junit.xml")
    text = (pytester.path / "junit.xml").read_text("utf-8")
    match = re.search(r'name="memory_growth_bytes" value="(\d+)"', text)
    assert match is not None
    assert abs(int(match[1]) - 20 * 2**20) < 2**20
    assert 'name="memory_gauge" value="resident"' in text


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport pytest_snapshot_memory.plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(eval(done.stdout))
    assert loaded <= {
        "pytest_snapshot_memory",
        "pytest_snapshot_memory.plugin",
        "pytest_snapshot_memory.options",
    }


def test_report_loads_no_spacy_numpy_rich_or_memray(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import sys
def test_a():
    assert not {"spacy", "numpy", "rich", "memray", "psutil", "sqlite3"} & set(sys.modules)
"""
    )
    run_project("--memory-report").assert_outcomes(passed=1)


def test_a_memray_tracker_inside_the_test_wins_over_ours(pytester: pytest.Pytester, run_project: Run) -> None:
    """memray allows one Tracker per process: the test's own works, and the limit says that it was not decided."""
    pytest.importorskip("memray")
    pytester.makepyfile(
        test_it="""
import memray, pytest
from memray import Tracker
def touch(mib): return bytearray(b"x") * (mib << 20)
@pytest.mark.memory_limit("20 MB", gauge="allocated")
def test_by_module(tmp_path):
    with memray.Tracker(tmp_path / "own.bin"): touch(5)
    assert memray.FileReader(tmp_path / "own.bin").metadata.peak_memory > 5 << 20
@pytest.mark.memory_limit("20 MB", gauge="thread")
def test_by_name(tmp_path):
    with Tracker(tmp_path / "own.bin"): touch(5)
@pytest.mark.memory_limit("20 MB")
def test_over(tmp_path):
    with Tracker(tmp_path / "own.bin"): touch(50)
def test_ours_is_gone():
    assert Tracker is memray.Tracker and Tracker.__module__.startswith("memray")
"""
    )
    result = run_project("-q", "-rf")
    result.assert_outcomes(passed=3, failed=1, warnings=2)
    result.stdout.fnmatch_lines(["  no allocation sites: the measured code started a memray Tracker*"])


def test_read_only_project_is_measured_and_told(pytester: pytest.Pytester, run_project: Run) -> None:
    """Baseline, flame graphs, cache and journal cannot be written below the project's folder."""
    pytester.makepyfile(test_it="import pytest\n@pytest.mark.memory_limit('9 MB')\ndef test_a(): pass\n")
    # a file where a folder is wanted refuses root, too, whom permissions do not stop
    (pytester.path / ".memory-baseline").write_text("")
    (pytester.path / ".pytest_cache").write_text("")
    result = run_project("--memory-report", "--memory-save", "-p", "cacheprovider")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["memory baseline not saved: * was not written: *"])
    assert "INTERNALERROR" not in result.stdout.str()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's out-of-memory killer, by a control group")
def test_the_kernels_oom_kill_of_an_isolated_test_is_named(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    group = Path(f"/sys/fs/cgroup/memory/pytest-oom-{os.getpid()}")
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(96 << 20))
    except OSError as refused:
        pytest.skip(f"no control group can be made here: {refused}")
    pytester.makepyfile(
        test_it=f"""
import os, pathlib, pytest
def test_before(): pass
@pytest.mark.memory_limit("900 MB", isolate=True)
def test_too_much():
    pathlib.Path("{group}/cgroup.procs").write_text(str(os.getpid()))
    blocks = [bytearray(b"x") * (8 << 20) for _ in range(60)]
def test_after(): pass
"""
    )
    try:
        result = run_project("--memory-report")
    finally:
        group.rmdir()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.re_match_lines(
        [
            r"test_it.py::test_too_much: its child process was killed by SIGKILL \(the kernel out of memory.*",
            r"  last known peak: .* resident, \d+\.\d MiB above its start",
        ]
    )
