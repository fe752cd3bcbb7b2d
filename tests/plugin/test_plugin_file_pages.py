"""Pages of mapped files that come in during a test, or are taken away, widen its interval."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_snapshot_memory.record import PhaseReading, RecordError, TestRecord, decode, encode

MB = 2**20
# What the kernel may take or bring back of the libraries meanwhile, by itself, and a test's own frames.
SLACK = 3 * MB

_PROJECT = """
import mmap
import pytest

MB = 2**20

def touch(pages):
    return sum(pages[at] for at in range(0, len(pages), 4096))

@pytest.fixture(scope="module")
def mapped(request):
    with open("mapped.bin", "rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    yield pages
    pages.close()

def test_reads_a_file(mapped):
    touch(mapped)

@pytest.fixture
def read(mapped):
    touch(mapped)

def test_has_pages_taken(read, mapped):
    mapped.madvise(mmap.MADV_DONTNEED)
    kept = bytearray(8 * MB)
    kept[::4096] = b"x" * len(kept[::4096])

def test_writes_shared_memory():
    shared = mmap.mmap(-1, 16 * MB)
    for at in range(0, 16 * MB, 4096):
        shared[at] = 1
    shared.close()

def test_keeps_shared_memory(request):
    request.config.kept = shared = mmap.mmap(-1, 16 * MB)
    for at in range(0, 16 * MB, 4096):
        shared[at] = 1

@pytest.fixture(scope="class")
def preloaded(mapped):
    mapped.madvise(mmap.MADV_DONTNEED)
    touch(mapped)

class TestFixture:
    def test_uses_a_fixture_that_reads(self, preloaded):
        pass
"""


def _reading(**changes: Any) -> PhaseReading:
    facts: dict[str, Any] = {"phase": "call", "gauge": "resident", "start_bytes": 100 * MB}
    return PhaseReading(**{**facts, "peak_bytes": 142 * MB, "end_bytes": 101 * MB, **changes})


def test_pages_that_came_in_move_the_lower_end_and_pages_taken_the_upper_one() -> None:
    came_in = _reading(file_bytes=2 * MB, slack_bytes=3 * MB, reusable_bytes=MB)
    assert (came_in.growth_lower_bytes, came_in.growth_bytes) == (37 * MB, 42 * MB)
    assert came_in.growth_upper_bytes == 43 * MB
    taken = _reading(file_bytes=-2 * MB, slack_bytes=3 * MB, reusable_bytes=MB, error_bound_bytes=1)
    assert (taken.growth_lower_bytes, taken.growth_upper_bytes) == (39 * MB, 45 * MB + 1)
    assert _reading(file_bytes=50 * MB).growth_lower_bytes == 0


@pytest.mark.parametrize("slack_bytes", [0, 5])
@pytest.mark.parametrize("file_bytes", [-7, 0, 7])
def test_they_travel_with_the_record(slack_bytes: int, file_bytes: int) -> None:
    reading = _reading(slack_bytes=slack_bytes, file_bytes=file_bytes)
    record = TestRecord(nodeid="t", outcome="passed", phases=(reading,))
    assert decode(encode(record)) == record
    with pytest.raises(RecordError):
        PhaseReading.from_plain([*reading.to_plain()[:11], 0, 0, 0])


def _calls(folder: Path) -> dict[str, dict[str, Any]]:
    tests = json.loads((folder / "out.json").read_text())["tests"]
    return {
        test["nodeid"].rpartition("::")[2]: phase
        for test in tests
        for phase in test["phases"]
        if phase["phase"] == "call" or phase["phase"] == "fixture:preloaded"
    }


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    path = pytester.path / "mapped.bin"
    path.write_bytes(b"x" * (8 * MB))
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    return pytester.path


@pytest.mark.parametrize("way", ["plain", "limited", "isolated", "tree"])
def test_the_interval_holds_what_a_test_took_itself(
    project: Path, pytester: pytest.Pytester, way: str
) -> None:
    """8 MiB of a file are read through a mapping, or taken away; shared memory stays the test's own."""
    pytester.makepyfile(_PROJECT)
    options = {
        "plain": [],
        "limited": ["--memory-limit-default=500 MB"],
        "isolated": ["--memory-isolate"],
        "tree": ["--memory-gauge=tree"],
    }
    found = pytester.runpytest_subprocess(
        "-p", "no:memray", "--memory-report", "--memory-json=out.json", "-p", "no:randomly", *options[way]
    )
    found.assert_outcomes(passed=5)
    calls = _calls(project)

    def interval(name: str) -> tuple[int, int, int]:
        call = calls[name]
        return call["growth_lower_bytes"], call["growth_bytes"], call["growth_upper_bytes"]

    least, seen, _ = interval("test_reads_a_file")
    assert seen >= 7 * MB
    assert least <= SLACK
    # the pages that left made room for what the test took: little or nothing was seen of it
    least, seen, most = interval("test_has_pages_taken")
    assert seen <= SLACK
    assert least <= 8 * MB <= most
    for name in ("test_writes_shared_memory", "test_keeps_shared_memory"):
        least, seen, most = interval(name)
        assert seen >= 15 * MB
        assert least >= 15 * MB - SLACK


def test_a_fixture_of_wider_scope_has_its_own_share(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_PROJECT)
    found = pytester.runpytest_subprocess(
        "-p", "no:memray", "--memory-json=out.json", "-k", "uses_a_fixture", "--memory-report=full"
    )
    found.assert_outcomes(passed=1)
    (test,) = json.loads((project / "out.json").read_text())["tests"]
    shares = {phase["phase"]: phase["file_bytes"] for phase in test["phases"]}
    assert shares["fixture:preloaded"] == pytest.approx(8 * MB, abs=SLACK)
    assert abs(shares["setup"]) <= SLACK
    assert abs(shares["call"]) <= SLACK


def test_the_report_says_what_the_column_holds(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_PROJECT)
    found = pytester.runpytest_subprocess(
        "-p", "no:memray", "--memory-report", "-k", "reads_a_file or has_pages"
    )
    found.stdout.fnmatch_lines(
        ["*growth*spare*test", "pages of mapped files (libraries, too) that came in are spare; *is unseen"]
    )
