"""Memory of Python objects by tracemalloc: exact for each of them, whatever was free before.

Code that makes small objects takes 5 to 11 times as long, by the depth of the
stack, and 6 to 14 with a frame of each (NumPy 1.03): for tests that have a
limit or a baseline, not for all. tracemalloc has one peak per process, so its
reset is shared by a broker like the kernel's.
"""

from __future__ import annotations

import threading
import tracemalloc

from snapshot_engine.memory import trace_frames
from snapshot_engine.memory.gauge import GaugeTraits, Reading
from snapshot_engine.memory.peak import PeakBroker, PeakWindow


class _Traced:
    """tracemalloc in the role of a peak source."""

    def resident_bytes(self) -> int:
        return tracemalloc.get_traced_memory()[0]

    def resident_and_peak_bytes(self) -> tuple[int, int]:
        return tracemalloc.get_traced_memory()

    def mark_bytes(self) -> int:
        return tracemalloc.get_traced_memory()[1]

    def reset_peak(self) -> None:
        tracemalloc.reset_peak()


_broker = PeakBroker(_Traced())
_lock = threading.RLock()
_windows = 0
_started_here = False


class PythonGauge:
    """Bytes that Python objects hold, and C code that reports to tracemalloc (NumPy does).

    frames: how many frames to keep of each allocation, for snapshots, where
    tracing is not on already; 0 is cheapest (from Python 3.12 on it means 1).
    """

    traits = GaugeTraits(
        name="python",
        counts="memory of Python objects (tracemalloc)",
        exact=True,
        error_bound_bytes=0,
        slows_code=True,
    )

    def __init__(self, frames: int = 0) -> None:
        self._frames = frames

    def open(self) -> PythonWindow:
        """Start tracing, unless somebody did, and open a window; what was allocated before counts 0."""
        global _windows, _started_here
        with _lock:
            if not tracemalloc.is_tracing():
                trace_frames.start(self._frames)
                _started_here = True
            elif self._frames:
                trace_frames.keep(self._frames)
            _windows += 1
            return PythonWindow(_broker.open())


class PythonWindow:
    """A window on traced memory; tracing ends with the last one, if it began with the first."""

    __slots__ = ("_open", "_problem", "_window", "start_bytes")

    def __init__(self, window: PeakWindow) -> None:
        self._window = window
        self._open = True
        self._problem = ""
        self.start_bytes = window.start_bytes

    @property
    def problem(self) -> str:
        return self._problem or self._window.problem

    def read(self) -> Reading:
        if self._open and not tracemalloc.is_tracing():
            self._problem = "something else in this process stopped tracemalloc meanwhile"
        return self._window.read()

    def close(self) -> None:
        global _windows, _started_here
        with _lock:
            if not self._open:
                return
            self.read()
            self._window.close()
            self._open = False
            _windows -= 1
            if _windows == 0 and _started_here:
                _started_here = False
                trace_frames.stop()
