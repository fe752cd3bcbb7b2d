"""All allocations, Python's and C's, by memray: exact, with the lines that made them.

Slows Python objects 7.7 times (NumPy not at all); 5.5 ms a window. memray
allows one Tracker per process: where another one is active (pytest-memray) opening
raises GaugeUnavailable, which a caller reports as Unmeasured. A Tracker that the
measured code starts takes over: ours ends there, and the window says so.

The file is not trusted blindly: on a full disk memray writes no totals and
raises nothing (339 kB were reported of 1,016 MB). Each window plants one
allocation, so a file that counts none is a broken one.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snapshot_engine.errors import MissingExtra
from snapshot_engine.memory.gauge import GaugeTraits, GaugeUnavailable, Reading

_PLANTED_BYTES = 4_099


def load_memray() -> Any:
    """Return the memray module, or raise MissingExtra with the line to type."""
    try:
        import memray
    except ImportError:
        raise MissingExtra("memray", "memray") from None
    return memray


class AllocatedGauge:
    """Bytes allocated and not yet freed, touched or not, by whatever allocator.

    keep: where to leave memray's file (for flame graphs); it must not exist.
    Without it the file is temporary.
    Raises MissingExtra where memray is not installed.
    """

    traits = GaugeTraits(
        name="allocated",
        counts="memory allocated by Python and C (memray)",
        exact=True,
        error_bound_bytes=_PLANTED_BYTES,
        slows_code=True,
    )

    def __init__(self, keep: str | os.PathLike[str] | None = None) -> None:
        self._memray = load_memray()
        self._keep = None if keep is None else Path(keep)

    def open(self) -> AllocatedWindow:
        """Start a Tracker. Raises GaugeUnavailable where one is active or the file cannot be made."""
        return AllocatedWindow(self._memray, self._keep)


class AllocatedWindow:
    """One Tracker. Its figures are known when it is closed, not before.

    allocations_at_peak: how many were alive at the peak, once closed. (How
        many there were in all is not in a file of aggregated allocations.)
    """

    start_bytes = 0
    allocations_at_peak = 0
    _file_format = "AGGREGATED_ALLOCATIONS"
    _gave_way = False

    def __init__(self, memray: Any, keep: Path | None) -> None:
        self._memray = memray
        self._folder = tempfile.TemporaryDirectory(prefix="allocated-") if keep is None else None
        self.path = keep or Path(str(self._folder and self._folder.name)) / "allocations.bin"
        self._last: Reading | None = None
        self.problem = ""
        try:
            self._tracker = memray.Tracker(
                str(self.path),
                trace_python_allocators=True,
                file_format=memray.FileFormat[self._file_format],
            )
            self._tracker.__enter__()
            self._others = _GiveWay(memray, self.give_way)
        except (RuntimeError, OSError) as refused:
            self._forget()
            raise GaugeUnavailable(f"memray cannot track here: {refused}") from refused
        bytearray(_PLANTED_BYTES)

    def read(self) -> Reading:
        """Return the figures of the closed window. Raises GaugeUnavailable while it is open."""
        if self._last is None:
            raise GaugeUnavailable("the allocated gauge knows its figures when the window is closed")
        return self._last

    def close(self) -> None:
        if self._last is not None:
            return
        self._others.end()
        if not self._gave_way:
            self._tracker.__exit__(None, None, None)
        self._last = Reading(current_bytes=0, peak_bytes=0)
        try:
            self._last = self._figures()
        except OSError as broken:
            self.problem = f"memray's file cannot be read: {broken}"
        finally:
            self._forget()
        if self._gave_way and not self.problem:
            self.problem = "the measured code started a memray Tracker of its own, which ended ours"

    def give_way(self) -> None:
        """End our Tracker, since the measured code starts one; what follows is not counted."""
        if not self._gave_way:
            self._gave_way = True
            self._tracker.__exit__(None, None, None)

    def _figures(self) -> Reading:
        with self._memray.FileReader(str(self.path)) as reader:
            metadata = reader.metadata
            if metadata.total_allocations == 0:
                self.problem = f"memray's file {self.path} is cut short (disk full?)"
                return Reading(current_bytes=0, peak_bytes=0)
            highest = reader.get_high_watermark_allocation_records(merge_threads=True)
            self.allocations_at_peak = sum(record.n_allocations for record in highest)
            held = sum(record.size for record in reader.get_leaked_allocation_records(merge_threads=True))
            return Reading(current_bytes=int(held), peak_bytes=int(metadata.peak_memory))

    def _forget(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


class _GiveWay:
    """While it lasts, code that asks for a memray.Tracker gets one before whose start `give_way` is called.

    The class is replaced in memray and in modules that have imported it by its name.
    """

    def __init__(self, memray: Any, give_way: Callable[[], None]) -> None:
        self._original = original = memray.Tracker

        class Tracker(original):  # type: ignore[misc, valid-type]
            def __enter__(self) -> Any:
                give_way()
                return super().__enter__()

        self._put(original, Tracker)
        self._replacement = Tracker

    def end(self) -> None:
        self._put(self._replacement, self._original)

    @staticmethod
    def _put(old: Any, new: Any) -> None:
        for module in list(sys.modules.values()):
            if getattr(module, "__dict__", {}).get("Tracker") is old:
                module.__dict__["Tracker"] = new
