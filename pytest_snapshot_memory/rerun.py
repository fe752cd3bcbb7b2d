"""A test run again in a child of the clean parent: to decide, to explain, or to be isolated.

The asking half runs in the test process, the answering half in the child. Only
plain values cross. What a run in a child writes to the terminal goes nowhere;
its reports come back as values.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_snapshot_memory.isolation import Answer, CleanParent, IsolationLost
from pytest_snapshot_memory.record import AllocationSite, PhaseReading
from pytest_snapshot_memory.resident_meter import meter_for
from snapshot_engine.memory.library_pages import bring_in, resident_library_pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_snapshot_memory.markers import LimitRequest
    from pytest_snapshot_memory.meters import Meter
    from pytest_snapshot_memory.session import MemorySession

_LEAST_SECONDS = 60.0
_TIMES_SLOWER = 30.0
_TOLD_SITES = 5

# The parent's capture, in a child that has its own: collected, it would warn of files left open,
# which fails the test where the suite turns warnings into errors.
_kept: list[object] = []


class Rerun(NamedTuple):
    """What a second run measured. problem: "" or why there is none."""

    readings: tuple[PhaseReading, ...] = ()
    sites: tuple[AllocationSite, ...] = ()
    gauge: str = ""
    growth_bytes: int = 0
    flame_graph: str = ""
    problem: str = ""

    @property
    def largest_sites(self) -> tuple[AllocationSite, ...]:
        """What is worth telling: a hundredth of the peak explains nothing, it is mostly frames of pytest itself."""
        first = self.sites[:_TOLD_SITES]
        return tuple(site for site in first if site.size_bytes * 100 >= self.growth_bytes)


class Reruns:
    """Runs single tests in children; built before the first test runs.

    Raises IsolationLost where this process cannot fork.
    """

    def __init__(self, session: MemorySession, items: list[pytest.Item]) -> None:
        self._numbers = {id(item): number for number, item in enumerate(items)}
        self._by_nodeid = {item.nodeid: number for number, item in enumerate(items)}
        config = session.config
        # Here, where they are: the clean parent is a fork, too, and has few of them.
        libraries = resident_library_pages()
        self._clean = CleanParent(
            lambda order: _run_in_child(session, items[order["number"]], order),
            before=lambda: _get_ready(config),
            begin=lambda: bring_in(libraries),
        )

    def measure(self, item: pytest.Item, gauge: str, seconds: float) -> Rerun:
        """Measure the test once more, under `gauge`, in a clean child."""
        return self._read(self._ask(item, {"do": "measure", "gauge": gauge}, seconds))

    def explain(
        self, item: pytest.Item, limit: LimitRequest, flame_graph: Path | None, seconds: float
    ) -> Rerun:
        """Run the test once more with stacks and return its largest allocation sites."""
        target = "" if flame_graph is None else str(flame_graph)
        order = {"do": "explain", "phase": limit.phase, "of": limit.of, "target": target}
        return self._read(self._ask(item, order, seconds))

    def explain_nodeids(self, nodeids: Sequence[str], of: str) -> dict[str, Rerun]:
        """Run tests with stacks, by their ids; for what a gate found. Tests that are not here are left out."""
        order = {"do": "explain", "phase": "call", "of": of, "target": ""}
        numbers = {n: self._by_nodeid[n] for n in nodeids if n in self._by_nodeid}
        return {n: self._read(self._order({**order, "number": i}, None)) for n, i in numbers.items()}

    def isolate(self, item: pytest.Item, trace: str, forced: str = "") -> Answer:
        """Run the test for real in a child; the answer holds its reports. Raises IsolationLost.

        trace: a file for the stacks of a child that a signal kills.
        """
        order = {"do": "isolate", "forced": forced, "trace": trace, "number": self._numbers[id(item)]}
        return self._clean.run(order)

    def stop(self) -> None:
        self._clean.stop()

    def _ask(self, item: pytest.Item, order: dict[str, Any], seconds: float) -> Answer | str:
        number = self._numbers.get(id(item))
        if number is None:
            return "the test was not there when the clean parent was forked"
        return self._order({**order, "number": number}, _LEAST_SECONDS + _TIMES_SLOWER * seconds)

    def _order(self, order: dict[str, Any], timeout_seconds: float | None) -> Answer | str:
        try:
            return self._clean.run(order, timeout_seconds)
        except IsolationLost as lost:
            return str(lost)

    @staticmethod
    def _read(answer: Answer | str) -> Rerun:
        if isinstance(answer, str):
            return Rerun(problem=answer)
        if answer.result is None:
            return Rerun(problem=f"its second run {answer.death}")
        return Rerun(**answer.result)


def _get_ready(config: pytest.Config) -> None:
    """Load once in the clean parent what each of its children needs: 37 ms in each of them otherwise."""
    from pytest_snapshot_memory import benchmark, deciding, record  # noqa: F401

    _leave_worker(config)


def _leave_worker(config: pytest.Config) -> None:
    """Cut the clean parent's copies of an xdist worker's pipes.

    While a copy is open, the controller does not see that its worker died.
    """
    if not hasattr(config, "workerinput"):
        return
    interactor = next(
        (one for one in config.pluginmanager.get_plugins() if type(one).__name__ == "WorkerInteractor"), None
    )
    channel = getattr(interactor, "channel", None)
    streams = getattr(getattr(channel, "gateway", None), "_io", None)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (getattr(streams, "infile", None), getattr(streams, "outfile", None)):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())


# In the child ---------------------------------------------------------------


def _run_in_child(session: MemorySession, item: pytest.Item, order: dict[str, Any]) -> dict[str, Any]:
    if order["do"] == "isolate":
        with open(order["trace"], "w", encoding="utf-8") as trace:
            faulthandler.enable(trace)
            return _isolated(session, item, order["forced"])
    _silence(item.config, for_good=True)
    with tempfile.TemporaryDirectory(prefix="pytest-memory-") as folder:
        meter = _meter(order, item, Path(folder))
        session.enter_child(meter)
        problem = _first_problem(_protocol(item))
        run = session.last_run
        result: dict[str, Any] = {
            "readings": tuple(run.readings) if run is not None else (),
            "gauge": meter.name,
            "problem": problem,
        }
        if order["do"] == "explain":
            result.update(_explained(meter, order))
    return result


def _meter(order: dict[str, Any], item: pytest.Item, folder: Path) -> Meter:
    if order["do"] == "measure":
        return meter_for(order["gauge"])
    from pytest_snapshot_memory import sites
    from snapshot_engine.errors import MissingExtra

    root = item.config.rootpath
    try:
        return sites.ExplainingAllocated(folder, root)
    except MissingExtra:
        return sites.ExplainingPython(root)


def _explained(meter: Any, order: dict[str, Any]) -> dict[str, Any]:
    own = [one for one in meter.explained if order["phase"] in ("all", one.phase)]
    chosen = max(own, default=None, key=lambda one: one.growth_bytes)
    if chosen is None:
        return {"problem": meter.problem or "its second run made no allocation that could be seen"}
    target = Path(order["target"]) if order["target"] else None
    written = False
    if target is not None and chosen.path is not None:
        from pytest_snapshot_memory.sites import write_flame_graph

        written = write_flame_graph(chosen.path, target)
    return {
        "sites": chosen.kept if order["of"] == "retained" else chosen.sites,
        "growth_bytes": chosen.growth_bytes,
        "flame_graph": str(target) if written else "",
        "problem": "" if chosen.sites else "its second run made no allocation that could be seen",
    }


def _first_problem(reports: list[Any]) -> str:
    """Return "" where set-up and call passed or failed as tests do; else why the run says little."""
    for report in reports:
        if report.when == "setup" and not report.passed:
            ended = "was skipped" if report.outcome == "skipped" else "failed"
            return f"its second run {ended} in set-up{_crash(report)}"
    return ""


def _crash(report: Any) -> str:
    """Return ": " and the first line of what a report says went wrong; "" where it says nothing."""
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message).splitlines() if crash is not None else []
    return f": {lines[0][:200]}" if lines else ""


def _protocol(item: pytest.Item) -> list[Any]:
    from _pytest.runner import runtestprotocol

    return runtestprotocol(item, log=False, nextitem=None)


def _isolated(session: MemorySession, item: pytest.Item, forced: str) -> dict[str, Any]:
    """Run the test for real; give its reports, and those of its subtests, as values."""
    import pytest

    _silence(item.config, for_good=False)
    session.enter_isolation(forced)
    logged: list[Any] = []

    class Collector:
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_logreport(self, report: Any) -> None:
            logged.append(report)

    item.config.pluginmanager.register(Collector())
    stopped = ""
    try:
        logged.extend(_protocol(item))
    except KeyboardInterrupt:
        stopped = "KeyboardInterrupt"
    except pytest.exit.Exception as asked:
        stopped = f"exit:{asked.msg}"
    to_plain = item.config.hook.pytest_report_to_serializable
    _save_coverage()
    return {
        "reports": [to_plain(config=item.config, report=report) for report in logged],
        "stopped": stopped,
    }


def _silence(config: pytest.Config, *, for_good: bool) -> None:
    """Give this child its own capture; for_good: nothing of it may reach the terminal.

    The capture's temporary files are shared with the parent over fork, offset
    included: writing to them would garble the output of tests in the parent.
    """
    capture = config.pluginmanager.getplugin("capturemanager")
    method: Any = getattr(capture, "_method", "no")
    if not for_good and method == "no":
        return
    if for_good:
        faulthandler.disable()
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            os.dup2(nowhere, descriptor)
    if capture is not None and method != "no":
        from _pytest.capture import _get_multicapture

        _kept.append(capture._global_capturing)
        capture._global_capturing = _get_multicapture(method)
        capture._global_capturing.start_capturing()
        capture._global_capturing.suspend_capturing(in_=False)


def _save_coverage() -> None:
    """Write what coverage saw in this child, which leaves without its exit handlers."""
    coverage = sys.modules.get("coverage")
    if coverage is None:
        return
    running = coverage.Coverage.current()
    if running is not None:
        running.stop()
        running.save()
