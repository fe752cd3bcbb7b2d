"""Free heap between two tests: how much the next one could take unseen, and giving much of it back first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_snapshot_memory.resident_meter import faulted_bytes
from snapshot_engine.memory.reuse import free_heap_bytes, left_free_bytes, reusable_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

# So much free heap is given back to the kernel before the next test: taken again
# unseen, it would hide as much. The next test pays for it by page faults (1.6 us for each 4 KiB),
# so all that a run gives back is at most this much and this share of what its tests took in.
_TRIMMED_BYTES: Final = 4 * 2**20
_TRIMMED_FREELY_BYTES: Final = 32 * 2**20
_TRIMMED_SHARE: Final = 1 / 16


class HeapRoom:
    """What was free when last asked.

    reusable_bytes: could be taken again unseen; None where nobody knows.
    free_bytes: free heap. returned_bytes: the most of it that trims gave back, which is not
    resident until it is touched again.
    """

    __slots__ = ("_faulted_bytes", "_trimmed_bytes", "free_bytes", "returned_bytes", "reusable_bytes")

    def __init__(self) -> None:
        self.reusable_bytes: int | None = 0
        self.free_bytes = self.returned_bytes = 0
        # of the whole run: what trims gave back; pages taken in before its first test
        self._trimmed_bytes, self._faulted_bytes = 0, faulted_bytes()

    def ask(self, resident_bytes: int, look: Callable[[], tuple[int, int]]) -> None:
        """Find out anew, and trim where it is much; look returns (peak, resident now)."""
        reusable = reusable_bytes(resident_bytes)
        self.free_bytes = free_bytes = free_heap_bytes()
        if (
            reusable is not None
            and reusable > _TRIMMED_BYTES
            and free_bytes > _TRIMMED_BYTES
            and self._may_trim(free_bytes)
        ):
            from snapshot_engine.memory.settle import settle  # not above: few runs trim

            before_bytes = look()[1]
            reusable = settle(collect=False).reusable_bytes
            given_back_bytes = max(0, before_bytes - look()[1])
            self.returned_bytes += given_back_bytes
            self._trimmed_bytes += given_back_bytes
            self.free_bytes = left_free_bytes(0)  # less: the heap's top is gone
        self.returned_bytes = min(self.returned_bytes, self.free_bytes)
        self.reusable_bytes = reusable

    def _may_trim(self, free_bytes: int) -> bool:
        taken_in_bytes = faulted_bytes() - self._faulted_bytes
        most_bytes = _TRIMMED_FREELY_BYTES + _TRIMMED_SHARE * taken_in_bytes
        return self._trimmed_bytes + free_bytes <= most_bytes
