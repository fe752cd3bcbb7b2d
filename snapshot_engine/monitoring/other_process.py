"""Readings of another process by its id: for the health check and the dashboard.

In: /proc/<pid>, the surroundings. Out: MemoryReadings. Apart from
`own_process`, whose tracker a health check need not import.
"""

from __future__ import annotations

from snapshot_engine.monitoring.process_files import read_process_memory
from snapshot_engine.monitoring.reading import MemoryLimit, MemoryReading
from snapshot_engine.monitoring.surroundings import SurroundingsReader, limit_around, reading_around


class OtherProcess:
    """Readings of another process by its id.

    Its peak is the kernel's mark as far as we see it: where that process
    resets its mark itself (it runs this toolkit), a spike between two of our
    readings can be missed, so the peak does not claim to be exact.
    """

    peak_is_exact = False

    def __init__(self, pid: int, limit_mb: float | None = None) -> None:
        self._pid = pid
        self._limit_mb = limit_mb
        self._surroundings = SurroundingsReader(pid)
        self._around = self._surroundings.read()
        memory = read_process_memory(pid)
        self._mark_bytes = memory.mark_bytes
        self._peak_bytes = max(memory.mark_bytes, memory.resident_bytes)

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def limit(self) -> MemoryLimit:
        return limit_around(self._limit_mb, self._around)

    def read(self) -> MemoryReading:
        memory = read_process_memory(self._pid)
        self._around = self._surroundings.read()
        # A mark that moved has moved since the last reading: it is the recent peak.
        moved = memory.mark_bytes != self._mark_bytes
        recent_peak_bytes = memory.mark_bytes if moved else memory.resident_bytes
        self._mark_bytes = memory.mark_bytes
        self._peak_bytes = max(self._peak_bytes, memory.mark_bytes, memory.resident_bytes)
        return reading_around(
            memory.resident_bytes,
            memory.virtual_bytes,
            memory.swap_bytes,
            peak_bytes=self._peak_bytes,
            recent_peak_bytes=recent_peak_bytes,
            around=self._around,
            limit=self.limit,
        )

    def close(self) -> None:
        """Nothing is held."""
