"""The next baseline: what a run changes of the last one, and what it leaves alone.

In: records, the last baseline, what the gate allows. Out: a baseline. A value
within noise keeps its line, so a rerun gives the same bytes. The anchor moves only
with a value that the gate calls Improved or Regressed: accepting that is a
decision, and the reviewer sees it, while two per cent a release moves the value
and leaves the anchor behind, until the gate fires on the distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from .baseline import KIB, Baseline, Entry, Key, round_entry
from .environment import Environment
from .gate import match
from .gate_expression import DEFAULT_EXPRESSION, Threshold, parse_expressions
from .rank_test import median_low
from .record import PhaseReading, TestRecord
from .regression import Comparison, Verdict, noise_band, nothing_learned
from .repeating import Again, Question, Repeat, answer

RUNS_TO_REMEMBER: Final = 7
# what takes next to nothing three times over shows nothing new in four more runs
_FIRST_RUNS: Final = 3
_QUIET_BYTES: Final = 64 * KIB
# a width below this tells a reviewer nothing and would only make lines differ
_LEAST_WIDTH_BYTES: Final = 64 * KIB
# live bytes at the end of equal runs differ by caches that fill
_LIVE_NOISE_BYTES: Final = 64 * KIB


def remember(
    records: Iterable[TestRecord],
    baseline: Baseline | None,
    environment: Environment,
    thresholds: Sequence[Threshold],
    *,
    repeat: Repeat | None = None,
    complete: bool = True,
    accept: bool = False,
    independent_runs: bool = False,
    retained: Repeat | None = None,
) -> Baseline:
    """Return the baseline after this run.

    Tests without fresh runs get up to RUNS_TO_REMEMBER of them where `repeat` is given.
    A test that failed or was not measured keeps its line; one that is gone loses
    it when the run was `complete`. accept=True takes over what differs by more than
    noise, within the gate's allowance or not, and sets every anchor to its value.
    independent_runs, retained: as in gate.evaluate.
    """
    last = replace(baseline or Baseline(environment=environment), environment=environment)
    matched = match(records, last, complete=complete)
    questions = matched.questions
    growth = next((t for t in thresholds if t.metric == "growth"), Threshold(metric="growth"))
    if accept:  # what is within the gate's allowance is taken over, too
        growth = parse_expressions([DEFAULT_EXPRESSION])[0]
    alike = independent_runs and last.independent_runs
    again = Again(growth=repeat, most=len(questions), independent=alike)
    answers = answer(questions, growth, again, nothing_learned)
    wanting = [nodeid for nodeid, _ in matched.new.values()]
    wanting += [q.nodeid for q in questions if not q.entry.fresh_runs_bytes]
    runs = _runs_to_remember(wanting, repeat) if repeat is not None and wanting else {}

    kept = _live_retained([*runs, *(q.nodeid for q in questions if q.entry.fresh_runs_bytes)], retained)

    dropped = {*matched.vanished, *(q.old_key for q in questions)}
    entries: dict[Key, Entry] = {k: e for k, e in last.entries.items() if k not in dropped}
    for key, (nodeid, reading) in matched.new.items():
        entries[key] = _with_live(first_entry(reading, runs.get(nodeid, ())), kept.get(nodeid), None)
    for question, comparison in zip(questions, answers, strict=True):
        counted = last.live_retained and bool(question.entry.fresh_runs_bytes)
        old_bytes = question.entry.retained_bytes if counted else None
        entry = _next_entry(question, comparison, runs.get(question.nodeid, ()))
        entry = _with_live(entry, kept.get(question.nodeid), old_bytes)
        entries[question.key] = replace(entry, anchor_bytes=entry.value_bytes) if accept else entry
    # Runs that stay from an earlier save may have been children of one parent.
    known = independent_runs and (baseline is None or baseline.independent_runs)
    return Baseline(
        environment=environment,
        entries=entries,
        independent_runs=known,
        live_retained=retained is not None and (bool(kept) or last.live_retained),
    )


def _live_retained(nodeids: Sequence[str], retained: Repeat | None) -> dict[str, int]:
    """Return the live bytes that each test keeps, as its first fresh run counted them."""
    if retained is None or not nodeids:
        return {}
    return {nodeid: median_low(values) for nodeid, values in retained(nodeids, 1).items() if values}


def _with_live(entry: Entry, live_bytes: int | None, old_bytes: int | None) -> Entry:
    """Return the entry with what was counted, or with old_bytes, counted before, where only noise differs."""
    if live_bytes is None:
        return entry if old_bytes is None else replace(entry, retained_bytes=old_bytes)
    if old_bytes is not None and abs(live_bytes - old_bytes) <= _LIVE_NOISE_BYTES:
        live_bytes = old_bytes
    return round_entry(replace(entry, retained_bytes=live_bytes))


def _runs_to_remember(nodeids: Sequence[str], repeat: Repeat) -> dict[str, list[int]]:
    """Return the first fresh runs of tests: three of those that take next to nothing, seven of the others."""
    runs = {nodeid: list(values) for nodeid, values in repeat(nodeids, _FIRST_RUNS).items()}
    larger = [nodeid for nodeid, values in runs.items() if max(values, default=0) > _QUIET_BYTES]
    if larger:
        for nodeid, values in repeat(larger, RUNS_TO_REMEMBER - _FIRST_RUNS).items():
            runs[nodeid] += values
    return runs


def first_entry(reading: PhaseReading, runs: Sequence[int]) -> Entry:
    """Return the entry of a test that is seen for the first time; its value is its anchor."""
    if not runs and reading.process != "suite":
        runs = [reading.growth_bytes]
    wide = reading.process == "suite" and reading.reusable_bytes >= _LEAST_WIDTH_BYTES
    entry = Entry(
        growth_bytes=reading.growth_bytes,
        retained_bytes=reading.retained_bytes,
        anchor_bytes=0,
        fresh_runs_bytes=tuple(sorted(runs)),
        width_bytes=reading.reusable_bytes if wide and not runs else 0,
    )
    rounded = round_entry(entry)
    return replace(rounded, anchor_bytes=rounded.value_bytes)


def _next_entry(question: Question, comparison: Comparison, first_runs: Sequence[int]) -> Entry:
    old, reading = question.entry, question.reading
    if first_runs:  # now in numbers of fresh runs: the old anchor counted something else
        return first_entry(reading, first_runs)
    if not comparison.moved:
        band = noise_band(reading.gauge, old.retained_bytes)
        if abs(reading.retained_bytes - old.retained_bytes) <= max(band, reading.reusable_bytes):
            return old
        return round_entry(replace(old, retained_bytes=reading.retained_bytes))
    entry = first_entry(reading, comparison.fresh_runs_bytes)
    decided = comparison.verdict in (Verdict.IMPROVED, Verdict.REGRESSED)
    same_kind = bool(entry.fresh_runs_bytes) == bool(old.fresh_runs_bytes)
    return entry if decided or not same_kind else replace(entry, anchor_bytes=old.anchor_bytes)
