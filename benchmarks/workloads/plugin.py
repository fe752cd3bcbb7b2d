"""The plugin and its peers on suites of known content: whole pytest runs, started from here and read back."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.child import Job

# plugins that are not measured stay out of every run
_OTHERS = ("cacheprovider", "benchmark")
_MEMRAY_OFF = ("-p", "no:memray")
_OURS_OFF = ("-p", "no:snapshot_memory")

WAYS: dict[str, tuple[str, ...]] = {
    "plain pytest": (*_OURS_OFF, *_MEMRAY_OFF),
    "ours, idle": _MEMRAY_OFF,
    "ours, --memory-report": (*_MEMRAY_OFF, "--memory-report"),
    "ours, python gauge": (*_MEMRAY_OFF, "--memory-report", "--memory-gauge=python"),
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
# of one test: the number shown, the most that it can really have been, the set-up's number
Numbers = tuple[int, int, int]


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
        found[path.stem.partition(".py-")[2].rpartition("-")[2]] = (peak, peak, 0)
    return found


def _of_journal(path: Path) -> dict[str, Numbers]:
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
        found[record.nodeid.rpartition("::")[2]] = (call.growth_bytes, call.growth_upper_bytes, setup)
    return found


def truth(job: Job) -> dict[str, Any]:
    """Run the suite of known allocations; return what was reported for each test."""
    folder = Path(job.parameters["folder"])
    with job.timed():
        found = _run(job.parameters["way"], ["test_acc.py"], folder)
    return {"reported": {name: list(numbers) for name, numbers in sorted(found.items())}}


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
            for name, (shown, _, _) in _run(job.parameters["way"], tests, folder).items():
                values.setdefault(name, []).append(shown)
    return {"values": values}
