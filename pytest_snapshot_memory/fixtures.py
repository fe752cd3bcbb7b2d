"""What stands behind the fixtures of plugin.py; imported when a test first asks for one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_snapshot_memory.growth import LAWS, GrowthVerdict, best_law, judge_growth, law_named
from pytest_snapshot_memory.markers import GROWTH, MarkerMistake, read_growth
from pytest_snapshot_memory.options import GAUGES

if TYPE_CHECKING:
    import pytest

    from snapshot_engine.memory.gauge import Gauge
    from snapshot_engine.memory.measure import Span
    from snapshot_engine.memory.tracker import MemoryTracker


def fresh_tracker() -> MemoryTracker:
    from snapshot_engine.memory.tracker import MemoryTracker

    tracker = MemoryTracker()
    tracker.set_baseline()
    return tracker


def gauge_named(name: str) -> Gauge:
    """Return the engine's gauge of that name; raises ValueError naming those there are."""
    if name == "resident":
        from snapshot_engine.memory.measure import default_gauge

        return default_gauge()
    if name == "python":
        from snapshot_engine.memory.python_gauge import PythonGauge

        return PythonGauge()
    if name == "allocated":
        from snapshot_engine.memory.allocated_gauge import AllocatedGauge

        return AllocatedGauge()
    if name == "tree":
        from snapshot_engine.memory.tree_gauge import TreeGauge

        return TreeGauge()
    if name == "thread":
        from snapshot_engine.memory.thread_gauge import ThreadGauge

        return ThreadGauge()
    raise ValueError(f"{name!r} is not one of {', '.join(GAUGES)}")


class MeasureFactory:
    """Opens spans: `with memory_measure() as m: ...`, then m.peak_growth_bytes; spans may be nested.

    gauge: the one of --memory-gauge by default. settle: collect garbage and give
    free pages back first, so that less can be reused unseen.
    """

    def __init__(self, config: pytest.Config) -> None:
        from pytest_snapshot_memory.settings import read_settings

        self._default = read_settings(config).gauge

    def __call__(self, gauge: str | None = None, *, settle: bool = False) -> Span:
        from snapshot_engine.memory.measure import measure

        return measure(gauge_named(gauge or self._default), settle=settle)


class GrowthResult:
    """Peaks by size. best_law names the slowest law they keep to."""

    def __init__(
        self, sizes: Sequence[int], peaks_bytes: Sequence[int], gauge: str, tolerance: float
    ) -> None:
        self.sizes = tuple(sizes)
        self.peaks_bytes = tuple(peaks_bytes)
        self.best_law = best_law(sizes, peaks_bytes, tolerance=tolerance)
        self._gauge, self._tolerance = gauge, tolerance

    def judge(self, law: str) -> GrowthVerdict:
        """Return whether the peaks keep to `law`; raises ValueError for a law we do not know."""
        known = law_named(law)
        if known is None:
            raise ValueError(f"{law!r} is not one of {', '.join(LAWS)}")
        return judge_growth(known, self.sizes, self.peaks_bytes, tolerance=self._tolerance)

    def assert_within(self, law: str) -> None:
        """Fail the test if the peaks grow faster than `law`."""
        from pytest_snapshot_memory.rounds import growth_text

        verdict = self.judge(law)
        assert verdict.kept, growth_text(verdict, self._gauge)


class GrowthCheck:
    """Calls function(size) for each size and keeps the peaks."""

    def __call__(
        self,
        function: Callable[[int], Any],
        *,
        sizes: Sequence[int],
        gauge: str = "python",
        tolerance: float = 0.15,
    ) -> GrowthResult:
        from snapshot_engine.memory.measure import measure

        ordered = sorted(set(sizes))
        if len(ordered) < 3:
            raise ValueError(f"sizes={list(sizes)!r:.60}: three different sizes or more are needed")
        peaks = []
        for size in ordered:
            with measure(gauge_named(gauge), settle=True) as span:
                function(size)
            peaks.append(span.peak_growth_bytes)
        return GrowthResult(ordered, peaks, gauge, tolerance)


def first_size(node: Any) -> int:
    """Return the smallest size of the node's memory_growth marker; raises MarkerMistake without one."""
    mark = node.get_closest_marker(GROWTH)
    if mark is None:
        raise MarkerMistake(f"memory_size: the test has no {GROWTH} marker that says which sizes")
    return read_growth(mark.args, mark.kwargs).sizes[0]


class TranscriptFiles:
    """Generates transcripts, one file per size, seed and producer, kept until the session ends."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._folder = tmp_path_factory.mktemp("transcripts")
        self._made: dict[tuple[float, int, str], Path] = {}

    def __call__(self, size_mb: float = 1.0, seed: int = 0, producer: str = "zoom") -> Path:
        key = (float(size_mb), seed, producer)
        if key not in self._made:
            from snapshot_engine import synthetic

            path = self._folder / f"{producer}_{size_mb:g}MB_seed{seed}.vtt"
            synthetic.write(path, size_mb=size_mb, seed=seed, producer=producer)
            self._made[key] = path
        return self._made[key]

    def remove(self) -> None:
        for path in self._made.values():
            path.unlink(missing_ok=True)
