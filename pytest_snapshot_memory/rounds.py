"""Markers that run a test's body several times: memory_leak and memory_growth.

The body runs as pytest runs it (item.runtest), so async tests, unittest methods
and hypothesis tests are repeated as they are. The first run is the ordinary
one; rounds follow only where it passed.
"""

from __future__ import annotations

import array
import contextlib
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from time import process_time
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_snapshot_memory.growth import GrowthVerdict, judge_growth
from pytest_snapshot_memory.leaks import LeakVerdict, judge_leak
from pytest_snapshot_memory.resident_meter import meter_for
from snapshot_engine.memory import libc, trace_frames
from snapshot_engine.memory.units import format_size

if TYPE_CHECKING:
    from pytest_snapshot_memory.markers import GrowthRequest, LeakRequest
    from pytest_snapshot_memory.measuring import ItemRun

# A suspected leak is run on until it has stopped or these are used up: a cache
# of 128 entries that gains one a round fills in this time.
_MOST_TIMES_LONGER: Final = 16
_MOST_EXTRA_SECONDS: Final = 20.0
_SITE_ROUNDS: Final = 3


def run_rounds(item: pytest.Item, run: ItemRun) -> None:
    """Do what the markers ask for; fails the test by pytest.fail."""
    if run.plan.leak is not None:
        _check_leak(item, run, run.plan.leak)
    if run.plan.growth is not None:
        _check_growth(item, run, run.plan.growth)


def _check_leak(item: pytest.Item, run: ItemRun, request: LeakRequest) -> None:
    with _live_counter() as live_bytes:
        _run_leak_rounds(item, run, request, live_bytes)


@contextlib.contextmanager
def _live_counter() -> Iterator[Callable[[], int]]:
    """Yield what counts live bytes: malloc's own figure, else tracemalloc's, which slows the rounds."""
    if libc.live_bytes() is not None:
        yield lambda: libc.live_bytes() or 0
        return
    begun = not tracemalloc.is_tracing()
    if begun:
        tracemalloc.start(1)
    try:
        yield lambda: tracemalloc.get_traced_memory()[0]
    finally:
        if begun:
            tracemalloc.stop()


def _run_leak_rounds(
    item: pytest.Item, run: ItemRun, request: LeakRequest, live_bytes: Callable[[], int]
) -> None:
    most = request.rounds * _MOST_TIMES_LONGER
    # Arrays made before the first round: the bookkeeping must not grow with it.
    live, blocks = array.array("q", bytes(8 * most)), array.array("q", bytes(8 * most))
    for _ in range(request.warmup):
        if not _again(item):
            return
    done, until, began = 0, request.rounds, process_time()
    verdict: LeakVerdict | None = None
    while done < most:
        if not _again(item):
            return
        gc.collect()
        live[done], blocks[done] = live_bytes(), sys.getallocatedblocks()
        done += 1
        if done < until:
            continue
        # The rounds since the last look decide: what filled before has stopped.
        begin = 0 if until == request.rounds else until // 2
        verdict = judge_leak(live[begin:done], blocks[begin:done], allowed_bytes=request.allowed_bytes)
        if not verdict.leaks or process_time() - began > _MOST_EXTRA_SECONDS:
            break
        until *= 2
    if verdict is not None and verdict.leaks:
        pytest.fail(_leak_text(verdict, request, done, _leaking_lines(item)), pytrace=False)
    if verdict is not None:
        run.notes.append(f"{item.nodeid}: no leak in {done} rounds")


def _again(item: pytest.Item) -> bool:
    """Run the body once more; False where a unittest method noted a failure for its report."""
    item.runtest()
    return not getattr(item, "_excinfo", None)


def _leak_text(verdict: LeakVerdict, request: LeakRequest, rounds: int, lines: Sequence[str]) -> str:
    head = (
        f"memory leak: {format_size(verdict.bytes_per_round)} and {verdict.blocks_per_round:.1f} blocks"
        f" more after each round"
    )
    allowed = (
        f"  allowed: {format_size(request.allowed_bytes)} a round; {rounds} rounds after {request.warmup}"
    )
    return "\n".join([head, allowed + " to warm up", *lines])


def _leaking_lines(item: pytest.Item) -> list[str]:
    """Run some rounds under tracemalloc and return the lines whose memory grew."""
    begun = not tracemalloc.is_tracing()
    if begun:
        tracemalloc.start(1)
    else:
        trace_frames.keep(1)
    try:
        _again(item)
        gc.collect()
        before = tracemalloc.take_snapshot()
        for _ in range(_SITE_ROUNDS):
            _again(item)
        gc.collect()
        grown = tracemalloc.take_snapshot().compare_to(before, "lineno")
    finally:
        if begun:
            tracemalloc.stop()
    lines = [
        f"  {format_size(one.size_diff / _SITE_ROUNDS):>10} a round  {_short(item, one.traceback[0])}"
        for one in grown
        if one.size_diff > 0 and one.traceback[0].filename != tracemalloc.__file__
    ]
    return ["  lines that keep it:", *lines[:5]] if lines else ["  no Python line keeps it: it is held in C"]


def _short(item: pytest.Item, frame: Any) -> str:
    inside = f"{item.config.rootpath}/"
    return f"{frame.filename.removeprefix(inside)}:{frame.lineno}"


def _check_growth(item: pytest.Item, run: ItemRun, request: GrowthRequest) -> None:
    meter = meter_for(request.gauge)
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    peaks: list[int] = []
    for size in request.sizes:
        arguments["memory_size"] = size
        meter.begin(True)
        try:
            passed = _again(item)
        finally:
            seen = meter.end()
        if not passed:
            return
        peaks.append(seen.peak_bytes - seen.start_bytes)
    verdict = judge_growth(request.law, request.sizes, peaks, tolerance=request.tolerance)
    if not verdict.kept:
        pytest.fail(growth_text(verdict, request.gauge), pytrace=False)
    run.notes.append(f"{item.nodeid}: peak memory grows like {verdict.best_law}, {verdict.law} is allowed")


def growth_text(verdict: GrowthVerdict, gauge: str) -> str:
    """Return what the user reads when a peak grows faster than its law."""
    rows = [
        f"  size {size:>12,}: {format_size(peak):>10}"
        for size, peak in zip(verdict.sizes, verdict.peaks_bytes, strict=True)
    ]
    if len(rows) > 10:
        rows = [*rows[:4], f"  ... {len(rows) - 8} more sizes", *rows[-4:]]
    return "\n".join(
        [
            f"memory grows faster than {verdict.law}: like {verdict.best_law} ({gauge} gauge)",
            *rows,
            f"  {verdict.law} allows {format_size(verdict.allowed_bytes)} at {verdict.sizes[-1]:,},"
            " by extrapolation from the smaller sizes",
        ]
    )
