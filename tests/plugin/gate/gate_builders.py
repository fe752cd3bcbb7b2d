"""Records and entries for the gate's tests, with numbers in KiB."""

from __future__ import annotations

from pytest_snapshot_memory.environment import Environment
from pytest_snapshot_memory.record import PhaseReading, TestRecord

KIB = 1024
HERE = Environment(platform="linux-x86_64-gnu", python="cpython-3.11", gauge="resident")
START_BYTES = 50_000 * KIB


def reading(
    growth_kib: int = 0,
    *,
    reusable_kib: int = 0,
    retained_kib: int = 0,
    gauge: str = "resident",
    process: str = "suite",
    phase: str = "call",
    error_kib: int = 0,
) -> PhaseReading:
    return PhaseReading(
        phase=phase,
        gauge=gauge,
        start_bytes=START_BYTES,
        peak_bytes=START_BYTES + growth_kib * KIB,
        end_bytes=START_BYTES + retained_kib * KIB,
        reusable_bytes=reusable_kib * KIB,
        error_bound_bytes=error_kib * KIB,
        process=process,
        seconds=0.01,
    )


def record(nodeid: str, growth_kib: int = 0, *, outcome: str = "passed", **more: object) -> TestRecord:
    return TestRecord(nodeid=nodeid, outcome=outcome, phases=(reading(growth_kib, **more),))  # type: ignore[arg-type]
