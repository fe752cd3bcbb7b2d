"""The quick benchmarks under our own gate: `python -m benchmarks.tier_gate` after `pytest benchmarks --quick`.

Takes the whole-process peaks that the tiers left and holds them to the baseline
of this kind of machine. A peak depends on the processor (the arithmetic library
picks its buffers by it, and one name is sold with several cores) and on whether
the kernel hands out huge pages unasked, so that both are part of the
environment; on another one nothing is compared, which is said and is no failure.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chapters import tiers
from benchmarks.figures import peak_bytes
from benchmarks.machine import environment, huge_pages, processor_model
from benchmarks.own_gate import ROOT, decisive_versions
from benchmarks.results import Results, Store
from pytest_snapshot_memory import gate_files
from pytest_snapshot_memory.baseline_store import DEFAULT_DIRECTORY
from pytest_snapshot_memory.environment import Environment, fingerprint
from pytest_snapshot_memory.gate import GatePolicy
from pytest_snapshot_memory.gate_expression import parse_expressions
from pytest_snapshot_memory.record import PhaseReading, TestRecord

NAME = "benchmarks"
GAUGE = "resident"
# twenty peaks of a tier lie within 1 %; of 57 MiB, five per cent are 2.9
FAIL_ON = "growth>2%+1MB"
ERROR_BOUND_BYTES = 256 * 1024


def here() -> Environment:
    about = environment()
    words = f"{about['processor']} {processor_model()} {about['cores']}cores {huge_pages()}"
    return fingerprint(
        GAUGE, extra={**decisive_versions(), "on": re.sub(r"\W+", "-", words).strip("-").lower()}
    )


def records_of(results: Results) -> list[TestRecord]:
    """Return one record per tier that ended well: growth is the peak of the whole process."""
    records = []
    for outcome in (*results.find(tiers.NAME, tiers.IDLE), *results.find(tiers.NAME, "engine")):
        if outcome.failure:
            continue
        size = outcome.facts.get("size_mib")
        name = f"benchmarks/tiers::{f'engine[{size}]' if size is not None else 'idle'}"
        phase = PhaseReading(
            phase="call", gauge=GAUGE, start_bytes=0, peak_bytes=int(peak_bytes(outcome)), end_bytes=0,
            error_bound_bytes=ERROR_BOUND_BYTES,
        )  # fmt: skip
        records.append(TestRecord(nodeid=name, outcome="passed", phases=(phase,)))
    return records


def judge(results: Results, directory: Path, *, save: bool) -> tuple[list[str], bool]:
    """Return the lines to print and whether the gate has failed."""
    records, thresholds = records_of(results), parse_expressions([FAIL_ON])
    place = gate_files.BaselinePlace(directory=directory, name=NAME)
    if not records:
        return [
            "memory gate failed: no tier was measured; run pytest benchmarks --memory-report --quick"
        ], True
    if save:
        saved = gate_files.save(records, place, here(), thresholds, complete=True, accept=True)
        return list(saved.lines), not saved.saved
    wanted = place.path(here())
    if not wanted.exists():
        line = (
            f"memory gate: benchmarks not compared. There is no baseline {wanted.name} for this environment"
        )
        return [f"{line}; `python -m benchmarks.tier_gate --save` makes one."], False
    policy = GatePolicy(new="fail", vanished="fail", incomparable="fail")
    result = gate_files.compare(records, place, here(), thresholds, policy=policy)
    return list(result.lines), result.failed


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0, or 1 where a peak rose."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tier_gate", description=__doc__)
    parser.add_argument("--save", action="store_true", help="write the baseline of this environment anew")
    parser.add_argument("--results", type=Path, default=ROOT / ".benchmarks" / "tiers.jsonl", metavar="FILE")
    parser.add_argument("--directory", type=Path, default=ROOT / DEFAULT_DIRECTORY, metavar="DIR")
    options = parser.parse_args(argv)
    lines, failed = judge(Store(options.results).load(), options.directory, save=options.save)
    print("\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
