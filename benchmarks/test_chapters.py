"""The other tables of `python -m benchmarks`, as `pytest benchmarks --memory-report --chapter NAME` runs them."""

from __future__ import annotations

import sys

import pytest

from benchmarks import chapters
from benchmarks.machine import environment
from benchmarks.results import Store
from benchmarks.runner import Runner


def test_chapter_keeps_its_bars(
    chapter: str, scale: str, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    """Measure a chapter anew; the bars that it misses fail the test, and its tables follow below."""
    found = chapters.chapter(chapter)
    with capfd.disabled():
        runner = Runner(store, environment=store.begin(environment()), stream=sys.stderr)
        results = runner.run(found.cases(scale))
    missed = [f"{bar.promise}: {bar.measured}" for bar in found.page(results).bars if bar.met is False]
    assert missed == []
