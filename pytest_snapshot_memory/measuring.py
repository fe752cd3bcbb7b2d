"""One test under a gauge: a reading for each phase, and one for each wider fixture.

The set-up of a fixture of wider scope is measured on a line of its own and
taken out of the phase around it: a 40 MiB session fixture belongs to nobody's
call, whichever test came first. Its retained bytes move the start of the
phase, so the phase's growth stays above what the fixture left.

Every test of a run passes here, so readings stay plain tuples until somebody
asks for them by name, and the line that a test leaves is formatted in one go.
"""

from __future__ import annotations

import gc
from json.encoder import encode_basestring_ascii
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pytest_snapshot_memory.record import FIXTURE_PREFIX, RECORD_VERSION, PhaseReading
from snapshot_engine.memory.gauge import GaugeUnavailable
from snapshot_engine.memory.peak import PeakWindow, broker
from snapshot_engine.memory.reuse import reusable_bytes

try:
    from resource import RUSAGE_CHILDREN, getrusage
except ImportError:  # Windows
    RUSAGE_CHILDREN, getrusage = 0, None  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from pytest_snapshot_memory.deciding import Decision
    from pytest_snapshot_memory.plan import Plan
    from pytest_snapshot_memory.record import AllocationSite

# The attribute of a report that carries the record to the controller of xdist.
REPORT_ATTRIBUTE: Final = "snapshot_memory"

CHILDREN_NOTE: Final = "child processes ran; the resident gauge does not count them, tree does"

# What is free for reuse changes when a test moves memory. Asking costs up to
# 96 us with the objects of 3,000 tests alive, so after a test that moved nothing
# it is asked every eighth time only.
_MOVED_BYTES: Final = 64 * 1024
_ASK_EVERY: Final = 8

# The fields of a PhaseReading in the order of its encoding.
Raw = tuple[str, str, int, int, int, int, int, int, float, int, str]


class Seen(NamedTuple):
    """What a meter saw between begin and end, in bytes. problem: "" or why the peak may be off."""

    start_bytes: int
    peak_bytes: int
    end_bytes: int
    reusable_bytes: int = 0
    exact: bool = True
    problem: str = ""


class Meter(Protocol):
    """A gauge in the hands of one test: one begin and end per phase, in order."""

    name: str
    error_bound_bytes: int
    phase: str  # what is being measured, for meters that explain it

    def begin(self, settles: bool) -> int:
        """Open a window; return the bytes at its start."""
        ...

    def end(self) -> Seen: ...

    def finish(self) -> None: ...


class ResidentMeter:
    """Resident memory of this process by the kernel's own peak. One serves all tests of a process.

    Its window stays open from phase to phase and begins again at each: opening
    one costs three times as much.
    """

    __slots__ = (
        "_calls",
        "_faults",
        "_moved",
        "_reusable_bytes",
        "_scratch",
        "_start_bytes",
        "_window",
        "aligns",
        "children_ran",
        "error_bound_bytes",
        "name",
        "phase",
    )

    def __init__(self) -> None:
        self.name = "resident"
        self.phase = ""
        self.aligns = False  # in a measuring child: see alignment.py
        self._scratch: object = None
        self._moved = True
        self._calls = 0
        self.children_ran = False
        self._faults = children_faults()
        self.error_bound_bytes = broker().error_bound_bytes
        self._window: PeakWindow | None = None
        self._start_bytes = 0
        self._reusable_bytes: int | None = 0

    def begin(self, settles: bool) -> int:
        if settles:
            from snapshot_engine.memory.settle import settle

            self._reusable_bytes = settle().reusable_bytes
        window = self._window
        if window is None:
            window = self._window = broker().open()
        if self.aligns:
            from pytest_snapshot_memory.alignment import align_page_counter

            self._scratch = align_page_counter()
        self._start_bytes = start_bytes = _restart(window)
        # Asked again for each phase only where it decides something; set-up
        # and tear-down of a plain test share the answer of its call.
        if self.phase == "call":
            self._faults = children_faults()
        if not settles and self.phase == "call":
            self._calls += 1
            if self._moved or self._calls % _ASK_EVERY == 0:
                self._moved = False
                self._reusable_bytes = reusable_bytes(start_bytes)
        return start_bytes

    def end(self) -> Seen:
        window = self._window
        assert window is not None, "end() without begin()"
        peak_bytes, now_bytes = _look(window)
        reusable, problem = self._reusable_bytes, window.problem
        if problem:
            window.problem = ""
        start_bytes = self._start_bytes
        if peak_bytes - start_bytes > _MOVED_BYTES or abs(now_bytes - start_bytes) > _MOVED_BYTES:
            self._moved = True
        if reusable is None:
            problem = problem or "this platform does not say how much free memory could be reused"
        if self.phase == "call":
            self.children_ran = children_faults() != self._faults
        return Seen(start_bytes, peak_bytes, now_bytes, reusable or 0, not problem, problem)

    def finish(self) -> None:
        """Between tests the window stays open: closing it would cost the next one more."""


def _restart(window: PeakWindow) -> int:
    """Begin the window again and return what is resident now.

    Alone on the broker, as in nearly every test, this is one reset and one
    look; roll() looks twice, for windows that others may have open.
    """
    owner = window._broker
    if owner.reason or len(owner._windows) != 1:
        return window.roll()[1]
    source = owner._source
    source.reset_peak()
    start_bytes = source.resident_bytes()
    owner._highest_bytes = window._folded_bytes = window._current_bytes = start_bytes
    window.start_bytes = start_bytes
    return start_bytes


def _look(window: PeakWindow) -> tuple[int, int]:
    """Return the peak since the window began and what is resident now."""
    now_bytes, peak_bytes = window._broker.read(window)
    return peak_bytes, now_bytes


_resident: ResidentMeter | None = None


def meter_for(gauge: str) -> Meter:
    """Return a meter by the gauge's name. Raises GaugeUnavailable where it cannot look."""
    global _resident
    if gauge == "resident":
        if _resident is None:
            _resident = ResidentMeter()
        return _resident
    from pytest_snapshot_memory import meters

    return meters.build(gauge)


def children_faults() -> int:
    """Return a counter that moves when a child process has ended and was waited for; 0.6 us."""
    return 0 if getrusage is None else getrusage(RUSAGE_CHILDREN).ru_minflt


def warm_up() -> None:
    """Load and call once what a phase needs, so that the first test does not pay for it in its number."""
    meter = meter_for("resident")
    meter.phase = "call"
    meter.begin(False)
    meter.end()


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

    def end(self, phase: str) -> Raw:
        now = _live_bytes()
        return (
            phase,
            self.name,
            self._start_bytes,
            max(now, self._start_bytes),
            now,
            0,
            0,
            1,
            0.0,
            0,
            "suite",
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
        "_heap",
        "_meter",
        "_phase",
        "_raw",
        "_settles",
        "_shift_bytes",
        "_top_bytes",
        "_top_start",
        "children_ran",
        "decision",
        "notes",
        "outcome",
        "plan",
        "process",
        "reason",
        "sites",
    )

    def __init__(self, plan: Plan, meter: Meter, *, heap: bool = False, process: str = "suite") -> None:
        """heap: read the live heap too, for limits on what is retained.

        process: "suite", or "forked" where this is a child of the clean parent.
        """
        self.plan = plan
        self.outcome = ""
        self.notes: list[str] = []
        self.sites: tuple[AllocationSite, ...] = ()
        self.decision: Decision | None = None
        self.reason = ""
        self.children_ran = False
        self.process = process
        self._raw: list[Raw] = []
        self._meter = meter
        self._heap = LiveHeap() if heap else None
        self._phase = ""
        # A child of the clean parent inherits a settled heap. Trimming it again
        # scatters holes: 37.9 and 38.1 MiB in two runs that read 38.9 without.
        self._settles = plan.settles and process == "suite"
        self._shift_bytes = 0
        self._top_bytes = 0
        self._top_start: int | None = None
        self._begun = 0.0

    @property
    def readings(self) -> list[PhaseReading]:
        """The readings so far, the call's first as reports want it."""
        readings = [PhaseReading.from_plain(list(raw)) for raw in self._raw]
        readings.sort(key=lambda reading: reading.phase != "call" or reading.gauge == "heap")
        return readings

    def open(self, phase: str) -> int:
        """Begin a phase, "setup", "call" or "teardown"; return the bytes at its start."""
        self._phase = self._meter.phase = phase
        self._top_start = None
        if self._heap is not None:
            self._heap.begin()
        start_bytes = self._meter.begin(self._settles and phase != "teardown")
        self._begun = perf_counter()
        return start_bytes

    def close(self) -> None:
        """End the phase and keep its reading; nothing happens where none is open."""
        phase = self._phase
        if not phase:
            return
        self._phase = ""
        seconds = perf_counter() - self._begun
        seen = self._meter.end()
        if self._top_start is not None:
            seen = self._joined(seen)
        if phase == "call" and getattr(self._meter, "children_ran", False):
            self.children_ran = True
            self.notes.append(CHILDREN_NOTE)
        self._keep(phase, seen, seconds)
        if self._heap is not None:
            self._raw.append(self._heap.end(phase))

    def open_fixture(self) -> bool:
        """Interrupt the phase for a fixture of wider scope; False where no set-up is running."""
        if self._phase != "setup":
            return False
        seen = self._meter.end()
        if self._top_start is None:
            self._shift_bytes = 0
        self._fold(seen)
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

    def plain_line(self, nodeid: str, path: str, line: int, worker: str) -> str:
        """Return the encoded record of a test that nothing more is to be said of; 4 us."""
        fields = [
            f'{{"v":{RECORD_VERSION},"n":{encode_basestring_ascii(nodeid)},"o":"{self.outcome}","p":[',
            ",".join([_PHASE_FORMAT % raw for raw in self._raw]),
            f'],"f":{encode_basestring_ascii(path)},"l":{line}',
            f',"w":"{worker}"}}' if worker else "}",
        ]
        return "".join(fields)

    @property
    def has_plain_line(self) -> bool:
        """Whether plain_line says everything: no notes, no verdict, no wider fixture."""
        return len(self._raw) <= 3 and not self.notes and not self.reason and self.plan.is_plain

    def call_numbers(self) -> tuple[int, int, str] | None:
        """Return growth, retained bytes and gauge of the call, or None if it did not run."""
        for raw in self._raw:
            if raw[0] == "call" and raw[1] != "heap":
                return max(0, raw[3] - raw[2]), raw[4] - raw[2], raw[1]
        return None

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

    def _keep(self, phase: str, seen: Seen, seconds: float) -> None:
        start_bytes, peak_bytes, end_bytes, reusable, exact, problem = seen
        if problem and problem not in self.notes:
            self.notes.append(problem)
        meter = self._meter
        self._raw.append(
            (
                phase,
                meter.name,
                start_bytes,
                peak_bytes,
                end_bytes,
                reusable,
                meter.error_bound_bytes,
                int(exact),
                seconds,
                0,
                self.process,
            )
        )


_PHASE_FORMAT: Final = '["%s","%s",%d,%d,%d,%d,%d,%d,%.6f,%d,"%s"]'
