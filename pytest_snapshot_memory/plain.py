"""The hooks around a test of which nothing is asked but its numbers, at the least cost.

Three looks per test: between set-up and call, after the call, after tear-down
where there is something to tear down. What lies between two phases (reporting,
capture) is counted with the set-up.
Numbers stay packed until the report asks. A test with a marker of ours goes to
ItemHooks, which TakingTurns plugs in for that test alone. The least is what
counts in system calls: two for a look, one to learn of child processes, which only
a test that waited or forked can have had; 4 to 7 us each between two tests, where
the caches hold other things.

Turned down: the general hooks for every test. Three wrappers, six looks and a
record each cost three times as much per empty test.
"""

from __future__ import annotations

from time import perf_counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_snapshot_memory.heap_room import HeapRoom
from pytest_snapshot_memory.item_record import outcome_after
from pytest_snapshot_memory.measuring import CHILDREN_NOTE, REPORT_ATTRIBUTE
from pytest_snapshot_memory.packed import OUTCOME_NUMBERS, pack, text_of
from pytest_snapshot_memory.record import FIXTURE_PREFIX
from pytest_snapshot_memory.resident_meter import SLACK_FROM_BYTES, children_faults, suite_window
from snapshot_engine.memory.peak import broker
from snapshot_engine.memory.reuse import left_free_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator

    from pytest_snapshot_memory.itemhooks import ItemHooks

# What is free for reuse changes when a test moves memory. Asking costs up to
# 96 us with the objects of 3,000 tests alive.
_MOVED_BYTES: Final = 64 * 1024
_ASK_EVERY: Final = 64
# After a test that did not just pass, so many go by before outcomes are known without reports
# again: to ask for reports and to stop it costs 0.3 ms.
_REPORTED_TESTS: Final = 64

# start, peak, end in bytes
Span = tuple[int, int, int]


class PlainHooks:
    """Measures plain tests under the resident gauge, one at a time.

    collect: takes each report of a test that these hooks do not measure; None in a worker.
    lines: gets the numbers of each that they do by its node id, packed, or its line where
    it has more to say; None in a worker, whose reports carry them.
    standing: what pytest has still to tear down; empty where others than pytest act at a tear-down, too.
    guesses: a test of which no phase raised and that has no xfail has passed, for nobody but
    pytest makes reports here. Then reports are asked for only around tests that did anything else.
    """

    __slots__ = (
        "_call",
        "_call_seconds",
        "_collect",
        "_error_bytes",
        "_failed",
        "_faults",
        "_file_bytes",
        "_first_bytes",
        "_fixtures",
        "_guesses",
        "_in_fixture",
        "_journal",
        "_lines",
        "_measures",
        "_more",
        "_outcome",
        "_pages",
        "_parent",
        "_plugins",
        "_reported",
        "_reports",
        "_roll",
        "_room",
        "_running",
        "_seen",
        "_session",
        "_setup",
        "_setup_seconds",
        "_shared",
        "_shift_bytes",
        "_slack_bytes",
        "_standing",
        "_still",
        "_teardown",
        "_teardown_seconds",
        "_tells_properties",
        "_tests_reported",
        "_top_bytes",
        "_until_asked",
        "_waits",
        "_window",
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
        guesses: bool,
    ) -> None:
        self._journal, self._worker = items.journal, items.worker
        self._standing = standing
        self._collect = collect
        self._lines = lines
        self._tells_properties = tells_properties
        self._session, self._plugins = session, session.config.pluginmanager
        self._guesses, self._reported = guesses, False
        self._reports = SimpleNamespace(pytest_runtest_logreport=self.takes_report)
        self._tests_reported = 0  # since the last that did not just pass
        self._parent: object = None  # of the last test, if nothing there is marked with xfail
        self._failed = 0  # reports of the run that say so, before the test
        if not guesses:
            self._ask_reports()
        owner = broker()
        self._window = suite_window()
        # what the last look says of pages of files; the same at the start of the phase; what came in, by phase
        self._pages, self._shared = owner.file_pages, b""
        self._file_bytes: dict[str, int] = {}
        # (peak since the last look, resident now); the very tuple of the last look where nothing moved
        self._roll: Callable[[], tuple[int, int]] = owner.laps(self._window)
        self._error_bytes = owner.error_bound_bytes
        self._until_asked = _ASK_EVERY
        self._room = HeapRoom()
        self._slack_bytes = 0  # most of a call's growth that can be free heap
        self._faults, self._waits = children_faults(), -1
        self._measures = False  # resume() begins
        self._running = self._in_fixture = False  # between the end of a set-up and the end of its test
        self._seen = (0, 0)  # the last look: where a phase starts
        self._still: Span = (0, 0, 0)  # what a phase is that moves nothing from there
        self._first_bytes = -1  # where the set-up started, once a look is taken inside it
        self._setup: Span | None = None
        self._call: Span | None = None
        self._teardown: Span = (0, 0, 0)
        self._setup_seconds = self._call_seconds = self._teardown_seconds = 0.0
        self._more = False  # something beside three phases: _first, _shift, _top and _file_bytes, _fixtures
        self._shift_bytes = self._top_bytes = 0
        self._fixtures: list[tuple[str, Span, float]] = []
        self._outcome = ""

    @property
    def resident_bytes(self) -> int:
        """What was resident at the last look; between two tests: where the next one starts."""
        return self._seen[1]

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
                self._ask_reports()
                self.pytest_runtest_call_ends()
            elif item.parent is not self._parent or item.own_markers:
                self._look_closer(item)
        elif when == "setup":
            if self._measures:
                self._running = True
                self._setup = self._call = None
                self._setup_seconds = call.duration
                self._outcome, self._failed = "unfinished", self._session.testsfailed
                if call.excinfo is not None:
                    self._ask_reports()
                    self._end_setup(self._roll())
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
    def takes_report(self, report: pytest.TestReport) -> None:
        """A hook only while reports are asked for, see __init__."""
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
            if self._tests_reported > _REPORTED_TESTS and self._guesses:
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

    def _end_call(self, seen: tuple[int, int]) -> None:
        start_bytes, known = self._seen[1], self._call
        peak_bytes, now_bytes = self._stand_at(seen)
        if known is not None:  # a subtest failed meanwhile
            start_bytes, peak_bytes = known[0], max(known[1], peak_bytes)
        self._call = (start_bytes, peak_bytes, now_bytes)
        if self._pages.shared_field != self._shared:
            self._count_files("call")
        self._slack_bytes = self._room.returned_bytes
        if peak_bytes - start_bytes > SLACK_FROM_BYTES:
            self._slack_bytes += left_free_bytes(self._room.free_bytes)
        if peak_bytes - start_bytes > _MOVED_BYTES or start_bytes - now_bytes > _MOVED_BYTES:
            self._until_asked = 0

    def _stand_at(self, seen: tuple[int, int]) -> tuple[int, int]:
        """Take this look for the start of what follows, and return it."""
        self._seen, now_bytes = seen, seen[1]
        self._still = (now_bytes, now_bytes, now_bytes)
        return seen

    def _look(self) -> None:
        self._stand_at(self._roll())
        self._shared = self._pages.shared_field

    def _note_outcome(self, report: pytest.TestReport) -> None:
        self._outcome = outcome_after(self._outcome, report)
        self._look()  # the text of a failure is nobody's

    def _ask(self, resident_bytes: int) -> None:
        self._until_asked = _ASK_EVERY
        self._room.ask(resident_bytes, self._roll)

    def _count_files(self, phase: str) -> None:
        """Keep how much of what moved in a phase was pages of mapped files."""
        moved_bytes = self._pages.file_bytes_since(self._shared)
        self._shared = self._pages.shared_field
        if moved_bytes:
            self._more = True
            self._file_bytes[phase] = self._file_bytes.get(phase, 0) + moved_bytes

    def _fold(self, peak_bytes: int, first_bytes: int) -> None:
        above_bytes = peak_bytes - self._shift_bytes - first_bytes
        if above_bytes > self._top_bytes:
            self._more, self._top_bytes = True, above_bytes

    def _end_setup(self, seen: tuple[int, int]) -> None:
        """Close the set-up without what fixtures of wider scope took, and begin what follows."""
        peak_bytes, now_bytes = seen
        first_bytes = self._first_bytes if self._more and self._first_bytes >= 0 else self._seen[1]
        self._seen, self._still = seen, (now_bytes, now_bytes, now_bytes)
        if self._pages.shared_field != self._shared:
            self._count_files("setup")
        if peak_bytes - first_bytes > _MOVED_BYTES or first_bytes - now_bytes > _MOVED_BYTES:
            self._fold(peak_bytes, first_bytes)
            self._setup = (first_bytes, first_bytes + self._top_bytes, now_bytes - self._shift_bytes)
            self._ask(now_bytes)
            self._look()
        else:
            self._setup = (first_bytes, peak_bytes, now_bytes)

    def _end_teardown(self) -> None:
        start_bytes = self._seen[1]
        self._teardown = (start_bytes, *self._stand_at(self._roll()))
        if self._pages.shared_field != self._shared:
            self._count_files("teardown")

    def _end(self, told: pytest.Item | pytest.TestReport, teardown_seconds: float) -> None:
        self._teardown_seconds = teardown_seconds
        self._keep(told)
        self._running = False
        if self._more:
            self._more, self._first_bytes = False, -1
            self._shift_bytes = self._top_bytes = 0
            self._fixtures, self._file_bytes = [], {}
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
        text = self._long_line(told, self._notes())
        if self._journal is not None:
            self._journal.append(text)
        if self._lines is not None:
            self._lines[told.nodeid] = text
        else:
            told.__dict__[REPORT_ATTRIBUTE] = text

    def _children_ran(self) -> bool:
        """Ask after a test that waited or forked; others cannot have had a child that ended."""
        self._waits = self._pages.waits
        return children_faults() != self._faults

    def _notes(self) -> tuple[str, ...]:
        notes: tuple[str, ...] = ()
        window = self._window
        if window.problem:
            notes = (window.problem,)
            window.problem = ""
        if self._room.reusable_bytes is None:
            notes += ("this platform does not say how much free memory could be reused",)
        faults = children_faults()
        if faults != self._faults:
            self._faults = faults
            notes += (CHILDREN_NOTE,)
        return notes

    def _properties(self, call: Span) -> list[tuple[str, object]]:
        """Return what JUnit XML and other reports show: scalars, since they print str(value)."""
        growth_bytes, file_bytes = max(0, call[1] - call[0]), self._file_bytes.get("call", 0)
        unseen_bytes = (self._room.reusable_bytes or 0) + max(0, -file_bytes) + self._error_bytes
        spare_bytes = self._slack_bytes + max(0, file_bytes)
        return [
            ("memory_growth_bytes", growth_bytes),
            ("memory_growth_upper_bytes", growth_bytes + unseen_bytes),
            ("memory_growth_lower_bytes", max(0, growth_bytes - spare_bytes)),
            ("memory_retained_bytes", call[2] - call[0]),
            ("memory_gauge", "resident"),
        ]

    def _long_line(self, told: pytest.Item | pytest.TestReport, notes: tuple[str, ...]) -> str:
        """Return the record of a test that has more to say than three phases."""
        from pytest_snapshot_memory.long_line import Seen, long_line  # not above: most tests need none

        own_seconds = self._setup_seconds - sum(seconds for _, _, seconds in self._fixtures)
        phases = [
            *((FIXTURE_PREFIX + name, span, took) for name, span, took in self._fixtures),
            ("setup", self._setup, max(0.0, own_seconds)),
            ("call", self._call, self._call_seconds),
            ("teardown", self._teardown, self._teardown_seconds),
        ]
        seen = Seen(
            phases=[(phase, span, took) for phase, span, took in phases if span is not None],
            reusable_bytes=self._room.reusable_bytes or 0,
            error_bound_bytes=self._error_bytes,
            slack_bytes=self._slack_bytes,
            returned_bytes=self._room.returned_bytes,
            file_bytes=self._file_bytes,
        )
        return long_line(told, self._outcome, seen, self._worker, notes)
