"""What a gauge is: facts about a reading, and the role that every gauge plays.

A gauge's numbers are only ever compared with the same gauge's: 50 MB of
untouched numpy.empty is 50 MB allocated and 0 resident, and both are right.
So each gauge says in its traits what it counts and how far to trust it.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from snapshot_engine.errors import SnapshotEngineError


class GaugeUnavailable(SnapshotEngineError, RuntimeError):
    """This gauge cannot look, here or now; the message says why and what can."""


class GaugeTraits(NamedTuple):
    """What a gauge's numbers mean.

    counts: a phrase for reports: "resident memory of this process".
    exact: the peak is kept by the kernel or the allocator, not sampled.
    error_bound_bytes: how far a peak may be off by the way it is kept.
    slows_code: code under this gauge runs measurably slower.
    children: memory of child processes is counted too.
    reuse_hides: memory that was free at the start can be used unseen.
    note: why a better gauge was not taken, or "".
    """

    name: str
    counts: str
    exact: bool
    error_bound_bytes: int
    slows_code: bool = False
    children: bool = False
    reuse_hides: bool = False
    note: str = ""


class Reading(NamedTuple):
    """One look at a gauge: bytes now, and the most since its window opened.

    A named tuple, not a dataclass: one is made at every look, at a third of the cost.
    """

    current_bytes: int
    peak_bytes: int


class GaugeWindow(Protocol):
    """A span of time under a gauge; start_bytes is the reading at its beginning."""

    @property
    def start_bytes(self) -> int: ...

    @property
    def problem(self) -> str:
        """Return why the peak can be off (someone else reset it, a full disk), or ""."""
        ...

    def read(self) -> Reading: ...

    def close(self) -> None:
        """Look a last time; read() repeats that look from here on."""
        ...


class Gauge(Protocol):
    """Opens windows; scripted ones in tests, the kernel or an allocator otherwise."""

    @property
    def traits(self) -> GaugeTraits: ...

    def open(self) -> GaugeWindow:
        """Begin a window. Raises GaugeUnavailable when it cannot look now."""
        ...
