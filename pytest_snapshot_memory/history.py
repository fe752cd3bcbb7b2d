"""Every saved run, in a local SQLite file: for trends, for the noise of each test, for export.

In: records of a run and where it ran. Out: rows, trends, JSON lines, CSV. The
file lies in `<baseline directory>/.local/`, which ignores itself in version
control: it is a machine's own memory, the text baselines are the team's.
DuckDB was turned down: 59 MB to import; a query here takes about 0.2 ms.

Tables (schema version in PRAGMA user_version):

    run(id, saved_at TEXT ISO 8601 UTC, name, commit_id, branch, environment JSON text)
    reading(run_id, nodeid, outcome, phase, gauge, process, growth_bytes,
            growth_upper_bytes, peak_bytes, retained_bytes, seconds, blocks_net,
            growth_lower_bytes; NULL in runs that version 1 saved)
    dashboard_series(name, kind, recorded_at REAL unix seconds, peak_bytes): a view,
        one row per measured call; kind is 'test'

History must not stop a test run: what can go wrong with the disk raises
HistoryError, and the callers turn that into a warning.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from snapshot_engine.errors import SnapshotEngineError

from .record import TestRecord
from .regression import learned_noise
from .text_safety import csv_text

if TYPE_CHECKING:
    import sqlite3

SCHEMA_VERSION: Final = 2
FILE_NAME: Final = "history.sqlite3"
LOCAL_DIRECTORY: Final = ".local"
BUSY_SECONDS: Final = 20.0

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS run (
    id INTEGER PRIMARY KEY, saved_at TEXT NOT NULL, name TEXT NOT NULL,
    commit_id TEXT NOT NULL, branch TEXT NOT NULL, environment TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS reading (
    run_id INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE,
    nodeid TEXT NOT NULL, outcome TEXT NOT NULL, phase TEXT NOT NULL, gauge TEXT NOT NULL,
    process TEXT NOT NULL, growth_bytes INTEGER NOT NULL, growth_upper_bytes INTEGER NOT NULL,
    peak_bytes INTEGER NOT NULL, retained_bytes INTEGER NOT NULL, seconds REAL NOT NULL,
    blocks_net INTEGER NOT NULL, growth_lower_bytes INTEGER
);
CREATE INDEX IF NOT EXISTS reading_of_test ON reading(nodeid, phase, gauge, run_id);
CREATE INDEX IF NOT EXISTS reading_of_run ON reading(run_id);
CREATE VIEW IF NOT EXISTS dashboard_series AS
    SELECT nodeid AS name, 'test' AS kind, CAST(strftime('%s', saved_at) AS REAL) AS recorded_at, peak_bytes
    FROM reading JOIN run ON run.id = run_id WHERE phase = 'call' ORDER BY run_id;
"""
_FROM_VERSION_1: Final = "ALTER TABLE reading ADD COLUMN growth_lower_bytes INTEGER;"
_COLUMNS: Final = (
    "saved_at",
    "name",
    "commit_id",
    "branch",
    "nodeid",
    "outcome",
    "phase",
    "gauge",
    "process",
    "growth_bytes",
    "growth_upper_bytes",
    "peak_bytes",
    "retained_bytes",
    "seconds",
    "blocks_net",
    "growth_lower_bytes",
)


class HistoryError(SnapshotEngineError, OSError):
    """The history file could not be read or written; it was not replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """The call of one test in one saved run."""

    saved_at: str
    commit_id: str
    growth_bytes: int
    peak_bytes: int
    retained_bytes: int
    seconds: float


def history_path(directory: Path) -> Path:
    """Return where the history of a baseline directory lives."""
    return directory / LOCAL_DIRECTORY / FILE_NAME


def save_run(
    path: Path,
    records: Iterable[TestRecord],
    *,
    saved_at: str,
    name: str,
    environment: Mapping[str, str],
    commit_id: str = "",
    branch: str = "",
) -> int:
    """Add one run in one transaction and return its id; all of it is there, or nothing.

    Safe beside other writers (they wait up to BUSY_SECONDS). Raises HistoryError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ignore = path.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise HistoryError(
            f"{path.parent} cannot be written: {error.strerror}; this run is not in the history"
        ) from error
    facts = (saved_at, name, commit_id, branch, json.dumps(dict(environment), sort_keys=True))
    with _opened(path, write=True) as database:
        run_id = database.execute(
            "INSERT INTO run(saved_at, name, commit_id, branch, environment) VALUES (?, ?, ?, ?, ?)", facts
        ).lastrowid
        rows = (row for record in records for row in _rows(record))
        database.executemany(f"INSERT INTO reading VALUES ({run_id}, {', '.join('?' * 12)})", rows)
    return int(run_id or 0)


def _rows(record: TestRecord) -> Iterator[tuple[Any, ...]]:
    # SQLite keeps UTF-8 only: a lone surrogate in a name would end the transaction
    nodeid = record.nodeid.encode(errors="replace").decode()
    for r in record.phases:
        sizes = (r.growth_bytes, r.growth_upper_bytes, r.peak_bytes, r.retained_bytes)
        after = (r.seconds, r.blocks_net, r.growth_lower_bytes)
        yield (nodeid, record.outcome, r.phase, r.gauge, r.process, *sizes, *after)


@contextlib.contextmanager
def _opened(path: Path, *, write: bool) -> Iterator[sqlite3.Connection]:
    """Yield a connection inside a transaction; commits at the end, rolls back on an error."""
    import sqlite3

    if not write and not path.exists():
        raise HistoryError(f"no history at {path}. Each pytest --memory-save adds to it")
    try:
        database = _connect(path, write=write)
        try:
            with database:
                yield database
        finally:
            database.close()
    except (sqlite3.Error, OverflowError) as error:
        doing = "written" if write else "read"
        raise HistoryError(f"{path} was not {doing}: {error}. The file was left as it is") from error


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
    import sqlite3

    if not write:
        # a read-only directory cannot hold the WAL's side files: then read the file as it stands
        uri = path.resolve().as_uri()
        try:
            database = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=BUSY_SECONDS)
            database.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            database = sqlite3.connect(f"{uri}?immutable=1", uri=True)
        return database
    database = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        version = _version(database)
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"schema version {version} is newer than {SCHEMA_VERSION}")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA foreign_keys=ON")
        if version < SCHEMA_VERSION:
            _bring_up_to_date(database)
    except BaseException:
        database.close()
        raise
    return database


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    """Create the tables, or add what a file of an older version lacks; one of several writers does it."""
    with database:
        database.execute("BEGIN IMMEDIATE")
        changes = {0: _SCHEMA, 1: _FROM_VERSION_1}.get(_version(database), "")
        for statement in filter(str.strip, changes.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def trend(path: Path, nodeid: str, *, gauge: str, limit: int = 100) -> list[TrendPoint]:
    """Return the last `limit` readings of a test's call, oldest first."""
    return trends(path, gauge=gauge, limit=limit, nodeids=[nodeid]).get(nodeid, [])


def trends(
    path: Path, *, gauge: str, limit: int = 30, nodeids: Sequence[str] | None = None
) -> dict[str, list[TrendPoint]]:
    """Return the last `limit` readings of each test's call, oldest first, tests sorted.

    Only tests that passed count. nodeids: only these; None means all.
    """
    chosen = "" if nodeids is None else f"AND nodeid IN ({', '.join('?' * len(nodeids))})"
    query = f"""
        SELECT nodeid, saved_at, commit_id, growth_bytes, peak_bytes, retained_bytes, seconds FROM (
            SELECT *, row_number() OVER (PARTITION BY nodeid ORDER BY run_id DESC) AS age
            FROM reading JOIN run ON run.id = run_id
            WHERE phase = 'call' AND gauge = ? AND outcome IN ('passed', 'xpassed') {chosen}
        ) WHERE age <= ? ORDER BY nodeid, age DESC"""
    found: dict[str, list[TrendPoint]] = {}
    with _opened(path, write=False) as database:
        for nodeid, saved_at, commit_id, growth, peak, retained, seconds in database.execute(
            query, (gauge, *(nodeids or ()), limit)
        ):
            point = TrendPoint(
                saved_at=saved_at,
                commit_id=commit_id,
                growth_bytes=growth,
                peak_bytes=peak,
                retained_bytes=retained,
                seconds=seconds,
            )
            found.setdefault(nodeid, []).append(point)
    return found


def learned_bands(path: Path, *, gauge: str, limit: int = 30) -> dict[str, int]:
    """Return the noise band in bytes of each test with enough history."""
    bands = {}
    for nodeid, points in trends(path, gauge=gauge, limit=limit).items():
        band = learned_noise([point.growth_bytes for point in points])
        if band is not None:
            bands[nodeid] = band
    return bands


def prune(path: Path, *, keep: int) -> int:
    """Forget all but the newest `keep` runs; return how many were forgotten."""
    with _opened(path, write=True) as database:
        newest = "SELECT id FROM run ORDER BY id DESC LIMIT ?"
        database.execute(f"DELETE FROM reading WHERE run_id NOT IN ({newest})", (keep,))
        return database.execute(f"DELETE FROM run WHERE id NOT IN ({newest})", (keep,)).rowcount


def export(path: Path, out: TextIO, *, form: str) -> int:
    """Write every reading, oldest run first, as "jsonl" or "csv"; return how many.

    Rows are streamed: memory does not grow with the history.
    """
    count = 0
    with _opened(path, write=False) as database:
        # opened for reading: an older file stays as it is
        columns = _COLUMNS if _version(database) > 1 else (*_COLUMNS[:-1], "NULL")
        query = f"SELECT {', '.join(columns)} FROM reading JOIN run ON run.id = run_id ORDER BY run_id, reading.rowid"
        if form == "csv":
            import csv

            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(_COLUMNS)
            for count, row in enumerate(database.execute(query), start=1):  # noqa: B007
                writer.writerow([csv_text(cell) if isinstance(cell, str) else cell for cell in row])
        else:
            for count, row in enumerate(database.execute(query), start=1):  # noqa: B007
                out.write(json.dumps(dict(zip(_COLUMNS, row, strict=True))) + "\n")
    return count
