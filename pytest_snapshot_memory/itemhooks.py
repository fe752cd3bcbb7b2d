"""The hooks around one test: measure its phases and judge its limit.

The same object serves three places: the test process, a child that measures a
test once more (enter_child), and a child that runs an isolated test for real
(enter_isolation).
"""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from pytest_snapshot_memory.item_record import outcome_after, properties_of, record_line
from pytest_snapshot_memory.measuring import REPORT_ATTRIBUTE, ItemRun
from pytest_snapshot_memory.plan import Marked, Plan, plan_for
from pytest_snapshot_memory.resident_meter import ResidentMeter, meter_for
from snapshot_engine.memory.gauge import GaugeUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_snapshot_memory.journal import Journal
    from pytest_snapshot_memory.markers import LimitRequest
    from pytest_snapshot_memory.meters import Meter
    from pytest_snapshot_memory.rerun import Rerun, Reruns
    from pytest_snapshot_memory.settings import Settings


class ItemHooks:
    """Measures one test at a time. Holds the run of the current and of the last test."""

    def __init__(
        self, settings: Settings, default: Plan, suite_limit: LimitRequest | None, worker: str
    ) -> None:
        self.settings = settings
        self.worker = worker
        self.reruns: Reruns | None = None
        self.why_no_reruns = "second runs are switched off (--memory-no-rerun)"
        self.journal: Journal | None = None
        self.last_run: ItemRun | None = None
        self.flame_graphs: Path | None = None
        self.default = default
        self.handles_this = True  # False while PlainHooks measures the test that runs
        self._suite_limit = suite_limit
        self._marked = Marked()
        self._plans: dict[int, Plan] = {}
        self._run: ItemRun | None = None
        self._child_meter: Meter | None = None
        self._in_child = False
        self._forced = ""
        self._counts_live = False  # what lives at the end of each test, for the gate

    def plan(self, item: pytest.Item) -> Plan:
        plan = self._plans.get(id(item))
        if plan is None:
            plan = self.default
            if self._suite_limit is not None or self._marked(item):
                plan = plan_for(item, self.default, self._suite_limit)
            self._plans[id(item)] = plan
        return plan

    def enter_child(self, meter: Meter) -> None:
        """From now on measure by `meter` and judge nothing: this process is a second run."""
        self._in_child = True
        self._child_meter = meter
        if isinstance(meter, ResidentMeter):
            _align(meter)
        self.reruns = None

    def enter_isolation(self, forced: str) -> None:
        """From now on this process is the isolated run itself; forced: a breach already known."""
        self._in_child = True
        from pytest_snapshot_memory import inner_run
        from snapshot_engine.memory.libc import live_bytes

        meter = meter_for("resident")
        if isinstance(meter, ResidentMeter) and inner_run.VARIABLE in os.environ:
            _align(meter)  # this run is a repeat for the gate: its numbers are all that counts
            self._counts_live = live_bytes() is not None
        self._forced = forced
        self.reruns = None
        self.why_no_reruns = ""  # the parent adds the sites

    # Hooks --------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        if self._in_child or self.reruns is None or not self.plan(item).isolate:
            return None
        from pytest_snapshot_memory.isolated import run_isolated

        return run_isolated(self, item)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        __tracebackhide__ = True
        self._run = None
        run = self._run = self._begin(item, self.plan(item))
        self._open(item, run, "setup")
        try:
            result = yield
        finally:
            run.close()
        self._judge_at(item, run, "setup")
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        __tracebackhide__ = True
        run = self._run
        if run is None:
            return (yield)
        self._open(item, run, "call")
        limit = run.plan.limit
        try:
            if limit is not None and limit.enforce and self._child_meter is None:
                from pytest_snapshot_memory.enforcing import enforced

                with enforced(item, limit):
                    result = yield
            else:
                result = yield
        finally:
            run.close()
        self._judge_at(item, run, "call")
        if not run.plan.is_plain and not self._in_child:
            from pytest_snapshot_memory.rounds import run_rounds

            run_rounds(item, run)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        __tracebackhide__ = True
        run = self._run
        if run is None:
            return (yield)
        self._open(item, run, "teardown")
        try:
            result = yield
        finally:
            run.close()
            run.finish()
        if run.outcome == "passed":
            self._judge_at(item, run, "teardown")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        __tracebackhide__ = True
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
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        run = self._run
        ending = run is not None and call.when == "teardown"
        if run is not None and ending:
            item.user_properties += properties_of(run)
        report = yield
        if run is not None:
            run.outcome = outcome_after(run.outcome, report)
            if ending:
                self._end(item, run, report)
        return report

    # Steps ----------------------------------------------------------------------

    def _begin(self, item: pytest.Item, plan: Plan) -> ItemRun:
        if plan.mistake and not self._child_meter:
            self._run = ItemRun(plan, meter_for("resident"))
            pytest.fail(plan.mistake, pytrace=False)
        try:
            return ItemRun(
                plan,
                self._child_meter or meter_for(plan.gauge),
                heap=_wants_heap(plan) or (self._counts_live and plan.gauge == "resident"),
                process="forked" if self._in_child else "suite",
            )
        except GaugeUnavailable as refused:
            self._run = ItemRun(plan, meter_for("resident"))
            self._run.reason = str(refused)
            pytest.fail(f"memory: {refused}", pytrace=False)

    def _open(self, item: pytest.Item, run: ItemRun, phase: str) -> None:
        if phase != "call" and run.is_dear and not _has_ends(item, run.plan):
            return
        try:
            start_bytes = run.open(phase)
        except GaugeUnavailable as refused:
            run.reason = str(refused)
            pytest.fail(f"memory: {refused}", pytrace=False)
        if self.journal is not None and phase == "setup":
            self.journal.running(item.nodeid, start_bytes)

    def _judge_at(self, item: pytest.Item, run: ItemRun, phase: str) -> None:
        """Judge the limit if the phase that just passed is the one that decides it."""
        limit = run.plan.limit
        if limit is None or self._child_meter is not None:
            return
        from snapshot_engine.memory.budget import Exceeded

        if self._forced and phase == "call":
            pytest.fail(self._forced, pytrace=False)
        ends = {"setup": "setup", "call": "call", "all": "teardown"}[limit.phase]
        early = limit.phase == "all" and phase == "call" and limit.of != "retained"
        if phase != ends and not early:
            return
        if run.decision is not None and (
            run.decision.decided_by or isinstance(run.decision.verdict, Exceeded)
        ):
            return
        self._judge(item, run, limit)

    def _judge(self, item: pytest.Item, run: ItemRun, limit: LimitRequest) -> None:
        from pytest_snapshot_memory.deciding import decide, decide_with_children
        from pytest_snapshot_memory.explain import breach_text
        from snapshot_engine.memory.budget import Exceeded, Unmeasured, Within

        reruns = None if self.settings.no_rerun else self.reruns
        readings = run.readings
        seconds = sum(reading.seconds for reading in readings)
        again = None if reruns is None else lambda gauge: reruns.measure(item, gauge, seconds)
        run.decision = decision = decide(readings, limit, again, self.why_no_reruns)
        if isinstance(decision.verdict, Within) and run.children_ran and not limit.gauge:
            run.decision = decision = decide_with_children(readings, limit, again, self.why_no_reruns)
        if isinstance(decision.verdict, Unmeasured) and not self._in_child:
            from pytest_snapshot_memory.warn import warn

            warn(item, f"memory limit of {item.nodeid} was not decided: {decision.verdict.reason}")
        if isinstance(decision.verdict, Exceeded) and decision.interval is not None:
            explained = self._explain(item, limit, seconds)
            run.sites = explained.largest_sites if explained is not None else ()
            pytest.fail(
                breach_text(limit, decision.interval, decision.decided_by, explained, self.why_no_reruns),
                pytrace=False,
            )

    def _explain(self, item: pytest.Item, limit: LimitRequest, seconds: float) -> Rerun | None:
        if self.reruns is None or self.settings.no_rerun:
            return None
        target = None
        if self.flame_graphs is not None:
            target = self.flame_graphs / (_file_name(item.nodeid) + ".html")
        return self.reruns.explain(item, limit, target, seconds)

    def _end(self, item: pytest.Item, run: ItemRun, report: pytest.TestReport) -> None:
        self._run, self.last_run = None, run
        line = record_line(item, run, report, self.worker)
        report.__dict__[REPORT_ATTRIBUTE] = line
        if self.journal is not None and not self._in_child:
            self.journal.append(line)


def _has_ends(item: pytest.Item, plan: Plan) -> bool:
    """Return whether set-up and tear-down of a test do anything, or a limit is about them.

    A fixture of wider scope that is set up already does nothing more.
    """
    if plan.limit is not None and plan.limit.phase != "call":
        return True
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", None)
    if known is None:  # another kind of item: who knows
        return True
    return any(
        one.scope == "function" or one.cached_result is None
        for name, definitions in known.items()
        if name in item.fixturenames and name != "request"  # type: ignore[attr-defined]
        for one in definitions[-1:]
    )


def _align(meter: ResidentMeter) -> None:
    from pytest_snapshot_memory.alignment import stay_on_one_cpu

    meter.aligns = True
    stay_on_one_cpu()


def _wants_heap(plan: Plan) -> bool:
    return plan.limit is not None and plan.limit.of == "retained" and plan.gauge == "resident"


def _file_name(nodeid: str) -> str:
    """Return a name for a file from a node id: letters, digits and a few signs, at most 150."""
    return "".join(sign if sign.isalnum() or sign in "-._" else "_" for sign in nodeid)[-150:]
