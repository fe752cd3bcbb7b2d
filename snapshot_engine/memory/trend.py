"""What a series of looks says: growth, spikes, the highest look, and what to do. No clock, no gauge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from snapshot_engine.memory.slope import theil_sen

# A peak stands out by this much above what was held before and after it;
# less is the to and fro of any program.
_SPIKE_MB = 10.0
_SPIKE_RATIO = 0.1
_STEADY_GROWTH_MB = 1.0
_FEWEST_FOR_GROWTH = 5
_LITTLE_LEFT_MB = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A peak between two looks that was gone at the second; label: the look that found it."""

    label: str
    size_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The judgement on a series of looks; slopes are robust (Theil-Sen)."""

    average_mb: float
    growth_mb_per_snapshot: float
    growth_mb_per_second: float
    spikes: tuple[Spike, ...]
    peak_label: str
    steepest_label: str
    steepest_mb: float
    count: int


def judge_trend(
    *,
    labels: Sequence[str],
    seconds: Sequence[float],
    resident_mb: Sequence[float],
    peak_mb: Sequence[float],
) -> Trend:
    """Judge the looks; all four sequences run parallel. An empty series is a flat one.

    A plateau reached once is no spike, and neither is a steady climb: a spike
    is memory that came and went between two looks.
    """
    if not labels:
        return Trend(
            average_mb=0.0, growth_mb_per_snapshot=0.0, growth_mb_per_second=0.0, spikes=(), peak_label="",
            steepest_label="", steepest_mb=0.0, count=0,
        )  # fmt: skip
    steps = [0.0, *(later - earlier for earlier, later in pairwise(resident_mb))]
    steepest = max(range(len(labels)), key=lambda index: steps[index])
    highest = max(range(len(labels)), key=lambda index: peak_mb[index])
    return Trend(
        average_mb=sum(resident_mb) / len(resident_mb),
        growth_mb_per_snapshot=theil_sen(resident_mb),
        growth_mb_per_second=theil_sen(resident_mb, seconds),
        spikes=tuple(_spikes(labels, resident_mb, peak_mb)),
        peak_label=labels[highest],
        steepest_label=labels[steepest],
        steepest_mb=steps[steepest],
        count=len(labels),
    )


def _spikes(labels: Sequence[str], resident_mb: Sequence[float], peak_mb: Sequence[float]) -> list[Spike]:
    found = []
    for index in range(1, len(labels)):
        around_mb = max(resident_mb[index - 1], resident_mb[index])
        size_mb = peak_mb[index] - around_mb
        if size_mb > max(_SPIKE_MB, _SPIKE_RATIO * around_mb):
            found.append(Spike(label=labels[index], size_mb=size_mb, peak_mb=peak_mb[index]))
    return found


def recommend(trend: Trend, *, available_mb: float) -> list[str]:
    """Return what to look at, each sentence naming the snapshot it comes from; [] where all is well."""
    advice = []
    if trend.spikes:
        worst = max(trend.spikes, key=lambda spike: spike.size_mb)
        advice.append(
            f"{worst.size_mb:,.0f} MiB came and went before snapshot {worst.label!r}: read or process that step"
            " in pieces, or free what it no longer needs earlier."
        )
    if trend.count >= _FEWEST_FOR_GROWTH and trend.growth_mb_per_snapshot > _STEADY_GROWTH_MB:
        advice.append(
            f"memory grows by {trend.growth_mb_per_snapshot:,.1f} MiB a snapshot, most of it at snapshot"
            f" {trend.steepest_label!r} (+{trend.steepest_mb:,.1f} MiB): look for what is kept there."
        )
    if available_mb < _LITTLE_LEFT_MB and trend.count:
        advice.append(
            f"only {available_mb:,.0f} MiB were left at the last snapshot; the peak was at snapshot"
            f" {trend.peak_label!r}."
        )
    return advice
