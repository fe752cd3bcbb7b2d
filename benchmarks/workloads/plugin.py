"""The plugin and its peers on suites of known content: whole pytest runs, started from here and read back."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from benchmarks.child import Job

# plugins that are not measured stay out of every run: what is installed beside ours and the peer, and pytest's cache
_MEASURED = ("snapshot_memory", "memray")
_OTHERS = (
    "cacheprovider",
    *sorted({one.name for one in entry_points(group="pytest11")}.difference(_MEASURED)),
)
_MEMRAY_OFF = ("-p", "no:memray")
_OURS_OFF = ("-p", "no:snapshot_memory")

WAYS: dict[str, tuple[str, ...]] = {
    "plain pytest": (*_OURS_OFF, *_MEMRAY_OFF),
    "ours, idle": _MEMRAY_OFF,
    "ours, --memory-report": (*_MEMRAY_OFF, "--memory-report"),
    "ours, python gauge": (*_MEMRAY_OFF, "--memory-report", "--memory-gauge=python"),
    "tracemalloc by itself": (*_OURS_OFF, *_MEMRAY_OFF, "-p", "benchmarks.workloads.traced_calls"),
    "pytest-memray, idle": _OURS_OFF,
    "pytest-memray, --memray": (*_OURS_OFF, "--memray"),
}


def pytest_command(way: str, folder: str) -> tuple[str, ...]:
    """Return the words of one pytest run over `folder`."""
    common = [word for name in _OTHERS for word in ("-p", f"no:{name}")]
    return (sys.executable, "-m", "pytest", "-q", folder, f"--rootdir={folder}", *common, *WAYS[way])


# How the truth table and the shuffled runs read each way's numbers.
READINGS: dict[str, tuple[str, ...]] = {
    "ours": (),
    "ours, isolated": ("--memory-isolate",),
    "ours, python gauge": ("--memory-gauge=python",),
    "ours, allocated gauge": ("--memory-gauge=allocated",),
    "ours, tree gauge": ("--memory-gauge=tree",),
    "pytest-memray": ("--memray",),
}
# of one test: the number shown, the most that it can really have been, the set-up's number,
# 1 where the report says that this gauge did not count all (child processes), and the least it can have been
Numbers = tuple[int, int, int, int, int]


def _run(way: str, tests: list[str], folder: Path) -> dict[str, Numbers]:
    """Run tests under one way and return {test name: numbers}; a test without a number is left out."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        common = [word for name in _OTHERS for word in ("-p", f"no:{name}")]
        command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={folder}", *common, *tests]
        if way == "pytest-memray":
            command += [*_OURS_OFF, "--memray", f"--memray-bin-path={scratch}/bins"]
        else:
            command += [*_MEMRAY_OFF, f"--memory-journal={scratch}/journal", *READINGS[way]]
        subprocess.run(command, cwd=folder, capture_output=True, check=False, env=dict(os.environ))
        if way == "pytest-memray":
            return _of_memray(Path(scratch) / "bins")
        return _of_journal(Path(scratch) / "journal")


def _of_memray(folder: Path) -> dict[str, Numbers]:
    import memray

    found: dict[str, Numbers] = {}
    for path in sorted(folder.glob("*.bin")):
        peak = int(memray.FileReader(str(path)).metadata.peak_memory)
        # "<prefix>-<file>.py-<class>-<test>.bin"
        found[path.stem.partition(".py-")[2].rpartition("-")[2]] = (peak, peak, 0, 0, peak)
    return found


def _of_journal(path: Path) -> dict[str, Numbers]:
    from pytest_snapshot_memory.measuring import CHILDREN_NOTE
    from pytest_snapshot_memory.record import decode

    found: dict[str, Numbers] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            record = decode(line)
        except ValueError:  # the journal's other lines: starts, totals
            continue
        call = next((phase for phase in record.phases if phase.phase == "call"), None)
        if call is None:
            continue
        setup = max(
            (p.growth_bytes for p in record.phases if p.phase.startswith(("setup", "fixture"))), default=0
        )
        says = int(CHILDREN_NOTE in record.notes)
        found[record.nodeid.rpartition("::")[2]] = (
            call.growth_bytes,
            call.growth_upper_bytes,
            setup,
            says,
            call.growth_lower_bytes,
        )
    return found


def truth(job: Job) -> dict[str, Any]:
    """Run the suite of known allocations; return what was reported for each test."""
    folder = Path(job.parameters["folder"])
    with job.timed():
        found = _run(job.parameters["way"], ["test_acc.py"], folder)
    return {"reported": {name: list(numbers) for name, numbers in sorted(found.items())}}


# Of a test body alone in a new interpreter: the kernel's own figures, without any code of ours.
_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import test_acc
def field(name):
    for line in open("/proc/self/status"):
        if line.startswith(name): return int(line.split()[1]) * 1024
before = field("VmRSS")
with open("/proc/self/clear_refs", "w") as file: file.write("5")
getattr(test_acc, sys.argv[2])()
print(field("VmHWM") - before)
"""
_EXECUTED = """
b = bytearray({n})
for i in range(0, {n}, 4096): b[i] = 1
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"): print(int(line.split()[1]) * 1024)
"""
# The same suite in the same order, its forked child telling what it alone maps, copied pages
# included: how much a child copies depends on what the tests before it left in the parent.
_FORKED = """
import sys
sys.path.insert(0, {folder!r})
import test_acc
from test_acc import *
plain_child = test_acc._child
def _child(n):
    plain_child(n)
    held = bytearray(n)
    for i in range(0, n, 4096): held[i] = 1
    with open("/proc/self/smaps_rollup") as file: lines = file.read().splitlines()
    own = sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    with open({path!r}, "w") as file: file.write(str(own * 1024))
test_acc._child = _child
"""


def references(job: Job) -> dict[str, Any]:
    """Return what five tests take, measured without the plugin: where allocators or children decide."""
    folder, n = str(job.parameters["folder"]), int(job.parameters["bytes"])
    found: dict[str, int] = {}
    with job.timed(), tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        for test in ("test_07_small_strs", "test_09_json_c", "test_10_zlib_c"):
            runs = [_printed(["-c", _ALONE, folder, test]) for _ in range(3)]
            found[test] = sorted(runs)[1]
        found["test_13_subprocess"] = _printed(["-I", "-S", "-c", _EXECUTED.format(n=n)])
        target, path = Path(scratch) / "test_fork.py", Path(scratch) / "private"
        target.write_text(_FORKED.format(folder=folder, path=str(path)))
        common = [word for name in _OTHERS for word in ("-p", f"no:{name}")]
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", str(target), *common, *_OURS_OFF, *_MEMRAY_OFF],
            cwd=scratch,
            capture_output=True,
            check=False,  # one of its tests fails on purpose
        )
        found["test_14_fork_child"] = int(path.read_text())
    return {"references": found}


_ORDER = """
import random
import pytest
kept = []
@pytest.mark.parametrize("seed", range({runs}))
def test_leaves_a_heap(seed):
    r = random.Random(seed)
    junk = [bytes(r.randrange(100, 8000)) for _ in range(r.randrange(2000, 20_000))]
    kept.append(junk[::97])
@pytest.mark.memory_limit("{limit_kib} kB")
@pytest.mark.parametrize("seed", range({runs}))
def test_same(seed):
    r = random.Random(1)
    rows = [bytes(r.randrange(600, 6000)) for _ in range(10_000)]
    names = {{str(i): [i] for i in range(30_000)}}
    assert len(rows) + len(names) == 40_000
"""


def order(job: Job) -> dict[str, Any]:
    """Run one test with a limit near its need after heaps of many sizes; return what decided each time."""
    from pytest_snapshot_memory.record import decode

    runs, limit_kib = int(job.parameters["runs"]), int(job.parameters["limit_kib"])
    with job.timed(), tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        Path(scratch, "test_order.py").write_text(_ORDER.format(runs=runs, limit_kib=limit_kib))
        tests = [
            f"test_order.py::{name}[{seed}]"
            for seed in range(runs)
            for name in ("test_leaves_a_heap", "test_same")
        ]
        common = [word for name in _OTHERS for word in ("-p", f"no:{name}")]
        journal = Path(scratch, "journal")
        command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={scratch}", *common, *_MEMRAY_OFF]
        subprocess.run([*command, f"--memory-journal={journal}", *tests], cwd=scratch, capture_output=True)
        records = [decode(line) for line in journal.read_text().splitlines()]
    same = [record for record in records if "test_same" in record.nodeid]
    deciding = [record.deciding for record in same]
    return {
        "values": [reading.growth_bytes for reading in deciding if reading is not None],
        "in_suite": [record.peak_growth_bytes for record in same],
        "verdicts": sorted({record.verdict for record in same}),
        "second": sum(bool(record.decided_by) for record in same),
    }


def _printed(words: list[str]) -> int:
    return int(subprocess.run([sys.executable, *words], capture_output=True, check=True).stdout.split()[-1])


def shuffled(job: Job) -> dict[str, Any]:
    """Run lists, strings and dicts some times, each time in another order; return {test: numbers shown}."""
    folder, runs = Path(job.parameters["folder"]), int(job.parameters["runs"])
    tests = [
        f"test_b_pyalloc.py::test_{kind}[{n}]"
        for kind, count in (("lists", 30), ("strings", 15), ("dicts", 15))
        for n in range(count)
    ]
    order = random.Random(4)
    values: dict[str, list[int]] = {}
    with job.timed():
        for _ in range(runs):
            order.shuffle(tests)
            for name, (shown, *_) in _run(job.parameters["way"], tests, folder).items():
                values.setdefault(name, []).append(shown)
    return {"values": values}
