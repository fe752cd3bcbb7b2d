"""The k best of a stream, decided by score and then by order of arrival.

Holds k entries. The worst is evicted first: the lowest score, among equals
the latest. A key that is already held is not taken again, so that one
sentence said a thousand times does not fill the place of a thousand others.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappush, heapreplace
from typing import Generic, TypeVar

T = TypeVar("T")


class BestK(Generic[T]):
    """The `k` entries with the highest score; ties keep the earlier one."""

    __slots__ = ("_heap", "_keys", "evicted", "floor", "k")

    def __init__(self, k: int) -> None:
        if k < 1:
            raise ValueError(f"k {k}: must be at least 1")
        self.k = k
        self.evicted = 0
        # An entry must score more than this to be taken; -1 while there is room.
        self.floor = -1
        self._heap: list[tuple[int, int, str, T]] = []
        self._keys: set[str] = set()

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[T]:
        """Yield what is held, best first."""
        for _, _, _, value in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1])):
            yield value

    def offer(self, score: int, order: int, key: str, value: T) -> bool:
        """Take `value` if it is among the k best so far; return whether it was taken.

        score: 0 or more. order: rises from call to call and is never equal.
        """
        if score <= self.floor or key in self._keys:
            return False
        entry = (score, -order, key, value)
        self._keys.add(key)
        if len(self._heap) < self.k:
            heappush(self._heap, entry)
        else:
            dropped = heapreplace(self._heap, entry)
            self._keys.discard(dropped[2])
            self.evicted += 1
        if len(self._heap) == self.k:
            self.floor = self._heap[0][0]
        return True
