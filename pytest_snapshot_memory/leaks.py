"""Counts of live memory after each round in; leak or no leak out. Pure.

Two counters, both free of reuse: allocated blocks, which stand still to the
block where nothing leaks, and live bytes, whose noise was at most 343 B a round.
Growth must show in the slope of all rounds and of their later half: a cache
that fills and stops has a later half that stands still. A significance test
was turned down: resident memory drifts by up to 19.6 KB a round without a leak
and passes them all; what is asked for is an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from snapshot_engine.memory.slope import theil_sen

NOISE_BYTES: Final = 512
_LEAST_BLOCKS: Final = 0.8  # one block a round, less the odd round in which one is given back


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakVerdict:
    """Whether memory grows with each round, and by how much.

    bytes_per_round, blocks_per_round: robust slopes over the later half.
    """

    leaks: bool
    bytes_per_round: float
    blocks_per_round: float
    rounds: int


def judge_leak(live_bytes: Sequence[int], blocks: Sequence[int], *, allowed_bytes: int = 0) -> LeakVerdict:
    """Decide whether the series grows steadily by more than `allowed_bytes` a round.

    Both series hold one value after each round, warm-up left out; five or more.
    """
    later = len(live_bytes) // 2
    bytes_slope = min(theil_sen(live_bytes), theil_sen(live_bytes[later:]))
    blocks_slope = min(theil_sen(blocks), theil_sen(blocks[later:]))
    by_bytes = bytes_slope > max(allowed_bytes, NOISE_BYTES)
    # A small object leaks fewer bytes than the noise of malloc, but its block is counted.
    by_blocks = allowed_bytes == 0 and blocks_slope >= _LEAST_BLOCKS and bytes_slope > 0
    return LeakVerdict(
        leaks=by_bytes or by_blocks,
        bytes_per_round=bytes_slope,
        blocks_per_round=blocks_slope,
        rounds=len(live_bytes),
    )
