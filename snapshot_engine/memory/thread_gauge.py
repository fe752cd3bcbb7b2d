"""What one thread allocated, by memray: for tests beside which other threads work.

The window belongs to the thread that opens it. Counted is every allocation that
this thread makes, Python's and C's, until anybody frees it; what other threads
allocate for it is theirs. tracemalloc knows no threads, and the kernel's
counters are of the whole process.

Every single allocation is written down and read again (aggregated files keep no
order within a thread): about 20 bytes of disk and 1 us each at the end.
"""

from __future__ import annotations

from snapshot_engine.memory.allocated_gauge import _PLANTED_BYTES, AllocatedGauge, AllocatedWindow
from snapshot_engine.memory.gauge import GaugeTraits, Reading


class ThreadGauge(AllocatedGauge):
    """Bytes allocated by the thread that opens the window, and not yet freed.

    Raises MissingExtra where memray is not installed.
    """

    traits = GaugeTraits(
        name="thread",
        counts="memory allocated by the test's own thread (memray)",
        exact=True,
        error_bound_bytes=_PLANTED_BYTES,
        slows_code=True,
    )

    def open(self) -> ThreadWindow:
        """Start a Tracker. Raises GaugeUnavailable where one is active or the file cannot be made."""
        return ThreadWindow(self._memray, self._keep)


class ThreadWindow(AllocatedWindow):
    """One Tracker, read for one thread when it is closed."""

    _file_format = "ALL_ALLOCATIONS"

    def _figures(self) -> Reading:
        """Return the figures of the thread that made the planted allocation, the first of its size."""
        free = {self._memray.AllocatorType[name] for name in ("FREE", "PYMALLOC_FREE", "MUNMAP")}
        own, held, peak = None, 0, 0
        alive: dict[int, int] = {}
        with self._memray.FileReader(str(self.path)) as reader:
            for record in reader.get_allocation_records():
                address, size = record.address, record.size
                if record.allocator in free:
                    held -= alive.pop(address, 0)
                elif own is None:
                    if _PLANTED_BYTES <= size <= _PLANTED_BYTES + 1:
                        own = record.tid
                elif record.tid == own:
                    held += size - alive.get(address, 0)
                    alive[address] = size
                    peak = max(peak, held)
        if own is None:
            self.problem = f"memray's file {self.path} is cut short (disk full?)"
        self.allocations_at_peak = 0
        return Reading(current_bytes=held, peak_bytes=peak)
