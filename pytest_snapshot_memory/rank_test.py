"""Do two small samples differ? An exact rank-sum test in plain Python.

In: values. Out: a probability. Exact for any size and with ties, so that a gate
on three runs is as honest as one on thirty. scipy was turned down: 72-96 MB to
import. Ranks rather than means, since one stray run must not decide.
"""

from __future__ import annotations

from collections.abc import Sequence


def median_low(values: Sequence[int]) -> int:
    """Return the lower median; the statistics module takes 10 ms to import."""
    return sorted(values)[(len(values) - 1) // 2]


def p_text(p_value: float) -> str:
    """Return "p=0.0123", or "p<0.0001" for anything below that."""
    return f"p={p_value:.4f}" if p_value >= 0.0001 else "p<0.0001"


def rank_sum_p(low: Sequence[int], high: Sequence[int]) -> float:
    """Return P that ranks of `high` are at least this high by chance; exact, ties shared.

    Counts the ways to choose the smaller side from all ranks by their sum, adding
    one rank at a time: n * m * total steps instead of all C(n + m, m) choices.
    """
    if not low or not high:
        return 1.0
    pooled = sorted([*low, *high])
    # twice the mean rank of equal values, so that it stays whole
    doubled = {
        value: pooled.index(value) + len(pooled) - pooled[::-1].index(value) + 1 for value in set(pooled)
    }
    smaller = min(low, high, key=len)
    observed = sum(doubled[value] for value in smaller)
    ways: list[dict[int, int]] = [{0: 1}] + [{} for _ in smaller]
    for value in pooled:
        rank = doubled[value]
        for taken in range(len(smaller), 0, -1):
            sums = ways[taken]
            for total, count in ways[taken - 1].items():
                sums[total + rank] = sums.get(total + rank, 0) + count
    final = ways[len(smaller)]
    # the ranks of `high` are high where those of `low` are low
    extreme = (n for s, n in final.items() if (s >= observed if smaller is high else s <= observed))
    return sum(extreme) / sum(final.values())
