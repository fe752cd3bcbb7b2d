"""Saving and comparing a run with the files of a baseline directory.

    saved = save(records, place, environment, ...)       # --memory-save, --memory-update
    result = compare(records, place, environment, ...)   # --memory-compare

In: records, where the baselines are, and the environment of the run. Out: what
to print, and whether the run may pass. Runs with several gauges use one file per
gauge. Errors in a baseline become a failed result with a sentence; errors in the
history become a note: history never stops a run.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from .baseline import Baseline, BaselineError, key_of
from .baseline_store import (
    DEFAULT_DIRECTORY,
    DEFAULT_NAME,
    BaselineMissing,
    baseline_path,
    change_baseline,
    load_baseline,
)
from .baseline_update import remember
from .environment import Environment
from .gate import GatePolicy, GateResult, conclude, evaluate
from .gate_expression import Threshold
from .history import HistoryError, history_path, learned_bands, save_run
from .record import TestRecord
from .regression import Comparison, Learned
from .repeating import Repeat
from .site_changes import Explain, explain_regressions, save_sites


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinePlace:
    """Where baselines live: the directory and a name in it, or one file for all."""

    directory: Path = Path(DEFAULT_DIRECTORY)
    name: str = DEFAULT_NAME
    file: Path | None = None

    def path(self, environment: Environment) -> Path:
        """Return the file for `environment`; raises BaselineError for a bad name."""
        return self.file or baseline_path(self.directory, self.name, environment)


def place_of(directory: Path, name_or_path: str) -> BaselinePlace:
    """Read the value of --memory-compare or --memory-save: "" (default), a name, or a path to a file."""
    if name_or_path.endswith(".txt") or "/" in name_or_path or "\\" in name_or_path:
        path = Path(name_or_path)
        if path.is_dir():
            return BaselinePlace(directory=path.parent, name=path.name)
        return BaselinePlace(directory=path.parent.parent, name=path.parent.name, file=path)
    return BaselinePlace(directory=directory, name=name_or_path or DEFAULT_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveResult:
    """What saving did: lines for the terminal, and False where nothing could be saved."""

    lines: tuple[str, ...]
    saved: bool


def by_gauge(records: Iterable[TestRecord]) -> dict[str, list[TestRecord]]:
    """Return the measured records by the gauge that measured their call."""
    groups: dict[str, list[TestRecord]] = {}
    for record in records:
        if record.gauge:
            groups.setdefault(record.gauge, []).append(record)
    return groups


def save(
    records: Sequence[TestRecord],
    place: BaselinePlace,
    environment: Environment,
    thresholds: Sequence[Threshold],
    *,
    repeat: Repeat | None = None,
    complete: bool = True,
    accept: bool = False,
    independent_runs: bool = False,
    retained: Repeat | None = None,
    explain: Explain | None = None,
    commit_id: str = "",
    branch: str = "",
    now: datetime | None = None,
) -> SaveResult:
    """Write the run into its baseline and into the history; with `explain`, allocation sites beside it."""
    lines, saved = [], bool(by_gauge(records))
    for gauge, measured in by_gauge(records).items():
        here = replace(environment, gauge=gauge)

        def change(old: Baseline | None, here: Environment = here) -> Baseline:
            return remember(
                records,
                old,
                here,
                thresholds,
                repeat=repeat,
                complete=complete,
                accept=accept,
                independent_runs=independent_runs,
                retained=retained,
            )

        try:
            path = place.path(here)
            changed = change_baseline(path, change)
            lines.append(
                f"memory baseline {'saved to' if changed else 'unchanged:'} {path} ({len(measured)} tests)"
            )
            if explain is not None:
                entries = load_baseline(path).entries
                kept = {
                    record.nodeid: entry.value_bytes
                    for record in measured
                    if (entry := entries.get(key_of(record.nodeid))) is not None
                }
                save_sites(path, measured, gauge, explain, complete=complete, kept_bytes=kept)
        except BaselineError as error:
            saved = False
            lines.append(f"memory baseline not saved: {error}")
        except OSError as error:
            lines.append(f"memory: allocation sites were not saved: {error.strerror or error}")
    moment = (now or datetime.now(timezone.utc)).isoformat(timespec="seconds")
    try:
        save_run(
            history_path(place.directory),
            records,
            saved_at=moment,
            name=place.name,
            environment=environment.to_plain(),
            commit_id=commit_id,
            branch=branch,
        )
    except HistoryError as error:
        lines.append(f"memory history: {error}")
    return SaveResult(lines=tuple(lines) or ("memory baseline not saved: no test was measured",), saved=saved)


def compare(
    records: Sequence[TestRecord],
    place: BaselinePlace,
    environment: Environment,
    thresholds: Sequence[Threshold],
    *,
    policy: GatePolicy | None = None,
    repeat: Repeat | None = None,
    complete: bool = True,
    independent_runs: bool = False,
    retained: Repeat | None = None,
    explain: Explain | None = None,
) -> GateResult:
    """Hold the run against its baselines; what cannot be read or found fails with a sentence.

    explain: runs tests with stacks, so that a regression names the sites that made it.
    """
    policy = policy or GatePolicy()
    comparisons: list[Comparison] = []
    problems: list[str] = []
    groups = by_gauge(records)
    for gauge in groups or {environment.gauge: []}:
        here = replace(environment, gauge=gauge)
        try:
            baseline = load_baseline(place.path(here))
        except BaselineMissing as error:
            if gauge == environment.gauge:
                problems.append(str(error))
            continue
        except BaselineError as error:
            problems.append(str(error))
            continue
        different = here.differences(baseline.environment)
        if different:
            problems.append(f"{place.path(here)} is of another environment: {', '.join(different)}")
            continue
        # the whole run, so that a test measured by another gauge is not taken for vanished
        result = evaluate(
            records,
            baseline,
            thresholds,
            policy=policy,
            repeat=repeat,
            complete=complete,
            learned=_learned(place.directory, gauge),
            independent_runs=independent_runs,
            retained=retained,
        )
        found = list(result.comparisons)
        comparisons += found if explain is None else explain_regressions(found, place.path(here), explain)
    return conclude(comparisons, policy, problems)


def _learned(directory: Path, gauge: str) -> Learned:
    """Return the look-up of noise bands; the history is read at the first question."""

    @functools.cache
    def bands() -> Mapping[str, int]:
        try:
            return learned_bands(history_path(directory), gauge=gauge)
        except HistoryError:
            return {}

    return lambda nodeid: bands().get(nodeid)
