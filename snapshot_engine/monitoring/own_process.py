"""Readings of this process, with the kernel's exact peak.

In: a MemoryTracker, the surroundings. Out: MemoryReadings. No rule here; it
only looks.
"""

from __future__ import annotations

import os

from snapshot_engine.memory.peak import broker
from snapshot_engine.memory.tracker import MemoryTracker
from snapshot_engine.monitoring.reading import MIB, MemoryLimit, MemoryReading
from snapshot_engine.monitoring.surroundings import SurroundingsReader, limit_around, reading_around


class OwnProcess:
    """Readings of this process, through a MemoryTracker: its peaks are the kernel's.

    limit_mb: the configured limit, or None for the container's or the machine's.
    tracker: gets one snapshot "monitoring" for each reading.
    """

    def __init__(self, limit_mb: float | None = None) -> None:
        self._limit_mb = limit_mb
        self._surroundings = SurroundingsReader()
        self._around = self._surroundings.read()
        self._pid = os.getpid()
        self.tracker = MemoryTracker()
        self._peak_bytes = int(self.tracker.set_baseline().rss_mb * MIB)

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def peak_is_exact(self) -> bool:
        return broker().exact

    @property
    def limit(self) -> MemoryLimit:
        return limit_around(self._limit_mb, self._around)

    def read(self) -> MemoryReading:
        memory = self.tracker.take_snapshot("monitoring")
        self._around = self._surroundings.read()
        recent_peak_bytes = int(max(memory.peak_mb, memory.rss_mb) * MIB)
        self._peak_bytes = max(self._peak_bytes, recent_peak_bytes)
        return reading_around(
            int(memory.rss_mb * MIB),
            int(memory.vms_mb * MIB),
            int(memory.swap_used_mb * MIB),
            peak_bytes=self._peak_bytes,
            recent_peak_bytes=recent_peak_bytes,
            around=self._around,
            limit=self.limit,
        )

    def close(self) -> None:
        self.tracker.close()
