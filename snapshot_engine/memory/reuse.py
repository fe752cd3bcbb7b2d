"""How much free memory this process could use again without anybody seeing it.

The largest error of a peak is not in the gauge: a test that allocates what an
earlier one freed raises nothing. The same 37.8 MB test read 37.8 MB in a
clean process and 3.4 MB after others had left their heap behind. So a reading
is an interval: what was seen, and that plus what was reusable at the start.

Not counted, since nobody can ask: malloc's per-thread caches (at most 237 KiB
a thread) and CPython's lists of free objects.
"""

from __future__ import annotations

import sys
import time

_MOVED_BLOCKS = 2_000
_MOVED_BLOCKS_DEAR = 100
_MOVED_BYTES = 256 * 1024
_LONGEST_BLOCK_BYTES = 512
_DEAR_SECONDS = 0.0001


class Reusable:
    """How much free heap and arena space there is, cheaply: asked again only where something moved.

    Between two full looks (30 us and more) the answer is the last one plus the
    most that the blocks freed since could have left.
    """

    __slots__ = ("_arenas_bytes", "_blocks", "_heap_is_dear", "_resident_bytes", "heap_bytes")

    def __init__(self) -> None:
        self._arenas_bytes: int | None = 0
        self._blocks = -(10**9)
        self._resident_bytes = 0
        self.heap_bytes: int | None = 0
        self._heap_is_dear = False

    def bytes(self, resident_bytes: int) -> int | None:
        """Return free heap plus free arena bytes, an upper bound; None where nobody can say.

        resident_bytes: what is resident now; the caller has just read it. 3 us
        when nothing moved since the last look.
        """
        blocks = sys.getallocatedblocks()
        freed_blocks = self._blocks - blocks
        most_blocks = _MOVED_BLOCKS_DEAR if self._heap_is_dear else _MOVED_BLOCKS
        still = abs(freed_blocks) < most_blocks and abs(resident_bytes - self._resident_bytes) < _MOVED_BYTES
        if not still:
            self._look(blocks, resident_bytes)
            freed_blocks = 0
        elif not self._heap_is_dear:
            self._look_at_heap()
        if self._arenas_bytes is None or self.heap_bytes is None:
            return None
        return self._arenas_bytes + self.heap_bytes + max(0, freed_blocks) * _LONGEST_BLOCK_BYTES

    def _look(self, blocks: int, resident_bytes: int) -> None:
        from snapshot_engine.memory import libc

        self._arenas_bytes = libc.free_arena_bytes()
        self._blocks, self._resident_bytes = blocks, resident_bytes
        self._look_at_heap()

    def _look_at_heap(self) -> None:
        from snapshot_engine.memory import libc

        begun = time.thread_time()
        heap = libc.heap_state()
        # mallinfo2 walks every free chunk: 9.9 ms were seen on a broken heap.
        self._heap_is_dear = time.thread_time() - begun > _DEAR_SECONDS
        self.heap_bytes = None if heap is None else heap.free_bytes


_reusable = Reusable()


def reusable_bytes(resident_bytes: int) -> int | None:
    """Return what this process could reuse without being seen: see Reusable.bytes."""
    return _reusable.bytes(resident_bytes)


def free_heap_bytes() -> int:
    """Return malloc's share of the last answer of reusable_bytes: what a trim may give back."""
    return _reusable.heap_bytes or 0


def left_free_bytes(free_before_bytes: int) -> int:
    """Return by how much malloc's free heap grew: pages that nobody may have used at the peak."""
    from snapshot_engine.memory.libc import heap_state  # ctypes is dear to import

    heap = heap_state()
    return max(0, heap.free_bytes - free_before_bytes) if heap is not None else 0
