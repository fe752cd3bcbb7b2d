"""The hooks around a test of which nothing is asked but its numbers, at the least cost.

Three looks per test: between set-up and call, after the call, after tear-down
where there is something to tear down. What lies between two phases (reporting,
capture) is counted with the set-up.
Numbers stay packed until the report asks. A test with a marker of ours goes to
ItemHooks, which TakingTurns plugs in for that test alone. The least is what
counts in system calls: two for a look, one to learn of child processes, which only
a test that waited or forked can have had; 4 to 7 us each between two tests, where
the caches hold other things. Next come hooks, 3 to 5 us for each call of one: so
reports are asked for only where a test can have done anything but pass.

Turned down: the general hooks for every test. Three wrappers, six looks and a
record each cost three times as much per empty test.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_snapshot_memory.item_record import outcome_after
from pytest_snapshot_memory.measuring import REPORT_ATTRIBUTE
from pytest_snapshot_memory.packed import OUTCOME_NUMBERS, pack, text_of
from pytest_snapshot_memory.plain_phases import PlainPhases
from pytest_snapshot_memory.record import FIXTURE_PREFIX
from pytest_snapshot_memory.resident_meter import children_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator

    from pytest_snapshot_memory.itemhooks import ItemHooks

# After a test that did not just pass, so many go by before outcomes are known without reports
# again: to ask for reports and to stop it costs 0.3 ms.
_REPORTED_TESTS: Final = 64


class _Reports:
    """The plugin that brings reports to PlainHooks while it is registered; its hook is theirs, without a step between."""

    def __init__(self, takes: Callable[[pytest.TestReport], None]) -> None:
        self.pytest_runtest_logreport = takes


class PlainHooks(PlainPhases):
    """Measures plain tests under the resident gauge, one at a time.

    collect: takes each report of a test that these hooks do not measure; None in a worker.
    lines: gets the numbers of each that they do by its node id, packed, or its line where
    it has more to say; None in a worker, whose reports carry them.
    standing: what pytest has still to tear down; empty where others than pytest act at a tear-down, too.
    infers_passes: a test of which no phase raised and that has no xfail has passed, for nobody but
    pytest makes reports here. Then reports are asked for only around tests that did anything else.
    """

    __slots__ = (
        "_collect",
        "_failed",
        "_in_fixture",
        "_infers_passes",
        "_journal",
        "_lines",
        "_measures",
        "_outcome",
        "_parent",
        "_plugins",
        "_reported",
        "_reports",
        "_running",
        "_session",
        "_standing",
        "_tells_properties",
        "_tests_reported",
        "_worker",
    )

    def __init__(
        self,
        items: ItemHooks,
        collect: Callable[[pytest.TestReport], None] | None,
        lines: dict[str, str | bytes] | None,
        tells_properties: bool,
        standing: Container[pytest.Item | pytest.Collector],
        session: pytest.Session,
        infers_passes: bool,
    ) -> None:
        super().__init__()
        self._journal, self._worker = items.journal, items.worker
        self._standing = standing
        self._collect = collect
        self._lines = lines
        self._tells_properties = tells_properties
        self._session, self._plugins = session, session.config.pluginmanager
        self._infers_passes, self._reported = infers_passes, False
        self._reports = _Reports(self._takes_report)
        self._tests_reported = 0  # since the last that did not just pass
        self._parent: object = None  # of the last test, if nothing there is marked with xfail
        self._failed = 0  # reports of the run that say so, before the test
        if not infers_passes:
            self._ask_reports()
        self._measures = False  # resume() begins
        self._running = self._in_fixture = False  # between the end of a set-up and the end of its test
        self._outcome = ""

    def pause(self) -> None:
        """Leave the tests that follow to ItemHooks."""
        self._measures = False
        self._ask_reports()

    def resume(self) -> None:
        """Measure the tests that follow."""
        self._measures = True
        self._faults, self._waits = children_faults(), -1
        self._look()
        self._ask(self._seen[1])
        self._look()

    # Hooks: none wraps but the fixtures'; a wrapper costs as much as three of them ------

    @pytest.hookimpl(tryfirst=True, specname="pytest_runtest_call")
    def pytest_runtest_call_begins(self) -> None:
        if self._running:
            seen = self._roll()
            if seen is self._seen and not self._more:
                self._setup = self._still
            else:
                self._end_setup(seen)

    @pytest.hookimpl(trylast=True, specname="pytest_runtest_call")
    def pytest_runtest_call_ends(self) -> None:
        """Close the call; not reached where it raised: the report's hook does it then."""
        if self._running:
            seen = self._roll()
            if seen is self._seen and self._call is None:
                self._call = self._still
                self._slack_bytes = self._room.returned_bytes
            else:
                self._end_call(seen)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        __tracebackhide__ = True
        if fixturedef.scope != "function":
            self._parent = None  # it may have marked a class or a file
        if fixturedef.scope == "function" or not self._measures or self._running or self._in_fixture:
            return (yield)
        if self._first_bytes < 0:
            self._more, self._first_bytes = True, self._seen[1]
        peak_bytes, start_bytes = self._roll()
        self._count_files("setup")
        self._fold(peak_bytes, self._first_bytes)
        self._in_fixture = True
        begun = perf_counter()
        try:
            return (yield)
        finally:
            self._in_fixture = False
            seconds = perf_counter() - begun
            peak_bytes, end_bytes = self._stand_at(self._roll())
            self._count_files(FIXTURE_PREFIX + fixturedef.argname)
            self._shift_bytes += end_bytes - start_bytes
            self._fixtures.append((fixturedef.argname, (start_bytes, peak_bytes, end_bytes), seconds))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Close a phase before its report is made: the text of a failure takes memory too."""
        when = call.when
        if when == "call":
            self._call_seconds = call.duration
            if call.excinfo is not None:
                self.pytest_runtest_call_ends()
                self._ask_reports()
            elif item.parent is not self._parent or item.own_markers:
                self._look_closer(item)
        elif when == "setup":
            if self._measures:
                self._running = True
                self._setup = self._call = None
                self._setup_seconds = call.duration
                self._outcome, self._failed = "unfinished", self._session.testsfailed
                if call.excinfo is not None:
                    self._end_setup(self._roll())
                    self._ask_reports()
        elif self._running:
            # A tear-down that has nothing to do is not looked at, which saves 10 us. So it is after a
            # plain function or method without fixtures whose file goes on: a unittest lets go of its
            # instance then, with all that the test left on it.
            if (
                item.parent in self._standing
                and type(item) is pytest.Function
                and not item.fixturenames
                and call.excinfo is None
            ):
                self._teardown = self._still
            else:
                self._end_teardown()
            if not self._reported:
                self._outcome = "passed" if self._session.testsfailed == self._failed else "failed"
                if call.excinfo is None:
                    self._end(item, call.duration)
                else:
                    self._ask_reports()

    @pytest.hookimpl(tryfirst=True)
    def _takes_report(self, report: pytest.TestReport) -> None:
        """A hook only while reports are asked for: see _Reports."""
        if not self._running:
            if self._collect is not None:
                self._collect(report)
            return
        when = report.when
        if when == "call":
            if report.outcome == "passed" and "wasxfail" not in report.__dict__:
                if self._outcome != "failed":  # else a subtest did
                    self._outcome = "passed"
            elif self._call is not None:
                self._note_outcome(report)
            return
        if report.outcome != "passed":
            self._note_outcome(report)
        if when == "teardown":
            if self._tells_properties and self._call is not None:
                report.user_properties += self._properties(self._call)
            self._end(report, report.duration)
            self._tests_reported += 1
            if self._tests_reported > _REPORTED_TESTS and self._infers_passes:
                self._reported = False
                self._plugins.unregister(self._reports)

    # Steps --------------------------------------------------------------------------

    def _ask_reports(self) -> None:
        """From now on reports tell outcomes: this test did not just pass."""
        self._tests_reported = 0
        if not self._reported:
            self._reported = True
            self._plugins.register(self._reports, "snapshot_memory_plain_reports")

    def _look_closer(self, item: pytest.Item) -> None:
        """Before what passed is taken for passed: a unittest tells later what it raised, and xfail can turn it."""
        if type(item) is not pytest.Function or item.get_closest_marker("xfail") is not None:
            self._ask_reports()
        else:
            self._parent = item.parent

    def _note_outcome(self, report: pytest.TestReport) -> None:
        self._outcome = outcome_after(self._outcome, report)
        self._look()  # the text of a failure is nobody's

    def _end(self, told: pytest.Item | pytest.TestReport, teardown_seconds: float) -> None:
        self._teardown_seconds = teardown_seconds
        self._keep(told)
        self._running = False
        if self._more:
            self._forget()
        self._until_asked -= 1
        if self._until_asked <= 0:
            self._ask(self._seen[1])
            self._look()

    def _keep(self, told: pytest.Item | pytest.TestReport) -> None:
        setup, call, room, nodeid = self._setup, self._call, self._room, told.nodeid
        outcome = OUTCOME_NUMBERS.get(self._outcome)
        path, line, _ = told.location
        if (
            setup is None
            or call is None
            or outcome is None
            or room.reusable_bytes is None
            or self._window.problem
            or (self._more and (self._fixtures or self._file_bytes))
            or (self._pages.waits != self._waits and self._children_ran())
            or not nodeid.startswith(path)
        ):
            self._keep_text(told)
            return
        name = nodeid.encode("utf-8", "surrogatepass")
        packed = pack(
            len(name),
            outcome,
            line + 1 if line else 1,
            self._error_bytes,
            room.reusable_bytes,
            room.returned_bytes,
            self._slack_bytes,
            *setup,
            self._setup_seconds,
            *call,
            self._call_seconds,
            *self._teardown,
            self._teardown_seconds,
        )
        if self._journal is not None:
            self._journal.append_packed(name, packed, self._worker)
        if self._lines is not None:
            self._lines[nodeid] = packed
        else:
            told.__dict__[REPORT_ATTRIBUTE] = text_of(nodeid, packed, self._worker)

    def _keep_text(self, told: pytest.Item | pytest.TestReport) -> None:
        """Keep a test that has more to say than the numbers of three phases."""
        text = self._long_line(told, self._outcome, self._worker)
        if self._journal is not None:
            self._journal.append(text)
        if self._lines is not None:
            self._lines[told.nodeid] = text
        else:
            told.__dict__[REPORT_ATTRIBUTE] = text
