"""What a child of the clean parent reads: not what was freed before, nor where the kernel's counter stood."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from pytest_snapshot_memory import inner_run
from pytest_snapshot_memory.record import decode

Run = Callable[..., pytest.RunResult]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks glibc and CPython's allocator")

# What a larger suite leaves when its modules are loaded: arenas with holes, and a malloc
# that has learned from large blocks to keep blocks of megabytes in its heap.
LEFTOVERS = """
kept = [bytes(n) for n in (30, 60, 100, 200) for _ in range(60_000)]
del kept[::2]
for mib in (1, 4, 16, 30):
    bytearray(mib << 20)
small = [bytearray(30_000) for _ in range(200)]
del small[::2]
"""
TESTS = """
def test_strings():
    assert len([str(i) * 5 for i in range(80_000)]) == 80_000

def test_text_twice():
    assert len(",".join(map(str, range(150_000))).split(",")) == 150_000

def test_bytes():
    assert len(b"".join([bytes(1000) for _ in range(6000)])) == 6_000_000
"""


def growths(pytester: pytest.Pytester, run_project: Run, text: str) -> dict[str, int]:
    """Return the growth in bytes of each isolated test of a project with this one module."""
    pytester.makepyfile(test_it=text)
    run_project("--memory-isolate", "--memory-json=out.json").assert_outcomes(passed=3)
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    return {
        test["nodeid"].partition("::")[2]: reading["peak_bytes"] - reading["start_bytes"]
        for test in tests
        for reading in test["phases"]
        if reading["phase"] == "call"
    }


@linux
def test_a_clean_child_reads_the_same_after_other_imports(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    """Without taking what is free the strings read a third of it; a layout may still differ by 3 %."""
    alone = growths(pytester, run_project, TESTS)
    among = growths(pytester, run_project, LEFTOVERS + TESTS)
    assert min(alone.values()) > 5 << 20
    far = {name: (alone[name], among[name]) for name in alone if abs(among[name] / alone[name] - 1) > 0.05}
    assert far == {}


BATCH_BYTES = 128 * 1024  # what one CPU counts by itself, of one kind of pages


@linux
def test_repeats_for_the_gate_lie_within_one_batch_of_the_kernels_counter(
    pytester: pytest.Pytester, run_project: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark that lags by pages of files, or of another CPU, read the same 4 MiB up to 280 KiB apart."""
    pytester.makepyfile(
        test_it="""
import mmap, pytest
@pytest.mark.parametrize("n", range(12))
def test_touches(n):
    with mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        block.madvise(mmap.MADV_NOHUGEPAGE)
        block[:: mmap.PAGESIZE] = bytes(1024)
"""
    )
    monkeypatch.setenv(inner_run.VARIABLE, inner_run.order_text())
    run_project("--memory-isolate", "--memory-journal=journal.jsonl").assert_outcomes(passed=12)
    records = map(decode, (pytester.path / "journal.jsonl").read_text().splitlines())
    seen = [record.peak_growth_bytes for record in records if record.outcome == "passed"]
    assert len(seen) == 12
    slack_bytes = 48 * 1024  # pages that pytest touches beside them
    assert min(seen) >= (4 << 20) - BATCH_BYTES - slack_bytes
    assert max(seen) <= (4 << 20) + slack_bytes
