"""Which lines held the memory at the peak: for the failing test's second run.

With memray the high-water mark itself is attributed. Without it, tracemalloc
knows only the present, so a thread takes a snapshot whenever the total has
risen by a quarter since the last one: the largest snapshot is near the peak.
"""

from __future__ import annotations

import sys
import sysconfig
import threading
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from pytest_snapshot_memory.measuring import Seen
from pytest_snapshot_memory.meters import GaugeMeter
from pytest_snapshot_memory.record import AllocationSite
from snapshot_engine.memory.allocated_gauge import AllocatedGauge, load_memray
from snapshot_engine.memory.python_gauge import PythonGauge

SHOWN_SITES: Final = 5
_STACK_DEPTH: Final = 40


class Explained(NamedTuple):
    """What one phase allocated: growth, largest sites at the peak and of what was kept, memray's file."""

    phase: str
    growth_bytes: int
    sites: tuple[AllocationSite, ...]
    kept: tuple[AllocationSite, ...]
    path: Path | None


class ExplainingAllocated(GaugeMeter):
    """memray's gauge as a meter that keeps, for each phase, its growth, sites and file."""

    def __init__(self, directory: Path, root: Path) -> None:
        super().__init__(AllocatedGauge())
        self._directory = directory
        self._root = root
        self._path = directory
        self._windows = 0
        self.explained: list[Explained] = []

    def begin(self, settles: bool) -> int:
        self._windows += 1
        self._path = self._directory / f"window{self._windows}.bin"
        self._gauge = AllocatedGauge(keep=self._path)
        return super().begin(settles)

    def end(self) -> Seen:
        seen = super().end()
        if not seen.problem:
            with load_memray().FileReader(str(self._path)) as reader:
                records = reader.get_high_watermark_allocation_records(merge_threads=True)
                sites = _merge(_memray_site(record, self._root) for record in records)
                left = reader.get_leaked_allocation_records(merge_threads=True)
                kept = _merge(_memray_site(record, self._root) for record in left)
            growth_bytes = seen.peak_bytes - seen.start_bytes
            self.explained.append(Explained(self.phase, growth_bytes, sites, kept, self._path))
        return seen


class ExplainingPython(GaugeMeter):
    """tracemalloc as a meter with a thread that takes snapshots near the peak."""

    def __init__(self, root: Path) -> None:
        super().__init__(PythonGauge(frames=_STACK_DEPTH))
        self._root = root
        self._stop = threading.Event()
        self._start_bytes = 0
        self._best: tuple[int, tracemalloc.Snapshot] | None = None
        self.explained: list[Explained] = []

    def begin(self, settles: bool) -> int:
        start_bytes = super().begin(settles)
        self._start_bytes = tracemalloc.get_traced_memory()[0]
        self._best, self._stop = None, threading.Event()
        threading.Thread(target=self._watch, args=(self._stop,), daemon=True).start()
        return start_bytes

    def end(self) -> Seen:
        self._stop.set()
        self._look()
        seen = super().end()
        statistics = self._best[1].statistics("traceback") if self._best is not None else []
        sites = _merge(_traced_site(statistic, self._root) for statistic in statistics)
        self.explained.append(Explained(self.phase, seen.peak_bytes - seen.start_bytes, sites, sites, None))
        return seen

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(0.001):
            self._look()

    def _look(self) -> None:
        now = tracemalloc.get_traced_memory()[0] - self._start_bytes
        if now > (self._best[0] * 1.25 if self._best else 2**18):
            self._best = (now, tracemalloc.take_snapshot())


def _merge(sites: Iterable[AllocationSite]) -> tuple[AllocationSite, ...]:
    """Return the largest sites, those on the same line added up."""
    merged: dict[tuple[str, int, str], tuple[int, int]] = {}
    for site in sites:
        place = (site.file, site.line, site.function)
        size, count = merged.get(place, (0, 0))
        merged[place] = (size + site.size_bytes, count + site.count)
    largest = sorted(merged.items(), key=lambda entry: -entry[1][0])[:SHOWN_SITES]
    return tuple(
        AllocationSite(size_bytes=size, count=count, file=file, line=line, function=function)
        for (file, line, function), (size, count) in largest
    )


def _memray_site(record: Any, root: Path) -> AllocationSite:
    stack = [(file, line, function) for function, file, line in record.stack_trace(_STACK_DEPTH)]
    file, line, function = _own_frame(stack, root)
    return AllocationSite(
        size_bytes=record.size, count=record.n_allocations, file=file, line=line, function=function
    )


def _traced_site(statistic: Any, root: Path) -> AllocationSite:
    stack = [(frame.filename, frame.lineno, "") for frame in reversed(statistic.traceback)]
    file, line, function = _own_frame(stack, root)
    return AllocationSite(
        size_bytes=statistic.size, count=statistic.count, file=file, line=line, function=function
    )


_LIBRARIES: Final = tuple(
    {sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {sys.prefix + "/lib"}
)


def _own_frame(stack: list[tuple[str, int, str]], root: Path) -> tuple[str, int, str]:
    """Return the innermost frame of the project, else the innermost of all; innermost comes first."""
    if not stack:
        return "<unknown>", 0, ""
    inside = str(root) + "/"
    for file, line, function in stack:
        if file.startswith(inside) and not file.startswith(_LIBRARIES):
            return file[len(inside) :], line, function
    return stack[0]


def write_flame_graph(recorded: Path, target: Path) -> bool:
    """Write a self-contained flame graph of a memray file; False where memray cannot."""
    try:
        from memray import FileReader
        from memray.reporters.flamegraph import FlameGraphReporter
    except ImportError:
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileReader(recorded) as reader:
            records = reader.get_high_watermark_allocation_records(merge_threads=True)
            reporter = FlameGraphReporter.from_snapshot(records, memory_records=[], native_traces=False)
            with open(target, "w", encoding="utf-8") as file:
                reporter.render(
                    outfile=file,
                    metadata=reader.metadata,
                    show_memory_leaks=False,
                    merge_threads=True,
                    inverted=False,
                    no_web=True,
                )
    except (OSError, TypeError, ValueError):
        return False
    return True
