"""What tests retain, counted in fresh runs: judged, remembered, and asked for no more than needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from gate_builders import HERE, KIB, record

from pytest_snapshot_memory.baseline import Baseline, Entry, format_baseline, parse_baseline
from pytest_snapshot_memory.baseline_update import remember
from pytest_snapshot_memory.gate import GateResult, evaluate
from pytest_snapshot_memory.gate_expression import parse_expressions
from pytest_snapshot_memory.record import TestRecord
from pytest_snapshot_memory.regression import Verdict

GATE = parse_expressions(["retained>0.5MB"])
TEST = "t.py::test_keeps"


class Counter:
    """Answers what fresh runs of a test kept, one value after the other, and remembers what was asked."""

    def __init__(self, *kept_kib: int, growth_kib: int = 100) -> None:
        self.kept_kib = kept_kib
        self.growth_kib = growth_kib
        self.asked: list[int] = []

    def __call__(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]:
        return {nodeid: [self.growth_kib * KIB] * count for nodeid in nodeids}

    def retained(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]:
        self.asked.append(count)
        return {nodeid: [kib * KIB for kib in self.kept_kib[:count]] for nodeid in nodeids}


def seen_in_suite(retained_kib: int, reusable_kib: int = 5000) -> TestRecord:
    return record(TEST, 100, retained_kib=retained_kib, reusable_kib=reusable_kib)


def saved(kept_kib: int = 0, suite_kib: int = 2600) -> Baseline:
    counter = Counter(kept_kib)
    return remember([seen_in_suite(suite_kib)], None, HERE, GATE, repeat=counter, retained=counter.retained)


def compared(baseline: Baseline, suite_kib: int, counter: Counter | None) -> GateResult:
    repeat, retained = (None, None) if counter is None else (counter, counter.retained)
    return evaluate([seen_in_suite(suite_kib)], baseline, GATE, repeat=repeat, retained=retained)


def test_a_baseline_holds_what_was_counted_not_what_stayed_resident() -> None:
    baseline = saved(kept_kib=12, suite_kib=2600)
    assert [entry.retained_bytes for entry in baseline.entries.values()] == [12 * KIB]
    text = format_baseline(baseline)
    assert "# retained: live bytes, counted in a process of its own\n" in text
    assert parse_baseline(text, "x") == baseline


@pytest.mark.parametrize("suite_kib", [-3000, 0, 1024, 9000])
def test_an_unchanged_test_passes_whatever_stayed_resident_in_the_suite(suite_kib: int) -> None:
    counter = Counter(4, 4, 4)
    result = compared(saved(), suite_kib, counter)
    assert (result.count(Verdict.UNCHANGED), result.failed) == (1, False)
    assert counter.asked == [1]


@pytest.mark.parametrize("suite_kib", [-3000, 0, 1024])
def test_a_leak_is_found_whatever_stayed_resident_in_the_suite(suite_kib: int) -> None:
    counter = Counter(1024, 1028, 1026)
    result = compared(saved(), suite_kib, counter)
    assert (result.count(Verdict.REGRESSED), result.failed) == (1, True)
    assert counter.asked == [1, 3]
    assert result.comparisons[0].new_bytes == 1026 * KIB


@pytest.mark.parametrize(
    ("kept_kib", "expected"),
    [
        ((512, 512, 512), Verdict.UNCHANGED),
        ((513, 513, 513), Verdict.REGRESSED),
        ((9000, 0, 9000), Verdict.UNCHANGED),
    ],
)
def test_every_run_must_be_beyond_the_line(kept_kib: tuple[int, ...], expected: Verdict) -> None:
    """Exactly the line still passes, and what one run of three did not keep is no leak."""
    assert compared(saved(), 0, Counter(*kept_kib)).count(expected) == 1


def test_what_one_narrow_reading_rules_out_is_not_run_again() -> None:
    counter = Counter()
    narrow = [record(TEST, 100, retained_kib=20, reusable_kib=100)]
    result = evaluate(narrow, saved(), GATE, repeat=counter, retained=counter.retained)
    assert (result.count(Verdict.UNCHANGED), counter.asked) == (1, [])


def test_without_fresh_runs_a_count_is_not_held_against_resident_memory() -> None:
    result = compared(saved(), 2600, None)
    assert [c.verdict for c in result.comparisons] == [Verdict.INCOMPARABLE]
    assert "counts what is retained in fresh runs" in result.comparisons[0].reason


def test_one_reading_is_not_called_a_leak_where_free_memory_can_be_why() -> None:
    """Resident memory at the end rose by 1.1 MiB in an unchanged test, in another order of tests."""
    first = remember([record(TEST, 100, retained_kib=836)], None, HERE, GATE)
    again = [record(TEST, 100, retained_kib=1980, reusable_kib=2000)]
    assert evaluate(again, first, GATE).comparisons[0].verdict is Verdict.INCOMPARABLE
    leaks = [record(TEST, 100, retained_kib=4980, reusable_kib=2000)]
    assert evaluate(leaks, first, GATE).comparisons[0].verdict is Verdict.REGRESSED


def test_saving_again_keeps_the_line_until_more_than_noise_is_kept() -> None:
    baseline = saved(kept_kib=12)
    for kept_kib, expected_kib in ((40, 12), (90, 90)):
        counter = Counter(kept_kib)
        after = remember(
            [seen_in_suite(100)], baseline, HERE, GATE, repeat=counter, retained=counter.retained
        )
        assert [entry.retained_bytes for entry in after.entries.values()] == [expected_kib * KIB]
        assert after.live_retained


def test_a_baseline_of_resident_memory_is_counted_anew_when_it_is_saved() -> None:
    key = ("t.py", "test_keeps")
    entry = Entry(
        growth_bytes=100 * KIB,
        retained_bytes=2600 * KIB,
        anchor_bytes=100 * KIB,
        fresh_runs_bytes=(100 * KIB,) * 3,
    )
    old = Baseline(environment=HERE, entries={key: entry})
    counter = Counter(8)
    after = remember([seen_in_suite(2600)], old, HERE, GATE, repeat=counter, retained=counter.retained)
    assert (after.entries[key].retained_bytes, after.live_retained) == (8 * KIB, True)
