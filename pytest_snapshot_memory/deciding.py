"""A limit and what was measured: the verdict, and who gave it.

Where the first reading does not decide, the test is measured once more in a
child of the clean parent, then with an exact gauge. What was decided how is
told; a limit that nobody could decide is Unmeasured, never silently green. Only
where what was seen is over the limit and pages of libraries might be why, what
was seen stands: then, too, it is told.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pytest_snapshot_memory.markers import LimitRequest
from pytest_snapshot_memory.record import PhaseReading
from pytest_snapshot_memory.rerun import Rerun
from pytest_snapshot_memory.verdicts import Interval, interval_of, judge_interval, share_of_files
from snapshot_engine.memory.budget import Exceeded, Unmeasured, Verdict

# gauge -> a second run of the test under it
MeasureAgain = Callable[[str], Rerun]


class Decision(NamedTuple):
    """The verdict, the numbers it rests on, and how it came about ("" for the first reading).

    readings: those of the second run, where one was made and says something.
    """

    verdict: Verdict
    interval: Interval | None
    decided_by: str = ""
    readings: tuple[PhaseReading, ...] = ()


def decide(
    readings: Sequence[PhaseReading], limit: LimitRequest, again: MeasureAgain | None, why_not: str = ""
) -> Decision:
    """Judge the readings against the limit; ask `again` where they leave it open.

    again: None where a second run is switched off or impossible; why_not says which.
    """
    interval = interval_of(_of_gauge(readings, limit), limit.of, limit.phase)
    verdict = judge_interval(interval, limit.limit_bytes)
    if not (isinstance(verdict, Unmeasured) and verdict.undecided and interval is not None):
        return Decision(verdict, interval)
    if again is None:
        return _undecided(interval, limit, f"{verdict.reason}; {why_not}", why_not)
    second = again(interval.gauge)
    clean = None if second.problem else interval_of(second.readings, limit.of, limit.phase)
    verdict = judge_interval(clean, limit.limit_bytes)
    by = f"a second run in a clean child process ({interval.gauge})"
    if clean is None:
        why_not = second.problem or "the second run was not measured"
        return _undecided(interval, limit, why_not, why_not)
    if not isinstance(verdict, Unmeasured):
        return Decision(verdict, clean, by, second.readings)
    if interval.gauge == "resident" and limit.of == "growth":
        return _decide_exactly(clean, limit, again)._replace(readings=second.readings)
    return Decision(Unmeasured(reason=f"{verdict.reason}, also in a clean child"), clean, by, second.readings)


def decide_with_children(
    readings: Sequence[PhaseReading], limit: LimitRequest, again: MeasureAgain | None, why_not: str = ""
) -> Decision:
    """Judge a test that kept its limit by itself but started processes, and named no gauge.

    Only the tree gauge can tell then; it is asked in a second run.
    """
    interval = interval_of(_of_gauge(readings, limit), limit.of, limit.phase)
    if again is None:
        reason = f"child processes ran, which the resident gauge does not count; {why_not}"
        return Decision(Unmeasured(reason=f"{reason}; name gauge='tree' or 'resident'"), interval)
    second = again("tree")
    whole = None if second.problem else interval_of(second.readings, limit.of, limit.phase)
    if whole is None:
        return Decision(Unmeasured(reason=second.problem or "the tree gauge measured nothing"), interval)
    verdict = judge_interval(whole, limit.limit_bytes)
    return Decision(verdict, whole, "a second run under the tree gauge, since child processes ran")


def _decide_exactly(clean: Interval, limit: LimitRequest, again: MeasureAgain) -> Decision:
    """Let an exact gauge choose the point inside the clean child's interval."""
    gauge = "allocated" if importlib.util.find_spec("memray") is not None else "python"
    over = clean.low_bytes > limit.limit_bytes
    if over and gauge == "python":  # it counts little of what C takes, so it cannot acquit what was seen
        return _undecided(clean, limit, "", "also in a clean child")
    third = again(gauge)
    exact = None if third.problem else interval_of(third.readings, limit.of, limit.phase)
    if exact is None:
        why_not = third.problem or f"the {gauge} gauge measured nothing"
        return _undecided(clean, limit, why_not, f"also in a clean child; {why_not}")
    point = max(exact.low_bytes, clean.least_bytes if over else clean.low_bytes)
    by = f"the {gauge} gauge in a clean child process"
    if clean.exact:
        # Allocated memory that was never touched is not resident: the resident
        # interval stays the frame. A sampled one has no upper end.
        point = min(point, clean.high_bytes)
        by += ", within what resident left open"
    chosen = Interval(point, point, clean.gauge)
    return Decision(judge_interval(chosen, limit.limit_bytes), chosen, by)


def _undecided(interval: Interval, limit: LimitRequest, reason: str, why_not: str) -> Decision:
    """Return what holds where nothing decides: Unmeasured, but over the limit what was seen."""
    excess_bytes = interval.low_bytes - limit.limit_bytes
    if excess_bytes <= 0:
        return Decision(Unmeasured(reason=reason), interval)
    by = f"what was seen, {share_of_files(interval)}"
    return Decision(Exceeded(excess_bytes=excess_bytes), interval, f"{by} ({why_not})" if why_not else by)


def _of_gauge(readings: Sequence[PhaseReading], limit: LimitRequest) -> list[PhaseReading]:
    """Return the readings that the limit is about: live heap for what is retained, if there."""
    heap = [reading for reading in readings if reading.gauge == "heap"]
    if limit.of == "retained" and heap:
        return heap
    return [reading for reading in readings if reading.gauge != "heap"]
