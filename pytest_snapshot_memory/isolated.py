"""One test for real in a child of the clean parent; its reports are logged here as if run here."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_snapshot_memory.deciding import decide
from pytest_snapshot_memory.explain import breach_text
from pytest_snapshot_memory.isolation import Answer, IsolationLost
from pytest_snapshot_memory.measuring import REPORT_ATTRIBUTE
from pytest_snapshot_memory.record import PhaseReading, TestRecord, decode, encode
from pytest_snapshot_memory.warn import warn
from snapshot_engine.memory.budget import Exceeded
from snapshot_engine.memory.units import format_size

if TYPE_CHECKING:
    from pytest_snapshot_memory.itemhooks import ItemHooks

_SHOWN_TRACE_LINES: Final = 15


def run_isolated(hooks: ItemHooks, item: pytest.Item) -> bool | None:
    """Run the test in a child and log its reports; None where that is impossible, and a warning says so."""
    assert hooks.reruns is not None
    with tempfile.NamedTemporaryFile("r", prefix="pytest-memory-", encoding="utf-8") as trace:
        try:
            answer = hooks.reruns.isolate(item, trace.name)
            forced = _forced_breach(hooks, item, answer)
            if forced:
                answer = hooks.reruns.isolate(item, trace.name, forced)
        except IsolationLost as lost:
            warn(item, f"{item.nodeid} was not isolated: {lost}")
            hooks.reruns.stop()
            hooks.reruns = None
            return None
        reports = _reports(hooks, item, answer, trace.read())
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    stopped = answer.result["stopped"] if answer.result else ""
    if stopped == "KeyboardInterrupt":
        raise KeyboardInterrupt
    if stopped.startswith("exit:"):
        pytest.exit(stopped[len("exit:") :])
    return True


def _forced_breach(hooks: ItemHooks, item: pytest.Item, answer: Answer) -> str:
    """Return the text of a breach that the child itself could not decide; "" where there is none."""
    limit, record = hooks.plan(item).limit, _record_of(answer)
    if limit is None or record is None or record.verdict != "unmeasured" or record.outcome != "passed":
        return ""
    reruns = hooks.reruns
    if reruns is None or hooks.settings.no_rerun:
        return ""
    decision = decide(record.phases, limit, lambda gauge: reruns.measure(item, gauge, record.seconds))
    if not isinstance(decision.verdict, Exceeded) or decision.interval is None:
        return ""
    explained = reruns.explain(item, limit, None, record.seconds)
    return breach_text(limit, decision.interval, decision.decided_by, explained)


def _record_of(answer: Answer) -> TestRecord | None:
    for report in (answer.result or {}).get("reports", ()):
        line = report.get(REPORT_ATTRIBUTE)
        if line:
            return decode(line)
    return None


def _reports(hooks: ItemHooks, item: pytest.Item, answer: Answer, trace: str) -> list[Any]:
    if answer.result is None:
        return _death_reports(hooks, item, answer, trace)
    read = item.config.hook.pytest_report_from_serializable
    reports = [read(config=item.config, data=data) for data in answer.result["reports"]]
    for report in reports:
        line = getattr(report, REPORT_ATTRIBUTE, None)
        if line is not None and hooks.journal is not None:
            hooks.journal.append(line)
        if report.failed and report.when == "call" and line is None:
            _explain_in_section(hooks, item, report)
    return reports


def _explain_in_section(hooks: ItemHooks, item: pytest.Item, report: Any) -> None:
    """Add the allocation sites, which the isolated child could not find, to a breach's report."""
    limit, reruns = hooks.plan(item).limit, hooks.reruns
    text = str(report.longrepr)
    if limit is None or reruns is None or hooks.settings.no_rerun or "memory limit exceeded" not in text:
        return
    if "largest allocations" in text:
        return
    found = reruns.explain(item, limit, None, report.duration)
    if found.sites:
        lines = [f"{format_size(site.size_bytes):>10}  {site.describe()}" for site in found.largest_sites]
        report.sections.append((f"largest allocations ({found.gauge} gauge)", "\n".join(lines)))


def _death_reports(hooks: ItemHooks, item: pytest.Item, answer: Answer, trace: str) -> list[Any]:
    """Return the report of a test whose child died: named, with the cause and its last known peak."""
    growth_bytes = max(0, answer.peak_bytes - answer.start_bytes)
    text = (
        f"{item.nodeid}: its child process {answer.death}\n"
        f"  last known peak: {format_size(answer.peak_bytes)} resident,"
        f" {format_size(growth_bytes)} above its start"
    )
    path, line, _ = item.location
    reading = PhaseReading(
        phase="call",
        gauge="resident",
        start_bytes=answer.start_bytes,
        peak_bytes=answer.peak_bytes,
        end_bytes=answer.peak_bytes,
    )
    record = TestRecord(
        nodeid=item.nodeid,
        outcome="crashed",
        phases=(reading,),
        file=path,
        line=(line or 0) + 1,
        reason=answer.death,
        worker=hooks.worker,
    )
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr=text,
        when="call",
    )
    line_of_record = encode(record)
    setattr(report, REPORT_ATTRIBUTE, line_of_record)
    if trace:
        report.sections.append(("stacks at the signal", "\n".join(trace.splitlines()[:_SHOWN_TRACE_LINES])))
    if hooks.journal is not None:
        hooks.journal.append(line_of_record)
    return [report]
