"""An isolated test is not charged for libraries that its process had and a fork does not inherit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]
MB = 2**20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_library_used_before_costs_an_isolated_test_nothing(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    """NumPy's code was used when the module was imported: its pages are there in the child, too."""
    pytest.importorskip("numpy")
    pytester.makepyfile(
        """
        import numpy

        kept = numpy.fft.fft(numpy.arange(64.0)), numpy.linalg.inv(numpy.eye(4)), numpy.sort(numpy.arange(64))

        def test_touches_little():
            numpy.fft.fft(numpy.arange(64.0))
            numpy.linalg.inv(numpy.eye(4))
            numpy.sort(numpy.arange(64))
            numpy.empty(50_000_000, "u1")
        """
    )
    run_project("--memory-isolate", "--memory-json=out.json").assert_outcomes(passed=1)
    (test,) = json.loads((pytester.path / "out.json").read_text())["tests"]
    (call,) = [phase for phase in test["phases"] if phase["phase"] == "call"]
    assert call["process"] == "forked"
    # 3.5 MiB without; what remains is the heap's, and what the kernel took of the libraries meanwhile
    assert call["growth_bytes"] - max(0, call["file_bytes"]) < MB // 2
    assert call["file_bytes"] < MB // 2
