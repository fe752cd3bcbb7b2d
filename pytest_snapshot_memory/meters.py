"""The engine's other gauges in the hands of a test: python, allocated, tree, thread.

They slow the test down or start a thread, so they are used only where a
marker, an option or an undecided limit asks for them.
"""

from __future__ import annotations

import functools
from typing import Any, Protocol

from pytest_snapshot_memory.garbage import Garbage, of_traced
from pytest_snapshot_memory.resident_meter import SLACK_FROM_BYTES, Seen
from snapshot_engine.errors import MissingExtra
from snapshot_engine.memory.gauge import Gauge, GaugeUnavailable, GaugeWindow
from snapshot_engine.memory.peak import broker
from snapshot_engine.memory.reuse import left_free_bytes, reusable_bytes
from snapshot_engine.memory.settle import settle


class Meter(Protocol):
    """A gauge in the hands of one test: one begin and end per phase, in order.

    is_dear: opening it costs milliseconds, so only phases with something in them are measured.
    """

    name: str
    error_bound_bytes: int
    is_dear: bool
    phase: str  # what is being measured, for meters that explain it

    def begin(self, settles: bool) -> int:
        """Open a window; return the bytes at its start."""
        ...

    def end(self) -> Seen: ...

    def finish(self) -> None: ...


@functools.cache
def _garbage_of_traced() -> Garbage:
    """Return the one of this process: each test has a meter of its own, and the last collection is for all."""
    return of_traced()


def build(name: str) -> Meter:
    """Return the meter of that name. Raises GaugeUnavailable with the way out."""
    try:
        if name == "python":
            from snapshot_engine.memory.python_gauge import PythonGauge

            return GaugeMeter(PythonGauge(), _garbage_of_traced())
        if name == "allocated":
            from snapshot_engine.memory.allocated_gauge import AllocatedGauge

            return GaugeMeter(AllocatedGauge())
        if name == "thread":
            from snapshot_engine.memory.thread_gauge import ThreadGauge

            return GaugeMeter(ThreadGauge())
    except MissingExtra as missing:
        raise GaugeUnavailable(str(missing)) from missing
    if name == "tree":
        from snapshot_engine.memory import proctree
        from snapshot_engine.memory.tree_gauge import TreeGauge

        if not proctree.can_list_children():
            raise GaugeUnavailable("the tree gauge needs /proc/<pid>/task/<tid>/children (Linux)")
        return TreeMeter(TreeGauge())
    raise AssertionError(f"no gauge is named {name!r}")


class GaugeMeter:
    """Any gauge of the engine as a meter: one window per phase.

    garbage: for gauges that see old memory freed inside a window, and so must not begin with garbage.
    """

    def __init__(self, gauge: Gauge, garbage: Garbage | None = None) -> None:
        self._gauge = gauge
        self._garbage = garbage
        # a Tracker of memray takes 8 ms to start and end
        self.is_dear = gauge.traits.name in ("allocated", "thread")
        self._window: Any = None
        self.phase = ""
        self.name = gauge.traits.name
        self.error_bound_bytes = gauge.traits.error_bound_bytes

    def begin(self, settles: bool) -> int:
        """Open a window. Raises GaugeUnavailable where the gauge cannot look now."""
        if settles and self._garbage is not None:
            self._garbage.settle()
        window = self._window = self._gauge.open()
        return window.start_bytes

    def end(self) -> Seen:
        window: GaugeWindow | None = self._window
        self._window = None
        if window is None:
            return Seen(0, 0, 0, exact=False, problem=f"the {self.name} gauge was not open")
        window.close()
        reading = window.read()
        problem = window.problem
        freed_bytes = 0 if self._garbage is None else self._garbage.freed_bytes
        return Seen(
            window.start_bytes, reading.peak_bytes, reading.current_bytes, freed_bytes, not problem, problem
        )

    def finish(self) -> None:
        if self._garbage is not None:
            self._garbage.unwatch()
        if self._window is not None:
            self._window.close()
            self._window = None


class TreeMeter(GaugeMeter):
    """The tree gauge: what it may miss of children counts only where there were some."""

    def __init__(self, gauge: Gauge) -> None:
        super().__init__(gauge)
        self._most_error_bytes = self.error_bound_bytes
        self._own_error_bytes = broker().error_bound_bytes
        self._reusable_bytes: int | None = 0
        self._files = broker().file_pages
        self._free_bytes = 0  # free heap at the start
        self._shared = b""  # what the look at the start said of this process's pages of files
        self._children_before = (0, 0)

    def begin(self, settles: bool) -> int:
        if settles:
            self._reusable_bytes = settle().reusable_bytes
        self._children_before = _children_ended()
        start_bytes = super().begin(False)
        self._shared = self._files.shared_field
        if not settles:
            self._reusable_bytes = reusable_bytes(start_bytes)
        self._free_bytes = left_free_bytes(0)
        return start_bytes

    def end(self) -> Seen:
        living = bool(self._window is not None and getattr(self._window, "_members", None))
        seen = super().end()
        children = living or _children_ended() != self._children_before
        self.error_bound_bytes = self._most_error_bytes if children else self._own_error_bytes
        file_bytes = self._files.file_bytes_since(self._shared)
        grew = seen.peak_bytes - seen.start_bytes > SLACK_FROM_BYTES
        return seen._replace(
            reusable_bytes=self._reusable_bytes or 0,
            file_bytes=file_bytes,
            slack_bytes=left_free_bytes(self._free_bytes) if grew else 0,
        )


def _children_ended() -> tuple[int, int]:
    """Return counters that move when a child of this process has ended and was waited for."""
    try:
        import resource
    except ImportError:  # Windows, where there is no tree gauge either
        return (0, 0)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_minflt, usage.ru_nvcsw
