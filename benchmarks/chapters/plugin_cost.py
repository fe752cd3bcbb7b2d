"""What the plugin costs: the part of its chapter that is about time."""

from __future__ import annotations

import shutil
import statistics
from typing import Final

from benchmarks.case import Case, workload
from benchmarks.figures import whole_cpu
from benchmarks.results import Results
from benchmarks.summary import median_interval
from benchmarks.table import Bar, Table
from benchmarks.workloads.plugin import WAYS, pytest_command

NAME: Final = "plugin"
PLAIN, IDLE, REPORT = "plain pytest", "ours, idle", "ours, --memory-report"
_COUNTED: Final = (PLAIN, IDLE, REPORT)
_PER_TEST_MICROSECONDS: Final = 60


def cases(scale: str, folder: str) -> list[Case]:
    """Return the runs over the suite of 300 tests in `folder`, and over empty ones."""
    quick = scale == "quick"
    found = []
    for way in WAYS:
        # the bars of the cheap ways are narrow, and the speed of a shared machine moves by half
        rounds = 2 if quick else (3 if "--memray" in way else 21 if way in _COUNTED else 7)
        found.append(
            Case(
                chapter=NAME,
                label=f"overhead, {way}",
                facts={},
                command=steady(pytest_command(way, folder)),
                collect=lambda _: {},
                rounds=rounds,
                most_rounds=rounds,
            )
        )
    command = workload("plugin_cost:per_test", tests=20, pairs=20 if quick else 300)
    rounds = 1 if quick else 15  # several, for the same reason
    found.append(Case(chapter=NAME, label="per test", facts={}, command=command, rounds=rounds))
    # fifty times slower than a run: not in a quick one
    for way in () if quick else _COUNTED:
        command = workload("plugin_cost:instructions", way=way, folder=folder)
        found.append(Case(chapter=NAME, label=f"instructions, {way}", facts={}, command=command, rounds=1))
    return found


def steady(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command with a glibc that keeps the heap's top.

    Whether it gives the top back after each test hangs on what happens to lie above: the suite's
    NumPy tests took 60,000 page faults or 150,000, with and without any plugin, and 0.4 of 2.5 s.
    """
    env = shutil.which("env")
    tunables = "glibc.malloc.trim_threshold=1073741824:glibc.malloc.mmap_threshold=33554432"
    return command if env is None else (env, f"GLIBC_TUNABLES={tunables}", *command)


def overhead(results: Results, way: str) -> list[float]:
    """Return CPU ratios to plain pytest, run by run of the same round."""
    plain = {o.round: whole_cpu(o) for o in results.find(NAME, f"overhead, {PLAIN}") if not o.failure}
    return [
        whole_cpu(o) / plain[o.round]
        for o in results.find(NAME, f"overhead, {way}")
        if not o.failure and o.round in plain
    ]


def _instructions(results: Results, way: str) -> int | None:
    runs = [o for o in results.find(NAME, f"instructions, {way}") if not o.failure]
    return runs[-1].work.get("instructions") if runs else None


def instruction_ratio(results: Results, way: str) -> float | None:
    """Return instructions over those of plain pytest; None where nobody counted."""
    counted, plain = _instructions(results, way), _instructions(results, PLAIN)
    return counted / plain if counted and plain else None


def overhead_table(results: Results) -> Table:
    rows = []
    for way in WAYS:
        if len(found := overhead(results, way)) < 2:
            continue
        low, high = median_interval(found)
        counted = instruction_ratio(results, way)
        rows.append(
            (
                way,
                f"{statistics.median(found):.3f}x",
                f"{low:.3f} to {high:.3f}",
                str(len(found)),
                f"{counted:.3f}x" if counted else "–",
            )
        )
    return Table(
        headers=("run", "CPU time", "95 % interval", "pairs", "instructions"),
        rows=tuple(rows),
        caption="A suite of 300 small tests against plain pytest: CPU time of pairs of neighbouring runs, and "
        "instructions by valgrind's callgrind, which repeat within 0.01 % (the kernel's share is not in them). "
        "glibc keeps the heap's top in all of them, else its own giving back tosses 0.4 s in or out.",
    )


def cost_bar(results: Results, way: str, most: float) -> Bar:
    """Judge by CPU time; where its interval reaches across the bar, by instructions if they were counted."""
    found = overhead(results, way)
    promise = f"{way}: at most {most:.2f}x plain pytest"
    if len(found) < 2:
        return Bar(promise=promise, measured="no result", met=None)
    middle = statistics.median(found)
    low, high = median_interval(found)
    measured = f"{middle:.3f}x ({low:.3f} to {high:.3f})"
    counted = instruction_ratio(results, way)
    if counted is None or not low <= most < high:
        return Bar(promise=promise, measured=measured, met=middle <= most)
    measured += f": CPU time cannot tell; {counted:.3f}x in instructions, the kernel's left out"
    return Bar(promise=promise, measured=measured, met=counted <= most)


def per_test_microseconds(tests: int, pairs: list[list[float]]) -> list[float]:
    """Return what measuring added to each test, pair by pair; pairs: CPU seconds without and with."""
    return [(measured - plain) / tests * 1e6 for plain, measured in pairs]


def per_test_bar(results: Results) -> Bar:
    """Judge by microseconds; a bare window of the kernel's peak tells how fast the machine was."""
    promise = f"per empty test, with phases and journal: at most {_PER_TEST_MICROSECONDS} us"
    runs = [o for o in results.find(NAME, "per test") if not o.failure and "bare_block_seconds" in o.work]
    if not runs:
        return Bar(promise=promise, measured="no result", met=None)
    tests, pairs = runs[-1].work["tests"], [pair for run in runs for pair in run.work["block_seconds"]]
    added = per_test_microseconds(tests, pairs)
    middle, (low, high) = statistics.median(added), median_interval(added)
    plain = statistics.median(seconds for seconds, _ in pairs) / tests * 1e6
    bare = [pair for run in runs for pair in run.work["bare_block_seconds"]]
    return Bar(
        promise=promise,
        measured=f"{middle:.0f} us ({low:.0f} to {high:.0f}, {len(added)} pairs of blocks of {tests} tests, "
        f"which take {plain:.0f} us each without); a bare window of the kernel's peak: "
        f"{statistics.median(per_test_microseconds(tests, bare)):.0f} us",
        met=middle <= _PER_TEST_MICROSECONDS,
    )
