"""The report at the end of a run: records in, lines out; nothing is printed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from pytest_snapshot_memory.packed import Quiet
from pytest_snapshot_memory.record import PhaseReading, TestRecord
from snapshot_engine.memory.units import format_size

if TYPE_CHECKING:
    from pytest_snapshot_memory.settings import Settings

COUNTS: Final = {
    "resident": "resident memory of the test's process, the kernel's own peak",
    "python": "memory that Python objects took, by tracemalloc",
    "allocated": "all memory that was allocated, by memray",
    "tree": "resident memory of the test's process and all it started",
    "thread": "memory that the test's own thread allocated, by memray",
}
# Below this, what could have been reused unseen is not worth a word per line.
SHOWN_HIDDEN_BYTES: Final = 256 * 1024
# A test's own frames and caches; no number this small is an offender.
_NOISE_BYTES: Final = 64 * 1024

_NONE: Final[Mapping[str, Quiet]] = {}

_SORT_KEYS: Final[dict[str, Callable[[TestRecord], float]]] = {
    "growth": lambda record: -record.peak_growth_bytes,
    "peak": lambda record: -record.peak_bytes,
    "retained": lambda record: -record.retained_bytes,
    "time": lambda record: -record.seconds,
    "name": lambda record: 0.0,
}


def header(settings: Settings, why_no_peak: str = "") -> str:
    """Return the line of pytest's header that names the gauge.

    why_no_peak: "" or why the kernel keeps no peak for us here, so that it is sampled.
    """
    counts = COUNTS[settings.gauge]
    if why_no_peak and settings.gauge == "resident":
        counts = f"resident memory of the test's process, its peak sampled: {why_no_peak}"
    return f"memory: {settings.gauge} gauge ({counts})"


def render(
    records: Sequence[TestRecord], settings: Settings, quiet: Mapping[str, Quiet] = _NONE
) -> Iterator[str]:
    """Yield the lines of the report, the section title left out.

    quiet: (most it may have grown, reusable bytes, highest peak) by node id of
    further tests of the resident gauge, which no short report shows.

    The short report shows tests that grew by more than the gauge can be off;
    the others are counted in one line. Columns without a value are left out.
    """
    measured = [record for record in records if record.phases]
    if not measured and not quiet:
        yield "No test was measured."
        return
    ordered = sorted(measured, key=lambda record: (_SORT_KEYS[settings.sort](record), record.nodeid))
    shown = ordered
    if settings.report != "full":
        shown = [record for record in ordered if _stands_out(record)][: settings.top]
    yield from _table(shown, settings)
    yield from _left_out(ordered, shown, quiet)
    yield from _fixtures(measured, settings)
    yield from _notes(measured, quiet)
    yield _total(measured, quiet)


def _stands_out(record: TestRecord) -> bool:
    """Say whether a test is worth a line of the short report."""
    if record.verdict in ("exceeded", "unmeasured") or record.outcome == "crashed":
        return True
    phases = [reading for reading in record.phases if reading.phase in ("setup", "call", "teardown")]
    return any(reading.growth_bytes > max(_NOISE_BYTES, reading.error_bound_bytes) for reading in phases)


def _quiet_bytes(record: TestRecord) -> int:
    """Return up to what a test's growth is not worth a line."""
    return max((_NOISE_BYTES, *(reading.error_bound_bytes for reading in record.phases)))


def _table(records: Sequence[TestRecord], settings: Settings) -> Iterator[str]:
    cells = {record.nodeid: _cells(record) for record in records}
    columns = [
        (number, title)
        for number, title in enumerate(_TITLES)
        if number == 0 or any(row[number] for row in cells.values())
    ]
    if records:
        yield " ".join(f"{title:>10}" for _, title in columns) + "  test"
    for name, group in _grouped(records, settings.group_by):
        if name is not None:
            yield f"-- {name}: {_sum_up(group)}"
        for record in group:
            numbers = " ".join(f"{cells[record.nodeid][number]:>10}" for number, _ in columns)
            yield f"{numbers}  {_words(record)}"


_TITLES: Final = ("growth", "unseen", "spare", "retained", "set-up", "tear-down")


def _cells(record: TestRecord) -> tuple[str, ...]:
    """Return one test's numbers in the order of _TITLES, "" where there is nothing to say."""
    call = record.reading("call")
    retained = call.retained_bytes if call else 0
    return (
        format_size(call.growth_bytes) if call else "-",
        _hidden(call),
        _spare(call),
        format_size(retained) if abs(retained) > _NOISE_BYTES else "",
        *(_growth(record.reading(phase)) for phase in ("setup", "teardown")),
    )


def _growth(reading: PhaseReading | None) -> str:
    if reading is None or reading.growth_bytes <= _NOISE_BYTES:
        return ""
    return format_size(reading.growth_bytes)


def _words(record: TestRecord) -> str:
    words = [record.nodeid]
    if record.outcome != "passed":
        words.append(f"[{record.outcome}]")
    if record.budget is not None:
        words.append(f"[limit {format_size(record.budget.limit_bytes)}: {record.verdict}]")
    return " ".join(words)


def _left_out(
    ordered: Sequence[TestRecord], shown: Sequence[TestRecord], quiet: Mapping[str, Quiet]
) -> Iterator[str]:
    missing = {record.nodeid for record in ordered} - {record.nodeid for record in shown}
    rest = [record for record in ordered if record.nodeid in missing]
    small = [record for record in rest if not _stands_out(record)]
    if len(rest) > len(small):
        yield f"{len(rest) - len(small):,} more grew less; --memory-report=full shows all"
    if small or quiet:
        hidden = max(
            [*(record.peak_growth_upper_bytes for record in small), *(one[0] for one in quiet.values())]
        )
        unseen = f"; reuse could hide {format_size(hidden)} at most" if hidden > SHOWN_HIDDEN_BYTES else ""
        most = max([*(_quiet_bytes(record) for record in small), *(one[3] for one in quiet.values())])
        whose = ", the gauge's own error" if most > _NOISE_BYTES else ""
        yield f"{len(small) + len(quiet):,} grew by no more than {format_size(most)}{whose}{unseen}"


def _hidden(reading: PhaseReading | None) -> str:
    """Return how much more a phase may have used than was seen; "" where that is little."""
    if reading is None or reading.unseen_bytes < SHOWN_HIDDEN_BYTES:
        return ""
    return "+<" + format_size(reading.unseen_bytes)


def _spare(reading: PhaseReading | None) -> str:
    """Return how much of the growth may have been free heap or pages of files; "" where that is little."""
    spare_bytes = reading.growth_bytes - reading.growth_lower_bytes if reading is not None else 0
    return "-<" + format_size(spare_bytes) if spare_bytes >= SHOWN_HIDDEN_BYTES else ""


def _fixtures(records: Sequence[TestRecord], settings: Settings) -> Iterator[str]:
    """Yield a line for each fixture of wider scope, with the test that used it first."""
    rows = [(reading, record) for record in records for reading in record.phases if reading.fixture_name]
    rows.sort(key=lambda row: (-row[0].growth_bytes, row[0].fixture_name))
    rows = [row for row in rows if row[0].growth_bytes > max(_NOISE_BYTES, row[0].error_bound_bytes)]
    if settings.report != "full":
        rows = rows[: settings.top]
    if rows:
        yield "fixtures of wider scope (in no test's number):"
    for reading, record in rows:
        numbers = f"{format_size(reading.growth_bytes):>10} {_hidden(reading):>10}"
        kept = f", keeps {format_size(reading.retained_bytes)}" if reading.retained_bytes > 0 else ""
        yield f"{numbers}  {reading.fixture_name}{kept} (first used by {record.nodeid})"


def _notes(records: Sequence[TestRecord], quiet: Mapping[str, Quiet]) -> Iterator[str]:
    told: dict[str, int] = {}
    for record in records:
        for note in record.notes:
            told[note] = told.get(note, 0) + 1
        if record.verdict == "unmeasured":
            told[f"{record.nodeid}: limit not decided: {record.reason}"] = 1
    for note, times in told.items():
        yield f"note: {note}" + (f" ({times} tests)" if times > 1 else "")
    hidden = any(_hidden(record.reading("call")) for record in records)
    if hidden or any(one[1] >= SHOWN_HIDDEN_BYTES for one in quiet.values()):
        yield "unseen: heap that was free at the start of the test and could be used again without a trace;"
        yield "        a limit makes sure, --memory-gauge=python or allocated measures without it"
    if any(_spare(record.reading("call")) for record in records):
        yield "spare: the part of the growth that can have been free heap, such as old copies of a list that grew"
    moved = [call.file_bytes for record in records if (call := record.reading("call")) is not None]
    if any(abs(file_bytes) >= SHOWN_HIDDEN_BYTES for file_bytes in moved):
        yield "pages of mapped files (libraries, too) that came in are spare; room that they left is unseen"


def _total(records: Sequence[TestRecord], quiet: Mapping[str, Quiet]) -> str:
    gauges = sorted({record.gauge for record in records} | ({"resident"} if quiet else set()))
    workers = {record.worker for record in records if record.worker}
    across = f" on {len(workers)} workers" if workers else ""
    process = "" if gauges != ["resident"] else f"; highest process peak {_highest(records, quiet)}"
    count = len(records) + len(quiet)
    tests = "1 test" if count == 1 else f"{count:,} tests"
    return f"{tests} measured{across}, gauge {', '.join(gauges)}{process}"


def _highest(records: Sequence[TestRecord], quiet: Mapping[str, Quiet]) -> str:
    top, where = max(((record.peak_bytes, record.nodeid) for record in records), default=(0, ""))
    quiet_top, quiet_where = max(((one[2], nodeid) for nodeid, one in quiet.items()), default=(0, ""))
    if quiet_top > top:
        top, where = quiet_top, quiet_where
    return f"{format_size(top)} in {where}"


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
