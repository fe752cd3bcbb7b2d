"""Tests that use tracemalloc themselves, under the python gauge, which keeps no frames of its own accord."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

_OWN_USE = """
import tracemalloc

def test_own_sites():
    tracemalloc.start(3)
    before = tracemalloc.take_snapshot()
    kept = [bytes(1000) for _ in range(100)]
    grown = tracemalloc.take_snapshot().compare_to(before, "lineno")[0]
    assert grown.traceback[0].filename == __file__
    assert grown.size_diff > 100_000

def test_own_tracing():
    tracemalloc.start()
    kept = bytearray(1_000_000)
    assert tracemalloc.get_traced_memory()[1] >= 1_000_000
    tracemalloc.stop()
    assert not tracemalloc.is_tracing()

def test_after_them():
    assert len([bytes(1000) for _ in range(3000)]) == 3000
"""


@pytest.mark.parametrize("options", [(), ("--memory-gauge=python",)])
def test_tests_that_trace_themselves_pass(
    pytester: pytest.Pytester, run_project: Run, options: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_own=_OWN_USE)
    result = run_project("--memory-report", *options)
    result.assert_outcomes(passed=3)
    if options:
        result.stdout.re_match_lines([r".*3\.0 MiB .*test_after_them.*"])


def test_lines_that_leak_are_named_under_the_python_gauge(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    pytester.makepyfile(
        """
import pytest
kept = []

@pytest.mark.memory_leak(rounds=8)
@pytest.mark.memory_limit("100 MB", gauge="python")
def test_it():
    kept.append(bytes(100_000))
"""
    )
    result = run_project("--memory-no-rerun")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r".*KiB a round .*test_lines_that_leak.*:7.*"])
