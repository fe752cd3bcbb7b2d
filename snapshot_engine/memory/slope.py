"""Growth per step, robustly: the median of all slopes between two points (Theil and Sen).

First-minus-last takes one late cache fill or one late free for a trend; a
least-squares line is moved by one outlier. The median slope stands until 29 %
of the points are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

# All pairs of 1,000 points are half a million slopes (0.2 s); 120 give 7,140.
_MOST_POINTS = 120


def theil_sen(values: Sequence[float], positions: Sequence[float] | None = None) -> float:
    """Return the median slope of `values` over `positions` (0, 1, 2, ... when left out).

    Fewer than two distinct positions have no slope: 0. Of more than 120
    points, 120 evenly spread ones are taken, the first and last among them.
    """
    if positions is None:
        positions = range(len(values))
    if len(positions) != len(values):
        raise ValueError(f"{len(values)} values at {len(positions)} positions")
    chosen = _spread(len(values))
    points = [(positions[index], values[index]) for index in chosen]
    slopes = [
        (later - earlier) / (end - begin)
        for number, (begin, earlier) in enumerate(points)
        for end, later in points[number + 1 :]
        if end != begin
    ]
    return median(slopes) if slopes else 0.0


def _spread(count: int) -> list[int]:
    if count <= _MOST_POINTS:
        return list(range(count))
    step = (count - 1) / (_MOST_POINTS - 1)
    return [round(number * step) for number in range(_MOST_POINTS)]
