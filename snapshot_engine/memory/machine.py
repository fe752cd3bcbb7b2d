"""The rest of a look: virtual memory and swap of this process, memory left on the machine.

Kept descriptors, keyed by process like the gauge's. What changes slowly is
read at most ten times a second: /proc/meminfo costs 20 us.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

_KEEP_SECONDS = 0.1


class Machine(Protocol):
    """Where a tracker asks for what its gauge does not know."""

    @property
    def total_bytes(self) -> int: ...

    def available_bytes(self) -> int: ...

    def virtual_and_swap_bytes(self) -> tuple[int, int]: ...


class ProcMachine:
    """Linux, by /proc; root and clock are arguments for tests."""

    def __init__(self, root: str = "/proc", clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._pid = -1
        self._descriptors = (-1, -1)
        self._due = 0.0
        self._available_bytes = 0
        self._swap_bytes = 0
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self.total_bytes = self._field(self._read_file("meminfo"), b"MemTotal:")

    def available_bytes(self) -> int:
        """Return MemAvailable, at most 0.1 s old."""
        self._refresh()
        return self._available_bytes

    def virtual_and_swap_bytes(self) -> tuple[int, int]:
        """Return this process's virtual size now, and what of it is swapped out (at most 0.1 s old)."""
        self._refresh()
        pages = os.pread(self._descriptors[0], 128, 0).split(None, 1)[0]
        return int(pages) * self._page_bytes, self._swap_bytes

    def _refresh(self) -> None:
        now, pid = self._clock(), os.getpid()
        if now < self._due and pid == self._pid:
            return
        if pid != self._pid:
            self._descriptors = (
                os.open(f"{self._root}/self/statm", os.O_RDONLY | os.O_CLOEXEC),
                os.open(f"{self._root}/meminfo", os.O_RDONLY | os.O_CLOEXEC),
            )
            self._pid = pid
        self._available_bytes = self._field(os.pread(self._descriptors[1], 4096, 0), b"MemAvailable:")
        self._swap_bytes = self._field(self._read_file("self/status"), b"VmSwap:")
        self._due = now + _KEEP_SECONDS

    def _read_file(self, name: str) -> bytes:
        with open(f"{self._root}/{name}", "rb", buffering=0) as file:
            return file.read(4096)

    @staticmethod
    def _field(text: bytes, name: bytes) -> int:
        start = text.find(name)
        return 0 if start < 0 else int(text[start + len(name) : text.index(b"kB", start)]) * 1024


class PsutilMachine:
    """Elsewhere, by psutil."""

    def __init__(self) -> None:
        from snapshot_engine.memory.elsewhere import machine_memory

        self.total_bytes, _ = machine_memory()

    def available_bytes(self) -> int:
        from snapshot_engine.memory.elsewhere import machine_memory

        return machine_memory()[1]

    def virtual_and_swap_bytes(self) -> tuple[int, int]:
        from snapshot_engine.memory.elsewhere import virtual_bytes

        return virtual_bytes(), 0


_default: Machine | None = None


def default_machine() -> Machine:
    """Return the machine this runs on; one object for all trackers."""
    global _default
    if _default is None:
        _default = ProcMachine() if sys.platform.startswith("linux") else PsutilMachine()
    return _default
