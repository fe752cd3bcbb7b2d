"""A limit between what was seen of a test and the least it can have used: who decides, and what is said."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from pytest_snapshot_memory.deciding import decide
from pytest_snapshot_memory.markers import LimitRequest
from pytest_snapshot_memory.record import PhaseReading, decode
from pytest_snapshot_memory.rerun import Rerun
from snapshot_engine.memory.budget import Exceeded, Unmeasured, Within

MB = 2**20
LIMIT = LimitRequest(limit_bytes=20 * MB)

_PROJECT = """
import mmap
import pytest

MB = 2**20

@pytest.fixture
def mapped():
    with open("mapped.bin", "rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    yield pages
    pages.close()

@pytest.mark.memory_limit("20 MB")
def test_near(mapped):
    sum(mapped[at] for at in range(0, len(mapped), 4096))
    taken = bytearray(int(18.5 * MB))
    taken[::4096] = b"x" * len(taken[::4096])
"""


def _seen(growth_bytes: float, file_bytes: float = 0, **more: Any) -> PhaseReading:
    facts: dict[str, Any] = {"phase": "call", "gauge": "resident", "start_bytes": 0, "end_bytes": 0}
    return PhaseReading(**{**facts, "peak_bytes": int(growth_bytes), "file_bytes": int(file_bytes), **more})


class Again:
    """Answers second runs from a script, and remembers which gauges were asked."""

    def __init__(self, **answers: Rerun) -> None:
        self.asked: list[str] = []
        self._answers = answers

    def __call__(self, gauge: str) -> Rerun:
        self.asked.append(gauge)
        return self._answers[gauge]


@pytest.fixture(params=[True, False], ids=["memray", "no memray"])
def memray(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    there = bool(request.param)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if there else None)
    return there


def test_pages_of_files_that_do_not_reach_the_limit_change_nothing() -> None:
    again = Again()
    decision = decide([_seen(24 * MB, 2 * MB)], LIMIT, again)
    assert decision.verdict == Exceeded(excess_bytes=4 * MB)
    assert (again.asked, decision.decided_by) == ([], "")


def test_exactly_what_is_left_without_them_may_be_at_the_limit() -> None:
    again = Again(resident=Rerun(readings=(_seen(19 * MB),)))
    decide([_seen(22 * MB, 2 * MB)], LIMIT, again)
    assert again.asked == ["resident"]
    again = Again()
    decide([_seen(22 * MB + 1, 2 * MB)], LIMIT, again)
    assert again.asked == []


@pytest.mark.parametrize(("second_mib", "verdict"), [(19, Within), (20, Within), (24, Exceeded)])
def test_a_second_run_in_a_clean_child_decides_and_is_named(second_mib: int, verdict: type) -> None:
    again = Again(resident=Rerun(readings=(_seen(second_mib * MB, MB),)))
    decision = decide([_seen(21 * MB, 2 * MB)], LIMIT, again)
    assert isinstance(decision.verdict, verdict)
    assert decision.decided_by == "a second run in a clean child process (resident)"


@pytest.mark.parametrize(
    ("exact_mib", "verdict"), [(10, Within), (19.5, Within), (20.5, Exceeded), (50, Exceeded)]
)
def test_where_the_child_leaves_it_open_exact_counting_of_all_memory_decides(
    memray: bool, exact_mib: float, verdict: type
) -> None:
    exact = _seen(exact_mib * MB, gauge="allocated")
    again = Again(resident=Rerun(readings=(_seen(20.8 * MB, MB),)), allocated=Rerun(readings=(exact,)))
    decision = decide([_seen(21 * MB, 2 * MB)], LIMIT, again)
    if memray:
        assert isinstance(decision.verdict, verdict)
        assert decision.decided_by.startswith("the allocated gauge in a clean child process")
        assert decision.interval is not None
        assert 19.8 * MB - 1 <= decision.interval.low_bytes <= 20.8 * MB  # never outside the child's reading
    else:  # tracemalloc knows nothing of mappings and of C: it acquits nobody
        assert isinstance(decision.verdict, Exceeded)
        said = "what was seen, of which up to 1.0 MiB can be pages of mapped files (also in a clean child)"
        assert decision.decided_by == said


@pytest.mark.parametrize(
    ("again", "why"),
    [
        (None, "second runs are switched off"),
        (
            Again(resident=Rerun(problem="its second run was skipped in set-up")),
            "its second run was skipped in set-up",
        ),
    ],
)
def test_where_nothing_can_decide_what_was_seen_stands_and_says_so(again: Again | None, why: str) -> None:
    decision = decide([_seen(21 * MB, 2 * MB)], LIMIT, again, "second runs are switched off")
    assert decision.verdict == Exceeded(excess_bytes=MB)
    assert (
        decision.decided_by == f"what was seen, of which up to 2.0 MiB can be pages of mapped files ({why})"
    )


def test_a_file_that_a_test_reads_counts_in_full() -> None:
    """60 MiB through a mapping are no library that came back: the limit is about them."""
    again = Again()
    assert decide([_seen(60 * MB, 59 * MB)], LIMIT, again).verdict == Exceeded(excess_bytes=40 * MB)
    assert again.asked == []


def test_room_that_pages_left_is_no_proof_of_keeping_a_limit() -> None:
    decision = decide([_seen(19 * MB, -2 * MB)], LIMIT, None, "second runs are switched off")
    assert isinstance(decision.verdict, Unmeasured)


@pytest.mark.parametrize("file_mib", [2, 8])
def test_a_real_test_near_its_limit(pytester: pytest.Pytester, run_project: Any, file_mib: int) -> None:
    """18.5 MiB of its own, and a file beside them: 2 MiB of it may be libraries, 8 are the test's."""
    pytest.importorskip("memray")
    (pytester.path / "mapped.bin").write_bytes(b"x" * (file_mib * MB))
    pytester.makepyfile(_PROJECT)
    run = run_project("--memory-report", "--memory-journal=kept.jsonl")
    (record,) = (decode(line) for line in (pytester.path / "kept.jsonl").read_text().splitlines())
    if file_mib == 2:
        run.assert_outcomes(passed=1)
        assert "in a clean child process" in record.decided_by
    else:
        run.assert_outcomes(failed=1)


def test_a_breach_that_may_be_of_libraries_says_so(pytester: pytest.Pytester, run_project: Any) -> None:
    (pytester.path / "mapped.bin").write_bytes(b"x" * (2 * MB))
    pytester.makepyfile(_PROJECT)
    run = run_project("--memory-no-rerun")
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(
        [
            "memory limit exceeded: 2?.? MiB of 20.0 MiB, * too much",
            "  decided by: what was seen, of which up to ?.? MiB can be pages of mapped files (second runs*",
        ]
    )
