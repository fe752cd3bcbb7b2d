"""One test's measurements and verdict, and the road they travel as plain JSON.

In: what the measuring half saw of a test. Out: the facts every report, baseline
and gate reads. A record crosses process borders (xdist workers, isolated
children, the journal) as one short string, so the encoding is positional for
readings and leaves out whatever has its default value; a dict with spelled-out
names, about three times the size, was turned down. Readers of reports never see
this form: `report_json` writes the spelled-out one.

Sizes are bytes, times seconds. Nothing here imports pytest. Named tuples, not
dataclasses: every run with a report makes these classes, each at a fifth of the
1.1 ms of a frozen dataclass.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

RECORD_VERSION: Final = 1

OUTCOMES: Final = ("passed", "failed", "skipped", "xfailed", "xpassed", "error", "crashed", "unfinished")
VERDICTS: Final = ("within", "exceeded", "unmeasured", "none")
PROCESSES: Final = ("suite", "forked", "fresh")
FIXTURE_PREFIX: Final = "fixture:"
BENCHMARK_PREFIX: Final = "benchmark:"
# the name under which a record travels in user_properties
PROPERTY_NAME: Final = "snapshot_memory"


class RecordError(ValueError):
    """A string or object does not hold a record that this version can read."""


class PhaseReading(NamedTuple):
    """What one gauge saw of one phase of a test.

    phase: "setup", "call", "teardown", "fixture:<name>", or "benchmark:<function>" for
        what memory_benchmark measured: growth is the median of its rounds, the
        upper end their maximum.
    gauge: name of the gauge; numbers of two gauges are never compared.
    start_bytes, peak_bytes, end_bytes: settled start, highest value, value at the end.
    reusable_bytes: memory that was free in the heap at the start and could be
        taken again unseen; the true growth lies between growth_lower_bytes and
        growth_upper_bytes.
    slack_bytes: how much of the growth can be free heap rather than memory in use:
        pages that trimming gave back before the phase and that were touched again,
        and what the phase left free behind, such as the old copies of a list that grew.
    file_bytes: by how much the resident pages of mapped files grew during the phase,
        shared memory left out: what the phase read through a mapping, but also what of
        its libraries the kernel had taken away. Negative where it took more than came
        in: the phase can have grown by that much unseen. 0 below 64 KiB.
    error_bound_bytes: by how much the gauge itself can read too low.
    exact: False where the peak was sampled rather than kept by the gauge.
    blocks_net: allocated blocks at the end minus at the start.
    process: one of PROCESSES: where it was measured; only "suite" shares its
        heap with the tests before it.
    """

    phase: str
    gauge: str
    start_bytes: int
    peak_bytes: int
    end_bytes: int
    reusable_bytes: int = 0
    error_bound_bytes: int = 0
    exact: bool = True
    seconds: float = 0.0
    blocks_net: int = 0
    process: str = "suite"
    slack_bytes: int = 0
    file_bytes: int = 0

    @property
    def growth_bytes(self) -> int:
        """Peak above the start; never negative."""
        growth_bytes = self.peak_bytes - self.start_bytes
        return growth_bytes if growth_bytes > 0 else 0

    @property
    def growth_lower_bytes(self) -> int:
        """The least the phase can have had in use above its start, free heap and pages of files left out."""
        return max(0, self.growth_bytes - self.slack_bytes - max(0, self.file_bytes))

    @property
    def growth_upper_bytes(self) -> int:
        """The most the phase can really have grown, what went unseen and gauge error counted in."""
        return self.growth_bytes + self.unseen_bytes + self.error_bound_bytes

    @property
    def unseen_bytes(self) -> int:
        """What can have been used unseen: heap that was free, and room that pages of files left meanwhile."""
        return self.reusable_bytes + max(0, -self.file_bytes)

    @property
    def retained_bytes(self) -> int:
        """End minus start: what the phase still held; negative where it gave memory back."""
        return self.end_bytes - self.start_bytes

    @property
    def fixture_name(self) -> str:
        """Name of the fixture whose set-up this is, or ""."""
        return self.phase[len(FIXTURE_PREFIX) :] if self.phase.startswith(FIXTURE_PREFIX) else ""

    def to_plain(self) -> list[Any]:
        """Return the reading as a list of JSON scalars, in field order; the last two only where they are not 0."""
        plain = [
            self.phase,
            self.gauge,
            self.start_bytes,
            self.peak_bytes,
            self.end_bytes,
            self.reusable_bytes,
            self.error_bound_bytes,
            int(self.exact),
            round(self.seconds, 6),
            self.blocks_net,
            self.process,
        ]
        if self.file_bytes:
            return [*plain, self.slack_bytes, self.file_bytes]
        return [*plain, self.slack_bytes] if self.slack_bytes else plain

    @classmethod
    def from_plain(cls, plain: list[Any]) -> PhaseReading:
        """Read what to_plain wrote; raises RecordError on anything else."""
        try:
            phase, gauge, start, peak, end, reusable, error_bound, exact, seconds, blocks, process, *more = (
                plain
            )
            slack, file = (*more, 0, 0)[: max(2, len(more))]
            return cls(
                phase=str(phase),
                gauge=str(gauge),
                start_bytes=int(start),
                peak_bytes=int(peak),
                end_bytes=int(end),
                reusable_bytes=int(reusable),
                error_bound_bytes=int(error_bound),
                exact=bool(exact),
                seconds=float(seconds),
                blocks_net=int(blocks),
                process=str(process),
                slack_bytes=int(slack),
                file_bytes=int(file),
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise RecordError(f"not a phase reading: {plain!r:.120}") from error


class BudgetTerms(NamedTuple):
    """What a test is allowed: the limit, what it is a limit of, and in which phase.

    of: "growth" (peak above the start), "peak" (whole process) or "retained".
    phase: "call", "setup" or "all".
    gauge: the gauge that was asked for, "" where none was named.
    """

    limit_bytes: int
    of: str = "growth"
    phase: str = "call"
    gauge: str = ""


class AllocationSite(NamedTuple):
    """One line of code and what it held at the peak."""

    size_bytes: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks of a site
    file: str
    line: int
    function: str = ""

    def describe(self) -> str:
        """Return "file:line function" for people."""
        return f"{self.file}:{self.line} {self.function}".rstrip()


class TestRecord(NamedTuple):
    """Everything known about the memory of one test.

    outcome: one of OUTCOMES. file, line: where the test is defined (line is
    1-based, 0 where unknown). verdict: one of VERDICTS; "unmeasured" has a
    `reason` and is not a pass. decided_by: which second measurement decided,
    "" where the first one did. worker: xdist worker id, "" on the main process.
    """

    nodeid: str
    outcome: str
    phases: tuple[PhaseReading, ...] = ()
    file: str = ""
    line: int = 0
    budget: BudgetTerms | None = None
    verdict: str = "none"
    excess_bytes: int = 0
    reason: str = ""
    decided_by: str = ""
    worker: str = ""
    sites: tuple[AllocationSite, ...] = ()
    notes: tuple[str, ...] = ()

    def reading(self, phase: str = "call", gauge: str = "") -> PhaseReading | None:
        """Return the first reading of `phase` (by `gauge`, if named), or None."""
        for reading in self.phases:
            if reading.phase == phase and gauge in ("", reading.gauge):
                return reading
        return None

    @property
    def gauge(self) -> str:
        """Name of the gauge that measured the call, or of the first reading, or ""."""
        reading = self.reading() or (self.phases[0] if self.phases else None)
        return reading.gauge if reading else ""

    @property
    def peak_growth_bytes(self) -> int:
        """Growth of the call phase; 0 where it was not measured."""
        reading = self.reading()
        return reading.growth_bytes if reading else 0

    @property
    def peak_growth_upper_bytes(self) -> int:
        """The most the call phase can really have grown; 0 where it was not measured."""
        reading = self.reading()
        return reading.growth_upper_bytes if reading else 0

    @property
    def retained_bytes(self) -> int:
        """What the call phase still held at its end; 0 where it was not measured."""
        reading = self.reading()
        return reading.retained_bytes if reading else 0

    @property
    def peak_bytes(self) -> int:
        """Highest value over all phases of the main gauge; 0 where nothing was measured."""
        gauge = self.gauge
        return max((r.peak_bytes for r in self.phases if r.gauge == gauge), default=0)

    @property
    def seconds(self) -> float:
        """Time of the test's own phases, fixtures of wider scope left out."""
        gauge, process = self.gauge, self.phases[0].process if self.phases else ""
        return sum(
            r.seconds for r in self.phases if r.gauge == gauge and r.process == process and not r.fixture_name
        )

    @property
    def deciding(self) -> PhaseReading | None:
        """The call as a second run in a clean process read it, or as the only one did; None if unmeasured."""
        calls = [r for r in self.phases if r.phase == "call" and r.gauge == self.gauge]
        return next((r for r in calls if r.process != "suite"), calls[0] if calls else None)

    def to_plain(self) -> dict[str, Any]:
        """Return the record as JSON values under short keys, defaults left out."""
        plain: dict[str, Any] = {"v": RECORD_VERSION, "n": self.nodeid, "o": self.outcome}
        if self.phases:
            plain["p"] = [reading.to_plain() for reading in self.phases]
        if self.budget is not None:
            budget = self.budget
            plain["b"] = [budget.limit_bytes, budget.of, budget.phase, budget.gauge]
        if self.sites:
            plain["s"] = [[s.size_bytes, s.count, s.file, s.line, s.function] for s in self.sites]
        if self.notes:
            plain["t"] = list(self.notes)
        for key, field, default in _SCALARS:
            value = getattr(self, field)
            if value != default:
                plain[key] = value
        return plain

    @classmethod
    def from_plain(cls, plain: Any) -> TestRecord:
        """Read what to_plain wrote; raises RecordError on anything else."""
        if not isinstance(plain, dict) or plain.get("v") != RECORD_VERSION:
            raise RecordError(f"not a test record of version {RECORD_VERSION}: {plain!r:.120}")
        try:
            budget = plain.get("b")
            return cls(
                nodeid=str(plain["n"]),
                outcome=str(plain["o"]),
                phases=tuple(PhaseReading.from_plain(p) for p in plain.get("p", ())),
                budget=_read_budget(budget) if budget is not None else None,
                sites=tuple(_read_site(s) for s in plain.get("s", ())),
                notes=tuple(str(note) for note in plain.get("t", ())),
                **{field: type(default)(plain.get(key, default)) for key, field, default in _SCALARS},
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise RecordError(f"broken test record: {error}") from error


# pytest would collect the class by its name
TestRecord.__test__ = False  # type: ignore[attr-defined]

# key in the encoding, field, default; the default's type is the field's
_SCALARS: Final[tuple[tuple[str, str, Any], ...]] = (
    ("f", "file", ""),
    ("l", "line", 0),
    ("d", "verdict", "none"),
    ("x", "excess_bytes", 0),
    ("r", "reason", ""),
    ("y", "decided_by", ""),
    ("w", "worker", ""),
)


def _read_budget(plain: Any) -> BudgetTerms:
    limit_bytes, of, phase, gauge = plain
    return BudgetTerms(limit_bytes=int(limit_bytes), of=str(of), phase=str(phase), gauge=str(gauge))


def _read_site(plain: Any) -> AllocationSite:
    size_bytes, count, file, line, function = plain
    return AllocationSite(
        size_bytes=int(size_bytes), count=int(count), file=str(file), line=int(line), function=str(function)
    )


def encode(record: TestRecord) -> str:
    """Return the record as one line of ASCII JSON; a plain test takes about 200 bytes."""
    return json.dumps(record.to_plain(), separators=(",", ":"))


def decode(text: str) -> TestRecord:
    """Read what encode wrote; raises RecordError on anything else."""
    try:
        plain = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordError(f"not a test record: {text!r:.120}") from error
    return TestRecord.from_plain(plain)
