"""The end of a run: comparison, save, report files, annotations; the judgement is the gate's.

In: the records and what the user asked for. Out: lines for the terminal, and
whether the run has failed by them. A file that was asked for and could not be
written is a failure, and so is a gate that had nothing to look at.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_snapshot_memory import (
    gate_files,
    inner_run,
    report_ci,
    report_csv,
    report_html,
    report_json,
    report_markdown,
)
from pytest_snapshot_memory.baseline import BaselineError
from pytest_snapshot_memory.baseline_store import replace_text
from pytest_snapshot_memory.environment import Environment, fingerprint
from pytest_snapshot_memory.gate import GatePolicy
from pytest_snapshot_memory.gate_expression import DEFAULT_EXPRESSION, parse_expressions
from pytest_snapshot_memory.record import decode
from pytest_snapshot_memory.regression import Verdict
from pytest_snapshot_memory.report import Report

if TYPE_CHECKING:
    import pytest

    from pytest_snapshot_memory.record import TestRecord
    from pytest_snapshot_memory.rerun import Rerun
    from pytest_snapshot_memory.settings import Settings


class Repeat(Protocol):
    """Measures tests again: (node ids, how many) -> growths of each call.

    independent: every run has a parent process of its own that saw no other file, not one for all.
    retained: what so many runs of each test have kept in live bytes, of runs made already where there are some.
    explain: runs each test once with stacks; the second argument is "growth" or "retained".
    """

    independent: bool

    def __call__(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]: ...

    def retained(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]: ...

    def explain(self, nodeids: Sequence[str], of: str) -> Mapping[str, Rerun]: ...


@dataclass(slots=True)
class Ending:
    """What the end of a run tells and decides."""

    lines: list[str] = field(default_factory=list)
    failed: bool = False


def finish(
    records: Sequence[TestRecord],
    settings: Settings,
    config: pytest.Config,
    repeat: Repeat | None,
    *,
    complete: bool,
) -> Ending:
    """Compare, save and write what the user asked for; complete: the whole suite ran."""
    ending = Ending()
    environment = _environment(settings, config)
    comparisons: tuple[Any, ...] = ()
    gate_failed: bool | None = None
    if settings.gate_is_on:
        comparisons, gate_failed = _compare(ending, records, settings, config, environment, repeat, complete)
    if settings.save is not None or settings.update:
        if any(c.verdict is Verdict.REGRESSED for c in comparisons) and not settings.update:
            ending.lines.append(
                "memory baseline not saved: something regressed; pytest --memory-update accepts it"
            )
        else:
            _save(ending, records, settings, environment, repeat, complete)
    report = Report(
        records=tuple(records),
        environment=environment.to_plain(),
        comparisons=comparisons,
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        gate_failed=gate_failed,
    )
    _write_files(ending, report, settings)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        ending.lines.extend(report_ci.github_annotations(report))
    return ending


def _environment(settings: Settings, config: pytest.Config) -> Environment:
    extra: dict[str, Any] = {}
    config.hook.pytest_snapshot_memory_environment(config=config, environment=extra)
    return fingerprint(settings.gauge, extra=extra)


def _compare(
    ending: Ending,
    records: Sequence[TestRecord],
    settings: Settings,
    config: pytest.Config,
    environment: Environment,
    repeat: Repeat | None,
    complete: bool,
) -> tuple[tuple[Any, ...], bool]:
    thresholds = parse_expressions(settings.fail_on or [DEFAULT_EXPRESSION])
    policy = GatePolicy(new=settings.policy, vanished=settings.policy, renamed=settings.policy)
    place = gate_files.place_of(Path(settings.baseline), settings.compare or "")
    independent = repeat is not None and repeat.independent
    result = gate_files.compare(
        records,
        place,
        environment,
        thresholds,
        policy=policy,
        repeat=repeat,
        complete=complete,
        independent_runs=independent,
        retained=None if repeat is None else repeat.retained,
        explain=None if repeat is None else repeat.explain,
    )
    ending.lines.extend(result.lines)
    ending.failed = ending.failed or result.failed
    comparisons = tuple(result.comparisons)
    config.hook.pytest_snapshot_memory_compare(config=config, comparisons=comparisons)
    return comparisons, result.failed


def _save(
    ending: Ending,
    records: Sequence[TestRecord],
    settings: Settings,
    environment: Environment,
    repeat: Repeat | None,
    complete: bool,
) -> None:
    try:
        result = gate_files.save(
            records,
            gate_files.place_of(Path(settings.baseline), settings.save or ""),
            environment,
            parse_expressions(settings.fail_on or [DEFAULT_EXPRESSION]),
            repeat=repeat,
            independent_runs=repeat is not None and repeat.independent,
            retained=None if repeat is None else repeat.retained,
            complete=complete,
            accept=settings.update,
            explain=None if repeat is None else repeat.explain,
            commit_id=os.environ.get("GITHUB_SHA", os.environ.get("CI_COMMIT_SHA", "")),
            branch=os.environ.get("GITHUB_REF_NAME", os.environ.get("CI_COMMIT_REF_NAME", "")),
        )
    except (OSError, BaselineError) as error:
        ending.lines.append(f"memory: nothing was saved: {error}")
        ending.failed = True
        return
    ending.lines.extend(result.lines)
    ending.failed = ending.failed or not result.saved


def _write_files(ending: Ending, report: Report, settings: Settings) -> None:
    writers: tuple[tuple[str | None, Callable[[Report], str]], ...] = (
        (settings.json, report_json.render),
        (settings.html, report_html.render),
        (settings.markdown, report_markdown.render),
        (settings.csv, report_csv.render),
        (settings.bmf, report_ci.bencher),
        (settings.gh_benchmark, report_ci.github_action_benchmark),
        (settings.gitlab, report_ci.gitlab_metrics),
        (settings.ctrf, _ctrf),
    )
    for path, render in writers:
        if path is not None:
            _write(ending, Path(path), lambda render=render: render(report))  # type: ignore[misc]
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        try:
            with open(summary, "a", encoding="utf-8") as file:
                file.write(report_markdown.render(report))
        except OSError as error:
            ending.lines.append(f"memory: the step summary was not written: {error}")


def _write(ending: Ending, path: Path, text: Callable[[], str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text())
    except OSError as error:
        ending.lines.append(f"memory: {path} was not written: {error.strerror or error}")
        ending.failed = True
    else:
        ending.lines.append(f"memory: wrote {path}")


# outcome of a record -> status of the CTRF schema
_CTRF_STATUS = {
    "passed": "passed",
    "xpassed": "passed",
    "skipped": "skipped",
    "xfailed": "skipped",
    "unfinished": "other",
}


def _ctrf(report: Report) -> str:
    """Return the run as a CTRF report with each test's memory in `extra`."""
    tests = [
        {
            "name": record.nodeid,
            "status": _CTRF_STATUS.get(record.outcome, "failed"),
            "duration": round(record.seconds * 1000),
            "extra": report_ci.ctrf_extra(record),
        }
        for record in report.records
    ]
    counts = {
        status: sum(1 for test in tests if test["status"] == status)
        for status in ("passed", "failed", "skipped", "pending", "other")
    }
    summary = {"tests": len(tests), **counts, "start": 0, "stop": 0}
    results = {"tool": {"name": "pytest"}, "summary": summary, "tests": tests}
    return json.dumps({"results": results}, indent=1) + "\n"


def is_complete(config: pytest.Config, deselected: bool) -> bool:
    """Say whether the whole suite ran, so that a test that is missing has vanished."""
    narrowed = config.getoption("keyword", "") or config.getoption("markexpr", "")
    some = any("::" in str(argument) or str(argument).endswith(".py") for argument in config.args)
    last_failed = config.getoption("lf", False) or config.getoption("failedfirst", False)
    return not (narrowed or some or last_failed or deselected)


class SubprocessRepeat:
    """Repeats for the gate: each is one pytest process that runs every test in a clean child."""

    independent = True

    def __init__(self, config: pytest.Config, gauge: str) -> None:
        self._root = config.rootpath
        self._folder = config.invocation_params.dir
        self._gauge = gauge
        self._same = _same_set_up(config)
        self._kept: dict[str, list[int]] = {}

    def __call__(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]:
        seen: dict[str, list[int]] = {nodeid: [] for nodeid in nodeids}
        for _ in range(count):
            for record in self._run(nodeids):
                if record.nodeid in seen and record.outcome == "passed":
                    seen[record.nodeid].append(record.peak_growth_bytes)
                    live = record.reading(gauge="heap" if self._gauge == "resident" else self._gauge)
                    if live is not None:
                        self._kept.setdefault(record.nodeid, []).append(live.retained_bytes)
        return {nodeid: values for nodeid, values in seen.items() if len(values) == count}

    def retained(self, nodeids: Sequence[str], count: int) -> Mapping[str, Sequence[int]]:
        """Return what `count` runs of each test have kept; runs again only the tests of which too few are known."""
        known = {nodeid: len(self._kept.get(nodeid, ())) for nodeid in nodeids}
        missing = [nodeid for nodeid in nodeids if known[nodeid] < count]
        if missing:
            self(missing, count - min(known[nodeid] for nodeid in missing))
        return {n: self._kept[n][:count] for n in nodeids if len(self._kept.get(n, ())) >= count}

    def explain(self, nodeids: Sequence[str], of: str) -> Mapping[str, Rerun]:
        """Run each test once with stacks, in one pytest process of its own."""
        with tempfile.TemporaryDirectory(prefix="pytest-memory-") as folder:
            target = Path(folder) / "explained.json"
            order = inner_run.order_text(of, str(target))
            self._pytest(nodeids, Path(folder) / "journal.jsonl", order)
            return inner_run.read_explained(target)

    def _run(self, nodeids: Sequence[str]) -> list[TestRecord]:
        with tempfile.TemporaryDirectory(prefix="pytest-memory-") as folder:
            journal = Path(folder) / "journal.jsonl"
            self._pytest(nodeids, journal, inner_run.order_text())
            lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
        return [decode(line) for line in lines]

    def _pytest(self, nodeids: Sequence[str], journal: Path, order: str) -> None:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["--memory-isolate", f"--memory-gauge={self._gauge}", f"--memory-journal={journal}"]
        command += ["--memory-report=off", "--rootdir", str(self._root), *self._same]
        # pytest looks for what it is given from where it was started, which need not be the root
        command += [f"{self._root}{os.sep}{nodeid}" for nodeid in nodeids]
        nowhere = subprocess.DEVNULL
        environment = {**os.environ, inner_run.VARIABLE: order}
        subprocess.run(
            command, cwd=self._folder, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere
        )


def _same_set_up(config: pytest.Config) -> list[str]:
    """Return the options by which an inner run loads the plugins, the ini and the modules of this one."""
    option = config.option
    words = [word for name in option.plugins for word in ("-p", name)]
    words += [word for one in option.override_ini or () for word in ("-o", one)]
    words += ["-c", str(config.inipath)] if config.inipath is not None else []
    words += ["-n0"] if config.pluginmanager.hasplugin("xdist") else []
    return [*words, f"--import-mode={option.importmode}"]
