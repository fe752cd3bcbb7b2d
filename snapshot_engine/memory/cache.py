"""A cache that is bounded in bytes, and what its values weigh."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

_Value = TypeVar("_Value")
_MOST_OBJECTS = 100_000


class ByteBoundCache:
    """Results by key, the least recently used dropped first. Holds at most `budget_bytes`.

    A value heavier than the whole budget is returned and not kept. Thread-safe;
    two threads that miss the same key at once both compute it.
    """

    def __init__(self, budget_bytes: int) -> None:
        if budget_bytes < 0:
            raise ValueError(f"cache budget of {budget_bytes} bytes: must not be negative")
        self.budget_bytes = budget_bytes
        self.held_bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        """Return the value kept for `key`, or compute it and keep it if it fits."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                value: _Value = entry[0]
                return value
        value = compute()
        weight = weigh(key) + weigh(value)
        if weight <= self.budget_bytes:
            self._keep(key, value, weight)
        return value

    def _keep(self, key: Hashable, value: Any, weight: int) -> None:
        with self._lock:
            _, old_weight = self._entries.pop(key, (None, 0))
            self._entries[key] = (value, weight)
            self.held_bytes += weight - old_weight
            while self.held_bytes > self.budget_bytes:
                _, (_, dropped) = self._entries.popitem(last=False)
                self.held_bytes -= dropped

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)


def weigh(value: object) -> int:
    """Return about how many bytes `value` holds: itself, and what is in builtin containers and attributes.

    Shared parts count once. Past 100,000 objects the rest counts as heavy as
    the ones before, on average.
    """
    seen: set[int] = set()
    waiting: list[object] = [value]
    total = 0
    while waiting and len(seen) < _MOST_OBJECTS:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        total += sys.getsizeof(item, 64)
        waiting += _parts(item)
    if waiting and seen:
        total += total * len(waiting) // len(seen)
    return total


def _parts(item: object) -> list[object]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    if isinstance(item, (list, tuple, set, frozenset)):
        return list(item)
    if isinstance(item, (type, str, bytes, bytearray, int, float)) or callable(item):
        return []
    slots = [getattr(item, name) for name in getattr(type(item), "__slots__", ()) if hasattr(item, str(name))]
    return [*slots, *vars(item).values()] if hasattr(item, "__dict__") else slots
