"""Runs cases in fresh processes: interleaved, repeated until stable, resumed where it stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from benchmarks.case import Case, Outcome
from benchmarks.launch import Launched, Sight, launch
from benchmarks.machine import commit, load_average, now
from benchmarks.results import Results, Store
from benchmarks.summary import summarize

MIB = 2**20


def cpu_figure(outcome: Outcome) -> float:
    """Return the CPU seconds that repeats are judged by: the work's own where it says so."""
    return float(outcome.work.get("work_cpu_seconds", outcome.cpu_seconds))


def needs_more(case: Case, done: Sequence[Outcome]) -> bool:
    """Say whether a case is to be run once more.

    At least `rounds` runs, then until the CPU time is stable, at most `most_rounds`;
    rounds=1 means once. A failure that may be is a result and not repeated;
    one that broke the run is tried again by the next.
    """
    ended = [outcome for outcome in done if not outcome.failure]
    if len(ended) < len(done) and case.may_fail:
        return False
    if len(ended) < case.rounds:
        return True
    if case.rounds == 1 or len(ended) >= case.most_rounds:
        return False
    return not summarize([cpu_figure(outcome) for outcome in ended]).stable


def next_round(cases: Sequence[Case], results: Results) -> list[Case]:
    """Return the cases of the next round, in order: each once, so that a slow minute hits all alike."""
    return [case for case in cases if needs_more(case, results.runs_of(case.key))]


class BrokenRun(Exception):
    """A case that must not fail did."""


class Runner:
    """Goes through rounds until no case needs more; every finished run is in the file at once."""

    def __init__(self, store: Store, *, environment: str = "", stream: TextIO | None = None) -> None:
        self._store = store
        self._environment = environment
        self._stream = stream if stream is not None else sys.stderr
        self._commit = commit()

    def run(self, cases: Sequence[Case], *, announce: Callable[[Outcome], None] | None = None) -> Results:
        results = self._store.load()
        while True:
            wanted = next_round(cases, results)
            if not wanted:
                return results
            for at, case in enumerate(wanted, 1):
                outcome = self._one(case, len(results.runs_of(case.key)) + 1, f"{at}/{len(wanted)}")
                self._store.add(outcome)
                if announce is not None:
                    announce(outcome)
                if outcome.failure and not case.may_fail:
                    raise BrokenRun(f"{case.chapter}, {case.label} {dict(case.facts)}: {outcome.failure}")
            results = self._store.load()

    def _one(self, case: Case, number: int, position: str) -> Outcome:
        line = ProgressLine(self._stream, f"{case.chapter} {position}, run {number}: {_title(case)}")
        launched = launch(
            case.command,
            data_limit_bytes=case.data_limit_bytes,
            cgroup_limit_bytes=case.cgroup_limit_bytes,
            timeout_seconds=case.timeout_seconds,
            input_path=case.input_path,
            on_sight=line.show,
        )
        line.clear()
        return outcome_of(case, number, launched, commit=self._commit, environment=self._environment)


def outcome_of(case: Case, number: int, launched: Launched, *, commit: str, environment: str = "") -> Outcome:
    """Return what is kept of a finished process."""
    return Outcome(
        chapter=case.chapter,
        label=case.label,
        facts=dict(case.facts),
        round=number,
        cpu_seconds=round(launched.cpu_seconds, 4),
        wall_seconds=round(launched.wall_seconds, 4),
        peak_bytes=launched.peak_bytes,
        exit_code=launched.exit_code,
        signal=launched.signal,
        work=case.collect(launched) if case.collect and launched.ok else launched.last_json(),
        failure=launched.failure(),
        commit=commit,
        taken=now(),
        environment=environment,
        load_average=load_average(),
    )


def _title(case: Case) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in case.facts.items())
    return f"{case.label} ({facts})" if facts else case.label


class ProgressLine:
    """One line on a terminal that is drawn over; nothing where there is no terminal."""

    def __init__(self, stream: TextIO, title: str) -> None:
        self._stream, self._title = stream, title
        self._live = stream.isatty()
        if self._live:
            self._draw(title)

    def show(self, sight: Sight) -> None:
        if not self._live:
            return
        done = ""
        if sight.read_fraction is not None:
            filled = round(sight.read_fraction * 20)
            done = f"  [{'#' * filled}{'.' * (20 - filled)}] {sight.read_fraction:4.0%}"
        self._draw(f"{self._title}{done}  {sight.seconds:.0f} s, {sight.rss_bytes / MIB:.0f} MiB now")

    def clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _draw(self, text: str) -> None:
        self._stream.write(f"\r{text[:150]}\x1b[K")
        self._stream.flush()
