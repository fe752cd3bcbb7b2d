"""Table 4, what our own watching costs: tracker, profile and monitoring on against off."""

from __future__ import annotations

import statistics

from benchmarks import inputs
from benchmarks.case import Case, workload
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
PROMISED, BAR = 1.10, 1.01


def cases(scale: str) -> list[Case]:
    path = str(inputs.transcript(0.1 if scale == "quick" else 0.5))
    return [
        Case(
            chapter=NAME,
            label=way,
            facts={},
            command=workload("watching:ratio", way=way, path=path, pairs=PAIRS[scale]),
            rounds=2 if scale == "full" else 1,
            most_rounds=2,
        )
        for way in WAYS
    ]


def _ratios(results: Results, way: str) -> list[float]:
    return [ratio for o in results.find(NAME, way) if not o.failure for ratio in o.work["ratios"]]


def page(results: Results) -> Page:
    rows, bars = [], []
    for way, what in WAYS.items():
        found = _ratios(results, way)
        failure = next((o.failure for o in results.find(NAME, way) if o.failure), "")
        if len(found) < 3:
            if way != "nothing":
                bars.append(Bar(promise=f"{way}: at most 1 % CPU time", measured=failure or "no result", met=False if failure else None))  # fmt: skip
            continue
        middle = statistics.median(found)
        low, high = median_interval(found)
        rows.append((what, f"{middle - 1:+.2%}", f"{low - 1:+.2%} to {high - 1:+.2%}", str(len(found))))
        if way != "nothing":
            sure = "" if low > BAR or high <= BAR else "; the interval holds the bar, so this is not certain"
            bars.append(
                Bar(
                    promise=f"{way}: at most 1 % CPU time (promised: less than 10 %)",
                    measured=f"{middle - 1:+.2%} ({low - 1:+.2%} to {high - 1:+.2%}{sure})",
                    met=middle <= BAR,
                )
            )
    return Page(
        name=NAME,
        title="What our own watching costs",
        line="The engine finds entities in the same text with and without being watched, in turns within one "
        "process; the figure is the median ratio of CPU times, with a 95 % interval for the median.",
        tables=(Table(headers=("watched by", "costs", "95 % interval", "pairs"), rows=tuple(rows)),),
        bars=tuple(bars),
    )
