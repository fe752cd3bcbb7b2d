"""The last readings, and what they say about where memory is going.

In: readings, oldest dropped past `capacity`. Out: a Trend whose slope is the
median of pairwise slopes, so that one spike or one free does not turn it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from snapshot_engine.monitoring.reading import MIB, MemoryReading

# 40 points make 780 pairs, 0.3 ms: cheap enough for every status, and a median
# of slopes gains little from more.
TREND_POINTS = 40
MINIMUM_POINTS = 4
# Below 1 MiB or 2 % over the whole span a change is the allocator breathing.
STEADY_BYTES = MIB
STEADY_FRACTION = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Where memory is going: "growing", "shrinking", "steady", or "unknown" (too few readings).

    seconds_to_limit: at this slope, until the limit is reached; None if never.
    """

    direction: str
    slope_bytes_per_second: float
    span_seconds: float
    seconds_to_limit: float | None = None


UNKNOWN_TREND = Trend(direction="unknown", slope_bytes_per_second=0.0, span_seconds=0.0)


class History:
    """At most `capacity` readings, the newest kept."""

    def __init__(self, capacity: int = 1000) -> None:
        self._readings: deque[MemoryReading] = deque(maxlen=capacity)

    def append(self, reading: MemoryReading) -> None:
        self._readings.append(reading)

    def __len__(self) -> int:
        return len(self._readings)

    def newest(self, count: int | None = None) -> list[MemoryReading]:
        """Return the last `count` readings (all of them for None), oldest first."""
        readings = list(self._readings)
        return readings if count is None else readings[max(0, len(readings) - count) :]


def thin(readings: Sequence[MemoryReading], most: int) -> list[MemoryReading]:
    """Return at most `most` readings spread evenly over the sequence, first and last included."""
    if len(readings) <= most:
        return list(readings)
    last = len(readings) - 1
    return [readings[index * last // (most - 1)] for index in range(most)]


def judge_trend(readings: Sequence[MemoryReading], limit_bytes: int) -> Trend:
    """Return the trend of the resident set over `readings` (oldest first)."""
    # Imported here: 0.6 MiB that a service nobody asks for its status need not pay.
    from snapshot_engine.memory.slope import theil_sen

    shown = thin(readings, TREND_POINTS)
    span = shown[-1].monotonic_seconds - shown[0].monotonic_seconds if shown else 0.0
    if len(shown) < MINIMUM_POINTS or span <= 0:
        return UNKNOWN_TREND
    slope = theil_sen([r.resident_bytes for r in shown], [r.monotonic_seconds for r in shown])
    change, newest = slope * span, shown[-1].resident_bytes
    if abs(change) < max(STEADY_BYTES, STEADY_FRACTION * newest):
        return Trend(direction="steady", slope_bytes_per_second=slope, span_seconds=span)
    if slope < 0:
        return Trend(direction="shrinking", slope_bytes_per_second=slope, span_seconds=span)
    left = max(0, limit_bytes - newest)
    seconds_to_limit = left / slope
    return Trend(
        direction="growing",
        slope_bytes_per_second=slope,
        span_seconds=span,
        seconds_to_limit=seconds_to_limit,
    )
