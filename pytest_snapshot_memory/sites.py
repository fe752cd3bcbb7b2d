"""Which lines held the memory at the peak: for the failing test's second run.

With memray the high-water mark itself is attributed. Without it, tracemalloc
knows only the present: a snapshot is taken before each line of the project's
code, and every millisecond, where the total has risen by a quarter since the
last one. What a line takes and gives back before the next shows in the peak
alone, and is that line's.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

from pytest_snapshot_memory.meters import GaugeMeter
from pytest_snapshot_memory.record import AllocationSite
from pytest_snapshot_memory.resident_meter import Seen
from snapshot_engine.memory.allocated_gauge import AllocatedGauge, load_memray
from snapshot_engine.memory.python_gauge import PythonGauge

KEPT_SITES: Final = 20
_STACK_DEPTH: Final = 40
_TRACED_DEPTH: Final = 10  # each frame costs tracemalloc about 0.7 us per allocation
_LEAST_BYTES: Final = 256 * 1024
# Without memray: a snapshot at each growth by this factor, by the second where
# snapshots have grown long (a million objects take seconds).
_STEP: Final = 1.25
_LONG_STEP: Final = 2.0
_LONG_SNAPSHOT_SECONDS: Final = 0.5
_EVENTS_UNMUTED: Final = 200
_LOOKS_MUTED: Final = 100


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
        self.problem = ""  # why a phase could not be explained
        self.explained: list[Explained] = []

    def begin(self, settles: bool) -> int:
        self._windows += 1
        self._path = self._directory / f"window{self._windows}.bin"
        self._gauge = AllocatedGauge(keep=self._path)
        return super().begin(settles)

    def end(self) -> Seen:
        seen = super().end()
        self.problem = self.problem or seen.problem
        if not seen.problem:
            with load_memray().FileReader(str(self._path)) as reader:
                records = reader.get_high_watermark_allocation_records(merge_threads=True)
                sites = _merge(_memray_site(record, self._root) for record in records)
                left = reader.get_leaked_allocation_records(merge_threads=True)
                kept = _merge(_memray_site(record, self._root) for record in left)
            growth_bytes = seen.peak_bytes - seen.start_bytes
            self.explained.append(Explained(self.phase, growth_bytes, sites, kept, self._path))
        return seen


class Spike(NamedTuple):
    """Memory that one line took and gave back before the next: peak in all, the line's share, its place."""

    peak_bytes: int
    size_bytes: int
    place: tuple[str, int, str]


class ExplainingPython(GaugeMeter):
    """tracemalloc as a meter that looks at each line of the project, and from a thread in between."""

    def __init__(self, root: Path) -> None:
        super().__init__(PythonGauge(frames=_TRACED_DEPTH))
        self._root = root
        self._stop = threading.Event()
        self._lines = _LineTracer(root, self._look)
        self._start_bytes = self._peak_bytes = 0
        self._step = _STEP
        self._best: tuple[int, tracemalloc.Snapshot] | None = None
        self._spike: Spike | None = None
        self.problem = ""
        self.explained: list[Explained] = []

    def begin(self, settles: bool) -> int:
        start_bytes = super().begin(settles)
        self._start_bytes, self._peak_bytes = tracemalloc.get_traced_memory()
        self._best, self._spike, self._stop = None, None, threading.Event()
        threading.Thread(target=self._watch, args=(self._stop,), daemon=True).start()
        self._lines.start()
        return start_bytes

    def end(self) -> Seen:
        self._lines.stop()
        self._stop.set()
        self._look()
        seen = super().end()
        growth_bytes = seen.peak_bytes - seen.start_bytes
        held = [] if self._best is None else _by_stack(self._best[1])
        kept = [self._site(*one) for one in held]
        sites = _merge([*kept, *self._spike_site()])
        self.explained.append(Explained(self.phase, growth_bytes, sites, _merge(kept), None))
        return seen

    def _watch(self, stop: threading.Event) -> None:
        looks = 0
        while not stop.wait(0.001):
            looks += 1
            self._look()
            if looks % _LOOKS_MUTED == 0:
                self._lines.unmute()

    def _look(self) -> None:
        traced_bytes, peak_bytes = tracemalloc.get_traced_memory()
        now = traced_bytes - self._start_bytes
        if peak_bytes > self._peak_bytes:
            # The peak rose since the last look: what is already gone again is the line's own.
            self._peak_bytes = peak_bytes
            self._spike = Spike(peak_bytes - self._start_bytes, peak_bytes - traced_bytes, self._lines.place)
        if now > (self._best[0] * self._step if self._best else _LEAST_BYTES):
            began = perf_counter()
            self._best = (now, tracemalloc.take_snapshot())
            if perf_counter() - began > _LONG_SNAPSHOT_SECONDS:
                self._step = _LONG_STEP

    def _spike_site(self) -> Iterator[AllocationSite]:
        spike, held_bytes = self._spike, self._best[0] if self._best else 0
        if spike is None or spike.size_bytes < _LEAST_BYTES or held_bytes * self._step > spike.peak_bytes:
            return
        file, line, function = _own_frame([spike.place], self._root)
        yield AllocationSite(size_bytes=spike.size_bytes, count=1, file=file, line=line, function=function)

    def _site(self, size_bytes: int, count: int, frames: Sequence[tuple[str, int]]) -> AllocationSite:
        names = self._lines.functions
        stack = [(file, line, names.get((file, line), "")) for file, line in frames]
        file, line, function = _own_frame(stack, self._root)
        return AllocationSite(size_bytes=size_bytes, count=count, file=file, line=line, function=function)


class _LineTracer:
    """Calls `look` before each line of the project's own code; library code is passed over.

    A frame that has run many lines is left alone until the next unmute(), since
    each event costs some 30 us under tracemalloc: a loop of a million turns ends.
    place: the line that ran last. functions: (file, line) -> function, as seen.
    Frames are let go when they return, so that none keeps its locals alive.
    """

    def __init__(self, root: Path, look: Callable[[], None]) -> None:
        self._root = root
        self._look = look
        self.place = ("<unknown>", 0, "")
        self.functions: dict[tuple[str, int], str] = {}
        self._own_files: dict[str, bool] = {}
        self._events: dict[int, int] = {}
        self._muted: dict[int, Any] = {}
        self._before: Any = None

    def start(self) -> None:
        self._before = sys.gettrace()
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def stop(self) -> None:
        sys.settrace(self._before)
        threading.settrace(self._before)
        self._muted.clear()

    def unmute(self) -> None:
        for frame in list(self._muted.values()):
            frame.f_trace_lines = True
        self._muted.clear()

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        own = self._own_files.get(file)
        if own is None:
            own = self._own_files[file] = _is_own(file, self._root)
        if not own:
            return None
        self._look()
        number = id(frame)
        if event == "return":
            self._events.pop(number, None)
            self._muted.pop(number, None)
            return None
        self.place = (file, frame.f_lineno, frame.f_code.co_name)
        self.functions[file, frame.f_lineno] = frame.f_code.co_name
        events = self._events[number] = self._events.get(number, 0) + 1
        if events % _EVENTS_UNMUTED == 0:
            frame.f_trace_lines = False
            self._muted[number] = frame
        return self._trace


def _by_stack(snapshot: tracemalloc.Snapshot) -> list[tuple[int, int, Sequence[tuple[str, int]]]]:
    """Return (bytes, count, frames with the innermost first) of each stack in a snapshot.

    Snapshot.statistics("traceback") takes 31 s for 700,000 traces of 40 frames, this
    0.2 s: equal stacks are one tuple in a snapshot.
    """
    sums: dict[int, list[Any]] = {}
    for _, size, frames, *_rest in snapshot.traces._traces:  # type: ignore[attr-defined]
        one = sums.setdefault(id(frames), [0, 0, frames])
        one[0] += size
        one[1] += 1
    return [(size, count, frames) for size, count, frames in sums.values()]


def _merge(sites: Iterable[AllocationSite]) -> tuple[AllocationSite, ...]:
    """Return the largest sites, those on the same line added up."""
    merged: dict[tuple[str, int, str], tuple[int, int]] = {}
    for site in sites:
        place = (site.file, site.line, site.function)
        size, count = merged.get(place, (0, 0))
        merged[place] = (size + site.size_bytes, count + site.count)
    largest = sorted(merged.items(), key=lambda entry: -entry[1][0])[:KEPT_SITES]
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


_LIBRARIES: Final = tuple(
    {sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {sys.prefix + "/lib"}
)


def _own_frame(stack: list[tuple[str, int, str]], root: Path) -> tuple[str, int, str]:
    """Return the innermost frame of the project, else the innermost of all; innermost comes first."""
    if not stack:
        return "<unknown>", 0, ""
    for file, line, function in stack:
        if _is_own(file, root):
            return file[len(str(root)) + 1 :], line, function
    return stack[0]


def _is_own(file: str, root: Path) -> bool:
    return file.startswith(str(root) + os.sep) and not file.startswith(_LIBRARIES)


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
