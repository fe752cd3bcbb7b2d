"""The gate on recorded noise: how often it cries wolf, how often it misses a planted rise."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.child import Job

KIB = 1024
START_BYTES = 50 * 2**20
# (how it was run, workload, variant) -> series of (growth, what could hide) in bytes; a series of
# forked runs is the children of one parent
Noise = dict[tuple[str, str, str], list[list[tuple[int, int]]]]


def load_noise(path: Path) -> Noise:
    """Read "kind workload variant growth[:reusable] ..." lines, in KiB."""
    noise: Noise = {}
    for line in path.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        kind, workload, variant, *values = line.split()
        pairs = [value.partition(":") for value in values]
        series = [(int(a) * KIB, int(b or 0) * KIB) for a, _, b in pairs]
        noise.setdefault((kind, workload, variant), []).append(series)
    return noise


class Drawn:
    """One run of all workloads, drawn at random from one half of the recording.

    A session forks its children from one parent, so all forked runs of one drawn
    session are of one recorded parent. Baseline and new run draw from different
    halves, so that an unchanged test is never compared with its own values.
    """

    def __init__(self, noise: Noise, kind: str, variant: str, half: int, seed: int) -> None:
        self._noise, self._kind, self._variant, self._half = noise, kind, variant, half
        self._random = random.Random(seed * 4 + half)
        self.workloads = sorted({workload for _, workload, _ in noise})
        parents = len(noise["forked", self.workloads[0], variant])
        self._parent = self._random.randrange(half, parents, 2)

    def _draw(self, kind: str, workload: str, count: int) -> list[tuple[int, int]]:
        series = self._noise[kind, workload, self._variant]
        values = series[self._parent] if kind == "forked" else series[0][self._half :: 2]
        return self._random.sample(values, count)

    def records(self) -> list[Any]:
        from pytest_snapshot_memory.record import PhaseReading, TestRecord

        records = []
        for workload in self.workloads:
            ((growth, reusable),) = self._draw("suite", workload, 1)
            call = PhaseReading(
                phase="call",
                gauge="resident",
                start_bytes=START_BYTES,
                peak_bytes=START_BYTES + growth,
                end_bytes=START_BYTES,
                reusable_bytes=reusable,
                error_bound_bytes=240 * KIB,
            )
            records.append(TestRecord(nodeid=f"suite.py::{workload}", outcome="passed", phases=(call,)))
        return records

    def repeat(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]:
        return {
            node: [growth for growth, _ in self._draw(self._kind, node.partition("::")[2], count)]
            for node in nodeids
        }

    def naive(self) -> dict[str, int]:
        """Return one reading per workload, as a gate without statistics would take it."""
        return {workload: self._draw("suite", workload, 1)[0][0] for workload in self.workloads}


def error_rates(job: Job) -> dict[str, Any]:
    """Compare many drawn runs with drawn baselines; count verdicts, ours and those of "+3 % against the last run"."""
    from pytest_snapshot_memory.baseline_update import remember
    from pytest_snapshot_memory.environment import Environment
    from pytest_snapshot_memory.gate import evaluate
    from pytest_snapshot_memory.gate_expression import DEFAULT_EXPRESSION, parse_expressions

    noise = load_noise(Path(job.parameters["recording"]))
    kind, variant = job.parameters["kind"], job.parameters["variant"]
    here = Environment(platform="linux", python="cpython-3.11", gauge="resident")
    thresholds = parse_expressions([DEFAULT_EXPRESSION])
    verdicts: dict[str, int] = {}
    # fresh processes vary independently; children of one parent share what it was given
    independent = kind == "fresh"
    naive = compared = 0
    with job.timed():
        for seed in range(int(job.parameters["suites"])):
            before, after = Drawn(noise, kind, "base", 0, seed), Drawn(noise, kind, variant, 1, seed)
            baseline = remember(
                before.records(), None, here, thresholds, repeat=before.repeat, independent_runs=independent
            )
            result = evaluate(
                after.records(), baseline, thresholds, repeat=after.repeat, independent_runs=independent
            )
            for comparison in result.comparisons:
                verdicts[comparison.verdict.value] = verdicts.get(comparison.verdict.value, 0) + 1
                compared += 1
            old, new = before.naive(), after.naive()
            naive += sum(new[workload] > old[workload] * 1.03 for workload in new)
    return {"compared": compared, "verdicts": verdicts, "naive_alarms": naive}
