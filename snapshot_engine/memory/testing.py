"""Public helpers for tests of memory: a scripted gauge, pages to touch, a spike of known size."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator

from snapshot_engine.memory.gauge import GaugeTraits, Reading


class ScriptedGauge:
    """A gauge that plays back readings in bytes: one at each opening, one at each look.

    The peak of a window is the highest of its readings unless `peaks` says
    otherwise. The last reading repeats.
    """

    def __init__(
        self, readings: Iterable[int], *, traits: GaugeTraits | None = None, problem: str = ""
    ) -> None:
        self._readings: Iterator[int] = iter(readings)
        self._last_bytes = 0
        self._problem = problem
        self.windows_open = 0
        self.traits = traits or GaugeTraits(
            name="scripted", counts="what the test says", exact=not problem, error_bound_bytes=0
        )

    def next_bytes(self) -> int:
        self._last_bytes = next(self._readings, self._last_bytes)
        return self._last_bytes

    def open(self) -> ScriptedWindow:
        self.windows_open += 1
        return ScriptedWindow(self, self._problem)


class ScriptedWindow:
    """A window of a ScriptedGauge."""

    def __init__(self, gauge: ScriptedGauge, problem: str) -> None:
        self._gauge = gauge
        self.problem = problem
        self.start_bytes = gauge.next_bytes()
        self._peak_bytes = self.start_bytes

        self._last: Reading | None = None

    def read(self) -> Reading:
        if self._last is not None:
            return self._last
        current_bytes = self._gauge.next_bytes()
        self._peak_bytes = max(self._peak_bytes, current_bytes)
        return Reading(current_bytes=current_bytes, peak_bytes=self._peak_bytes)

    def close(self) -> None:
        if self._last is None:
            self._last = self.read()
            self._gauge.windows_open -= 1


# Shared mappings (mmap's default) count elsewhere: not against RLIMIT_DATA, not in a forked child.
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}


def touch_pages(n_bytes: int) -> mmap.mmap:
    """Return an anonymous mapping of `n_bytes` with every page written: exactly that much resident.

    It comes from the kernel, never from a free heap; `.close()` gives it back at once.
    """
    pages = mmap.mmap(-1, n_bytes, **_PRIVATE)
    for offset in range(0, n_bytes, mmap.PAGESIZE):
        pages[offset] = 1
    return pages


def known_spike(n_bytes: int) -> None:
    """Hold `n_bytes` resident for a moment: a gauge must see them, a sampler may not."""
    touch_pages(n_bytes).close()
