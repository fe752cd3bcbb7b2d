"""The gate on noise that was really recorded: how often it cries wolf, how often it misses.

`recorded/noise_linux.txt` holds the kernel's peak of eight workloads, unchanged,
with 5 % more objects and with 256 KiB more, each 60 times in fresh processes,
forked children and shuffled suites (`recorded/record_noise.py` made it).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_snapshot_memory.baseline_update import remember
from pytest_snapshot_memory.environment import Environment
from pytest_snapshot_memory.gate import evaluate
from pytest_snapshot_memory.gate_expression import DEFAULT_EXPRESSION, parse_expressions
from pytest_snapshot_memory.record import PhaseReading, TestRecord
from pytest_snapshot_memory.regression import Verdict

RECORDED = Path(__file__).parent / "recorded" / "noise_linux.txt"
HERE = Environment(platform="linux", python="cpython-3.11", gauge="resident")
DEFAULT = parse_expressions([DEFAULT_EXPRESSION])
START_BYTES = 50 * 2**20
# (kind, workload, variant) -> series of (growth, reusable) in bytes; a forked series is one parent's children
Noise = dict[tuple[str, str, str], list[list[tuple[int, int]]]]


def load_noise() -> Noise:
    noise: Noise = {}
    for line in RECORDED.read_text().splitlines():
        if not line.startswith("#"):
            kind, workload, variant, *values = line.split()
            pairs = [value.partition(":") for value in values]
            series = [(int(a) * 1024, int(b or 0) * 1024) for a, _, b in pairs]
            noise.setdefault((kind, workload, variant), []).append(series)
    return noise


class Suite:
    """A run of all workloads, drawn from the recording: first readings, and runs when asked.

    A session forks all its children from one parent, so all runs of one suite come
    from one recorded parent. Suites of different `half` share no parent and no
    value: an unchanged run never sees what its baseline was made of.
    """

    def __init__(self, noise: Noise, kind: str, variant: str, half: int, seed: int) -> None:
        self.noise, self.kind, self.variant, self.half = noise, kind, variant, half
        self.random = random.Random(f"{kind} {variant} {half} {seed}")
        self.runs_made = 0
        self.workloads = sorted({workload for _, workload, _ in noise})
        parents = len(noise["forked", self.workloads[0], variant])
        self.parent = self.random.randrange(half, parents, 2)

    def draw(self, kind: str, workload: str, count: int) -> list[tuple[int, int]]:
        series = self.noise[kind, workload, self.variant]
        values = series[self.parent] if kind == "forked" else series[0][self.half :: 2]
        return self.random.sample(values, count)

    def records(self) -> list[TestRecord]:
        records = []
        for workload in self.workloads:
            growth, reusable = self.draw("suite", workload, 1)[0]
            reading = PhaseReading(
                phase="call",
                gauge="resident",
                start_bytes=START_BYTES,
                peak_bytes=START_BYTES + growth,
                end_bytes=START_BYTES,
                reusable_bytes=reusable,
                error_bound_bytes=240 * 1024,
            )
            records.append(TestRecord(nodeid=f"t.py::{workload}", outcome="passed", phases=(reading,)))
        return records

    def repeat(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]:
        self.runs_made += len(nodeids) * count
        return {n: [g for g, _ in self.draw(self.kind, n.partition("::")[2], count)] for n in nodeids}


def verdicts(noise: Noise, kind: str, variant: str, suites: int) -> dict[str, dict[Verdict, int]]:
    """Return per workload how each of `suites` comparisons ended."""
    counts: dict[str, dict[Verdict, int]] = {}
    for seed in range(suites):
        before = Suite(noise, kind, "base", 0, seed)
        after = Suite(noise, kind, variant, 1, seed)
        baseline = remember(
            before.records(), None, HERE, DEFAULT, repeat=before.repeat, independent_runs=kind == "fresh"
        )
        result = evaluate(
            after.records(), baseline, DEFAULT, repeat=after.repeat, independent_runs=kind == "fresh"
        )
        for comparison in result.comparisons:
            of_workload = counts.setdefault(comparison.nodeid, {})
            of_workload[comparison.verdict] = of_workload.get(comparison.verdict, 0) + 1
    return counts


@pytest.mark.parametrize("kind", ["fresh", "forked"])
def test_no_false_alarm_in_a_thousand_unchanged_runs(kind: str) -> None:
    counts = verdicts(load_noise(), kind, "base", 125)
    assert sum(sum(found.values()) for found in counts.values()) == 1000
    alarms = {name: found[Verdict.REGRESSED] for name, found in counts.items() if Verdict.REGRESSED in found}
    assert alarms == {}


@pytest.mark.parametrize(("kind", "variant"), [("fresh", "plus5"), ("fresh", "plus256"), ("forked", "plus5")])
def test_a_planted_rise_is_found_in_99_of_100(kind: str, variant: str) -> None:
    """Children of one parent cannot show 256 KiB: that is by how much parents differ."""
    counts = verdicts(load_noise(), kind, variant, 125)
    missed = {n: sum(f.values()) - f.get(Verdict.REGRESSED, 0) for n, f in counts.items()}
    assert sum(missed.values()) <= 10, missed
