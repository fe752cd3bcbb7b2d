"""The state from which a decision counts, without a full collection before each test.

Garbage that lies about at the start may be collected in the middle of a test;
what that frees is used again unseen. A full collection before each phase rules
it out, at 25 ms with 60,000 objects alive. So it is done only where much has
moved since the last one. Else the young generations are collected, and should
Python collect the old one during the phase, what came free is noted: the
reading's interval is wider by that much, and a second run decides.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Final

from snapshot_engine.memory import libc
from snapshot_engine.memory.peak import resident_bytes
from snapshot_engine.memory.settle import settle

_OLDEST: Final = 2
# Blocks made or freed since the last full collection, as a share of all there are: reports
# of tests alone leave 90 each. What this lets by can only make a second run more likely.
_MOVED_SHARE: Final = 1 / 16
_MOVED_BYTES: Final = 256 * 1024


class Garbage:
    """Settles the heap before a phase, and knows what a collection inside it freed.

    level: returns what the gauge reads now. unseen: returns a figure that rises by
    what is freed, as far as the gauge does not see it used again.
    freed_bytes: came free in collections of the old generation since the last
    settle(); an upper bound. 0 after a full one.
    """

    __slots__ = ("_before_bytes", "_blocks", "_level", "_level_bytes", "_unseen", "freed_bytes")

    def __init__(self, level: Callable[[], int], unseen: Callable[[], int]) -> None:
        self._level, self._unseen = level, unseen
        self._blocks = -(10**9)
        self._level_bytes = 0
        self._before_bytes: int | None = None
        self.freed_bytes = 0

    def settle(self) -> int | None:
        """Bring the heap into order and return what can still be reused; None: nobody knows."""
        self.unwatch()
        self.freed_bytes = 0
        blocks = sys.getallocatedblocks()
        moved_blocks = abs(blocks - self._blocks)
        moved_bytes = abs(self._level() - self._level_bytes)
        if moved_blocks > blocks * _MOVED_SHARE or moved_bytes > _MOVED_BYTES:
            reusable_bytes = settle().reusable_bytes
            self._blocks, self._level_bytes = sys.getallocatedblocks(), self._level()
            return reusable_bytes
        gc.collect(_OLDEST - 1)
        gc.callbacks.append(self._on_collection)
        return settle(collect=False).reusable_bytes

    def unwatch(self) -> None:
        """Leave the collector as it was found."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] < _OLDEST:
            return
        if phase == "start":
            self._before_bytes = self._unseen()
        elif self._before_bytes is not None:
            self.freed_bytes += max(0, self._unseen() - self._before_bytes)
            self._before_bytes = None


def of_resident() -> Garbage:
    """Return one for resident memory: freed is what goes into the heap, or back to the system."""

    def unseen_bytes() -> int:
        heap, arenas_bytes = libc.heap_state(), libc.free_arena_bytes()
        return (heap.free_bytes if heap else 0) + (arenas_bytes or 0) - resident_bytes()

    return Garbage(resident_bytes, unseen_bytes)


def of_traced() -> Garbage:
    """Return one for what tracemalloc counts."""
    return Garbage(lambda: tracemalloc.get_traced_memory()[0], lambda: -tracemalloc.get_traced_memory()[0])
