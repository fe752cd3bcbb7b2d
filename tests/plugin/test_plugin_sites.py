"""Where a failing test's memory came from, without memray: the base install has tracemalloc alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

WITHOUT_MEMRAY = "import sys\nsys.modules['memray'] = None\n"
SPIKES = """
import threading
import pytest
pytestmark = pytest.mark.memory_limit("20 MB")
def touch(mib): return bytearray(b"x") * (mib << 20)
def test_returned(): touch(40)
def test_gone_within_one_line():
    kept = touch(5)
    size = len(bytearray(b"x") * (40 << 20))
def test_two_places():
    rows = [str(i) for i in range(300_000)]
    block = touch(30)
def test_in_a_thread():
    thread = threading.Thread(target=touch, args=(40,))
    thread.start()
    thread.join()
"""


def sites(result: pytest.RunResult, name: str) -> list[str]:
    """Return "size place" of each site that the failure of one test names."""
    lines = result.stdout.lines
    first = next(i for i, line in enumerate(lines) if f" {name} " in line and line.startswith("_"))
    last = next(i for i in range(first + 1, len(lines)) if lines[i].startswith(("_", "=")))
    return [" ".join(line.split()) for line in lines[first:last] if "test_it.py:" in line]


def test_sites_without_memray_are_those_of_the_peak(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_it=SPIKES, without_memray=WITHOUT_MEMRAY)
    result = run_project("-q", plugins=("without_memray",))
    result.assert_outcomes(failed=4)
    assert sites(result, "test_returned") == ["40.0 MiB test_it.py:4 touch"]
    assert sites(result, "test_gone_within_one_line") == [
        "40.0 MiB test_it.py:8 test_gone_within_one_line",
        "5.0 MiB test_it.py:4 touch",
    ]
    first, second = sites(result, "test_two_places")
    assert first == "30.0 MiB test_it.py:4 touch"
    assert "test_it.py:10" in second
    assert sites(result, "test_in_a_thread") == ["40.0 MiB test_it.py:4 touch"]


def test_a_long_loop_under_the_line_tracer_ends(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import pytest
@pytest.mark.memory_limit("10 MB")
def test_loop():
    rows = []
    for number in range(300_000):
        value = number * 7
        rows.append(str(value))
""",
        without_memray=WITHOUT_MEMRAY,
    )
    result = run_project("-q", plugins=("without_memray",))
    result.assert_outcomes(failed=1)
    assert any("test_it.py:7 test_loop" in line for line in sites(result, "test_loop"))
