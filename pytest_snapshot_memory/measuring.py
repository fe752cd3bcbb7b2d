"""One test under a gauge: a reading for each phase, and one for each wider fixture.

The set-up of a fixture of wider scope is measured on a line of its own and
taken out of the phase around it: a 40 MiB session fixture belongs to nobody's
call, whichever test came first. Its retained bytes move the start of the
phase, so the phase's growth stays above what the fixture left.

Every test of a run passes here, so readings stay plain tuples until somebody
asks for them by name, and the line that a test leaves is formatted in one go.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pytest_snapshot_memory.record import FIXTURE_PREFIX, RECORD_VERSION, PhaseReading

if TYPE_CHECKING:
    from pytest_snapshot_memory.deciding import Decision
    from pytest_snapshot_memory.live_heap import Raw
    from pytest_snapshot_memory.meters import Meter
    from pytest_snapshot_memory.plan import Plan
    from pytest_snapshot_memory.record import AllocationSite
    from pytest_snapshot_memory.resident_meter import Seen

# The attribute of a report that carries the record to the controller of xdist.
REPORT_ATTRIBUTE: Final = "snapshot_memory"

CHILDREN_NOTE: Final = "child processes ran; the resident gauge does not count them, tree does"


class ItemRun:
    """The measurements of one test while it runs. Holds one reading per phase and wider fixture."""

    __slots__ = (
        "_begun",
        "_file_bytes",
        "_heap",
        "_meter",
        "_phase",
        "_raw",
        "_settles",
        "_shift_bytes",
        "_slack_bytes",
        "_top_bytes",
        "_top_start",
        "children_ran",
        "decision",
        "notes",
        "outcome",
        "plan",
        "process",
        "reason",
        "sites",
    )

    def __init__(self, plan: Plan, meter: Meter, *, heap: bool = False, process: str = "suite") -> None:
        """heap: read the live heap too, for limits on what is retained.

        process: "suite", or "forked" where this is a child of the clean parent.
        """
        self.plan = plan
        self.outcome = ""
        self.notes: list[str] = []
        self.sites: tuple[AllocationSite, ...] = ()
        self.decision: Decision | None = None
        self.reason = ""
        self.children_ran = False
        self.process = process
        self._raw: list[Raw] = []
        self._meter = meter
        self._heap = None
        if heap:
            from pytest_snapshot_memory.live_heap import LiveHeap

            self._heap = LiveHeap()
        self._phase = ""
        # A child of the clean parent inherits a settled heap. Trimming it again
        # scatters holes: 37.9 and 38.1 MiB in two runs that read 38.9 without.
        self._settles = plan.settles and process == "suite"
        self._shift_bytes = 0
        self._top_bytes = 0
        self._top_start: int | None = None
        self._file_bytes = self._slack_bytes = 0  # of the phase before its last fixture
        self._begun = 0.0

    @property
    def is_dear(self) -> bool:
        """Whether a phase costs milliseconds to measure."""
        return self._meter.is_dear

    @property
    def readings(self) -> list[PhaseReading]:
        """The readings so far, the call's first as reports want it."""
        readings = [PhaseReading.from_plain(list(raw)) for raw in self._raw]
        readings.sort(key=lambda reading: reading.phase != "call" or reading.gauge == "heap")
        return readings

    def open(self, phase: str) -> int:
        """Begin a phase, "setup", "call" or "teardown"; return the bytes at its start."""
        self._phase = self._meter.phase = phase
        self._top_start = None
        if self._heap is not None:
            self._heap.begin()
        start_bytes = self._meter.begin(self._settles and phase != "teardown")
        self._begun = perf_counter()
        return start_bytes

    def close(self) -> None:
        """End the phase and keep its reading; nothing happens where none is open."""
        phase = self._phase
        if not phase:
            return
        self._phase = ""
        seconds = perf_counter() - self._begun
        seen = self._meter.end()
        if self._top_start is not None:
            seen = self._joined(seen)
        if phase == "call" and getattr(self._meter, "children_ran", False):
            self.children_ran = True
            self.notes.append(CHILDREN_NOTE)
        self._keep(phase, seen, seconds)
        if self._heap is not None:
            self._raw.append(self._heap.end(phase))

    def open_fixture(self) -> bool:
        """Interrupt the phase for a fixture of wider scope; False where no set-up is running."""
        if self._phase != "setup":
            return False
        seen = self._meter.end()
        if self._top_start is None:
            self._shift_bytes = 0
        self._fold(seen)
        self._phase = self._meter.phase = "fixture"
        self._meter.begin(False)
        return True

    def close_fixture(self, name: str, seconds: float) -> None:
        """Keep the fixture's own reading and go on with the phase around it."""
        seen = self._meter.end()
        self._shift_bytes += seen.end_bytes - seen.start_bytes
        self._keep(FIXTURE_PREFIX + name, seen, seconds)
        self._phase = self._meter.phase = "setup"
        self._begun += seconds
        self._meter.begin(False)

    def finish(self) -> None:
        self._meter.finish()

    def plain_line(self, nodeid: str, path: str, line: int, worker: str) -> str:
        """Return the encoded record of a test that nothing more is to be said of; 4 us."""
        fields = [
            f'{{"v":{RECORD_VERSION},"n":{encode_basestring_ascii(nodeid)},"o":"{self.outcome}","p":[',
            ",".join([_PHASE_FORMAT % raw for raw in self._raw]),
            f'],"f":{encode_basestring_ascii(path)},"l":{line}',
            f',"w":"{worker}"}}' if worker else "}",
        ]
        return "".join(fields)

    @property
    def has_plain_line(self) -> bool:
        """Whether plain_line says everything: no notes, no verdict, no wider fixture."""
        return len(self._raw) <= 3 and not self.notes and not self.reason and self.plan.is_plain

    def call_reading(self) -> PhaseReading | None:
        """Return the reading of the call, or None if it did not run."""
        for raw in self._raw:
            if raw[0] == "call" and raw[1] != "heap":
                return PhaseReading.from_plain(list(raw))
        return None

    def _fold(self, seen: Seen) -> None:
        if self._top_start is None:
            self._top_start, self._top_bytes = seen.start_bytes, 0
            self._file_bytes = self._slack_bytes = 0
        self._file_bytes += seen.file_bytes
        self._slack_bytes += seen.slack_bytes
        self._top_bytes = max(self._top_bytes, seen.peak_bytes - self._shift_bytes - self._top_start)

    def _joined(self, seen: Seen) -> Seen:
        """Return one reading for a phase that fixtures interrupted, without what they kept."""
        self._fold(seen)
        assert self._top_start is not None
        return seen._replace(
            start_bytes=self._top_start,
            peak_bytes=self._top_start + max(0, self._top_bytes),
            end_bytes=seen.end_bytes - self._shift_bytes,
            file_bytes=self._file_bytes,
            slack_bytes=self._slack_bytes,
        )

    def _keep(self, phase: str, seen: Seen, seconds: float) -> None:
        start_bytes, peak_bytes, end_bytes, reusable, exact, problem, file_bytes, slack_bytes = seen
        if problem and problem not in self.notes:
            self.notes.append(problem)
        meter = self._meter
        self._raw.append(
            (
                phase,
                meter.name,
                start_bytes,
                peak_bytes,
                end_bytes,
                reusable,
                meter.error_bound_bytes,
                int(exact),
                seconds,
                0,
                self.process,
                slack_bytes,
                file_bytes,
            )
        )


_PHASE_FORMAT: Final = '["%s","%s",%d,%d,%d,%d,%d,%d,%.6f,%d,"%s",%d,%d]'
