"""What earlier test and benchmark runs recorded, read from the gate's SQLite file.

In: the file. Out: one series per test and per benchmark. The file is opened
read-only and never created; a file of another kind is said to be one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.monitoring.reading import MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySeries:
    """One test's or benchmark's peaks over its runs, oldest first; at least one."""

    name: str
    values_mb: Sequence[float]

    @property
    def median_mb(self) -> float:
        return median(self.values_mb)

    @property
    def change_percent(self) -> float | None:
        """The latest run against the median of those before; None for a first run or one that used nothing."""
        if len(self.values_mb) < 2:
            return None
        before = median(self.values_mb[:-1])
        return None if before <= 0 else 100.0 * (self.values_mb[-1] / before - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHistory:
    """All series of a file; `note` says why there are none, or ""."""

    tests: Sequence[HistorySeries] = ()
    benchmarks: Sequence[HistorySeries] = ()
    note: str = ""


NO_FILE = StoredHistory(note="No history file is named: --history-file shows recorded runs.")

# More runs than this make a line, not a course.
_MOST_RUNS = 100
# A view that the gate keeps in its file for this reader.
_QUERY = "SELECT name, kind, peak_bytes FROM dashboard_series ORDER BY recorded_at"


class HistoryProblem(SnapshotEngineError, OSError):
    """A history file is missing or is not one; the message names it."""


def read_stored_history(path: Path | None) -> StoredHistory:
    """Return the recorded series, each with its newest runs. Raises HistoryProblem for a file that is not one."""
    if path is None:
        return NO_FILE
    if not path.is_file():
        raise HistoryProblem(f"history file {path} does not exist")
    # Imported here: 1 MiB that a page without history need not pay.
    import sqlite3

    series: dict[tuple[str, str], deque[float]] = {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for name, kind, peak_bytes in connection.execute(_QUERY):
                # The gate records a benchmark as the test that ran it.
                kind = "benchmark" if name.startswith("benchmarks/") else kind
                series.setdefault((kind, name), deque(maxlen=_MOST_RUNS)).append(peak_bytes / MIB)
    except sqlite3.Error as error:
        raise HistoryProblem(f"history file {path} cannot be read: {error}") from None
    return StoredHistory(tests=_of_kind(series, "test"), benchmarks=_of_kind(series, "benchmark"))


def _of_kind(series: dict[tuple[str, str], deque[float]], kind: str) -> list[HistorySeries]:
    found = [
        HistorySeries(name=name, values_mb=tuple(values)) for (k, name), values in series.items() if k == kind
    ]
    return sorted(found, key=lambda one: -one.values_mb[-1])
