"""From single runs to figures: medians, spreads, and the word "unstable" where it belongs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

# A median counts as settled when the middle half of the runs lies within this share of it.
STABLE_SPREAD_RATIO = 0.05
# 97.5 % quantiles of Student's t, by degrees of freedom; beyond the table the normal one.
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One figure over several runs. spread_ratio: middle half of the runs over the median."""

    median: float
    lowest: float
    highest: float
    spread_ratio: float
    runs: int

    @property
    def stable(self) -> bool:
        return self.runs >= 3 and self.spread_ratio <= STABLE_SPREAD_RATIO


def summarize(values: Sequence[float]) -> Summary:
    """Return the median and its spread; raises ValueError without values."""
    if not values:
        raise ValueError("no runs to summarize")
    middle = statistics.median(values)
    if len(values) >= 4:
        lower, _, upper = statistics.quantiles(values, n=4, method="inclusive")
    else:
        lower, upper = min(values), max(values)
    return Summary(
        median=middle,
        lowest=min(values),
        highest=max(values),
        spread_ratio=(upper - lower) / middle if middle else 0.0,
        runs=len(values),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line through points, with the 95 % confidence interval of its slope."""

    slope: float
    intercept: float
    slope_low: float
    slope_high: float
    points: int


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> Line:
    """Return the least-squares line; the interval is Student's, so few points make it wide.

    Raises ValueError below three points, or when all xs are equal.
    """
    n = len(xs)
    if n < 3 or n != len(ys):
        raise ValueError(f"a slope with an interval needs at least 3 points, got {n}")
    mean_x, mean_y = statistics.fmean(xs), statistics.fmean(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    if spread == 0:
        raise ValueError("all sizes are equal: no slope")
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread
    intercept = mean_y - slope * mean_x
    left = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    t = _T[n - 3] if n - 3 < len(_T) else 1.96
    reach = t * math.sqrt(left / (n - 2) / spread)
    return Line(slope=slope, intercept=intercept, slope_low=slope - reach, slope_high=slope + reach, points=n)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return a 95 % interval for the median by order statistics: no assumption on the distribution.

    Below six values it is the whole range. Raises ValueError without values.
    """
    ordered = sorted(values)
    n = len(ordered)
    if not n:
        raise ValueError("no values")
    # the largest k for which the k lowest and the k highest hold the median with at most 5 %
    tail, k = 0.0, 0
    for at in range(n // 2):
        tail += math.comb(n, at) / 2**n
        if 2 * tail > 0.05:
            break
        k = at
    return ordered[k], ordered[n - 1 - k]
