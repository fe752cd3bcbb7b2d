"""The hooks that measure: registered only when a marker or an option asks for a number.

Thin: what to do with a test is in its Plan, how to measure it in ItemRun, what
the numbers mean in verdicts, and what people read in report_terminal.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_snapshot_memory.measuring import ItemRun, meter_for
from pytest_snapshot_memory.plan import Plan, plan_for
from pytest_snapshot_memory.record import RecordError, TestRecord, decode, encode
from snapshot_engine.memory.gauge import GaugeUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_snapshot_memory.options import Settings

# The attribute of a report that carries the record to the controller of xdist.
REPORT_ATTRIBUTE = "snapshot_memory"


class MemorySession:
    """Measures the tests of this process and collects the records of all.

    Holds one line of text per finished test.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        self.worker: str = getattr(config, "workerinput", {}).get("workerid", "")
        self.lines: dict[str, str] = {}
        self._plain = Plan(gauge=settings.gauge, isolate=settings.isolate)
        self._run: ItemRun | None = None
        self._item: pytest.Item | None = None

    # One test ---------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        plan = plan_for(item, self._plain, None)
        try:
            run = self._run = ItemRun(plan, meter_for(plan.gauge))
        except GaugeUnavailable as refused:
            pytest.fail(f"memory: {refused}", pytrace=False)
        if plan.mistake:
            pytest.fail(plan.mistake, pytrace=False)
        run.open("setup")
        try:
            return (yield)
        finally:
            run.close()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        run = self._run
        if run is None:
            return (yield)
        run.open("call")
        try:
            return (yield)
        finally:
            run.close()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        run = self._run
        if run is None:
            return (yield)
        run.open("teardown")
        try:
            return (yield)
        finally:
            run.close()
            run.finish()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        run = self._run
        if fixturedef.scope == "function" or run is None or not run.open_fixture():
            return (yield)
        begun = perf_counter()
        try:
            return (yield)
        finally:
            run.close_fixture(fixturedef.argname, perf_counter() - begun)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        run = self._run
        if run is not None:
            run.outcome = _outcome(run.outcome, report)
            if report.when == "teardown":
                self._run = None
                line = encode(self._record(item, run))
                setattr(report, REPORT_ATTRIBUTE, line)
        return report

    def _record(self, item: pytest.Item, run: ItemRun) -> TestRecord:
        path, line, _ = item.location
        return TestRecord(
            nodeid=item.nodeid,
            outcome=run.outcome,
            phases=tuple(sorted(run.readings, key=_call_first)),
            file=path,
            line=(line or 0) + 1,
            worker=self.worker,
            notes=tuple(run.notes),
        )

    # All tests --------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        line = getattr(report, REPORT_ATTRIBUTE, None)
        if line is not None and not self.worker:
            self.lines[report.nodeid] = line

    def records(self) -> list[TestRecord]:
        """Return what was measured so far, in the order in which tests ended."""
        found = []
        for line in self.lines.values():
            try:
                found.append(decode(line))
            except RecordError:
                continue
        return found

    def pytest_report_header(self) -> str:
        from pytest_snapshot_memory.report_terminal import header

        return header(self.settings)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        from pytest_snapshot_memory.report_terminal import render

        if self.settings.report != "off":
            terminalreporter.section("memory")
            for line in render(self.records(), self.settings):
                terminalreporter.write_line(line)


def _call_first(reading: Any) -> int:
    return 0 if reading.phase == "call" else 1


def _outcome(before: str, report: pytest.TestReport) -> str:
    """Return the outcome of a test after one more of its phases was reported."""
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if report.when == "teardown" and before:
        return before
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return report.outcome if report.when == "call" or report.skipped else before or "unfinished"
