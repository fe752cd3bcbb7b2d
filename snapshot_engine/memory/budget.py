"""What is allowed, and whether a measurement kept to it: three verdicts, not two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from snapshot_engine.memory.measure import Measurement
from snapshot_engine.memory.units import format_size

Of = Literal["growth", "peak", "retained"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most `limit_bytes` of what `of` names; exactly equal is kept.

    of: "growth" (peak above the start), "peak" (the whole process at its
    highest) or "retained" (held at the end above the start).
    """

    limit_bytes: int
    of: Of = "growth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """The budget was kept, with `spare_bytes` to go at least."""

    spare_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """The budget was passed by `excess_bytes` at least."""

    excess_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """Nobody can say; not a pass. undecided: the limit lies inside the reading's interval.

    An undecided one is settled by a second measurement: an exact gauge, or the
    same in a process where nothing was free to be reused.
    """

    reason: str
    undecided: bool = False


Verdict: TypeAlias = Within | Exceeded | Unmeasured


def judge(measurement: Measurement | None, budget: Budget) -> Verdict:
    """Decide whether a span kept to its budget; exactly equal is kept.

    What was seen is a lower bound, so passing the limit is certain; keeping to
    it is certain only if what could have been reused unseen fits as well.
    """
    if measurement is None:
        return Unmeasured(reason="nothing was measured")
    seen_bytes, hidden_bytes = _interval(measurement, budget.of)
    if seen_bytes > budget.limit_bytes:
        return Exceeded(excess_bytes=seen_bytes - budget.limit_bytes)
    if not measurement.exact:
        return Unmeasured(
            reason=f"the {measurement.gauge} gauge may have missed the peak: {measurement.problem or 'not exact'}"
        )
    if hidden_bytes is None:
        return Unmeasured(
            reason="this platform does not say how much free memory was reusable", undecided=True
        )
    spare_bytes = budget.limit_bytes - seen_bytes
    if hidden_bytes > spare_bytes:
        return Unmeasured(
            reason=f"saw {format_size(seen_bytes)} of {format_size(budget.limit_bytes)}, but"
            f" {format_size(hidden_bytes)} were free at the start and could be reused unseen",
            undecided=True,
        )
    return Within(spare_bytes=spare_bytes - hidden_bytes)


def _interval(measurement: Measurement, of: Of) -> tuple[int, int | None]:
    """Return what was seen, and how much more it may be."""
    if of == "peak":
        return measurement.peak_bytes, 0
    if of == "retained":
        return measurement.retained_bytes, measurement.reusable_at_start_bytes
    return measurement.peak_growth_bytes, measurement.reusable_at_start_bytes
