"""Make the kernel's page counter start at the same place in every measuring child.

Each CPU keeps up to a batch of a process's pages to itself before it adds them
to the sum that everyone reads, so two equal runs read up to 256 KiB apart,
always the same within one run of pytest. A child that only measures stays on
one CPU and touches pages until the sum jumps: then nothing is pending, and
equal tests give equal numbers.
"""

from __future__ import annotations

import contextlib
import mmap
import os

_MOST_PAGES = 1024


def stay_on_one_cpu() -> None:
    """Keep this process on one of the CPUs it may use."""
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            allowed = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {allowed[os.getppid() % len(allowed)]})


def align_page_counter() -> mmap.mmap | None:
    """Touch pages until the kernel's sum jumps; the caller keeps the mapping while it measures."""
    page_bytes = mmap.PAGESIZE
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            scratch = mmap.mmap(-1, _MOST_PAGES * page_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            if hasattr(mmap, "MADV_NOHUGEPAGE"):
                scratch.madvise(mmap.MADV_NOHUGEPAGE)
            before = _pages(file.fileno())
            for page in range(_MOST_PAGES):
                scratch[page * page_bytes] = 1
                if _pages(file.fileno()) != before:
                    break
            return scratch
    except (OSError, ValueError, AttributeError):
        return None


def _pages(descriptor: int) -> int:
    return int(os.pread(descriptor, 128, 0).split(None, 2)[1])
