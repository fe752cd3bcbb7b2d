"""The report at the end of a run: records in, lines out; nothing is printed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pytest_snapshot_memory.record import PhaseReading, TestRecord
from snapshot_engine.memory.units import format_size

if TYPE_CHECKING:
    from pytest_snapshot_memory.options import Settings

COUNTS: Final = {
    "resident": "resident memory of the test's process, the kernel's own peak",
    "python": "memory that Python objects took, by tracemalloc",
    "allocated": "all memory that was allocated, by memray",
    "tree": "resident memory of the test's process and all it started",
}
# Below this, what could have been reused unseen is not worth a word per line.
SHOWN_HIDDEN_BYTES: Final = 256 * 1024

_SORT_KEYS: Final[dict[str, Callable[[TestRecord], float]]] = {
    "growth": lambda record: -record.peak_growth_bytes,
    "peak": lambda record: -record.peak_bytes,
    "retained": lambda record: -record.retained_bytes,
    "time": lambda record: -record.seconds,
    "name": lambda record: 0.0,
}


def header(settings: Settings) -> str:
    """Return the line of pytest's header that names the gauge."""
    return f"memory: {settings.gauge} gauge ({COUNTS[settings.gauge]})"


def render(records: Sequence[TestRecord], settings: Settings) -> Iterator[str]:
    """Yield the lines of the report, the section title left out."""
    measured = [record for record in records if record.phases]
    if not measured:
        yield "No test was measured."
        return
    ordered = sorted(measured, key=lambda record: (_SORT_KEYS[settings.sort](record), record.nodeid))
    shown = ordered if settings.report == "full" else ordered[: settings.top]
    yield f"{'growth':>10} {'unseen':>10} {'retained':>10} {'set-up':>10}  test"
    for name, group in _grouped(shown, settings.group_by):
        if name is not None:
            yield f"-- {name}: {_sum_up(group)}"
        for record in group:
            yield _row(record)
    if len(shown) < len(ordered):
        yield f"({len(ordered) - len(shown):,} more; --memory-report=full shows all)"
    yield from _fixtures(measured, settings)
    yield from _notes(shown)
    yield _total(measured)


def _row(record: TestRecord) -> str:
    call, setup = record.reading("call"), record.reading("setup")
    growth = format_size(call.growth_bytes) if call else "-"
    retained = format_size(call.retained_bytes) if call else "-"
    in_setup = format_size(setup.growth_bytes) if setup else "-"
    words = [record.nodeid]
    if record.outcome != "passed":
        words.append(f"[{record.outcome}]")
    if record.budget is not None:
        words.append(f"[limit {format_size(record.budget.limit_bytes)}: {record.verdict}]")
    return f"{growth:>10} {_hidden(call):>10} {retained:>10} {in_setup:>10}  {' '.join(words)}"


def _hidden(reading: PhaseReading | None) -> str:
    """Return how much more a phase may have used than was seen; "" where that is little."""
    if reading is None or reading.reusable_bytes < SHOWN_HIDDEN_BYTES:
        return ""
    return "+<" + format_size(reading.reusable_bytes)


def _fixtures(records: Sequence[TestRecord], settings: Settings) -> Iterator[str]:
    """Yield a line for each fixture of wider scope, with the test that used it first."""
    rows = [(reading, record) for record in records for reading in record.phases if reading.fixture_name]
    rows.sort(key=lambda row: (-row[0].growth_bytes, row[0].fixture_name))
    if settings.report != "full":
        rows = [row for row in rows if row[0].growth_bytes >= SHOWN_HIDDEN_BYTES][: settings.top]
    if rows:
        yield "fixtures of wider scope (in no test's number):"
    for reading, record in rows:
        growth, retained = format_size(reading.growth_bytes), format_size(reading.retained_bytes)
        yield f"{growth:>10} {_hidden(reading):>10} {retained:>10} {'':>10}  {reading.fixture_name} (first used by {record.nodeid})"


def _notes(records: Sequence[TestRecord]) -> Iterator[str]:
    told: dict[str, int] = {}
    for record in records:
        for note in record.notes:
            told[note] = told.get(note, 0) + 1
    for note, times in told.items():
        yield f"note: {note}" + (f" ({times} tests)" if times > 1 else "")
    if any(_hidden(record.reading("call")) for record in records):
        yield "unseen: free heap at the start of the test that it could use again without a trace;"
        yield "        a limit makes it sure, --memory-gauge=python|allocated measures without it"


def _total(records: Sequence[TestRecord]) -> str:
    gauges = sorted({record.gauge for record in records})
    peak, most = max((record.peak_bytes, record.nodeid) for record in records)
    workers = {record.worker for record in records if record.worker}
    across = f" on {len(workers)} workers" if workers else ""
    process = "" if gauges != ["resident"] else f"; highest process peak {format_size(peak)} in {most}"
    return f"{len(records):,} tests measured{across}, gauge {', '.join(gauges)}{process}"


def _sum_up(records: Sequence[TestRecord]) -> str:
    top = max(record.peak_growth_bytes for record in records)
    return f"{len(records):,} tests, highest growth {format_size(top)}"


def _grouped(
    records: Sequence[TestRecord], group_by: str
) -> Iterator[tuple[str | None, Sequence[TestRecord]]]:
    if group_by == "none":
        yield None, records
        return
    groups: dict[str, list[TestRecord]] = {}
    for record in records:
        groups.setdefault(_group_name(record, group_by), []).append(record)
    yield from groups.items()


def _group_name(record: TestRecord, group_by: str) -> str:
    file, *inner = record.nodeid.split("::")
    if group_by == "directory":
        return str(PurePosixPath(file).parent)
    if group_by == "class":
        return "::".join([file, *inner[:-1]])
    if group_by == "worker":
        return record.worker or "main"
    return file
