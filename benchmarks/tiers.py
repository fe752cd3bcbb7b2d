"""The four tiers of the documented targets, and the sizes at which each is tried."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One row of the targets. Sizes are file sizes in MiB; target_mib bounds the whole process.

    below_mib: the tier ends before this size (None: no end).
    default_mib: fast enough that all four take under five minutes on two cores;
    full_mib: just inside the upper edge; quick_mib: for CI, where the shape counts.
    """

    name: str
    from_mib: float
    below_mib: float | None
    target_mib: int
    default_mib: float
    full_mib: float
    quick_mib: float

    def size_mib(self, scale: str) -> float:
        return {"quick": self.quick_mib, "default": self.default_mib, "full": self.full_mib}[scale]

    def holds(self, size_bytes: int) -> bool:
        """Say whether a file of this size belongs to the tier."""
        size_mib = size_bytes / MIB
        return size_mib >= self.from_mib and (self.below_mib is None or size_mib < self.below_mib)


TIERS: tuple[Tier, ...] = (
    Tier(name="<1", from_mib=0, below_mib=1, target_mib=100, default_mib=0.5, full_mib=0.95, quick_mib=0.25),
    Tier(name="1-10", from_mib=1, below_mib=10, target_mib=200, default_mib=2, full_mib=9.9, quick_mib=1.1),
    Tier(name="10-50", from_mib=10, below_mib=50, target_mib=300, default_mib=10.5, full_mib=49.9, quick_mib=10.5),
    Tier(name=">50", from_mib=50, below_mib=None, target_mib=500, default_mib=50.5, full_mib=60, quick_mib=50.5),
)  # fmt: skip


def tier_of(size_bytes: int) -> Tier:
    """Return the tier a file belongs to; the edges belong to the tier above."""
    return next(tier for tier in TIERS if tier.holds(size_bytes))
