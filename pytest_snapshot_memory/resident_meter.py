"""Gauges in the hands of one test, and the cheapest of them: resident memory by the kernel's own peak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from snapshot_engine.memory.peak import PeakWindow, broker
from snapshot_engine.memory.procfs import PAGE_BYTES
from snapshot_engine.memory.reuse import reusable_bytes

if TYPE_CHECKING:
    from pytest_snapshot_memory.alignment import Aligned
    from pytest_snapshot_memory.garbage import Garbage
    from pytest_snapshot_memory.meters import Meter

try:
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
except ImportError:  # Windows
    RUSAGE_CHILDREN, RUSAGE_SELF, getrusage = 0, 0, None  # type: ignore[assignment, misc]

# What is free for reuse changes when a test moves memory. Asking costs up to
# 96 us with the objects of 3,000 tests alive, so after a test that moved nothing
# it is asked every eighth time only.
_MOVED_BYTES: Final = 64 * 1024
_ASK_EVERY: Final = 8
# Growth from which it is asked what of it was left as free heap.
SLACK_FROM_BYTES: Final = 2**20


class Seen(NamedTuple):
    """What a meter saw between begin and end, in bytes.

    problem: "" or why the peak may be off. file_bytes, slack_bytes: as PhaseReading says.
    """

    start_bytes: int
    peak_bytes: int
    end_bytes: int
    reusable_bytes: int = 0
    exact: bool = True
    problem: str = ""
    file_bytes: int = 0
    slack_bytes: int = 0


class ResidentMeter:
    """Resident memory of this process by the kernel's own peak. One serves all tests of a process.

    Its window stays open from phase to phase and begins again at each: opening
    one costs three times as much.
    """

    __slots__ = (
        "_aligned",
        "_calls",
        "_faults",
        "_garbage",
        "_moved",
        "_reusable_bytes",
        "_shared",
        "_start_bytes",
        "_window",
        "aligns",
        "children_ran",
        "error_bound_bytes",
        "is_dear",
        "name",
        "phase",
    )

    def __init__(self) -> None:
        self.name = "resident"
        self.is_dear = False
        self.phase = ""
        self.aligns = False  # in a measuring child: see alignment.py
        self._aligned: Aligned | None = None
        self._moved = True
        self._calls = 0
        self._garbage: Garbage | None = None
        self.children_ran = False
        self._faults = children_faults()
        self.error_bound_bytes = broker().error_bound_bytes
        self._window: PeakWindow | None = None
        self._start_bytes = 0
        self._shared = b""  # what the look at the start said of pages of files
        self._reusable_bytes: int | None = 0

    def begin(self, settles: bool) -> int:
        if settles:
            if self._garbage is None:
                from pytest_snapshot_memory.garbage import of_resident

                self._garbage = of_resident()
            self._reusable_bytes = self._garbage.settle()
        window = self.window()
        if self.aligns:
            from pytest_snapshot_memory.alignment import align_page_counter

            self._aligned = None  # before: giving its pages back moves the counter
            self._aligned = align_page_counter()
        self._start_bytes = start_bytes = _restart(window)
        self._shared = broker().file_pages.shared_field
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
        if self._aligned is not None:
            from pytest_snapshot_memory.alignment import mark_bytes

            peak_bytes = max(peak_bytes, mark_bytes() + self._aligned.lag_bytes)
        reusable, problem = self._reusable_bytes, window.problem
        if self._garbage is not None and reusable is not None:
            reusable += self._garbage.freed_bytes
        if problem:
            window.problem = ""
        start_bytes = self._start_bytes
        if peak_bytes - start_bytes > _MOVED_BYTES or abs(now_bytes - start_bytes) > _MOVED_BYTES:
            self._moved = True
        if reusable is None:
            problem = problem or "this platform does not say how much free memory could be reused"
        if self.phase == "call":
            self.children_ran = children_faults() != self._faults
        file_bytes = broker().file_pages.file_bytes_since(self._shared)
        return Seen(start_bytes, peak_bytes, now_bytes, reusable or 0, not problem, problem, file_bytes)

    def window(self) -> PeakWindow:
        window = self._window
        if window is None:
            window = self._window = broker().open()
        return window

    def finish(self) -> None:
        """Between tests the window stays open: closing it would cost the next one more."""
        if self._garbage is not None:
            self._garbage.unwatch()


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


def suite_window() -> PeakWindow:
    """Return the window that all tests of this process take turns with.

    A second one would stay open beside it, and with two each look takes twice as long.
    """
    meter = meter_for("resident")
    assert isinstance(meter, ResidentMeter)
    return meter.window()


def children_faults() -> int:
    """Return a counter that moves when a child process has ended and was waited for; 0.6 us."""
    return 0 if getrusage is None else getrusage(RUSAGE_CHILDREN).ru_minflt


def faulted_bytes() -> int:
    """Return how much memory page faults brought into this process so far; a huge page counts as a small one."""
    return 0 if getrusage is None else getrusage(RUSAGE_SELF).ru_minflt * PAGE_BYTES


def warm_up() -> None:
    """Load and call once what a phase needs, so that the first test does not pay for it in its number."""
    meter = meter_for("resident")
    meter.phase = "call"
    meter.begin(False)
    meter.end()
