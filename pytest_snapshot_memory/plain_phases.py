"""What the phases of a plain test took: looks at the kernel's own peak, and what they leave open.

One look ends a phase and begins the next, so most of a test is two looks. The
base of PlainHooks, not a part of it: every step from one object to the next
costs each test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_snapshot_memory.heap_room import HeapRoom
from pytest_snapshot_memory.measuring import CHILDREN_NOTE
from pytest_snapshot_memory.record import FIXTURE_PREFIX
from pytest_snapshot_memory.resident_meter import SLACK_FROM_BYTES, children_faults, suite_window
from snapshot_engine.memory.peak import broker
from snapshot_engine.memory.reuse import left_free_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

# What is free for reuse changes when a test moves memory. Asking costs up to
# 96 us with the objects of 3,000 tests alive.
_MOVED_BYTES: Final = 64 * 1024
_ASK_EVERY: Final = 64

# start, peak, end in bytes
Span = tuple[int, int, int]


class PlainPhases:
    """The phases of one test at a time, and the last look, from which the next phase starts."""

    __slots__ = (
        "_call",
        "_call_seconds",
        "_error_bytes",
        "_faults",
        "_file_bytes",
        "_first_bytes",
        "_fixtures",
        "_more",
        "_pages",
        "_roll",
        "_room",
        "_seen",
        "_setup",
        "_setup_seconds",
        "_shared",
        "_shift_bytes",
        "_slack_bytes",
        "_still",
        "_teardown",
        "_teardown_seconds",
        "_top_bytes",
        "_until_asked",
        "_waits",
        "_window",
    )

    def __init__(self) -> None:
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

    @property
    def resident_bytes(self) -> int:
        """What was resident at the last look; between two tests: where the next one starts."""
        return self._seen[1]

    def _stand_at(self, seen: tuple[int, int]) -> tuple[int, int]:
        """Take this look for the start of what follows, and return it."""
        self._seen, now_bytes = seen, seen[1]
        self._still = (now_bytes, now_bytes, now_bytes)
        return seen

    def _look(self) -> None:
        self._stand_at(self._roll())
        self._shared = self._pages.shared_field

    def _ask(self, resident_bytes: int) -> None:
        self._until_asked = _ASK_EVERY
        self._room.ask(resident_bytes, self._roll)

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

    def _end_teardown(self) -> None:
        start_bytes = self._seen[1]
        self._teardown = (start_bytes, *self._stand_at(self._roll()))
        if self._pages.shared_field != self._shared:
            self._count_files("teardown")

    def _forget(self) -> None:
        """Begin anew after a test that had more than three phases."""
        self._more, self._first_bytes = False, -1
        self._shift_bytes = self._top_bytes = 0
        self._fixtures, self._file_bytes = [], {}

    def _fold(self, peak_bytes: int, first_bytes: int) -> None:
        above_bytes = peak_bytes - self._shift_bytes - first_bytes
        if above_bytes > self._top_bytes:
            self._more, self._top_bytes = True, above_bytes

    def _count_files(self, phase: str) -> None:
        """Keep how much of what moved in a phase was pages of mapped files."""
        moved_bytes = self._pages.file_bytes_since(self._shared)
        self._shared = self._pages.shared_field
        if moved_bytes:
            self._more = True
            self._file_bytes[phase] = self._file_bytes.get(phase, 0) + moved_bytes

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

    def _long_line(self, told: pytest.Item | pytest.TestReport, outcome: str, worker: str) -> str:
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
        return long_line(told, outcome, seen, worker, self._notes())
