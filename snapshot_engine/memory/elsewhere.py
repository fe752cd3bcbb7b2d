"""This process where there is no /proc: psutil for what is resident, the system's mark for the peak.

The mark is of the whole life of the process (getrusage, or Windows' peak
working set) and cannot be reset: the broker takes it where it rose inside a
window and samples where it did not.
"""

from __future__ import annotations

import sys

from snapshot_engine.errors import MissingExtra
from snapshot_engine.memory.gauge import GaugeUnavailable


def self_without_proc() -> tuple[PsutilSelf | MarkOnlySelf, str]:
    """Return the best source there is without /proc, and what to say of it.

    Raises MissingExtra where neither psutil nor getrusage can look: Windows without psutil.
    """
    reason = f"no /proc on {sys.platform}"
    try:
        return PsutilSelf(), reason
    except (MissingExtra, OSError):  # on Linux, psutil itself reads /proc
        if sys.platform == "win32":
            raise
    return MarkOnlySelf(), f"{reason}, where psutil cannot look either: only new records of the process show"


class PsutilSelf:
    """Resident bytes and lifetime mark of this process; 11 us a look."""

    def __init__(self) -> None:
        try:
            import psutil
        except ImportError:
            raise MissingExtra("psutil (needed where there is no /proc)", "dev") from None
        self._psutil = psutil
        self._process = psutil.Process()

    def resident_bytes(self) -> int:
        self._follow_fork()
        return int(self._process.memory_info().rss)

    def resident_and_peak_bytes(self) -> tuple[int, int]:
        self._follow_fork()
        info = self._process.memory_info()
        return int(info.rss), max(int(info.rss), _lifetime_peak_bytes(info))

    def mark_bytes(self) -> int:
        return self.resident_and_peak_bytes()[1]

    def reset_peak(self) -> None:
        raise GaugeUnavailable(f"{sys.platform} cannot reset a process's peak")

    def _follow_fork(self) -> None:
        import os

        if self._process.pid != os.getpid():
            self._process = self._psutil.Process()


class MarkOnlySelf:
    """This process by getrusage alone, in a container without /proc: the mark of its whole life, 1 us a look.

    What is resident now is not known; the mark stands for it, and growth shows
    only where it sets a new record, by as much as it does.
    """

    def resident_bytes(self) -> int:
        return _lifetime_peak_bytes(None)

    def resident_and_peak_bytes(self) -> tuple[int, int]:
        mark = _lifetime_peak_bytes(None)
        return mark, mark

    def mark_bytes(self) -> int:
        return _lifetime_peak_bytes(None)

    def reset_peak(self) -> None:
        raise GaugeUnavailable(f"{sys.platform} cannot reset a process's peak")


def _lifetime_peak_bytes(info: object) -> int:
    peak_working_set = getattr(info, "peak_wset", None)  # Windows
    if peak_working_set is not None:
        return int(peak_working_set)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, all others KiB


def machine_memory() -> tuple[int, int]:
    """Return (memory of the machine, left of it) in bytes, by psutil."""
    try:
        import psutil
    except ImportError:
        raise MissingExtra("psutil (needed where there is no /proc)", "dev") from None
    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def virtual_bytes() -> int:
    """Return the virtual size of this process, by psutil."""
    try:
        import psutil
    except ImportError:
        raise MissingExtra("psutil (needed where there is no /proc)", "dev") from None
    return int(psutil.Process().memory_info().vms)
