"""Where readings come from: this process with the kernel's exact peak, or another process.

In: a clock, /proc, the container's files. Out: MemoryReadings. The sources hold
no rule; they only look.
"""

from __future__ import annotations

import os
import time

from snapshot_engine.memory.peak import broker
from snapshot_engine.memory.tracker import MemoryTracker
from snapshot_engine.monitoring.process_files import read_process_memory
from snapshot_engine.monitoring.reading import MIB, MemoryLimit, MemoryReading, choose_limit
from snapshot_engine.monitoring.surroundings import Surroundings, SurroundingsReader


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
        return _limit(self._limit_mb, self._around)

    def read(self) -> MemoryReading:
        memory = self.tracker.take_snapshot("monitoring")
        self._around = self._surroundings.read()
        recent_peak_bytes = int(max(memory.peak_mb, memory.rss_mb) * MIB)
        self._peak_bytes = max(self._peak_bytes, recent_peak_bytes)
        return _reading(
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
        return _limit(self._limit_mb, self._around)

    def read(self) -> MemoryReading:
        memory = read_process_memory(self._pid)
        self._around = self._surroundings.read()
        # A mark that moved has moved since the last reading: it is the recent peak.
        moved = memory.mark_bytes != self._mark_bytes
        recent_peak_bytes = memory.mark_bytes if moved else memory.resident_bytes
        self._mark_bytes = memory.mark_bytes
        self._peak_bytes = max(self._peak_bytes, memory.mark_bytes, memory.resident_bytes)
        return _reading(
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


def _limit(limit_mb: float | None, around: Surroundings) -> MemoryLimit:
    return choose_limit(
        configured_mb=limit_mb,
        container_bytes=around.container_limit_bytes,
        machine_bytes=around.machine_bytes,
    )


def _reading(
    resident_bytes: int,
    virtual_bytes: int,
    swap_bytes: int,
    *,
    peak_bytes: int,
    recent_peak_bytes: int,
    around: Surroundings,
    limit: MemoryLimit,
) -> MemoryReading:
    used_bytes = resident_bytes
    if limit.of == "container" and around.container_used_bytes is not None:
        used_bytes = max(resident_bytes, around.container_used_bytes)
    return MemoryReading(
        wall_seconds=time.time(),
        monotonic_seconds=time.monotonic(),
        resident_bytes=resident_bytes,
        virtual_bytes=virtual_bytes,
        swap_bytes=swap_bytes,
        peak_bytes=peak_bytes,
        recent_peak_bytes=recent_peak_bytes,
        used_bytes=used_bytes,
        available_bytes=around.available_bytes,
        total_bytes=around.total_bytes,
        pressure_percent=around.pressure_percent,
    )
