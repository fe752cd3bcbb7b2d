"""Any process's memory as the kernel tells it: /proc/<pid>/status, or psutil where there is no /proc.

In: a process id. Out: bytes. For one's own process the kernel's peak belongs to
`snapshot_engine.memory.peak`; the mark read here is for processes that are not ours.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from snapshot_engine.errors import MissingExtra
from snapshot_engine.monitoring.reading import ProcessGone
from snapshot_engine.monitoring.surroundings import read_small_file


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMemory:
    """One process at one moment; mark_bytes is the kernel's high-water mark of the resident set."""

    resident_bytes: int
    mark_bytes: int
    virtual_bytes: int
    swap_bytes: int


def read_process_memory(pid: int, proc: str = "/proc") -> ProcessMemory:
    """Return a process's memory; 12 us. Raises ProcessGone for one that has ended (a zombie included)."""
    if not os.path.isdir(f"{proc}/self"):
        return _read_with_psutil(pid)
    try:
        text = read_small_file(f"{proc}/{pid}/status")
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessGone(pid) from None
    if b"VmRSS:" not in text:  # a zombie has no memory left, a kernel thread never had any
        raise ProcessGone(pid)
    return ProcessMemory(
        resident_bytes=_field_bytes(text, b"VmRSS:"),
        mark_bytes=_field_bytes(text, b"VmHWM:"),
        virtual_bytes=_field_bytes(text, b"VmSize:"),
        swap_bytes=_field_bytes(text, b"VmSwap:"),
    )


def _field_bytes(text: bytes, name: bytes) -> int:
    start = text.find(name)
    if start < 0:  # kernels without swap accounting leave VmSwap out
        return 0
    start += len(name)
    return int(text[start : text.index(b"kB", start)]) * 1024


def process_started_ticks(pid: int, proc: str = "/proc") -> int | None:
    """Return when a process began, in clock ticks since boot; None where that cannot be told.

    A process id is given away again; with its start it names one process only.
    """
    try:
        text = read_small_file(f"{proc}/{pid}/stat")
    except OSError:
        return None
    # The name, in parentheses, may hold spaces and parentheses of its own.
    return int(text[text.rindex(b")") + 2 :].split()[19])


def _read_with_psutil(pid: int) -> ProcessMemory:
    try:
        import psutil
    except ImportError:
        raise MissingExtra(f"psutil (needed on {sys.platform}, which has no /proc)", "dev") from None
    try:
        process = psutil.Process(pid)
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        raise ProcessGone(pid) from None
    mark = getattr(memory, "peak_wset", memory.rss)
    return ProcessMemory(
        resident_bytes=int(memory.rss), mark_bytes=int(mark), virtual_bytes=int(memory.vms), swap_bytes=0
    )
