"""Questions that one reading leaves open, and the runs in fresh processes that answer them.

In: tests with their baseline entries, a threshold, and how to measure again. Out:
comparisons.

repeat(nodeids, n) measures the call phase of each test n more times, each time in
a process where no other test ran, always made the same way, with the gauge of
the first measurement, and returns node id -> growth in bytes; a test it leaves
out could not be repeated. It is asked only where the first reading cannot tell,
in up to four ROUNDS; only a test that may have risen gets to the last one.

retained(nodeids, n) returns in the same way the live bytes that n runs of each have
kept, of runs that were made already where there are some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from .baseline import Entry, Key, nodeid_of
from .gate_expression import Threshold
from .rank_test import median_low
from .record import PhaseReading
from .regression import (
    Comparison,
    Learned,
    Verdict,
    judge_reading,
    judge_retained,
    judge_runs,
    rise_is_possible,
    screen,
)

Repeat = Callable[[Sequence[str], int], Mapping[str, Sequence[int]]]

# fresh runs asked for in each round: most unchanged tests need the first one only
ROUNDS: Final = (1, 2, 6, 9)


class Question(NamedTuple):
    """A test of this run with what the baseline remembers of it.

    old_key: under which key the baseline has it; another one where it was renamed.
    """

    nodeid: str
    key: Key
    old_key: Key
    entry: Entry
    reading: PhaseReading

    @property
    def renamed_from(self) -> str:
        """The node id it had in the baseline, or "" where that is the same."""
        return "" if self.key == self.old_key else nodeid_of(self.old_key)

    def bias_bytes(self, independent_runs: bool) -> int:
        """By how much all repeated runs of the test can lie off together."""
        return 0 if independent_runs else self.reading.error_bound_bytes


class Again(NamedTuple):
    """How tests are measured again: their growth, what they retain, at most how many, and more than once.

    independent: each run has a parent of its own, here and in the baseline.
    live: what the baseline says of retained memory was counted in fresh runs.
    """

    growth: Repeat | None = None
    retained: Repeat | None = None
    most: int = 5000
    most_often: int = 500
    independent: bool = False
    live: bool = False


def answer(
    questions: Sequence[Question], threshold: Threshold, again: Again, learned: Learned
) -> list[Comparison]:
    """Compare every question by one metric, with more runs where one reading cannot tell."""
    runs: dict[str, list[int]] = {}
    repeatable = [q for q in questions if q.entry.fresh_runs_bytes]
    if threshold.metric == "retained" and again.retained is not None:
        unclear = [q for q in repeatable if _may_have_kept(q, threshold)]
        unclear = _most_in_doubt(unclear, threshold, again.most)
        runs = _count_again(unclear, threshold, again.retained)
    elif threshold.metric == "growth" and again.growth is not None:
        unclear = [q for q in repeatable if not screen(q.entry, q.reading, threshold).rise_ruled_out]
        unclear = _most_in_doubt(unclear, threshold, again.most)
        runs = _run_again(unclear, threshold, again)
    answers = []
    for q in questions:
        if q.nodeid in runs and threshold.metric == "retained":
            comparison = judge_retained(q.nodeid, q.entry, runs[q.nodeid], threshold)
        elif q.nodeid in runs:
            bias_bytes = q.bias_bytes(again.independent)
            comparison = judge_runs(q.nodeid, q.entry, runs[q.nodeid], threshold, bias_bytes)
        else:
            comparison = judge_reading(q.nodeid, q.entry, q.reading, threshold, learned)
            if threshold.metric == "retained" and again.live and q.entry.fresh_runs_bytes:
                comparison = _not_counted(q, comparison, threshold)
        answers.append(replace(comparison, renamed_from=q.renamed_from) if q.renamed_from else comparison)
    return answers


def _most_in_doubt(questions: Sequence[Question], threshold: Threshold, most: int) -> list[Question]:
    """Return the `most` questions that need more runs most.

    First the tests that rose beyond the line in what was seen: without another run, noise
    alone would fail the gate. Then those that may have risen most.
    """

    def doubt(question: Question) -> tuple[bool, int]:
        seen = screen(question.entry, question.reading, threshold)
        rise_bytes = seen.new_bytes - seen.old_bytes
        return rise_bytes > seen.allowed.size_bytes, rise_bytes + seen.width_bytes

    return sorted(questions, key=doubt, reverse=True)[:most]


def _may_have_kept(question: Question, threshold: Threshold) -> bool:
    """Tell whether the reading leaves it open that the test kept more: memory it gave back proves nothing."""
    seen = screen(question.entry, question.reading, threshold)
    return max(0, seen.new_bytes) + seen.width_bytes - seen.old_bytes > seen.allowed.size_bytes


def _not_counted(question: Question, comparison: Comparison, threshold: Threshold) -> Comparison:
    """Return the comparison of what is resident with what was counted: it can only rule a rise out."""
    if not _may_have_kept(question, threshold):
        return replace(comparison, verdict=Verdict.UNCHANGED, reason="", moved=False)
    reason = "the baseline counts what is retained in fresh runs, and there was none here"
    return replace(comparison, verdict=Verdict.INCOMPARABLE, reason=reason, moved=False)


def _count_again(
    questions: Sequence[Question], threshold: Threshold, retained: Repeat
) -> dict[str, list[int]]:
    """Return what fresh runs kept: of one run, and of three where that one kept more than is allowed."""
    by_id = {q.nodeid: q for q in questions}
    if not by_id:
        return {}
    runs = {n: list(values) for n, values in retained(list(by_id), 1).items() if values}
    more = []
    for nodeid, values in runs.items():
        old_bytes = by_id[nodeid].entry.retained_bytes
        if values[0] - old_bytes > threshold.allowance_bytes(old_bytes):
            more.append(nodeid)
    if more:
        runs.update((n, list(values)) for n, values in retained(more, 3).items() if values)
    return runs


def _run_again(questions: Sequence[Question], threshold: Threshold, again: Again) -> dict[str, list[int]]:
    """Return the runs that decide: one for all, more in each round where the last left a rise possible."""
    assert again.growth is not None
    by_id = {q.nodeid: q for q in questions}
    runs: dict[str, list[int]] = {}

    def may_have_risen(nodeid: str) -> bool:
        question = by_id[nodeid]
        bias_bytes = question.bias_bytes(again.independent)
        return nodeid in runs and rise_is_possible(question.entry, runs[nodeid], threshold, bias_bytes)

    wanted = list(by_id)
    for count in ROUNDS:
        if not wanted:
            break
        for nodeid, values in again.growth(wanted, count).items():
            if values:
                runs.setdefault(nodeid, []).extend(values)
        wanted = [n for n in wanted if may_have_risen(n)]
        wanted.sort(key=lambda n: by_id[n].entry.value_bytes - median_low(runs[n]))
        wanted = wanted[: again.most_often]
    return runs
