"""Readings of a test against its limit: pure judgement, three verdicts.

What a gauge saw is a lower bound, but for pages of libraries that the kernel had
taken and brought back; what it saw plus what could be used unseen plus its own
error is an upper one. A limit between the two is not decided by this measurement:
the answer is Unmeasured with undecided=True, and the caller measures again in
another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pytest_snapshot_memory.markers import LimitRequest
from pytest_snapshot_memory.record import PhaseReading
from snapshot_engine.memory.budget import Exceeded, Unmeasured, Verdict, Within
from snapshot_engine.memory.units import format_size

OWN_PHASES = ("setup", "call", "teardown")
# Libraries came back by up to 2.4 MiB a test. More than this is a file that the test
# reads through a mapping, and memory that its limit is about.
_MOST_LIBRARY_BYTES: Final = 4 * 2**20


class Interval(NamedTuple):
    """What was seen of a test and the most that it can have used, in bytes.

    exact: False for a sampled peak. file_bytes: how much of what was seen can be
    pages of libraries that the test did not bring in.
    """

    low_bytes: int
    high_bytes: int
    gauge: str
    exact: bool = True
    file_bytes: int = 0

    @property
    def least_bytes(self) -> int:
        """The least that the test can have used."""
        return self.low_bytes - self.file_bytes


def interval_of(readings: Sequence[PhaseReading], of: str, phase: str) -> Interval | None:
    """Return what the readings say of a limit's terms; None where the phase was not measured.

    phase "all" runs from the start of set-up to the end of tear-down: what an
    earlier phase still holds lies under the peak of a later one.
    """
    wanted = OWN_PHASES if phase == "all" else (phase,)
    own = [reading for name in wanted for reading in readings if reading.phase == name]
    if not own:
        return None
    gauge, exact = own[0].gauge, all(reading.exact for reading in own)
    hidden = max(reading.unseen_bytes + reading.error_bound_bytes for reading in own)
    if of == "peak":
        seen = max(reading.peak_bytes for reading in own)
        return Interval(seen, seen + max(reading.error_bound_bytes for reading in own), gauge, exact)
    if of == "retained":
        seen = sum(reading.retained_bytes for reading in own)
        return Interval(seen, seen + hidden, gauge, exact)
    seen = held = 0
    for reading in own:
        seen = max(seen, held + reading.growth_bytes)
        held += reading.retained_bytes
    file_bytes = sum(max(0, reading.file_bytes) for reading in own)
    if file_bytes > _MOST_LIBRARY_BYTES:
        file_bytes = 0
    return Interval(seen, seen + hidden, gauge, exact, min(file_bytes, seen))


def judge_interval(interval: Interval | None, limit_bytes: int) -> Verdict:
    """Decide whether an interval keeps to a limit; exactly equal is kept."""
    if interval is None:
        return Unmeasured(reason="nothing was measured in the phase that has the limit")
    if interval.low_bytes > limit_bytes >= interval.least_bytes:
        return Unmeasured(
            reason=f"saw {format_size(interval.low_bytes)} of {format_size(limit_bytes)}, {share_of_files(interval)}",
            undecided=True,
        )
    if interval.low_bytes > limit_bytes:
        return Exceeded(excess_bytes=interval.low_bytes - limit_bytes)
    if interval.high_bytes <= limit_bytes and interval.exact:
        return Within(spare_bytes=limit_bytes - interval.high_bytes)
    if not interval.exact:
        return Unmeasured(
            reason=f"saw {format_size(interval.low_bytes)}, but the peak was sampled and may be higher",
            undecided=True,
        )
    hidden = format_size(interval.high_bytes - interval.low_bytes)
    return Unmeasured(
        reason=f"saw {format_size(interval.low_bytes)} of {format_size(limit_bytes)}, and {hidden} more"
        " could have been used unseen",
        undecided=True,
    )


def share_of_files(interval: Interval) -> str:
    """Return how much of what was seen need not be the test's, for people."""
    return f"of which up to {format_size(interval.file_bytes)} can be pages of mapped files"


def describe_terms(limit: LimitRequest) -> str:
    """Return what a limit is of, for people: "growth in the call"."""
    place = {"call": "in the call", "setup": "in set-up", "all": "over set-up, call and tear-down"}[
        limit.phase
    ]
    what = {"growth": "growth", "peak": "peak of the whole process", "retained": "memory still held"}[
        limit.of
    ]
    return f"{what} {place}"
