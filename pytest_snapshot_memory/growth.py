"""The law by which a peak grows with a size: sizes and peaks in, a verdict out.

The test is by extrapolation: a line a + b*f(n) is laid through all sizes but
the largest, and the largest may not lie above it by more than the tolerance.
A correlation coefficient was turned down: over three sizes O(n) and O(n log n)
both correlate above 0.99, and a constant overhead hides the square term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

LAWS: Final[dict[str, Callable[[float], float]]] = {
    "O(1)": lambda n: 0.0,
    "O(log n)": lambda n: math.log2(n + 1),
    "O(n)": lambda n: n,
    "O(n log n)": lambda n: n * math.log2(n + 1),
    "O(n^2)": lambda n: n * n,
    "O(n^3)": lambda n: n**3,
}
# Interpreter caches and free lists move a peak by some kilobytes without any law.
FLOOR_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthVerdict:
    """Whether peaks keep to a law, and which law describes them best.

    allowed_bytes: the most the largest size may take under the law.
    """

    law: str
    kept: bool
    best_law: str
    sizes: tuple[int, ...]
    peaks_bytes: tuple[int, ...]
    allowed_bytes: int


def law_named(text: str) -> str | None:
    """Return the law that `text` writes ("O(n**2)", "o(N log N)", "n"), or None."""
    plain = text.lower().replace(" ", "").replace("**", "^").replace("²", "^2").replace("*", "")
    if not plain.startswith("o("):
        plain = f"o({plain})"
    for law in LAWS:
        if law.lower().replace(" ", "") == plain:
            return law
    return None


def judge_growth(
    law: str, sizes: Sequence[int], peaks_bytes: Sequence[int], *, tolerance: float = 0.15
) -> GrowthVerdict:
    """Decide whether peaks grow no faster than `law`; sizes ascend, three or more.

    A peak under the law's prediction is kept: the law is an upper bound.
    """
    predicted = _predict(LAWS[law], sizes, peaks_bytes)
    allowed = round(predicted * (1 + tolerance)) + FLOOR_BYTES
    return GrowthVerdict(
        law=law,
        kept=peaks_bytes[-1] <= allowed,
        best_law=best_law(sizes, peaks_bytes, tolerance=tolerance),
        sizes=tuple(sizes),
        peaks_bytes=tuple(peaks_bytes),
        allowed_bytes=allowed,
    )


def best_law(sizes: Sequence[int], peaks_bytes: Sequence[int], *, tolerance: float = 0.15) -> str:
    """Return the slowest law that the largest size keeps to, "faster than O(n^3)" if none."""
    for law, function in LAWS.items():
        if peaks_bytes[-1] <= _predict(function, sizes, peaks_bytes) * (1 + tolerance) + FLOOR_BYTES:
            return law
    return "faster than O(n^3)"


def _predict(function: Callable[[float], float], sizes: Sequence[int], peaks: Sequence[int]) -> float:
    """Extrapolate to the last size from a line through the first and the last but one.

    Slope and overhead are not negative: a test's peak cannot shrink below its
    fixed part, and a negative slope would turn noise into a prediction.
    """
    first, before_last, last = function(sizes[0]), function(sizes[-2]), function(sizes[-1])
    ceiling = float(max(peaks[:-1]))
    if before_last <= first:
        return ceiling
    slope = max(0.0, (peaks[-2] - peaks[0]) / (before_last - first))
    return max(ceiling, peaks[-2] + slope * (last - before_last))
