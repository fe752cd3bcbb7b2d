"""Counting with a fixed number of counters and a stated error.

A Misra-Gries summary in batches: keys are counted exactly until there are
twice `capacity` of them; then the count of the (capacity + 1)-th largest is
taken off all and what falls to zero is dropped. A count is never too high,
and too low by at most `error`, the sum of what was taken off; that sum is at
most total / (capacity + 1). Space-Saving keeps the same bound but pays a
search for the smallest counter at every new key; a batch costs about one
dictionary update per key however many distinct keys there are.

Source: Agarwal et al., "Mergeable Summaries", PODS 2012.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class BoundedTally:
    """Counts of strings; holds at most 2 * capacity + the keys of one `update`."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity {capacity}: must be at least 1 counter")
        self.capacity = capacity
        self.error = 0
        self.evicted = 0
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._counts)

    def __contains__(self, key: str) -> bool:
        return key in self._counts

    def update(self, keys: Iterable[str]) -> bool:
        """Count every key once more; return whether any key was evicted."""
        self._counts.update(keys)
        if len(self._counts) <= 2 * self.capacity:
            return False
        self._prune()
        return True

    def add(self, key: str, weight: int = 1) -> bool:
        """Count one key `weight` times; return whether any key was evicted."""
        counts = self._counts
        counts[key] = counts.get(key, 0) + weight
        if len(counts) <= 2 * self.capacity:
            return False
        self._prune()
        return True

    def get(self, key: str) -> int:
        """Return the count of `key`: 0 if it is not held."""
        return self._counts.get(key, 0)

    def counts(self) -> Iterable[tuple[str, int]]:
        """Return (key, count) in no order that means anything."""
        return self._counts.items()

    def items(self) -> list[tuple[str, int]]:
        """Return (key, count), largest first, equal counts by key."""
        return sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))

    def _prune(self) -> None:
        # The rule looks at counts alone: the order of keys in the dictionary,
        # which may differ between runs, cannot change what is kept.
        before = len(self._counts)
        taken = sorted(self._counts.values(), reverse=True)[self.capacity]
        self.error += taken
        self._counts = Counter({key: n - taken for key, n in self._counts.items() if n > taken})
        self.evicted += before - len(self._counts)
