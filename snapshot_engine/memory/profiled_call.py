"""What one profiled call costs: measured, added up over a generator's steps, told.

In: the figures of measure() and, where a page is asked for, memray's file. Out:
a MemoryProfile to the log or to a callable. The decorator itself is in profile.py.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.memory.counters import allocated_blocks
from snapshot_engine.memory.measure import Span, measure
from snapshot_engine.memory.units import format_size

# The name under which it is documented.
_logger = logging.getLogger("snapshot_engine.memory.profile")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryProfile:
    """What one call cost.

    growth_bytes: resident at the end above the start; negative when it fell.
    peak_growth_bytes: the exact peak above the start; hidden_bytes: what more
        may have been used of memory that was free already (None: unknown).
    live_blocks: how many memory blocks the interpreter holds more than before.
    allocations_at_peak: how many allocations were alive at the peak, in Python and C;
        known with a flame graph only.
    error: the name of the exception that the call ended in, or "".
    For generators: the sum of the steps, and the highest of them.
    """

    name: str
    growth_bytes: int
    peak_growth_bytes: int
    hidden_bytes: int | None
    seconds: float
    live_blocks: int
    allocations_at_peak: int | None = None
    error: str = ""
    exact: bool = True

    def __str__(self) -> str:
        counted = (
            ""
            if self.allocations_at_peak is None
            else f", {self.allocations_at_peak:,} allocations at the peak"
        )
        failed = f", ended in {self.error}" if self.error else ""
        return (
            f"{self.name}: grew by {format_size(self.growth_bytes)}, peak {format_size(self.peak_growth_bytes)}"
            f" above its start, {self.seconds:.3f} s, {self.live_blocks:+,} live blocks{counted}{failed}"
        )


Report = Callable[[MemoryProfile], object]


@dataclass(frozen=True, slots=True)
class Recorder:
    """What to do with the profiles of one function."""

    name: str
    report: Report | None
    page: Path | None

    def tell(self, profile: MemoryProfile) -> None:
        if self.report is None:
            _logger.info("%s", profile)
            return
        try:
            self.report(profile)
        except Exception:
            _logger.exception("the report of %s failed", self.name)

    def call(self) -> AbstractContextManager[object]:
        return Call(self) if self.page is None else CallWithFlameGraph(self, self.page)


class Call:
    """One call, or one step of a generator."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.profile: MemoryProfile | None = None

    def __enter__(self) -> Call:
        self._span: Span = measure()
        self._blocks = allocated_blocks()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.tell(self.take(kind))

    def take(self, kind: type[BaseException] | None) -> MemoryProfile:
        live_blocks = allocated_blocks() - self._blocks
        measurement = self._span.finish()
        return MemoryProfile(
            name=self._recorder.name,
            growth_bytes=measurement.retained_bytes,
            peak_growth_bytes=measurement.peak_growth_bytes,
            hidden_bytes=measurement.reusable_at_start_bytes,
            seconds=measurement.seconds,
            live_blocks=live_blocks,
            error="" if kind is None else kind.__name__,
            exact=measurement.exact,
        )


class CallWithFlameGraph(Call):
    """One call under memray, which writes a page when it is over."""

    def __init__(self, recorder: Recorder, page: Path) -> None:
        super().__init__(recorder)
        self._page = page

    def __enter__(self) -> Call:
        from snapshot_engine.memory.allocated_gauge import AllocatedGauge

        self._folder = tempfile.TemporaryDirectory(prefix="flamegraph-")
        self._tracked = AllocatedGauge(keep=Path(self._folder.name) / "allocations.bin").open()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        profile = self.take(kind)
        self._tracked.close()
        try:
            write_flame_graph(self._tracked.path, self._page)
        except (OSError, SnapshotEngineError) as failed:  # the function's result comes first
            _logger.warning("no flame graph of %s: %s", profile.name, failed)
        finally:
            self._folder.cleanup()
        self._recorder.tell(replace(profile, allocations_at_peak=self._tracked.allocations_at_peak))


def write_flame_graph(allocations: Path, page: Path) -> None:
    """Write memray's page for a file of allocations, with nothing to fetch from the network.

    Runs in a process of its own: drawing costs memory. Raises
    SnapshotEngineError with memray's last line when it fails.
    """
    command = [
        sys.executable,
        "-m",
        "memray",
        "flamegraph",
        "--no-web",
        "--force",
        "-o",
        str(page),
        str(allocations),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise SnapshotEngineError(f"memray could not draw {page}: {said[-1] if said else done.returncode}")


class Steps:
    """The steps of one generator, added up; tells once, at the end."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._total: MemoryProfile | None = None
        self._call = Call(recorder)

    def __enter__(self) -> Steps:
        self._call = Call(self._recorder)
        self._call.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        over = kind is not None and issubclass(kind, (StopIteration, StopAsyncIteration))
        step, total = self._call.take(None if over else kind), self._total
        if total is None:
            self._total = step
            return
        self._total = replace(
            step,
            growth_bytes=total.growth_bytes + step.growth_bytes,
            peak_growth_bytes=max(total.peak_growth_bytes, total.growth_bytes + step.peak_growth_bytes),
            hidden_bytes=total.hidden_bytes,
            seconds=total.seconds + step.seconds,
            live_blocks=total.live_blocks + step.live_blocks,
        )

    def tell(self) -> None:
        if self._total is not None:
            self._recorder.tell(self._total)
