"""Make the kernel's page counter start at the same place in every measuring child.

Each CPU keeps up to a batch of a process's pages to itself before it adds them
to the sum that everyone reads, so two equal runs read up to 256 KiB apart,
always the same within one run of pytest. A child that only measures stays on
one CPU and touches pages until the mark jumps: then nothing of its own is pending.
What the mark lacks then (pages of files, other CPUs) it lacks at the peak as well:
it is added. Readings of equal tests then lie within one batch, 128 KiB, below the
truth, where they lay within 280 KiB.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from typing import NamedTuple

try:
    from resource import RUSAGE_SELF, getrusage
except ImportError:  # Windows, where no child is forked
    RUSAGE_SELF, getrusage = 0, None  # type: ignore[assignment, misc]

_MOST_PAGES = 1024


def stay_on_one_cpu() -> None:
    """Keep this process on one of the CPUs it may use."""
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            allowed = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {allowed[os.getppid() % len(allowed)]})


class Aligned(NamedTuple):
    """The pages that were touched, to be kept while measuring, and by how much the mark lags the truth then."""

    scratch: mmap.mmap
    lag_bytes: int


def align_page_counter() -> Aligned | None:
    """Touch pages until the kernel's mark jumps; None where it cannot be reset or read.

    The mark has to be watched: from Linux 6.17 on what is resident now is summed
    over all CPUs when it is asked for, and moves with every page, while the mark still
    lags by a batch.
    """
    page_bytes = mmap.PAGESIZE
    try:
        with open("/proc/self/clear_refs", "wb", buffering=0) as clear:
            clear.write(b"5")
        with open("/proc/self/statm", "rb", buffering=0) as file:
            scratch = mmap.mmap(-1, _MOST_PAGES * page_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            if hasattr(mmap, "MADV_NOHUGEPAGE"):
                scratch.madvise(mmap.MADV_NOHUGEPAGE)
            before_bytes = mark_bytes()
            for page in range(_MOST_PAGES):
                scratch[page * page_bytes] = 1
                if mark_bytes() != before_bytes:
                    break
            lag_bytes = _pages(file.fileno()) * page_bytes - mark_bytes()
            # Somewhere within a batch, in each run elsewhere: at the same place in all, one
            # page more would move all runs of a test by a whole batch, or none of them.
            batch = max(1, (mark_bytes() - before_bytes) // page_bytes)
            for more in range(os.urandom(1)[0] % batch):
                scratch[(page + 1 + more) % _MOST_PAGES * page_bytes] = 1
            return Aligned(scratch, lag_bytes)
    except (OSError, ValueError, AttributeError):
        return None


def mark_bytes() -> int:
    """Return the most that was resident since the mark was reset, as far as the kernel's counter knows."""
    return getrusage(RUSAGE_SELF).ru_maxrss * 1024


def _pages(descriptor: int) -> int:
    return int(os.pread(descriptor, 128, 0).split(None, 2)[1])
