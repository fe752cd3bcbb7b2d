"""The run as JSON for other programs, with names spelled out and a schema version.

In: a Report. Out: text, and back. `schema_version` rises when a name changes its
meaning or goes; new names may appear without it. All sizes are bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

from snapshot_engine.errors import SnapshotEngineError

from .record import AllocationSite, BudgetTerms, PhaseReading, TestRecord
from .regression import Comparison, Verdict
from .report import Report

SCHEMA: Final = "pytest-snapshot-memory/report"
SCHEMA_VERSION: Final = 1


class ReportError(SnapshotEngineError, ValueError):
    """A text is not a JSON report that this version reads."""


def render(report: Report) -> str:
    """Return the report as JSON, one test per line, ASCII; equal reports give equal bytes."""
    head = {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "created_at": report.created_at,
        "environment": dict(report.environment),
        "outcomes": report.outcomes,
        "gate_failed": report.gate_failed,
    }
    body = json.dumps(head, indent=1)[:-2]  # without its closing brace
    tests = _rows(_test(record) for record in report.records)
    comparisons = _rows(_comparison(comparison) for comparison in report.comparisons)
    return f'{body},\n "tests": {tests},\n "comparisons": {comparisons}\n}}\n'


def _rows(rows: Iterable[dict[str, Any]]) -> str:
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    return f"[\n  {lines}\n ]" if lines else "[]"


def _test(record: TestRecord) -> dict[str, Any]:
    plain = record._asdict()
    plain["budget"] = record.budget._asdict() if record.budget else None
    plain["sites"] = [site._asdict() for site in record.sites]
    plain["phases"] = [
        {
            **reading._asdict(),
            "growth_bytes": reading.growth_bytes,
            "growth_lower_bytes": reading.growth_lower_bytes,
            "growth_upper_bytes": reading.growth_upper_bytes,
            "retained_bytes": reading.retained_bytes,
        }
        for reading in record.phases
    ]
    return plain


def _comparison(comparison: Comparison) -> dict[str, Any]:
    # dataclasses.asdict copies each value, at ten times the time
    plain = {field.name: getattr(comparison, field.name) for field in fields(comparison)}
    plain["verdict"] = comparison.verdict.value
    plain["change_bytes"] = comparison.change_bytes
    return plain


def parse(text: str, source: str = "report") -> Report:
    """Read what render wrote; `source` is for the message. Raises ReportError."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{source} is not JSON: {error}") from error
    if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
        raise ReportError(f"{source} is no memory report. Make one with: pytest --memory-json=PATH")
    if plain.get("schema_version") != SCHEMA_VERSION:
        found = plain.get("schema_version")
        raise ReportError(f"{source} has schema version {found!r}, this reads {SCHEMA_VERSION}")
    try:
        return Report(
            records=tuple(_read_test(test) for test in plain["tests"]),
            environment={str(k): str(v) for k, v in plain["environment"].items()},
            comparisons=tuple(_read_comparison(c) for c in plain["comparisons"]),
            created_at=str(plain["created_at"]),
            gate_failed=plain["gate_failed"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(f"{source} is damaged: {error!r}") from error


def _read_test(plain: dict[str, Any]) -> TestRecord:
    derived = ("growth_bytes", "growth_lower_bytes", "growth_upper_bytes", "retained_bytes")
    given = dict(plain)
    given["phases"] = tuple(
        PhaseReading(**{k: v for k, v in phase.items() if k not in derived}) for phase in plain["phases"]
    )
    given["budget"] = BudgetTerms(**plain["budget"]) if plain["budget"] else None
    given["sites"] = tuple(AllocationSite(**site) for site in plain["sites"])
    given["notes"] = tuple(plain["notes"])
    return TestRecord(**given)


def _read_comparison(plain: dict[str, Any]) -> Comparison:
    given = {k: v for k, v in plain.items() if k != "change_bytes"}
    given["verdict"] = Verdict(plain["verdict"])
    given["fresh_runs_bytes"] = tuple(plain["fresh_runs_bytes"])
    given["site_changes"] = tuple(str(line) for line in plain.get("site_changes", ()))
    return Comparison(**given)
