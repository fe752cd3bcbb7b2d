"""The facts of monitoring: one look at a process's memory, and what the looks are held against.

In: nothing. Out: frozen facts that every rule, exporter and view works from.
A reading holds bytes and two clocks: the monotonic one for durations, the wall
clock for what people and Alertmanager read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """What "percent" is a percentage of: `limit_bytes`, and whose limit that is.

    of: "MEMORY_LIMIT_MB", "container" or "machine".
    """

    limit_bytes: int
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReading:
    """One look at one process and at the memory it shares with others.

    resident_bytes, virtual_bytes, swap_bytes: of the watched process.
    peak_bytes: highest resident set since watching began.
    recent_peak_bytes: highest resident set since the look before.
    used_bytes: what the limit counts: the process's resident set, or under a
    container's limit all that the container uses (its kill looks at that sum).
    available_bytes: what this process could still get, container included.
    total_bytes: all there is to get: the container's limit or the machine's memory.
    pressure_percent: share of the last ten seconds in which some task waited
    for memory (PSI, "some avg10"); None where the kernel does not say.
    """

    wall_seconds: float
    monotonic_seconds: float
    resident_bytes: int
    virtual_bytes: int
    swap_bytes: int
    peak_bytes: int
    recent_peak_bytes: int
    used_bytes: int
    available_bytes: int
    total_bytes: int
    pressure_percent: float | None = None


class ReadingSource(Protocol):
    """Where readings come from: this process, another one, or a script in tests."""

    @property
    def pid(self) -> int: ...

    @property
    def peak_is_exact(self) -> bool:
        """True where the kernel keeps the peak, False where it is the highest look."""
        ...

    @property
    def limit(self) -> MemoryLimit: ...

    def read(self) -> MemoryReading:
        """Look once. Raises ProcessGone when there is no such process any more."""
        ...

    def close(self) -> None:
        """Give back what the source holds; harmless when repeated."""
        ...


class ProcessGone(LookupError):
    """The watched process has ended; `pid` says which."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} is not running")
        self.pid = pid


def choose_limit(
    *, configured_mb: float | None, container_bytes: int | None, machine_bytes: int
) -> MemoryLimit:
    """Return the limit that percentages are of: the configured one, else the container's, else the machine's.

    A container's limit above the machine's memory limits nothing and is passed over.
    """
    if configured_mb is not None:
        return MemoryLimit(limit_bytes=int(configured_mb * MIB), of="MEMORY_LIMIT_MB")
    if container_bytes is not None and container_bytes < machine_bytes:
        return MemoryLimit(limit_bytes=container_bytes, of="container")
    return MemoryLimit(limit_bytes=machine_bytes, of="machine")
