"""One pytest session: starts what measures, collects the records of all workers, reports at the end."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from pytest_snapshot_memory.itemhooks import ItemHooks
from pytest_snapshot_memory.journal import Journal, last_seen, left_behind
from pytest_snapshot_memory.measuring import REPORT_ATTRIBUTE
from pytest_snapshot_memory.packed import Quiet, quiet_numbers, text_of
from pytest_snapshot_memory.plan import Plan
from pytest_snapshot_memory.record import RecordError, TestRecord, decode, encode
from snapshot_engine.memory.units import format_size, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from pytest_snapshot_memory.finish import Repeat
    from pytest_snapshot_memory.markers import LimitRequest
    from pytest_snapshot_memory.meters import Meter
    from pytest_snapshot_memory.settings import Settings

T = TypeVar("T")

_BENCHMARKS = "snapshot_memory_benchmarks"
_INNER_RUN = "PYTEST_SNAPSHOT_MEMORY_INNER_RUN"  # inner_run.VARIABLE, which few runs need to load
_REPORTS_PLUGIN = "snapshot_memory_reports"


class _Reports:
    """The hook by which reports reach the session, where no cheaper one brings them."""

    def __init__(self, collect: Callable[[pytest.TestReport], None]) -> None:
        self._collect = collect

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._collect(report)


class MemorySession:
    """Collects one line of text per finished test, and owns the parts that measure."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self.config = config
        self.settings = settings
        workerinput: dict[str, Any] = getattr(config, "workerinput", {})
        self.worker: str = workerinput.get("workerid", "")
        # of each test its line, or its packed numbers
        self.lines: dict[str, str | bytes] = {}
        self.benchmarks: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self._deselected = False
        self._records: list[TestRecord] | None = None
        default = Plan(
            gauge=settings.gauge,
            isolate=settings.isolate,
            settles=settings.gate_is_on or settings.update or settings.save is not None,
        )
        self.items = ItemHooks(settings, default, _suite_limit(settings), self.worker)
        self.items.flame_graphs = _flame_graphs(config, settings)
        if settings.measures_every_test:
            path = workerinput.get("memory_journal") or settings.journal or _journal_path(config)
            own = not self.worker and settings.journal is None
            journal = self.items.journal = Journal(Path(path), self.worker, own=own)
            # Only in the project's own cache: elsewhere runs of other projects lie beside ours.
            if own and journal.path.parent.name == "memory":
                for died in left_behind(journal.path):
                    self.notes.append(f"note: an earlier run died; what it had finished is in {died}")
            order = os.environ.get(_INNER_RUN)
            if order is not None and not own and not self.worker:
                self._go_file_by_file(order, journal)
        config.pluginmanager.register(self.items, "snapshot_memory_items")
        if not self.worker:
            config.pluginmanager.register(_Reports(self.collect), _REPORTS_PLUGIN)

    def _go_file_by_file(self, order: str, journal: Journal) -> None:
        from pytest_snapshot_memory import inner_run

        if inner_run.measures_only(order):
            from pytest_snapshot_memory.file_by_file import FileByFile

            self.config.pluginmanager.register(FileByFile(journal), "snapshot_memory_files")

    # For rerun.py, which runs in a child of the clean parent -----------------------

    def enter_child(self, meter: Meter) -> None:
        self.items.enter_child(meter)

    def enter_isolation(self, forced: str) -> None:
        self.items.enter_isolation(forced)

    @property
    def last_run(self) -> Any:
        return self.items.last_run

    # Hooks ------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        # xdist's controller collects nothing: before pytest 8 its session has no items at all
        if getattr(session, "items", None) and not self.config.option.collectonly:
            self._prepare(session.items)
        return (yield)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self.items.journal is not None:
            node.workerinput["memory_journal"] = str(self.items.journal.path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """Name the test that took a worker down, with its last known memory."""
        journal = self.items.journal
        worker = getattr(getattr(getattr(report, "node", None), "gateway", None), "id", "")
        seen = last_seen(journal.path, worker) if journal is not None else None
        resident = f"{format_size(seen[1])} resident at the start of {seen[0]}" if seen else "not known"
        report.longrepr = f"{report.longrepr}\nlast known memory of the worker: {resident}"
        record = TestRecord(
            nodeid=crashitem, outcome="crashed", reason=f"worker {worker} died", worker=worker
        )
        self.lines[crashitem] = encode(record)

    def collect(self, report: pytest.TestReport) -> None:
        """Keep what a report carries."""
        told = report.__dict__
        if REPORT_ATTRIBUTE in told:
            self.lines[report.nodeid] = told[REPORT_ATTRIBUTE]
        if _BENCHMARKS in told:
            self.benchmarks.extend(told[_BENCHMARKS])

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._deselected = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.worker:
            return
        order = os.environ.get(_INNER_RUN)
        if order is not None:
            from pytest_snapshot_memory import inner_run

            inner_run.obey(order, self.items.reruns, [item.nodeid for item in session.items])
            return
        hook = self.config.hook.pytest_snapshot_memory_record
        if hook.get_hookimpls():
            for record in self.records():
                hook(config=self.config, record=record)
        if not self.settings.writes and not os.environ.get("GITHUB_STEP_SUMMARY"):
            return
        from pytest_snapshot_memory import finish

        complete = finish.is_complete(self.config, self._deselected)
        ending = finish.finish(self.records(), self.settings, self.config, self._repeat(), complete=complete)
        self.notes.extend(ending.lines)
        if ending.failed and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _repeat(self) -> Repeat | None:
        """Return how single tests are measured again for the gate; None where that is switched off.

        In a pytest process each, not in children of one clean parent: those lie off together by
        up to 140 KiB, and found +256 KiB in 70 % of replays, where these find it in 99.6 %.
        """
        if self.settings.no_rerun:
            return None
        from pytest_snapshot_memory.finish import SubprocessRepeat

        return SubprocessRepeat(self.config, self.settings.gauge)

    def pytest_report_header(self) -> str:
        from pytest_snapshot_memory.report_terminal import header
        from snapshot_engine.memory.peak import broker

        return header(self.settings, _looking(broker).reason)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.settings.report == "off" and not self.benchmarks and not self.notes:
            return
        from pytest_snapshot_memory.report_terminal import render

        terminalreporter.section("memory")
        if self.settings.report != "off":
            records, quiet = self._records_to_show()
            for line in render(records, self.settings, quiet):
                terminalreporter.write_line(line)
        if self.benchmarks:
            from pytest_snapshot_memory.benchmark import table

            for line in table(self.benchmarks):
                terminalreporter.write_line(line)
        for note in self.notes:
            terminalreporter.write_line(note)
        if self.items.journal is not None and self.items.journal.problem:
            terminalreporter.write_line(f"note: no journal: {self.items.journal.problem}")

    def pytest_unconfigure(self) -> None:
        if self.items.reruns is not None:
            self.items.reruns.stop()
            self.items.reruns = None
        if self.items.journal is not None:
            # A journal that was asked for stays; ours has done its work once the run has ended.
            ended = self.settings.journal is None and not self.worker
            self.items.journal.close(remove=ended)

    # Steps --------------------------------------------------------------------------

    def records(self) -> list[TestRecord]:
        """Return what was measured, in the order in which tests ended; read once, at the end."""
        if self._records is None:
            self._records = self._read(self.lines.items())
        return self._records

    def _records_to_show(self) -> tuple[list[TestRecord], Mapping[str, Quiet]]:
        """Return the records of tests that a report may show, and the numbers of the quiet rest."""
        if self.settings.report == "full" or self._records is not None:
            return self.records(), {}
        loud, quiet = [], {}
        for nodeid, line in self.lines.items():
            if isinstance(line, bytes) and (numbers := quiet_numbers(line)) is not None:
                quiet[nodeid] = numbers
            else:
                loud.append((nodeid, line))
        return self._read(loud), quiet

    def _read(self, lines: Iterable[tuple[str, str | bytes]]) -> list[TestRecord]:
        found = []
        for nodeid, line in lines:
            try:
                found.append(decode(text_of(nodeid, line) if isinstance(line, bytes) else line))
            except RecordError as broken:
                self.notes.append(f"note: a record was lost: {broken}")
        return found

    def _prepare(self, items: list[pytest.Item]) -> None:
        """Before the first test: warm up, and fork the clean parent if any test may need it."""
        from pytest_snapshot_memory.resident_meter import warm_up

        _looking(warm_up)
        plans = [self.items.plan(item) for item in items]
        self._fork_clean_parent(items, list({id(plan): plan for plan in plans}.values()))
        self._hook_plain_tests(items, plans)

    def _hook_plain_tests(self, items: list[pytest.Item], plans: list[Plan]) -> None:
        """Give the tests of which only numbers are asked to the cheaper hooks."""
        from snapshot_engine.memory.peak import broker

        default = self.items.default
        if default.gauge != "resident" or default.isolate or default.settles or not broker().exact:
            return
        from pytest_snapshot_memory.plain import PlainHooks

        special = {
            id(item)
            for item, plan in zip(items, plans, strict=True)
            if plan is not default or "memory_benchmark" in getattr(item, "fixturenames", ())
        }
        plugins = self.config.pluginmanager

        if len(special) == len(items):
            return
        told = self.worker or self.config.getoption("xmlpath", None) or _writes_properties(plugins)
        # One hook for the reports: two of them cost an empty test 2 us.
        collect = None if self.worker else self.collect
        if collect is not None:
            plugins.unregister(name=_REPORTS_PLUGIN)
        plugins.unregister(self.items)
        self.items.handles_this = False
        hook, session = self.config.hook, items[0].session
        # Where pytest keeps that elsewhere one day, each tear-down is looked at.
        state = getattr(session, "_setupstate", None) if _only_pytest(hook.pytest_runtest_teardown) else None
        hooks = PlainHooks(
            self.items,
            collect,
            None if self.worker else self.lines,
            tells_properties=bool(told),
            standing=getattr(state, "stack", ()),
            session=session,
            infers_passes=not (told or self.config.getoption("setuponly", False))
            and _only_pytest_reports(hook),
        )
        plugins.register(hooks, "snapshot_memory_plain")
        hooks.resume()
        if self.worker:
            from pytest_snapshot_memory.taking_turns import TellsWhatRuns

            plugins.register(TellsWhatRuns(self.items, hooks), "snapshot_memory_running")
        if special:
            from pytest_snapshot_memory.taking_turns import TakingTurns

            plugins.register(TakingTurns(self.items, hooks, special, plugins), "snapshot_memory_turns")

    def _fork_clean_parent(self, items: list[pytest.Item], plans: list[Plan]) -> None:
        limited = any(plan.settles for plan in plans)
        if limited:
            from snapshot_engine.memory.settle import fix_allocator

            fix_allocator()
        if not (any(plan.isolate for plan in plans) or (limited and not self.settings.no_rerun)):
            return
        from pytest_snapshot_memory.isolation import IsolationLost
        from pytest_snapshot_memory.rerun import Reruns

        try:
            self.items.reruns = Reruns(self, items)
        except IsolationLost as lost:
            self.items.why_no_reruns = f"no second run is possible: {lost}"
            if any(plan.isolate for plan in plans):
                self.notes.append(f"note: no test was isolated: {lost}")


def _looking(look: Callable[[], T]) -> T:
    """Call what looks at memory for the first time; where nothing can look, the run ends with a sentence."""
    from snapshot_engine.errors import MissingExtra

    try:
        return look()
    except MissingExtra as missing:
        raise pytest.UsageError(f"memory: {missing}") from None


def _writes_properties(plugins: pytest.PytestPluginManager) -> bool:
    """Say whether a plugin is loaded that writes the properties of tests somewhere."""
    return any(plugins.has_plugin(name) for name in ("pytest_jsonreport", "json-report", "html", "ctrf"))


def _only_pytest(caller: Any, *, wrappers: bool = True) -> bool:
    """Say whether nobody but pytest itself acts at a hook; wrappers: those count, too."""
    return all(
        getattr(one.function, "__module__", "").startswith("_pytest.")
        or (not wrappers and (one.hookwrapper or getattr(one, "wrapper", False)))
        for one in caller.get_hookimpls()
    )


def _only_pytest_reports(hook: Any) -> bool:
    """Say whether reports are made and logged as pytest alone does it: then what did not raise has passed."""
    return (
        _only_pytest(hook.pytest_runtest_makereport)
        and _only_pytest(hook.pytest_runtest_logreport)
        and _only_pytest(hook.pytest_runtest_protocol, wrappers=False)
    )


def _suite_limit(settings: Settings) -> LimitRequest | None:
    if settings.limit_default is None:
        return None
    from pytest_snapshot_memory.markers import LimitRequest

    return LimitRequest(limit_bytes=parse_size(settings.limit_default))


def _flame_graphs(config: pytest.Config, settings: Settings) -> Path | None:
    """Return where flame graphs of failing tests go; None where there is no cache folder to keep them."""
    if settings.flamegraphs is not None:
        return Path(settings.flamegraphs).absolute()
    cache = getattr(config, "cache", None)
    return None if cache is None else Path(cache._cachedir) / "d" / "memory_flamegraphs"


def _journal_path(config: pytest.Config) -> Path:
    """Return where the journal of this run lies: in pytest's cache, else in a temporary folder."""
    cache = getattr(config, "cache", None)
    name = f"journal-{os.getpid()}.jsonl"
    if cache is not None and os.access(config.rootpath, os.W_OK):
        return Path(cache._cachedir) / "d" / "memory" / name
    user = os.getuid() if sys.platform != "win32" else os.environ.get("USERNAME", "")
    return Path(tempfile.gettempdir()) / f"pytest-memory-of-{user}" / name
