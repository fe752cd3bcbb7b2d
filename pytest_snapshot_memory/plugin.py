"""Entry point of the pytest plugin: hooks that call the rest.

Loaded by every pytest run where the package is installed, used or not: nothing
but the options is imported until a marker or an option asks for more. The
measuring hooks live on a MemorySession that is registered only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_snapshot_memory.options import add_options, anything_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_snapshot_memory.benchmark import MemoryBenchmark
    from pytest_snapshot_memory.fixtures import GrowthCheck, MeasureFactory
    from snapshot_engine.memory.tracker import MemoryTracker

_SESSION = "snapshot_memory_session"
# The names again, without importing the module that reads the arguments.
_MARKERS = ("memory_limit", "memory_leak", "memory_growth")
_MARKER_HELP = (
    "memory_limit(limit, *, gauge=None, of='growth', phase='call', isolate=False, enforce=False): "
    "fail the test if its memory passes the limit; 100 and '100 MB' are the same.",
    "memory_leak(*, rounds=10, warmup=3, allowed='0 B'): run the test in rounds, fail on steady growth.",
    "memory_growth(law, *, sizes, gauge='python', tolerance=0.15): run the test for each size "
    "(fixture memory_size), fail if the peak grows faster than the law, as in 'O(1)' or 'O(n)'.",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from pytest_snapshot_memory import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    for line in _MARKER_HELP:
        config.addinivalue_line("markers", line)
    if anything_asked(config):
        _start(config, only_if_measuring=True)
    if getattr(config.option, "dist", "no") != "no" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Controller(config), "snapshot_memory_controller")


class _Controller:
    """xdist's controller collects nothing, so it learns of a benchmark by the first report of one."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        plugins = self._config.pluginmanager
        if report.__dict__.get("snapshot_memory_benchmarks") and not plugins.has_plugin(_SESSION):
            _start(self._config)
            plugins.get_plugin(_SESSION).collect(report)  # type: ignore[union-attr]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.has_plugin(_SESSION) and _any_marked(items):
        _start(config)


def _start(config: pytest.Config, *, only_if_measuring: bool = False) -> None:
    from pytest_snapshot_memory.settings import OptionMistake, read_settings

    try:
        settings = read_settings(config)
    except OptionMistake as mistake:
        raise pytest.UsageError(str(mistake)) from None
    if only_if_measuring and not settings.measures_every_test and not settings.looks_at_every_test:
        return
    from pytest_snapshot_memory.session import MemorySession

    config.pluginmanager.register(MemorySession(config, settings), _SESSION)


def _any_marked(items: list[pytest.Item]) -> bool:
    """Say whether a marker of ours or a benchmark is anywhere; each node of the tree is asked once."""
    seen: set[int] = set()
    for item in items:
        if "memory_benchmark" in getattr(item, "fixturenames", ()):
            return True
        node: Any = item
        while node is not None and id(node) not in seen:
            seen.add(id(node))
            for mark in node.own_markers:
                if mark.name in _MARKERS:
                    return True
            node = node.parent
    return False


@pytest.fixture
def memory_tracker() -> MemoryTracker:
    """A fresh MemoryTracker with its baseline set."""
    from pytest_snapshot_memory.fixtures import fresh_tracker

    return fresh_tracker()


@pytest.fixture
def memory_measure(request: pytest.FixtureRequest) -> MeasureFactory:
    """`with memory_measure() as m: ...` and then m.peak_growth_bytes; spans may be nested."""
    from pytest_snapshot_memory.fixtures import MeasureFactory

    return MeasureFactory(request.config)


@pytest.fixture
def memory_benchmark(request: pytest.FixtureRequest) -> MemoryBenchmark:
    """Call a function several times and get statistics of its peak memory."""
    from pytest_snapshot_memory.benchmark import MemoryBenchmark

    return MemoryBenchmark(request.node)


@pytest.fixture
def memory_growth() -> GrowthCheck:
    """`memory_growth(function, sizes=[...])` says by which law the peak of function(size) grows."""
    from pytest_snapshot_memory.fixtures import GrowthCheck

    return GrowthCheck()


@pytest.fixture
def memory_size(request: pytest.FixtureRequest) -> int:
    """The size of this run of a test marked memory_growth."""
    from pytest_snapshot_memory.fixtures import first_size

    return first_size(request.node)


@pytest.fixture(scope="session")
def vtt_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Path]]:
    """`vtt_file(size_mb=1, seed=0, producer="zoom")` gives the path of a generated transcript."""
    from pytest_snapshot_memory.fixtures import TranscriptFiles

    files = TranscriptFiles(tmp_path_factory)
    yield files
    files.remove()
