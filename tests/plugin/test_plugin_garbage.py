"""Limits without a full collection before each test, and still nothing hidden by garbage."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MIB = 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's own peak")

OLD_GARBAGE = """
import gc, json, tracemalloc
tracemalloc.start()
from pytest_snapshot_memory.resident_meter import meter_for
PIECE = 60 * 1024
class Ring:
    def __init__(self):
        self.me, self.held = self, [b'%03d' % n * (PIECE // 3) for n in range(1000)]
kept = [Ring()]
meter = meter_for("{gauge}")
meter.phase = "call"
for _ in range(3):  # the last of them finds nothing moved
    meter.begin(True)
    meter.end()
kept.clear()
meter.begin(True)
if {collects}: gc.collect()
held = [b'%03d' % n * (PIECE // 3) for n in range(512)]
seen = meter.end()
meter.finish()
print(json.dumps([seen.peak_bytes - seen.start_bytes, seen.reusable_bytes, len(gc.callbacks)]))
"""


@linux
@pytest.mark.parametrize("collects", [True, False])
@pytest.mark.parametrize("gauge", ["resident", "python"])
def test_garbage_that_is_collected_inside_a_test_hides_nothing(gauge: str, collects: bool) -> None:
    """60 MiB became garbage before the test; where they come free inside it, nobody sees its own 30."""
    code = OLD_GARBAGE.format(gauge=gauge, collects=collects)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown_bytes, reusable_bytes, callbacks = json.loads(done.stdout)
    assert callbacks == 0
    assert grown_bytes <= 31 * MIB <= grown_bytes + reusable_bytes + MIB
    if collects:
        assert grown_bytes < 5 * MIB  # what was seen: the interval must say more
    else:
        assert reusable_bytes < 5 * MIB


COUNTING = """
import gc
full = []
gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
before = list(gc.callbacks)
def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"full collections: {len(full) // 2}, callbacks left: {gc.callbacks == before}")
"""


@linux
def test_small_tests_with_a_limit_share_a_few_full_collections(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(COUNTING)
    pytester.makepyfile(test_it="".join(f"def test_{number}(): pass\n" for number in range(200)))
    done = pytester.runpytest_subprocess("-o", "memory_limit_default=100MB", "-p", "no:memray")
    done.assert_outcomes(passed=200)
    (line,) = (line for line in done.outlines if line.startswith("full collections: "))
    count, left = line.removeprefix("full collections: ").split(", callbacks left: ")
    assert int(count) <= 20
    assert left == "True"


DEAR = """
import pytest
@pytest.fixture
def table(): return bytearray(b"x") * (8 * 2**20)
@pytest.fixture(scope="module")
def wide(): return bytearray(b"x") * (4 * 2**20)
def test_without(): pass
def test_with(table): pass
def test_wide(wide): pass
def test_wide_again(wide): pass
"""


def test_a_dear_gauge_measures_only_phases_with_something_in_them(pytester: pytest.Pytester) -> None:
    """A Tracker of memray takes 8 ms to start and end: three a test would be three times what one costs."""
    pytest.importorskip("memray")
    pytester.makepyfile(test_it=DEAR)
    options = ("-p", "no:memray", "-p", "no:asyncio", "-p", "no:anyio", "--memory-gauge=allocated")
    pytester.runpytest_subprocess(*options, "--memory-json=out.json").assert_outcomes(passed=4)
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    phases = {one["nodeid"].partition("::")[2]: {phase["phase"] for phase in one["phases"]} for one in tests}
    assert phases == {
        "test_without": {"call"},
        "test_with": {"setup", "call", "teardown"},
        "test_wide": {"fixture:wide", "setup", "call"},
        "test_wide_again": {"call"},
    }
