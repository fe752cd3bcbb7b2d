"""What a measured test leaves: its outcome, its properties, and its record as one line.

In: the run of a test that has ended, and its reports. Out: text and scalars, as
they travel from workers and children.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from pytest_snapshot_memory.markers import LimitRequest
    from pytest_snapshot_memory.measuring import ItemRun
    from pytest_snapshot_memory.record import BudgetTerms, PhaseReading


def outcome_after(before: str, report: pytest.TestReport) -> str:
    """Return the outcome of a test after one more of its phases was reported."""
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if report.when == "teardown" and before:
        return before
    if before == "failed" and report.passed:  # a subtest did
        return before
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return report.outcome if report.when == "call" or report.skipped else before or "unfinished"


def properties_of(run: ItemRun) -> list[tuple[str, object]]:
    """Return what JUnit XML and other reports show: scalars, since they print str(value)."""
    call = run.call_reading()
    if call is None:
        return []
    return [
        ("memory_growth_bytes", call.growth_bytes),
        ("memory_growth_upper_bytes", call.growth_upper_bytes),
        ("memory_growth_lower_bytes", call.growth_lower_bytes),
        ("memory_retained_bytes", call.retained_bytes),
        ("memory_gauge", call.gauge),
    ]


def record_line(item: pytest.Item, run: ItemRun, report: pytest.TestReport, worker: str) -> str:
    """Return the encoded record of a test that has ended; benchmarks of its body go along with the report."""
    if run.has_plain_line and "memory_benchmark" not in getattr(item, "fixturenames", ()):
        path, number, _ = item.location
        return run.plain_line(item.nodeid, path, (number or 0) + 1, worker)
    return _full_line(item, run, report, worker)


def _full_line(item: pytest.Item, run: ItemRun, report: pytest.TestReport, worker: str) -> str:
    from pytest_snapshot_memory import benchmark
    from pytest_snapshot_memory.deciding import decide
    from pytest_snapshot_memory.record import TestRecord, encode

    benchmarks = benchmark.benchmarks_of(item)
    report.__dict__[benchmark.REPORT_ATTRIBUTE] = benchmarks
    path, line, _ = item.location
    limit = run.plan.limit
    if limit is not None and run.decision is None:
        run.decision = decide(run.readings, limit, None, "the test did not pass by itself")
    verdict, excess_bytes, reason = _verdict_words(run)
    record = TestRecord(
        nodeid=item.nodeid,
        outcome=run.outcome,
        phases=(*run.readings, *_second_readings(run), *map(benchmark.reading_of, benchmarks)),
        file=path,
        line=(line or 0) + 1,
        budget=None if limit is None else _terms(limit),
        verdict=verdict,
        excess_bytes=excess_bytes,
        reason=reason,
        decided_by=run.decision.decided_by if run.decision is not None else "",
        worker=worker,
        sites=run.sites,
        notes=tuple(run.notes),
    )
    return encode(record)


def _second_readings(run: ItemRun) -> list[PhaseReading]:
    """Return what a second run found of the phase that a limit on growth is about, at the point that decided."""
    decision, limit = run.decision, run.plan.limit
    if decision is None or limit is None or decision.interval is None or limit.of != "growth":
        return []
    point_bytes = decision.interval.low_bytes
    return [
        one._replace(peak_bytes=one.start_bytes + point_bytes)
        for one in decision.readings
        if one.phase == limit.phase and one.gauge == decision.interval.gauge
    ]


def _terms(limit: LimitRequest) -> BudgetTerms:
    from pytest_snapshot_memory.record import BudgetTerms

    return BudgetTerms(limit_bytes=limit.limit_bytes, of=limit.of, phase=limit.phase, gauge=limit.gauge)


def _verdict_words(run: ItemRun) -> tuple[str, int, str]:
    """Return verdict, excess and reason as a record holds them."""
    decision = run.decision
    if decision is None:
        return ("unmeasured", 0, run.reason) if run.reason else ("none", 0, "")
    from snapshot_engine.memory.budget import Exceeded, Within

    verdict = decision.verdict
    if isinstance(verdict, Exceeded):
        return "exceeded", verdict.excess_bytes, ""
    if isinstance(verdict, Within):
        return "within", 0, ""
    return "unmeasured", 0, run.reason or verdict.reason
