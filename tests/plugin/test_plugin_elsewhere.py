"""Where the kernel keeps no peak for us: Windows, containers without /proc, a /proc that cannot be written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the doubles of other platforms stand on Linux"
)

MARKERS = """
import pytest
KEPT = []
def touch(mib): return bytearray(b"x") * (mib << 20)
@pytest.mark.memory_limit("20 MB")
def test_over(): touch(40)
@pytest.mark.memory_limit("20 MB")
def test_under(): touch(2)
@pytest.mark.memory_limit("20 MB", gauge="python")
def test_over_python(): touch(40)
@pytest.mark.memory_limit("80 MB", gauge="python", isolate=True)
def test_isolated(): touch(40)
@pytest.mark.memory_limit("80 MB", enforce=True)
def test_enforced(): touch(4)
@pytest.mark.memory_leak
def test_leak(): KEPT.append(bytes(5000))
@pytest.mark.memory_leak
def test_no_leak(): bytes(5000)
@pytest.mark.memory_growth("O(1)", sizes=[1000, 10000, 100000])
def test_growth(memory_size): list(range(memory_size))
def test_fixtures(memory_tracker, memory_measure, memory_benchmark, memory_growth):
    with memory_measure("python") as m: touch(5)
    assert 4 < m.peak_growth_bytes / 2**20 < 6
    memory_benchmark(touch, 5, gauge="python")
    assert memory_growth(lambda n: bytes(n * 1000), sizes=[100, 1000, 10000]).best_law == "O(n)"
"""
OUTCOMES = {"failed": 4, "passed": 5}
OPTIONS = ("--memory-report=full", "--memory-json=out.json", "--memory-html=out.html", "--memory-save")


def start(folder: Path, script: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script that starts pytest, in `folder`, with our plugin alone."""
    command = [sys.executable, script, "-p", "pytest_snapshot_memory.plugin", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=300)


def test_windows_imports_the_plugin_and_runs_its_markers(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(test_it=MARKERS)
    done = start(pytester.path, str(Path(__file__).with_name("as_on_windows.py")), "-rA", *OPTIONS)
    text = done.stdout + done.stderr
    assert "INTERNALERROR" not in text
    for name, outcome in {
        "over": "FAILED",
        "under": "PASSED",
        "over_python": "FAILED",
        "isolated": "PASSED",
        "enforced": "PASSED",
        "leak": "FAILED",
        "no_leak": "PASSED",
        "growth": "FAILED",
        "fixtures": "PASSED",
    }.items():
        assert f"{outcome} test_it.py::test_{name}" in text, text[-4000:]
    assert "its peak sampled: no /proc on win32" in text
    assert "no test was isolated: win32 has no fork" in text
    assert "test_under was not decided" in text  # a sampled peak is no proof, and nothing can run it again
    assert (pytester.path / "out.html").exists()
    assert list(pytester.path.glob(".memory-baseline/main/win32-*.txt"))


WITHOUT_PROC = """
import builtins, io, os, sys
import pytest
hidden = builtins.open
def opened(path, *args, **kwargs):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(2, "No such file", path)
    return hidden(path, *args, **kwargs)
builtins.open = io.open = opened
raw = os.open
def os_open(path, *args, **kwargs):
    if str(path).startswith("/proc"):
        raise FileNotFoundError(2, "No such file", path)
    return raw(path, *args, **kwargs)
os.open = os_open
record_mib = int(os.environ["RECORD_MIB"])
import resource
held = []
while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < record_mib << 10:
    held.append(bytearray(b"x") * 2**20)
del held
sys.exit(pytest.main(sys.argv[1:]))
"""


# 320 MiB: test_over passes that record by less than its limit
@pytest.mark.parametrize("record_mib", [0, 320, 500])
def test_a_container_without_proc_tells_that_only_records_show(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, record_mib: int
) -> None:
    """psutil reads /proc itself on Linux; getrusage is what is left."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("RECORD_MIB", str(record_mib))
    pytester.makepyfile(
        test_it="""
import pytest
def touch(mib): return bytearray(b"x") * (mib << 20)
@pytest.mark.memory_limit("20 MB")
def test_over(): touch(300)
@pytest.mark.memory_limit("20 MB")
def test_hidden_under_the_record(): touch(40)
@pytest.mark.memory_limit("80 MB")
def test_under(): touch(40)
"""
    )
    pytester.makefile(".py", without_proc=WITHOUT_PROC)
    done = start(pytester.path, "without_proc.py", "-rA", "--memory-report=full")
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "FAILED test_it.py::test_over" in done.stdout
    # an exact gauge in a second run sees what the mark of the process hides
    assert "FAILED test_it.py::test_hidden_under_the_record" in done.stdout, done.stdout[-3000:]
    assert "PASSED test_it.py::test_under" in done.stdout
    assert "only new records of the process show" in done.stdout


def test_a_proc_that_cannot_be_written_is_told_and_limits_still_decide(
    pytester: pytest.Pytester, run_project: Callable[..., pytest.RunResult]
) -> None:
    pytester.makeconftest(
        "from snapshot_engine.memory.procfs import ProcSelf\n"
        "ProcSelf.why_no_reset = lambda self: 'clear_refs: Read-only file system'\n"
    )
    pytester.makepyfile(
        test_it="""
import pytest
def touch(mib): return bytearray(b"x") * (mib << 20)
def test_record(): touch(200)
@pytest.mark.memory_limit("20 MB")
def test_over(): touch(40)
@pytest.mark.memory_limit("80 MB")
def test_under(): touch(40)
"""
    )
    result = run_project("-rA", "--memory-report=full", "--memory-json=out.json")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "memory: resident gauge (*its peak sampled: clear_refs: Read-only file system)",
            "note: sampled every 5 ms (clear_refs: Read-only file system)*",
        ]
    )
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    decided_by = {test["nodeid"].split("::")[-1]: test["decided_by"] for test in tests}
    # what a sample saw over the limit is over it; what none saw may still have been
    assert "clean child process" in decided_by["test_under"]
