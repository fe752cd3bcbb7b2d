"""Table 4, what our own watching costs: tracker, profile and monitoring on against off."""

from __future__ import annotations

import statistics

from benchmarks import inputs
from benchmarks.case import Case, workload
from benchmarks.charts import BarChart
from benchmarks.results import Results
from benchmarks.summary import median_interval
from benchmarks.table import Bar, Page, Table

NAME = "watching"
WAYS = {
    "tracker": "MemoryTracker.take_snapshot after every 500 cues",
    "profile": "@memory_profile on a function called for every 500 cues",
    "monitoring": "start_memory_monitoring with a look a second",
    "nothing": "nothing at all: what the method itself is unsure of",
}
PAIRS = {"quick": 3, "default": 15, "full": 15}
BAR = 0.01


def cases(scale: str) -> list[Case]:
    path = str(inputs.transcript(0.1 if scale == "quick" else 0.5))
    direct = [
        Case(
            chapter=NAME,
            label=f"direct, {way}",
            facts={},
            command=workload("watching:direct", way=way, path=path, seconds=3 if scale == "quick" else 10),
            rounds=1 if scale == "quick" else 3,
            most_rounds=3,
        )
        for way in WAYS
        if way != "nothing"
    ]
    return direct + [
        Case(
            chapter=NAME,
            label=way,
            facts={},
            command=workload("watching:ratio", way=way, path=path, pairs=PAIRS[scale]),
            rounds=1,
        )
        for way in WAYS
    ]


def _ratios(results: Results, way: str) -> list[float]:
    return [ratio for o in results.find(NAME, way) if not o.failure for ratio in o.work["ratios"]]


def _share(results: Results, way: str) -> float | None:
    """Return the share of CPU time by direct measurement; the highest run counts."""
    figure = results.figure(NAME, f"direct, {way}", lambda o: o.work.get("share"))
    return figure.highest if figure else None


def _bar(results: Results, way: str) -> Bar:
    promise = f"{way}: at most 1 % CPU time (promised: less than 10 %)"
    share = _share(results, way)
    if share is None:
        failed = [o.failure for o in results.find(NAME, f"direct, {way}") if o.failure]
        return Bar(
            promise=promise, measured=failed[0] if failed else "no result", met=False if failed else None
        )
    return Bar(promise=promise, measured=f"{share:.3%}", met=share <= BAR)


def _chart(results: Results) -> tuple[BarChart, ...]:
    shares = [(way, share) for way in WAYS if (share := _share(results, way)) is not None]
    if not shares:
        return ()
    return (
        BarChart(
            name="watching",
            title="Share of the engine's CPU time that watching it takes",
            unit="%",
            bars=tuple((way, share * 100, True) for way, share in shares),
            limits=(BAR * 100,) * len(shares),
            logarithmic=True,
        ),
    )


def page(results: Results) -> Page:
    rows = []
    for way, what in WAYS.items():
        found, share = _ratios(results, way), _share(results, way)
        turns = "–"
        if len(found) >= 3:
            low, high = median_interval(found)
            turns = (
                f"{statistics.median(found) - 1:+.1%} ({low - 1:+.1%} to {high - 1:+.1%}, {len(found)} pairs)"
            )
        if found or share is not None:
            rows.append((what, "–" if share is None else f"{share:.3%}", turns))
    return Page(
        name=NAME,
        title="What our own watching costs",
        line="What of the engine's CPU time goes into watching it: what one look costs, times how often it "
        "comes (the highest of the runs). Beside it, as a check, the same work with and without being watched in "
        "turns, median ratio with its 95 % interval: no wider claim than what doing nothing shows there.",
        tables=(Table(headers=("watched by", "share of CPU time", "in turns"), rows=tuple(rows)),),
        charts=_chart(results),
        bars=tuple(_bar(results, way) for way in WAYS if way != "nothing"),
        packages=("numpy",),
    )
