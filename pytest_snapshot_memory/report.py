"""What every written report is made from, and the sums they all show.

In: records, the environment as text, the gate's comparisons. Out: a Report. The
renderers (`report_json`, `report_html`, `report_markdown`, `report_csv`,
`report_ci`) are pure functions from it to text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from snapshot_engine.memory.units import format_size

from .record import TestRecord
from .regression import Comparison, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, ready to be written down.

    environment: as Environment.to_plain gives it. created_at: ISO 8601, "" to
    leave the time out, so that equal runs give equal bytes.
    gate_failed: None where no gate was on.
    """

    records: tuple[TestRecord, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    created_at: str = ""
    gate_failed: bool | None = None

    @property
    def outcomes(self) -> dict[str, int]:
        """How many tests had which outcome, sorted by outcome."""
        return dict(sorted(Counter(record.outcome for record in self.records).items()))

    def breaches(self) -> list[TestRecord]:
        """Return the records over their limit or without the measurement it needs, worst first."""
        bad = [record for record in self.records if record.verdict in ("exceeded", "unmeasured")]
        return sorted(
            bad, key=lambda record: (record.verdict != "exceeded", -record.excess_bytes, record.nodeid)
        )

    def largest(self) -> list[TestRecord]:
        """Return the records by growth of their call, the largest first."""
        return sorted(self.records, key=lambda record: (-record.peak_growth_bytes, record.nodeid))

    def comparisons_worth_showing(self) -> list[Comparison]:
        """Return all comparisons but the plain unchanged ones, regressions first."""
        order = list(_ORDER)
        shown = [c for c in self.comparisons if c.verdict is not Verdict.UNCHANGED or c.renamed_from]
        return sorted(shown, key=lambda c: (order.index(c.verdict), -abs(c.change_bytes), c.nodeid))


_ORDER = (
    Verdict.REGRESSED,
    Verdict.INCOMPARABLE,
    Verdict.VANISHED,
    Verdict.NEW,
    Verdict.IMPROVED,
    Verdict.UNCHANGED,
)


def growth_text(record: TestRecord) -> str:
    """Return the growth of the call for people, with the ends of its interval where they are far.

    "12.0 MiB", "12.0 MiB to 14.1 MiB", "12.0 MiB to 14.1 MiB (at least 9.0 MiB)".
    """
    reading = record.reading()
    if reading is None:
        return "not measured"
    shown = format_size(reading.growth_bytes)
    far_bytes = max(reading.growth_bytes // 10, reading.error_bound_bytes)
    if reading.unseen_bytes > far_bytes:
        shown += f" to {format_size(reading.growth_upper_bytes)}"
    if reading.growth_bytes - reading.growth_lower_bytes > far_bytes:
        shown += f" (at least {format_size(reading.growth_lower_bytes)})"
    return shown if reading.exact else f"about {shown}"


def ends_legend(records: Iterable[TestRecord]) -> str:
    """Return a sentence on the two ends of growth_text, or "" where none of the records shows one."""
    shown = [growth_text(record) for record in records]
    parts = []
    if any(" to " in text for text in shown):
        parts.append(
            "a to b: what was seen, and that with what can have been used unseen"
            " (heap that was free at the start, room that pages of mapped files left)"
        )
    if any("(at least " in text for text in shown):
        parts.append(
            "at least: without what can have been free heap, or pages of mapped files such as libraries"
        )
    return "; ".join(parts)


def limit_text(record: TestRecord) -> str:
    """Return the limit for people: "20.0 MiB of growth in call", or ""."""
    budget = record.budget
    if budget is None:
        return ""
    return f"{format_size(budget.limit_bytes)} of {budget.of} in {budget.phase}"


def verdict_text(record: TestRecord) -> str:
    """Return the verdict on the limit in one phrase, or ""."""
    if record.verdict == "exceeded":
        return f"over by {format_size(record.excess_bytes)}"
    if record.verdict == "unmeasured":
        return f"unmeasured: {record.reason}" if record.reason else "unmeasured"
    return "within" if record.verdict == "within" else ""
