"""memory_benchmark: a function's peak over several calls, in this process or in fresh children."""

from __future__ import annotations

import os
import pickle
import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_snapshot_memory.record import BENCHMARK_PREFIX, PhaseReading
from snapshot_engine.memory.units import format_size

if TYPE_CHECKING:
    import pytest

# The attribute of a report that carries the statistics to the controller of xdist.
REPORT_ATTRIBUTE: Final = "snapshot_memory_benchmarks"
_MOST_ROUNDS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkStatistics:
    """Peaks of one function over its rounds, in bytes; blocks_net is the median net of a call."""

    name: str
    gauge: str
    process: str
    rounds: int
    min_bytes: int
    median_bytes: int
    max_bytes: int
    mean_bytes: int
    stdev_bytes: int
    blocks_net: int


class MemoryBenchmark:
    """Calls a function `rounds` times and keeps statistics of its peak memory.

    stats: the statistics of the last function, None before the first.
    """

    def __init__(self, node: pytest.Item) -> None:
        self._node = node
        self.stats: BenchmarkStatistics | None = None

    def __call__(
        self,
        function: Callable[..., Any],
        *args: Any,
        rounds: int = 5,
        process: str = "same",
        gauge: str = "resident",
        **kwargs: Any,
    ) -> Any:
        """Return what the function returned; from a fresh process: None.

        process: "same", or "fresh" for a forked child per call, whose heap no
        earlier call has filled. Raises ValueError for arguments out of range.
        """
        if process not in ("same", "fresh"):
            raise ValueError(f"process={process!r} is neither 'same' nor 'fresh'")
        if not 1 <= rounds <= _MOST_ROUNDS:
            raise ValueError(f"rounds={rounds!r} is not a number of 1 to {_MOST_ROUNDS}")
        result, seen = None, []
        for _ in range(rounds):
            if process == "fresh":
                seen.append(_in_child(lambda: _one(function, args, kwargs, gauge)[1]))
            else:
                result, numbers = _one(function, args, kwargs, gauge)
                seen.append(numbers)
        name = getattr(function, "__qualname__", repr(function))
        self.stats = _statistics(f"{self._node.nodeid} {name}", gauge, process, seen)
        self._node.stash.setdefault(_stash_key(), []).append(asdict(self.stats))
        return result


def _stash_key() -> Any:
    global _KEY
    if _KEY is None:
        import pytest

        _KEY = pytest.StashKey[list[dict[str, Any]]]()
    return _KEY


_KEY: Any = None


def benchmarks_of(item: pytest.Item) -> list[dict[str, Any]]:
    """Return the statistics that a test has made, as plain values."""
    return list(item.stash.get(_stash_key(), []))


def reading_of(row: dict[str, Any]) -> PhaseReading:
    """Return a benchmark as a reading, in which form it goes into reports and history."""
    function = row["name"].rpartition(" ")[2]
    return PhaseReading(
        phase=BENCHMARK_PREFIX + function,
        gauge=row["gauge"],
        start_bytes=0,
        peak_bytes=row["median_bytes"],
        end_bytes=0,
        error_bound_bytes=row["max_bytes"] - row["median_bytes"],
        blocks_net=row["blocks_net"],
        process="suite" if row["process"] == "same" else "forked",
    )


def _one(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], gauge: str
) -> tuple[Any, tuple[int, int]]:
    """Call once; return the result and (peak growth, net blocks)."""
    from pytest_snapshot_memory.fixtures import gauge_named
    from snapshot_engine.memory.measure import measure

    blocks = sys.getallocatedblocks()
    with measure(gauge_named(gauge), settle=True) as span:
        result = function(*args, **kwargs)
    return result, (span.peak_growth_bytes, sys.getallocatedblocks() - blocks)


def _in_child(work: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    """Run work in a forked child; raises RuntimeError with what went wrong there."""
    if not hasattr(os, "fork"):
        raise RuntimeError(f"process='fresh' needs fork, which {sys.platform} does not have")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            try:
                answer: Any = work()
            except BaseException as error:
                answer = f"{type(error).__name__}: {error}"
            os.write(writing, pickle.dumps(answer)[:60_000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(pid, 0)
    if not data:
        raise RuntimeError(f"the child process ended with status {status} before the call had")
    answer = pickle.loads(data)
    if isinstance(answer, str):
        raise RuntimeError(f"in the child process: {answer}")
    peak_bytes, blocks = answer
    return peak_bytes, blocks


def _statistics(name: str, gauge: str, process: str, seen: list[tuple[int, int]]) -> BenchmarkStatistics:
    peaks = [peak for peak, _ in seen]
    return BenchmarkStatistics(
        name=name,
        gauge=gauge,
        process=process,
        rounds=len(peaks),
        min_bytes=min(peaks),
        median_bytes=round(statistics.median(peaks)),
        max_bytes=max(peaks),
        mean_bytes=round(statistics.fmean(peaks)),
        stdev_bytes=round(statistics.stdev(peaks)) if len(peaks) > 1 else 0,
        blocks_net=round(statistics.median(blocks for _, blocks in seen)),
    )


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the report's table of benchmarks."""
    lines = [f"{'min':>10} {'median':>10} {'max':>10} {'stdev':>10} {'blocks':>7} {'rounds':>6}  benchmark"]
    for row in sorted(rows, key=lambda row: -row["median_bytes"]):
        sizes = (row["min_bytes"], row["median_bytes"], row["max_bytes"], row["stdev_bytes"])
        numbers = " ".join(f"{format_size(size):>10}" for size in sizes)
        lines.append(
            f"{numbers} {row['blocks_net']:>+7,} {row['rounds']:>6}  {row['name']} ({row['gauge']}, {row['process']} process)"
        )
    return lines
