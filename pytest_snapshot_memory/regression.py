"""Is a test worse than its baseline? Judgements on numbers alone.

In: a baseline entry, this run's reading, what the gate allows and, where one
reading cannot tell, growth values of runs in fresh processes. Out: a verdict
with its reason. No clock, no files, no processes.

A reading is an interval (memory that was free in the heap can be used again
unseen), so the first question is whether the whole interval lies on one side.
Where it does not, runs in fresh processes decide: the medians must differ by
more than is allowed *and* an exact rank-sum test must find the difference at
SIGNIFICANCE. A fixed "+3 % against the last run" was turned down: at 1 % noise it
gave 99 false alarms in 60 histories that did not change. scipy was turned down:
72-96 MB to import for what forty lines do exactly.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from snapshot_engine.memory.units import format_size

from .baseline import KIB, Entry
from .gate_expression import Threshold
from .rank_test import median_low, p_text, rank_sum_p
from .record import PhaseReading

MIB: Final = KIB * KIB
# one-sided; 3 old and 18 new runs that do not overlap reach 1/1330, 5 and 9 reach 1/2002
SIGNIFICANCE: Final = 0.001
# 7 old and 9 new runs that do not overlap reach 1/11440: further runs would not change that
CERTAIN: Final = 0.0001
UNREPEATABLE_RATIO: Final = 0.2
# fewer runs end the matter only where they show no more than the least that the baseline saw
_RUNS_TO_TRUST: Final = 3

# By how much one reading of an unchanged test differs from another of it, where
# nothing was learned from history yet: (bytes, ratio), the larger one counts.
GAUGE_BANDS: Final[Mapping[str, tuple[int, float]]] = {
    "resident": (1 * MIB, 0.03),
    "tree": (2 * MIB, 0.05),
    "python": (64 * KIB, 0.005),
    "allocated": (64 * KIB, 0.005),
    "thread": (64 * KIB, 0.005),
}
_OTHER_BAND: Final = (2 * MIB, 0.05)
NOISE_FLOOR_BYTES: Final = 32 * KIB
READINGS_TO_LEARN_FROM: Final = 8


class Verdict(str, enum.Enum):
    """What a comparison found."""

    NEW = "new"
    UNCHANGED = "unchanged"
    IMPROVED = "improved"
    REGRESSED = "regressed"
    INCOMPARABLE = "incomparable"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One test against its baseline.

    metric: "growth" or "retained". old_bytes, new_bytes: the numbers compared,
    None where there is none. allowed_bytes: by how much new may pass old.
    against: "last", or "anchor" where the slow rise since the anchor was binding.
    decided_by: the second measurement that decided, "" where the first one did.
    p_value: of the rank-sum test, None where none was made.
    renamed_from: node id under which the baseline knew the test, "" otherwise.
    moved: the value differs by more than noise, so an update writes it anew.
    fresh_runs_bytes: the runs that were made to decide.
    site_changes: lines that say which allocation sites made the difference.
    """

    nodeid: str
    verdict: Verdict
    metric: str = "growth"
    old_bytes: int | None = None
    new_bytes: int | None = None
    allowed_bytes: int = 0
    against: str = "last"
    reason: str = ""
    decided_by: str = ""
    p_value: float | None = None
    renamed_from: str = ""
    moved: bool = False
    fresh_runs_bytes: tuple[int, ...] = ()
    site_changes: tuple[str, ...] = ()

    @property
    def change_bytes(self) -> int:
        """New minus old; 0 where one of them is missing."""
        if self.old_bytes is None or self.new_bytes is None:
            return 0
        return self.new_bytes - self.old_bytes

    @property
    def change_text(self) -> str:
        """The change for people: "+1.9 MiB (+5.0 %)"."""
        change = self.change_bytes
        text = f"{'+' if change >= 0 else ''}{format_size(change)}"
        return f"{text} ({change / self.old_bytes:+.1%})" if self.old_bytes else text


class Allowance(NamedTuple):
    """How far a value may rise before the gate fires, and which memory of it binds."""

    size_bytes: int
    against: str


def allowance(value_bytes: int, anchor_bytes: int, threshold: Threshold) -> Allowance:
    """Return what may be added to `value_bytes`: by the threshold from it and from the anchor."""
    from_last = threshold.allowance_bytes(value_bytes)
    if anchor_bytes == value_bytes:
        return Allowance(size_bytes=from_last, against="last")
    from_anchor = anchor_bytes + threshold.allowance_bytes(anchor_bytes) - value_bytes
    if from_anchor < from_last:
        return Allowance(size_bytes=max(0, from_anchor), against="anchor")
    return Allowance(size_bytes=from_last, against="last")


Learned = Callable[[str], "int | None"]


def nothing_learned(nodeid: str) -> int | None:
    """Answer for every test that history shows no noise band of its own."""
    return None


def noise_band(gauge: str, value_bytes: int, learned_bytes: int | None = None) -> int:
    """Return by how much two readings of an unchanged test may differ, in bytes."""
    if learned_bytes is not None:
        return max(NOISE_FLOOR_BYTES, learned_bytes)
    size_bytes, ratio = GAUGE_BANDS.get(gauge, _OTHER_BAND)
    return max(size_bytes, int(abs(value_bytes) * ratio))


def learned_noise(values_bytes: Sequence[int]) -> int | None:
    """Return the noise band that a history of one test shows, or None below eight values.

    Differences of neighbours, so that a step in the history counts once: 99 % of
    a normal distribution's differences lie within 2.58 * 1.4826 * their median.
    """
    if len(values_bytes) < READINGS_TO_LEARN_FROM:
        return None
    steps = [abs(b - a) for a, b in itertools.pairwise(values_bytes)]
    return max(NOISE_FLOOR_BYTES, int(2.58 * 1.4826 * median_low(steps)))


class Screening(NamedTuple):
    """What one reading tells: the numbers to compare and whether a rise can be ruled out.

    width_bytes: by how much more than new_bytes the reading can really have been.
    """

    old_bytes: int
    new_bytes: int
    width_bytes: int
    allowed: Allowance

    @property
    def rise_ruled_out(self) -> bool:
        """True where even the upper end of the interval keeps to what is allowed."""
        return self.new_bytes + self.width_bytes - self.old_bytes <= self.allowed.size_bytes

    @property
    def fall_bytes(self) -> int:
        """By how much the value fell at least; negative where it may not have."""
        return self.old_bytes - self.new_bytes - self.width_bytes

    @property
    def settled(self) -> bool:
        """True where the value neither rose nor fell by more than is allowed."""
        return self.rise_ruled_out and self.fall_bytes <= self.allowed.size_bytes


def screen(entry: Entry, reading: PhaseReading, threshold: Threshold) -> Screening:
    """Hold one reading against its entry.

    A reading from a process of its own is held against the fresh runs, one from
    the suite against the suite's reading; never across.
    """
    alone = reading.process != "suite"
    if threshold.metric == "retained":
        old, new = entry.retained_bytes, reading.retained_bytes
        allowed = Allowance(size_bytes=threshold.allowance_bytes(old), against="last")
    else:
        old = entry.value_bytes if alone else entry.growth_bytes
        new = reading.growth_bytes
        allowed = allowance(entry.value_bytes, entry.anchor_bytes, threshold)
    width = reading.error_bound_bytes + (0 if alone else reading.reusable_bytes)
    return Screening(old_bytes=old, new_bytes=new, width_bytes=width, allowed=allowed)


def judge_reading(
    nodeid: str, entry: Entry, reading: PhaseReading, threshold: Threshold, learned: Learned = nothing_learned
) -> Comparison:
    """Decide from one reading: where it rules a rise out, or where there is no second measurement.

    What lies within the noise band is Unchanged; an interval wider than what it
    should tell apart is Incomparable, unless all of it is worse. `learned` is asked
    only where the gauge's own band would matter.
    """
    seen = screen(entry, reading, threshold)
    if seen.settled:
        return _compared(nodeid, seen, threshold, Verdict.UNCHANGED)
    band = noise_band(reading.gauge, seen.old_bytes, learned(nodeid))
    line = max(seen.allowed.size_bytes, band)
    old_width = entry.width_bytes if reading.process == "suite" else 0
    if threshold.metric == "retained" and reading.process == "suite":
        # what free memory can hide in this order of tests, it could in the other
        old_width = max(old_width, reading.reusable_bytes)
    if seen.fall_bytes > line:
        return _compared(nodeid, seen, threshold, Verdict.IMPROVED)
    if seen.rise_ruled_out:
        return _compared(nodeid, seen, threshold, Verdict.UNCHANGED)
    if seen.new_bytes - seen.old_bytes - old_width > line:
        reason = f"one reading, noise band {format_size(band)}"
        return _compared(nodeid, seen, threshold, Verdict.REGRESSED, reason)
    if max(old_width, min(seen.width_bytes, reading.reusable_bytes)) > line:
        low, high = format_size(seen.new_bytes), format_size(seen.new_bytes + reading.reusable_bytes)
        reason = f"the reading is {low} to {high}, too wide to tell {format_size(line)}"
        return _compared(nodeid, seen, threshold, Verdict.INCOMPARABLE, reason)
    reason = f"within {format_size(line)}, the least one reading can tell"
    return _compared(nodeid, seen, threshold, Verdict.UNCHANGED, reason)


def _compared(
    nodeid: str, seen: Screening, threshold: Threshold, verdict: Verdict, reason: str = ""
) -> Comparison:
    return Comparison(
        nodeid=nodeid,
        verdict=verdict,
        metric=threshold.metric,
        old_bytes=seen.old_bytes,
        new_bytes=seen.new_bytes,
        allowed_bytes=seen.allowed.size_bytes,
        against=seen.allowed.against,
        reason=reason,
        moved=verdict in (Verdict.IMPROVED, Verdict.REGRESSED),
    )


def judge_retained(nodeid: str, entry: Entry, runs: Sequence[int], threshold: Threshold) -> Comparison:
    """Decide by the live bytes that runs in fresh processes have kept; each of them must be beyond the line.

    Live bytes are counted, not seen, so that they repeat within a few KiB; what rises in
    one run and not in the next is a cache or garbage that was not collected.
    """
    old, least = entry.retained_bytes, min(runs)
    allowed_bytes = threshold.allowance_bytes(old)
    verdict = Verdict.UNCHANGED
    if least - old > allowed_bytes:
        verdict = Verdict.REGRESSED
    elif old - max(runs) > allowed_bytes:
        verdict = Verdict.IMPROVED
    return Comparison(
        nodeid=nodeid,
        verdict=verdict,
        metric="retained",
        old_bytes=old,
        new_bytes=median_low(runs),
        allowed_bytes=allowed_bytes,
        decided_by=f"{len(runs)} fresh runs, live bytes at the end",
        moved=verdict is not Verdict.UNCHANGED,
        fresh_runs_bytes=tuple(runs),
    )


def rise_is_possible(entry: Entry, runs: Sequence[int], threshold: Threshold, bias_bytes: int = 0) -> bool:
    """Tell whether fresh runs so far leave a rise open, so that more of them are worth their time."""
    if len(runs) < _RUNS_TO_TRUST:
        return median_low(runs) > min(entry.fresh_runs_bytes)
    value = entry.value_bytes
    line = max(bias_bytes, allowance(value, entry.anchor_bytes, threshold).size_bytes)
    rise_bytes = median_low(runs) - value
    if rise_bytes <= line // 2:
        return False
    if rise_bytes > 2 * line and rank_sum_p(entry.fresh_runs_bytes, runs) <= CERTAIN:
        return False
    return len(runs) < 2 * len(entry.fresh_runs_bytes) or rank_sum_p(entry.fresh_runs_bytes, runs) <= 0.05


def judge_runs(
    nodeid: str, entry: Entry, runs: Sequence[int], threshold: Threshold, bias_bytes: int = 0
) -> Comparison:
    """Decide by runs in fresh processes against those the baseline remembers.

    entry.fresh_runs_bytes must not be empty. Regressed and Improved need both the
    effect (medians) and the significance (ranks). With fewer than three runs on a
    side no test can be significant: then all new runs must lie beyond the line,
    and beyond the noise band of the resident gauge. bias_bytes: by how much all
    runs of one session can lie off together; no test of ranks sees that, so the
    effect must be larger. 0 where each run has a process tree of its own.
    """
    old_runs = entry.fresh_runs_bytes
    old, new = entry.value_bytes, median_low(runs)
    allowed = allowance(old, entry.anchor_bytes, threshold)
    line = max(bias_bytes, allowed.size_bytes)
    rose = new >= old
    p_value = rank_sum_p(old_runs, runs) if rose else rank_sum_p(runs, old_runs)
    # where few runs are remembered on both sides, the least p there is: no overlap at all
    needed = max(SIGNIFICANCE, 1 / math.comb(len(old_runs) + len(runs), len(runs)))
    certain_rise, certain_fall = rose and p_value <= needed, not rose and p_value <= needed
    if min(len(old_runs), len(runs)) < 3:
        margin = max(line, noise_band("resident", old))
        certain_rise, certain_fall = min(runs) - max(old_runs) > margin, min(old_runs) - max(runs) > margin
    verdict, reason = Verdict.UNCHANGED, ""
    if new - old > line:
        verdict = Verdict.REGRESSED if certain_rise else Verdict.UNCHANGED
        reason = "" if certain_rise else f"a rise of {format_size(new - old)} is not significant"
    elif old - new > line and certain_fall:
        verdict = Verdict.IMPROVED
    if max(runs) - min(runs) > UNREPEATABLE_RATIO * max(new, MIB):
        reason = (
            f"{reason}; unrepeatable".lstrip("; ") + f": {format_size(min(runs))} to {format_size(max(runs))}"
        )
    return Comparison(
        nodeid=nodeid,
        verdict=verdict,
        old_bytes=old,
        new_bytes=new,
        allowed_bytes=line,
        against=allowed.against,
        reason=reason,
        decided_by=f"{len(runs)} {'forked' if bias_bytes else 'fresh'} runs, exact rank-sum test {p_text(p_value)}",
        p_value=p_value,
        moved=abs(new - old) > max(bias_bytes, NOISE_FLOOR_BYTES) and (certain_rise or certain_fall),
        fresh_runs_bytes=tuple(runs),
    )
