"""A resident reading says not only what reuse may hide, but also what of it may have been free heap."""

from __future__ import annotations

import json

import pytest

from pytest_snapshot_memory.record import PhaseReading, TestRecord, decode, encode

MB = 2**20

_LISTS = """
kept = []
def test_leaves_holes():
    rows = [bytes(3000) for _ in range(6000)]
    kept.extend(rows[::40])
def test_fills_and_drops():
    old = [bytes(2500) for _ in range(4000)]
    del old
    rows = [bytes(9000) for _ in range(1500)]
    assert rows
"""


_SETUP = """
import pytest
kept = []

@pytest.fixture
def early():
    rows = [bytes(3000) for _ in range(6000)]
    kept.extend(rows[::40])

@pytest.fixture(scope="module")
def wide():
    pass

@pytest.fixture
def late(request):
    request.getfixturevalue("wide")

def test_it(early, late): pass
"""


def _reading(**changes: object) -> PhaseReading:
    facts: dict[str, object] = {"phase": "call", "gauge": "resident", "start_bytes": 100 * MB}
    facts |= {"peak_bytes": 142 * MB, "end_bytes": 101 * MB, **changes}
    return PhaseReading(**facts)  # type: ignore[arg-type]


def test_the_least_is_what_was_seen_without_the_slack_and_never_negative() -> None:
    assert _reading(slack_bytes=3 * MB).growth_lower_bytes == 39 * MB
    assert _reading(slack_bytes=50 * MB).growth_lower_bytes == 0
    assert _reading().growth_lower_bytes == _reading().growth_bytes


@pytest.mark.parametrize("slack_bytes", [0, 1, 7 * MB])
def test_the_slack_travels_and_older_lines_are_still_read(slack_bytes: int) -> None:
    record = TestRecord(nodeid="t", outcome="passed", phases=(_reading(slack_bytes=slack_bytes),))
    assert decode(encode(record)) == record
    plain = json.loads(encode(record))
    plain["p"] = [reading[:11] for reading in plain["p"]]
    assert decode(json.dumps(plain)).phases == (_reading(),)


@pytest.mark.parametrize("gauge", ["resident", "tree"])
def test_a_test_that_leaves_free_heap_behind_tells_its_least(pytester: pytest.Pytester, gauge: str) -> None:
    pytester.makepyfile(_LISTS)
    options = ("-p", "no:memray", "--memory-report", f"--memory-gauge={gauge}", "--memory-json=out.json")
    found = pytester.runpytest_subprocess(*options)
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines(["*growth*spare*test", "*spare: the part of the growth*"])
    tests = json.loads((pytester.path / "out.json").read_text())["tests"]
    calls = {
        test["nodeid"].rpartition("::")[2]: phase
        for test in tests
        for phase in test["phases"]
        if phase["phase"] == "call"
    }
    # under the tree gauge the second one only uses what the first left free
    grown = [call for call in calls.values() if call["growth_bytes"] > MB]
    assert len(grown) == 2 or gauge == "tree"
    assert calls["test_leaves_holes"] in grown
    for call in grown:
        assert 0 <= call["growth_lower_bytes"] < call["growth_bytes"] < call["growth_upper_bytes"]
    # 12.9 MiB were in use at once; the 9.5 MiB before them had gone back to the heap
    in_use_bytes = 1500 * 9033
    assert calls["test_fills_and_drops"]["growth_lower_bytes"] <= in_use_bytes
    assert calls["test_fills_and_drops"]["growth_upper_bytes"] >= in_use_bytes * 0.98


def test_a_set_up_that_a_wider_fixture_interrupts_keeps_what_it_left_free(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_SETUP)
    options = ("-p", "no:memray", "--memory-gauge=tree", "--memory-report", "--memory-json=out.json")
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
    (test,) = json.loads((pytester.path / "out.json").read_text())["tests"]
    (setup,) = [phase for phase in test["phases"] if phase["phase"] == "setup"]
    assert setup["growth_bytes"] > 10 * MB
    assert setup["growth_lower_bytes"] < setup["growth_bytes"] - 5 * MB
