"""What memory there is around a process: the machine's, its container's, and the pressure on it.

In: /proc/meminfo, /proc/pressure/memory, the groups that `memory.container`
finds. Out: Surroundings. Groups without a limit are looked at once a minute
only: reading four of them at every look took more than all the rest together
(276 of 560 us).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass

from snapshot_engine.memory.container import MemoryGroup, available_memory, memory_groups
from snapshot_engine.monitoring.reading import MemoryLimit, MemoryReading, choose_limit

PRESSURE_PATH = "/proc/pressure/memory"
MEMINFO_PATH = "/proc/meminfo"
_LIMITS_GOOD_FOR_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """container_*: None outside a container, or in one without a limit below the machine's memory."""

    machine_bytes: int
    available_bytes: int
    container_limit_bytes: int | None = None
    container_used_bytes: int | None = None
    pressure_percent: float | None = None

    @property
    def total_bytes(self) -> int:
        """All there is to get: the container's limit or the machine's memory."""
        return self.machine_bytes if self.container_limit_bytes is None else self.container_limit_bytes


class SurroundingsReader:
    """Looks around a process again and again (None: this one); not thread-safe by itself."""

    def __init__(self, pid: int | None = None, proc: str = "/proc") -> None:
        self._pid = pid
        own, others = _groups_of("self", proc), _groups_of("self" if pid is None else pid, proc)
        self._same_groups = own == others
        # "/..": a group outside of what this process's namespace shows (another
        # container's). Its limits cannot be read, and ours are not its.
        self._hidden = not self._same_groups and b"/.." in others
        self._limited: list[tuple[int, MemoryGroup]] = []
        self._pressure_path = PRESSURE_PATH
        self._limits_read_at = -_LIMITS_GOOD_FOR_SECONDS

    def read(self) -> Surroundings:
        """Look around once; 25 us without a container's limit."""
        if not self._same_groups and not self._hidden:
            return self._around_other_groups()
        now = time.monotonic()
        if now - self._limits_read_at >= _LIMITS_GOOD_FOR_SECONDS:
            groups = () if self._hidden else memory_groups()
            found = [(group.limit_bytes(), group) for group in groups]
            self._limited = [(limit, group) for limit, group in found if limit is not None]
            self._pressure_path = _pressure_path(groups)
            self._limits_read_at = now
        machine_bytes, available_bytes = _machine()
        limit_bytes, used_bytes = machine_bytes, None
        for group_limit_bytes, group in self._limited:
            group_used_bytes = group.used_bytes()
            available_bytes = min(available_bytes, max(0, group_limit_bytes - group_used_bytes))
            if group_limit_bytes < limit_bytes:
                limit_bytes, used_bytes = group_limit_bytes, group_used_bytes
        return Surroundings(
            machine_bytes=machine_bytes,
            available_bytes=available_bytes,
            container_limit_bytes=None if used_bytes is None else limit_bytes,
            container_used_bytes=used_bytes,
            pressure_percent=pressure_percent(self._pressure_path),
        )

    def _around_other_groups(self) -> Surroundings:
        """Look from the machine into a container: its groups are found anew each time, 1.4 ms."""
        memory = available_memory(pid=self._pid)
        limited = memory.limit_bytes < memory.machine_bytes
        return Surroundings(
            machine_bytes=memory.machine_bytes,
            available_bytes=memory.available_bytes,
            container_limit_bytes=memory.limit_bytes if limited else None,
            container_used_bytes=memory.used_bytes if limited else None,
            pressure_percent=pressure_percent(PRESSURE_PATH),
        )


def limit_around(limit_mb: float | None, around: Surroundings) -> MemoryLimit:
    """Return what percentages are of, in these surroundings."""
    return choose_limit(
        configured_mb=limit_mb,
        container_bytes=around.container_limit_bytes,
        machine_bytes=around.machine_bytes,
    )


def reading_around(
    resident_bytes: int,
    virtual_bytes: int,
    swap_bytes: int,
    *,
    peak_bytes: int,
    recent_peak_bytes: int,
    around: Surroundings,
    limit: MemoryLimit,
) -> MemoryReading:
    """Return a process's memory and its surroundings as the reading of this moment."""
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


def _pressure_path(groups: Iterable[MemoryGroup]) -> str:
    """Return where the pressure on our own group is told (version 2 does), else the machine's file."""
    for group in groups:
        path = group.folder / "memory.pressure"
        if group.version == 2 and path.exists():
            return str(path)
    return PRESSURE_PATH


def _groups_of(pid: int | str, proc: str) -> bytes:
    try:
        return read_small_file(f"{proc}/{pid}/cgroup")
    except OSError:
        return b""


def _machine(path: str = MEMINFO_PATH) -> tuple[int, int]:
    """Return (memory of the machine, left of it) in bytes."""
    try:
        text = read_small_file(path)
        return _kib(text, b"MemTotal:") * 1024, _kib(text, b"MemAvailable:") * 1024
    except (OSError, ValueError):  # no /proc, or a kernel before 3.14
        memory = available_memory()
        return memory.machine_bytes, memory.available_bytes


def _kib(text: bytes, name: bytes) -> int:
    start = text.index(name) + len(name)
    return int(text[start : text.index(b"kB", start)])


def parse_pressure(text: bytes) -> float | None:
    """Return "some avg10" of a PSI file in percent; None where it is not there.

    Source: the kernel's Documentation/accounting/psi.rst.
    """
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == b"some":
            for word in words[1:]:
                if word.startswith(b"avg10="):
                    return float(word[len(b"avg10=") :])
    return None


def pressure_percent(path: str) -> float | None:
    """Return the share of the last ten seconds in which a task waited for memory; None without PSI."""
    try:
        return parse_pressure(read_small_file(path))
    except OSError:
        return None


def read_small_file(path: str) -> bytes:
    """Return the first 8 KiB of a file: a file object would cost three times as much."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 8192)
    finally:
        os.close(descriptor)
