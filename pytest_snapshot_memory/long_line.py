"""The record of a plain test that has more to say than three phases: wider fixtures, file pages, notes.

In: what the cheap hooks saw. Out: the encoded record, one line of text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_snapshot_memory.measuring import CHILDREN_NOTE
from pytest_snapshot_memory.record import PhaseReading, TestRecord, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest


class Seen(NamedTuple):
    """The phases of one test in their order, each (name, (start, peak, end) in bytes, seconds).

    slack_bytes: the call's; returned_bytes: that of every other phase. file_bytes: by
    phase, what came in or went of mapped files. All as PhaseReading says.
    """

    phases: Sequence[tuple[str, tuple[int, int, int], float]]
    reusable_bytes: int
    error_bound_bytes: int
    slack_bytes: int
    returned_bytes: int
    file_bytes: Mapping[str, int]


def long_line(
    told: pytest.Item | pytest.TestReport, outcome: str, seen: Seen, worker: str, notes: tuple[str, ...]
) -> str:
    """Return the encoded record of the test that has ended."""
    exact = all(note == CHILDREN_NOTE for note in notes)
    files = dict(seen.file_bytes)
    readings = [
        PhaseReading(
            phase=phase,
            gauge="resident",
            start_bytes=start_bytes,
            peak_bytes=peak_bytes,
            end_bytes=end_bytes,
            reusable_bytes=seen.reusable_bytes,
            error_bound_bytes=seen.error_bound_bytes,
            exact=exact,
            seconds=seconds,
            slack_bytes=seen.slack_bytes if phase == "call" else seen.returned_bytes,
            file_bytes=files.pop(phase, 0),  # a fixture that is set up twice: the first time has it
        )
        for phase, (start_bytes, peak_bytes, end_bytes), seconds in seen.phases
    ]
    path, line, _ = told.location
    return encode(
        TestRecord(
            nodeid=told.nodeid,
            outcome=outcome,
            phases=tuple(readings),
            file=path,
            line=(line or 0) + 1,
            worker=worker,
            notes=notes,
        )
    )
