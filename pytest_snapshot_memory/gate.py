"""The gate: this run's records against a baseline, in one call.

    result = evaluate(records, baseline, thresholds, policy=..., repeat=...)
    result.failed       -> exit status
    result.lines        -> for the terminal
    result.comparisons  -> for the reports

`baseline_update.remember` makes the next baseline of a run; `gate_files` does both
with files and history.

How tests are measured again is told in `repeating`.
Nothing here reads or writes a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .baseline import Baseline, Entry, Key, key_of, nodeid_of
from .gate_expression import Threshold
from .record import PhaseReading, TestRecord
from .regression import Comparison, Learned, Verdict, nothing_learned
from .renames import pair_renamed
from .repeating import Again, Question, Repeat, answer
from .report_gate import gate_lines

POLICIES: Final = ("warn", "fail", "ignore")
# only these outcomes show what a test really needs
_MEASURED_OUTCOMES: Final = ("passed", "xpassed")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """What to do about tests that have no counterpart or no decision: "warn", "fail" or "ignore".

    max_repeated: at most so many tests are run again: those that seem to have risen first, then those
        that may have risen most; the rest is judged by one reading.
    max_repeated_often: at most so many of them more than once, those that rose most in that run.
    """

    new: str = "warn"
    vanished: str = "warn"
    renamed: str = "warn"
    incomparable: str = "warn"
    max_repeated: int = 5000
    max_repeated_often: int = 500

    def of(self, comparison: Comparison) -> str:
        """Return "fail", "warn" or "ignore" for what a comparison found."""
        if comparison.verdict is Verdict.REGRESSED:
            return "fail"
        if comparison.verdict is Verdict.NEW:
            return self.new
        if comparison.verdict is Verdict.VANISHED:
            return self.vanished
        if comparison.verdict is Verdict.INCOMPARABLE:
            return self.incomparable
        return self.renamed if comparison.renamed_from else "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """All comparisons, sorted by node id, and whether the run may pass.

    problems: sentences about the gate itself, such as that it compared nothing.
    """

    comparisons: tuple[Comparison, ...]
    failed: bool
    lines: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def count(self, verdict: Verdict) -> int:
        """Return how many comparisons ended in `verdict`."""
        return sum(comparison.verdict is verdict for comparison in self.comparisons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A run beside its baseline: which tests are on both sides, and which on one."""

    questions: tuple[Question, ...]
    new: Mapping[Key, tuple[str, PhaseReading]]
    vanished: Mapping[Key, Entry]
    incomparable: tuple[Comparison, ...]


def evaluate(
    records: Iterable[TestRecord],
    baseline: Baseline,
    thresholds: Sequence[Threshold],
    *,
    policy: GatePolicy | None = None,
    repeat: Repeat | None = None,
    complete: bool = True,
    learned: Learned = nothing_learned,
    independent_runs: bool = False,
    retained: Repeat | None = None,
) -> GateResult:
    """Compare a run with a baseline and decide.

    complete: False where only part of the suite ran (-k, paths, -x): a test that
    is missing then has not vanished. learned: noise band in bytes of a node id,
    from history. independent_runs: True where each run that `repeat` makes has a
    parent of its own, as the baseline's must have, too; children of one parent lie
    off together by up to the gauge's error bound (140 KiB seen), so their medians
    must differ by more than that.
    Records of other gauges than the baseline's are left out.
    """
    policy = policy or GatePolicy()
    independent_runs = independent_runs and baseline.independent_runs
    matched = match(records, baseline, complete=complete)
    comparisons = list(matched.incomparable)
    for nodeid, reading in matched.new.values():
        comparisons.append(Comparison(nodeid=nodeid, verdict=Verdict.NEW, new_bytes=reading.growth_bytes))
    for key, entry in matched.vanished.items():
        gone = Comparison(nodeid=nodeid_of(key), verdict=Verdict.VANISHED, old_bytes=entry.value_bytes)
        comparisons.append(gone)
    again = Again(
        growth=repeat,
        retained=retained if baseline.live_retained else None,
        live=baseline.live_retained,
        most=policy.max_repeated,
        most_often=policy.max_repeated_often,
        independent=independent_runs,
    )
    for threshold in thresholds:
        comparisons += answer(matched.questions, threshold, again, learned)
    return conclude(_worst_per_test(comparisons), policy)


def conclude(
    comparisons: Sequence[Comparison], policy: GatePolicy, problems: Sequence[str] = ()
) -> GateResult:
    """Turn comparisons into a decision; a gate that compared nothing fails.

    problems: what is known to be wrong already; each of them fails the gate.
    """
    problems = list(problems)
    decided = (Verdict.UNCHANGED, Verdict.IMPROVED, Verdict.REGRESSED)
    if not problems and not any(c.verdict in decided for c in comparisons):
        problems.append(_nothing_compared(comparisons))
    result = GateResult(
        comparisons=tuple(sorted(comparisons, key=lambda c: c.nodeid)),
        failed=bool(problems) or any(policy.of(c) == "fail" for c in comparisons),
        problems=tuple(problems),
    )
    return replace(result, lines=tuple(gate_lines(result, policy)))


def _nothing_compared(comparisons: Sequence[Comparison]) -> str:
    reasons = sorted({c.reason for c in comparisons if c.reason})
    why = f" ({reasons[0]})" if reasons else ""
    return (
        f"The memory gate compared nothing: {len(comparisons)} tests have no number on both sides{why}. "
        "Save a baseline with: pytest --memory-save"
    )


def match(records: Iterable[TestRecord], baseline: Baseline, *, complete: bool) -> Matched:
    """Lay the records of the baseline's gauge beside its entries, renamed tests included."""
    gauge = baseline.environment.gauge
    by_key = {key_of(record.nodeid): record for record in records}
    both: list[tuple[Key, Key, PhaseReading]] = []
    new: dict[Key, tuple[str, PhaseReading]] = {}
    incomparable = []
    for key, record in by_key.items():
        reading = record.reading(gauge=gauge)
        if reading is None or record.outcome not in _MEASURED_OUTCOMES:
            if key in baseline.entries:
                incomparable.append(_incomparable(record, gauge))
        elif key in baseline.entries:
            both.append((key, key, reading))
        elif record.gauge == gauge:  # a second opinion by another gauge makes no new test
            new[key] = (record.nodeid, reading)
    vanished = {k: e for k, e in baseline.entries.items() if k not in by_key} if complete else {}
    renamed = pair_renamed({key: reading.growth_bytes for key, (_, reading) in new.items()}, vanished)
    for key, old_key in renamed.items():
        both.append((key, old_key, new.pop(key)[1]))
        del vanished[old_key]
    questions = tuple(
        Question(nodeid=by_key[k].nodeid, key=k, old_key=old, entry=baseline.entries[old], reading=reading)
        for k, old, reading in both
    )
    return Matched(questions=questions, new=new, vanished=vanished, incomparable=tuple(incomparable))


def _incomparable(record: TestRecord, gauge: str) -> Comparison:
    measured = ", ".join(sorted({r.gauge for r in record.phases if r.phase == "call"}))
    if record.outcome not in _MEASURED_OUTCOMES:
        reason = record.outcome
    else:
        reason = f"measured by {measured}, not by {gauge}" if measured else record.reason or "not measured"
    return Comparison(nodeid=record.nodeid, verdict=Verdict.INCOMPARABLE, reason=reason)


_SEVERITY: Final = (
    Verdict.UNCHANGED,
    Verdict.IMPROVED,
    Verdict.VANISHED,
    Verdict.NEW,
    Verdict.INCOMPARABLE,
    Verdict.REGRESSED,
)


def _worst_per_test(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Keep one comparison per test: the worst verdict, the first metric among equals."""
    worst: dict[str, Comparison] = {}
    for comparison in comparisons:
        kept = worst.setdefault(comparison.nodeid, comparison)
        if kept is not comparison and _SEVERITY.index(comparison.verdict) > _SEVERITY.index(kept.verdict):
            worst[comparison.nodeid] = comparison
    return list(worst.values())
