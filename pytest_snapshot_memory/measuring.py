"""One test under a gauge: a reading for each phase, and one for each wider fixture.

The set-up of a fixture of wider scope is measured on a line of its own and
taken out of the phase around it: a 40 MiB session fixture belongs to nobody's
call, whichever test came first. Its retained bytes move the start of the
phase, so the phase's growth stays above what the fixture left.

Cost with the resident gauge: see benchmarks; the kernel is asked once when a
phase opens and once when it closes.
"""

from __future__ import annotations

import gc
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pytest_snapshot_memory.record import FIXTURE_PREFIX, AllocationSite, PhaseReading
from snapshot_engine.memory.gauge import GaugeUnavailable
from snapshot_engine.memory.peak import PeakWindow, broker
from snapshot_engine.memory.reuse import reusable_bytes
from snapshot_engine.memory.settle import settle

if TYPE_CHECKING:
    from pytest_snapshot_memory.deciding import Decision
    from pytest_snapshot_memory.plan import Plan


# The attribute of a report that carries the record to the controller of xdist.
REPORT_ATTRIBUTE: Final = "snapshot_memory"


class Seen(NamedTuple):
    """What a meter saw between begin and end, in bytes. problem: "" or why the peak may be off."""

    start_bytes: int
    peak_bytes: int
    end_bytes: int
    reusable_bytes: int = 0
    exact: bool = True
    problem: str = ""


class Meter(Protocol):
    """A gauge in the hands of one test: one begin and end per phase, in order.

    All phases of a test share one scale, so that peaks can be compared with an
    earlier phase's start.
    """

    name: str
    error_bound_bytes: int
    phase: str  # what is being measured, for meters that explain it

    def begin(self, settles: bool) -> int:
        """Open a window; return the bytes at its start."""
        ...

    def end(self) -> Seen: ...

    def finish(self) -> None: ...


class ResidentMeter:
    """Resident memory of this process by the kernel's own peak."""

    __slots__ = ("_reusable_bytes", "_window", "error_bound_bytes", "name", "phase")

    def __init__(self) -> None:
        self.name = "resident"
        self.phase = ""
        self.error_bound_bytes = broker().error_bound_bytes
        self._window: PeakWindow | None = None
        self._reusable_bytes: int | None = 0

    def begin(self, settles: bool) -> int:
        self._reusable_bytes = settle().reusable_bytes if settles else -1
        self._window = window = broker().open()
        if not settles:
            self._reusable_bytes = reusable_bytes(window.start_bytes)
        return window.start_bytes

    def end(self) -> Seen:
        window, self._window = self._window, None
        assert window is not None, "end() without begin()"
        window.close()
        reading = window.read()
        reusable, problem = self._reusable_bytes, window.problem
        if reusable is None:
            problem = problem or "this platform does not say how much free memory could be reused"
        return Seen(
            window.start_bytes, reading.peak_bytes, reading.current_bytes, reusable or 0, not problem, problem
        )

    def finish(self) -> None:
        if self._window is not None:
            self._window.close()
            self._window = None


def meter_for(gauge: str) -> Meter:
    """Return a meter by the gauge's name. Raises GaugeUnavailable where it cannot look."""
    if gauge == "resident":
        return ResidentMeter()
    from pytest_snapshot_memory import meters

    return meters.build(gauge)


class LiveHeap:
    """Bytes in use in malloc and in Python's own allocator, between two points after a collection.

    Exact and free of reuse, since it counts what lives and not what is resident;
    blind to memory that was mapped directly.
    """

    name = "heap"

    def __init__(self) -> None:
        self._start_bytes = 0

    def begin(self) -> None:
        self._start_bytes = _live_bytes()

    def end(self, phase: str) -> PhaseReading:
        now = _live_bytes()
        return PhaseReading(
            phase=phase,
            gauge=self.name,
            start_bytes=self._start_bytes,
            peak_bytes=max(now, self._start_bytes),
            end_bytes=now,
        )


def _live_bytes() -> int:
    """Return the live bytes after a full collection. Raises GaugeUnavailable where nobody knows."""
    from snapshot_engine.memory import libc

    gc.collect()
    live = libc.live_bytes()
    if live is None:
        raise GaugeUnavailable("what is retained cannot be asked on this platform; name gauge='python'")
    return live


class ItemRun:
    """The measurements of one test while it runs. Holds one reading per phase and wider fixture."""

    __slots__ = (
        "_begun",
        "_blocks",
        "_heap",
        "_meter",
        "_phase",
        "_settles",
        "_shift_bytes",
        "_top_bytes",
        "_top_start",
        "decision",
        "notes",
        "outcome",
        "plan",
        "readings",
        "reason",
        "sites",
    )

    def __init__(self, plan: Plan, meter: Meter, *, heap: bool = False) -> None:
        """heap: read the live heap too, for limits on what is retained."""
        self.plan = plan
        self.outcome = ""
        self.readings: list[PhaseReading] = []
        self.notes: list[str] = []
        self.sites: tuple[AllocationSite, ...] = ()
        self.decision: Decision | None = None
        self.reason = ""
        self._meter = meter
        self._heap = LiveHeap() if heap else None
        self._phase = ""
        self._settles = plan.settles
        self._shift_bytes = 0
        self._top_bytes = 0
        self._top_start: int | None = None
        self._begun = 0.0
        self._blocks = 0

    def open(self, phase: str) -> int:
        """Begin a phase, "setup", "call" or "teardown"; return the bytes at its start."""
        self._phase = self._meter.phase = phase
        self._shift_bytes = 0
        self._top_start = None
        if self._heap is not None:
            self._heap.begin()
        start_bytes = self._meter.begin(self._settles and phase != "teardown")
        self._blocks = sys.getallocatedblocks()
        self._begun = perf_counter()
        return start_bytes

    def close(self) -> PhaseReading | None:
        """End the phase and keep its reading; None if none was open."""
        phase, self._phase = self._phase, ""
        if not phase:
            return None
        seconds = perf_counter() - self._begun
        seen = self._meter.end()
        if self._top_start is not None:
            seen = self._joined(seen)
        reading = self._keep(phase, seen, seconds)
        if self._heap is not None:
            self.readings.append(self._heap.end(phase))
        return reading

    def open_fixture(self) -> bool:
        """Interrupt the phase for a fixture of wider scope; False where no set-up is running."""
        if self._phase != "setup":
            return False
        self._fold(self._meter.end())
        self._phase = self._meter.phase = "fixture"
        self._meter.begin(False)
        return True

    def close_fixture(self, name: str, seconds: float) -> None:
        """Keep the fixture's own reading and go on with the phase around it."""
        seen = self._meter.end()
        self._shift_bytes += seen.end_bytes - seen.start_bytes
        self._keep(FIXTURE_PREFIX + name, seen, seconds)
        self._phase = self._meter.phase = "setup"
        self._begun += seconds
        self._meter.begin(False)

    def finish(self) -> None:
        self._meter.finish()

    def _fold(self, seen: Seen) -> None:
        if self._top_start is None:
            self._top_start, self._top_bytes = seen.start_bytes, 0
        self._top_bytes = max(self._top_bytes, seen.peak_bytes - self._shift_bytes - self._top_start)

    def _joined(self, seen: Seen) -> Seen:
        """Return one reading for a phase that fixtures interrupted, without what they kept."""
        self._fold(seen)
        assert self._top_start is not None
        return seen._replace(
            start_bytes=self._top_start,
            peak_bytes=self._top_start + max(0, self._top_bytes),
            end_bytes=seen.end_bytes - self._shift_bytes,
        )

    def _keep(self, phase: str, seen: Seen, seconds: float) -> PhaseReading:
        if seen.problem and seen.problem not in self.notes:
            self.notes.append(seen.problem)
        reading = PhaseReading(
            phase=phase,
            gauge=self._meter.name,
            start_bytes=seen.start_bytes,
            peak_bytes=seen.peak_bytes,
            end_bytes=seen.end_bytes,
            reusable_bytes=seen.reusable_bytes,
            error_bound_bytes=self._meter.error_bound_bytes,
            exact=seen.exact,
            seconds=seconds,
            blocks_net=sys.getallocatedblocks() - self._blocks,
        )
        self.readings.append(reading)
        return reading
