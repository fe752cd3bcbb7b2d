"""MemoryTracker: what running code holds, look by look, with the exact peak between two looks.

A look costs 20 to 50 us: resident and peak memory from the kernel, the rest
from one more small file, and a count of objects that visits none of them
(walking all objects cost 33 to 308 ms). Holds 1,000 looks at most.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TextIO

from snapshot_engine.memory.counters import allocated_blocks
from snapshot_engine.memory.machine import Machine, default_machine
from snapshot_engine.memory.peak import PeakBroker, broker
from snapshot_engine.memory.trend import Spike, Trend, judge_trend, recommend
from snapshot_engine.memory.units import MIB

_MOST_SNAPSHOTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMetrics:
    """One look. Sizes in MiB; timestamp in seconds since 1970.

    peak_mb: the most that was resident since the look before.
    percent: resident memory in percent of the machine's.
    available_mb: left on the machine before it must swap.
    gc_objects: memory blocks that the interpreter holds (sys.getallocatedblocks()):
        nearly one per object, counted without visiting any.
    """

    timestamp: float
    rss_mb: float
    vms_mb: float
    percent: float
    available_mb: float
    swap_used_mb: float
    gc_objects: int
    peak_mb: float = 0.0


class MemoryTracker:
    """Looks at this process's memory when told to, and judges what it saw.

    `snapshots` holds the newest 1,000 looks as {"label", "metrics",
    "delta_from_baseline"}. Several trackers, a monitor and the plugin may be
    at work at once: their peaks do not erase each other's.
    source, machine: where to look; tests pass scripted ones.
    """

    def __init__(
        self,
        *,
        source: PeakBroker | None = None,
        machine: Machine | None = None,
        max_snapshots: int = _MOST_SNAPSHOTS,
    ) -> None:
        if max_snapshots < 2:
            raise ValueError(f"max_snapshots={max_snapshots}: an analysis needs at least 2")
        self.snapshots: list[dict[str, Any]] = []
        self._max_snapshots = max_snapshots
        self.baseline: MemoryMetrics | None = None
        self._machine = machine or default_machine()
        self._window = (source or broker()).open()
        self._peak_bytes = self._window.start_bytes

    def set_baseline(self) -> MemoryMetrics:
        """Take this moment as the one that growth is counted from; the peak begins anew."""
        self._window.roll()
        self.baseline = self._look()
        self._peak_bytes = int(self.baseline.rss_mb * MIB)
        return self.baseline

    def take_snapshot(self, label: str = "") -> MemoryMetrics:
        """Look once and remember it; the first one is the baseline if none was set."""
        metrics = self._look()
        if self.baseline is None:
            self.baseline = metrics
        delta = metrics.rss_mb - self.baseline.rss_mb
        self.snapshots.append({"label": label, "metrics": metrics, "delta_from_baseline": delta})
        if len(self.snapshots) > self._max_snapshots:
            del self.snapshots[0]
        return metrics

    @contextmanager
    def span(self, label: str) -> Iterator[None]:
        """Take "<label> start" before and "<label> end" after the block, also when it fails."""
        self.take_snapshot(f"{label} start")
        try:
            yield
        finally:
            self.take_snapshot(f"{label} end")

    def get_memory_growth(self) -> float:
        """Return resident MiB now above the baseline; 0.0 without one. Negative when it fell."""
        if self.baseline is None:
            return 0.0
        return self._window.read().current_bytes / MIB - self.baseline.rss_mb

    def get_peak_memory(self) -> float:
        """Return the most MiB resident since the baseline (or since the tracker was made), now included."""
        return max(self._peak_bytes, self._window.peak_bytes()) / MIB

    def get_spikes(self) -> list[Spike]:
        """Return the looks whose peak stood out above the memory before and after it."""
        return list(self._trend().spikes)

    def analyze_memory_usage(self) -> dict[str, Any]:
        """Return the figures of all snapshots; {"error": ...} below two.

        memory_growth_rate_mb: MiB per snapshot, robustly (Theil-Sen); per
        second beside it. memory_spikes: how many; "spikes" tells them.
        """
        if len(self.snapshots) < 2:
            return {"error": "Insufficient snapshots for analysis"}
        assert self.baseline is not None
        trend = self._trend()
        newest: MemoryMetrics = self.snapshots[-1]["metrics"]
        return {
            "snapshots_count": len(self.snapshots),
            "baseline_memory_mb": self.baseline.rss_mb,
            "current_memory_mb": newest.rss_mb,
            "peak_memory_mb": self.get_peak_memory(),
            "average_memory_mb": trend.average_mb,
            "memory_growth_rate_mb": trend.growth_mb_per_snapshot,
            "memory_spikes": len(trend.spikes),
            "gc_objects_current": newest.gc_objects,
            "analysis_timestamp": datetime.now(timezone.utc).isoformat(),
            # Ours, beside the names above.
            "growth_mb": newest.rss_mb - self.baseline.rss_mb,
            "growth_mb_per_second": trend.growth_mb_per_second,
            "spikes": [
                {"label": spike.label, "size_mb": spike.size_mb, "peak_mb": spike.peak_mb}
                for spike in trend.spikes
            ],
            "peak_label": trend.peak_label,
            "peak_exact": not self._window.problem,
            "recommendations": recommend(trend, available_mb=newest.available_mb),
        }

    def print_memory_report(self, file: TextIO | None = None) -> None:
        """Print the analysis for people; file: standard output when left out."""
        analysis = self.analyze_memory_usage()
        print("Memory report", file=file)
        if "error" in analysis:
            print(f"  {analysis['error']}", file=file)
            return
        for key, name in _REPORT_LINES:
            print(f"  {name:<24}{analysis[key]:>12,.1f} MiB", file=file)
        print(f"  {'snapshots':<24}{analysis['snapshots_count']:>12,}", file=file)
        print(f"  {'live blocks':<24}{analysis['gc_objects_current']:>12,}", file=file)
        for spike in analysis["spikes"]:
            print(f"  spike of {spike['size_mb']:,.1f} MiB before {spike['label']!r}", file=file)
        for sentence in analysis["recommendations"]:
            print(f"  - {sentence}", file=file)

    def close(self) -> None:
        """Let go of the kernel's peak. What was seen can still be asked."""
        self._window.close()

    def __enter__(self) -> MemoryTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        window = getattr(self, "_window", None)
        if window is not None and not sys.is_finalizing():
            window.close()

    def _look(self) -> MemoryMetrics:
        peak_bytes, resident_bytes = self._window.roll()
        self._peak_bytes = max(self._peak_bytes, peak_bytes)
        machine = self._machine
        virtual_bytes, swap_bytes = machine.virtual_and_swap_bytes()
        return MemoryMetrics(
            timestamp=time.time(),
            rss_mb=resident_bytes / MIB,
            vms_mb=virtual_bytes / MIB,
            percent=100 * resident_bytes / machine.total_bytes,
            available_mb=machine.available_bytes() / MIB,
            swap_used_mb=swap_bytes / MIB,
            gc_objects=allocated_blocks(),
            peak_mb=peak_bytes / MIB,
        )

    def _trend(self) -> Trend:
        looks = [(shot["label"], shot["metrics"]) for shot in self.snapshots]
        return judge_trend(
            labels=[label for label, _ in looks],
            seconds=[metrics.timestamp for _, metrics in looks],
            resident_mb=[metrics.rss_mb for _, metrics in looks],
            peak_mb=[metrics.peak_mb for _, metrics in looks],
        )


_REPORT_LINES = (
    ("baseline_memory_mb", "baseline"),
    ("current_memory_mb", "now"),
    ("peak_memory_mb", "peak"),
    ("average_memory_mb", "average"),
    ("memory_growth_rate_mb", "growth per snapshot"),
)
