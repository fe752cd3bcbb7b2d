"""Table 9, how far a runaway gets past memory_limit before it is stopped, on a heap full of free memory."""

from __future__ import annotations

import math
import statistics

from benchmarks.case import Case, Outcome, workload
from benchmarks.charts import BarChart
from benchmarks.results import Results
from benchmarks.table import Bar, Page, Table

NAME = "overshoot"
# What runs the function, and whether the watching thread may take real-time priority.
WAYS = {
    "main thread": (True, True),
    "another thread": (False, True),
    "another thread, real-time priority refused": (False, False),
}
BUSY = (0, 2)
RUNS = {"quick": 12, "default": 150, "full": 150}
BAR_MIB = 4.0


def cases(scale: str) -> list[Case]:
    return [
        Case(
            chapter=NAME,
            label=way,
            facts={"busy": busy},
            command=workload(
                "limit_overshoot:overshoot", main=main, real_time=real_time, busy=busy, runs=RUNS[scale]
            ),
            rounds=1,
        )
        for busy in BUSY
        for way, (main, real_time) in WAYS.items()
    ]


def _latest(results: Results, way: str, busy: int) -> Outcome | None:
    found = [o for o in results.find(NAME, way, busy=busy) if not o.failure]
    return found[-1] if found else None


def _chart(results: Results) -> tuple[BarChart, ...]:
    bars = tuple(
        (
            f"{way.replace('real-time priority refused', 'not real-time')}{', busy' if busy else ''}",
            max(outcome.work["over_mib"]),
            True,
        )
        for busy in BUSY
        for way in WAYS
        if (outcome := _latest(results, way, busy)) is not None
    )
    if not bars:
        return ()
    return (
        BarChart(
            name="overshoot",
            title="Furthest past a limit of 32 MiB, in MiB",
            unit="MiB",
            bars=bars,
            limits=(BAR_MIB,) * len(bars),
        ),
    )


def page(results: Results) -> Page:
    rows, bars, free = [], [], []
    for busy in BUSY:
        beside = f"{busy} busy loops beside it" if busy else "nothing beside it"
        for way in WAYS:
            outcome = _latest(results, way, busy)
            promise = f"{way}, {beside}: at most {BAR_MIB:g} MiB past the limit, every run stopped"
            if outcome is None:
                bars.append(Bar(promise=promise, measured="no result", met=None))
                continue
            over = sorted(outcome.work["over_mib"])
            lost = outcome.work["causes"].get("not stopped", 0)
            free.append(outcome.work["least_free_mib"])
            p99, most = over[math.ceil(0.99 * len(over)) - 1], over[-1]
            rows.append(
                (
                    way,
                    beside,
                    f"{len(over)}",
                    f"{statistics.median(over):.2f}",
                    f"{p99:.2f}",
                    f"{most:.2f}",
                    f"{lost}",
                )
            )
            measured = f"{most:.2f} MiB in {len(over)} runs (p99 {p99:.2f}), {lost} not stopped"
            bars.append(Bar(promise=promise, measured=measured, met=most <= BAR_MIB and not lost))
    least = f" (at least {min(free):.0f} MiB of it)" if free else ""
    return Page(
        name=NAME,
        title="How far past a limit",
        line='A function that grows without end under memory_limit(32, of="growth"), in chunks of 700 bytes, '
        f"60 kB and 1 MiB in turn, on a heap full of free memory{least}: there the kernel sees nothing being "
        "mapped, and only the watchdog can stop it. What the kernel's own peak shows past the limit.",
        tables=(
            Table(
                headers=("function in", "machine", "runs", "median MiB", "p99", "most", "not stopped"),
                rows=tuple(rows),
            ),
        ),
        charts=_chart(results),
        bars=tuple(bars),
        notes=(
            "Real-time priority for the watching thread needs root, CAP_SYS_NICE or an RLIMIT_RTPRIO; with or "
            "without it the thread follows the function to its core.",
        ),
    )
