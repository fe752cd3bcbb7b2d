"""Bring the process to a state from which two readings compare, and say what could still be reused unseen.

The largest error of a peak is not in the gauge: a test that allocates what an
earlier one freed raises nothing. The same 37.8 MB test read 37.8 MB in a
clean process and 3.4 MB after others had left their heap behind. So a reading
is an interval: what was seen, and that plus what was reusable at the start.
Settling narrows it; it does not close it.
"""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import dataclass

_PAGE_BYTES = 4096
_FIXED_THRESHOLD_BYTES = 64 * 1024
_MOVED_BLOCKS = 2_000
_MOVED_BYTES = 256 * 1024
_LONGEST_BLOCK_BYTES = 512
_DEAR_SECONDS = 0.0001


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What settling did.

    reusable_bytes: what can still be taken without being seen; None: nobody knows.
    trimmed: False where malloc cannot give pages back.
    seconds: what it cost.
    """

    reusable_bytes: int | None
    trimmed: bool
    seconds: float


def fix_allocator() -> bool:
    """Fix malloc's thresholds at 64 KiB for this process; False where there are none.

    Large blocks then come from the kernel and go back to it, whatever ran
    before: the spread of NumPy tests in one order fell from 24 MB to 0. Costs
    a system call per block of 64 KiB and more.
    """
    from snapshot_engine.memory import libc

    return libc.fix_thresholds(_FIXED_THRESHOLD_BYTES)


def settle(*, collect: bool = True) -> Settled:
    """Collect garbage, give free heap pages back, and return what is still reusable.

    collect=False leaves the collector alone (55 ms at 1 million objects).
    """
    from snapshot_engine.memory import libc

    begun = time.perf_counter()
    if collect:
        gc.collect()
    trimmed = libc.trim()
    heap, arenas_bytes = libc.heap_state(), libc.free_arena_bytes()
    reusable_bytes = None
    if heap is not None and arenas_bytes is not None:
        # After the trim a free chunk keeps only the pages it shares with its
        # neighbours: at most one at each end.
        kept_bytes = min(heap.free_bytes, heap.free_chunks * 2 * _PAGE_BYTES) if trimmed else heap.free_bytes
        reusable_bytes = kept_bytes + arenas_bytes
    return Settled(reusable_bytes=reusable_bytes, trimmed=trimmed, seconds=time.perf_counter() - begun)


class Reusable:
    """How much free heap and arena space there is, cheaply: asked again only where something moved.

    Between two full looks (30 us and more) the answer is the last one plus the
    most that the blocks freed since could have left.
    """

    __slots__ = ("_arenas_bytes", "_blocks", "_heap_bytes", "_heap_is_dear", "_resident_bytes")

    def __init__(self) -> None:
        self._arenas_bytes: int | None = 0
        self._blocks = -(10**9)
        self._resident_bytes = 0
        self._heap_bytes: int | None = 0
        self._heap_is_dear = False

    def bytes(self, resident_bytes: int) -> int | None:
        """Return free heap plus free arena bytes, an upper bound; None where nobody can say.

        resident_bytes: what is resident now; the caller has just read it. 3 us
        when nothing moved since the last look.
        """
        blocks = sys.getallocatedblocks()
        freed_blocks = self._blocks - blocks
        still = (
            -_MOVED_BLOCKS < freed_blocks < _MOVED_BLOCKS
            and abs(resident_bytes - self._resident_bytes) < _MOVED_BYTES
        )
        if not still:
            self._look(blocks, resident_bytes)
            freed_blocks = 0
        elif not self._heap_is_dear:
            self._look_at_heap()
        if self._arenas_bytes is None or self._heap_bytes is None:
            return None
        return self._arenas_bytes + self._heap_bytes + max(0, freed_blocks) * _LONGEST_BLOCK_BYTES

    def _look(self, blocks: int, resident_bytes: int) -> None:
        from snapshot_engine.memory import libc

        self._arenas_bytes = libc.free_arena_bytes()
        self._blocks, self._resident_bytes = blocks, resident_bytes
        self._look_at_heap()

    def _look_at_heap(self) -> None:
        from snapshot_engine.memory import libc

        begun = time.perf_counter()
        heap = libc.heap_state()
        # mallinfo2 walks every free chunk: 9.9 ms were seen on a broken heap.
        self._heap_is_dear = time.perf_counter() - begun > _DEAR_SECONDS
        self._heap_bytes = None if heap is None else heap.free_bytes


_reusable = Reusable()


def reusable_bytes(resident_bytes: int) -> int | None:
    """Return what this process could reuse without being seen: see Reusable.bytes."""
    return _reusable.bytes(resident_bytes)
