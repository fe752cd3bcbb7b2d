"""The run in the forms that CI services and trackers read.

In: a Report or one record. Out: GitHub annotations, JUnit properties, the JSON
of github-action-benchmark and of Bencher, a CTRF `extra` object, GitLab metrics.
Each form has its own escaping, since node ids hold anything.
Sources: GitHub "Workflow commands", github-action-benchmark README
(customSmallerIsBetter), Bencher Metric Format, CTRF schema, GitLab "Metrics
reports" (OpenMetrics text).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from snapshot_engine.memory.units import format_size

from .record import TestRecord
from .regression import Verdict
from .report import Report, growth_text, limit_text, verdict_text
from .report_gate import describe
from .text_safety import one_line

# GitHub shows ten annotations of a kind per step; more would only hide the rest
MOST_ANNOTATIONS: Final = 10


def github_annotations(report: Report) -> Iterator[str]:
    """Yield a workflow command per breach and regression, at most MOST_ANNOTATIONS."""
    found = list(_annotations(report))
    yield from found[:MOST_ANNOTATIONS]
    if len(found) > MOST_ANNOTATIONS:
        yield f"::notice title=memory::{len(found) - MOST_ANNOTATIONS} more memory findings are in the log"


def _annotations(report: Report) -> Iterator[str]:
    places = {record.nodeid: record for record in report.records}
    for record in report.breaches():
        text = f"{record.nodeid}: {growth_text(record)}, limit {limit_text(record)}, {verdict_text(record)}"
        yield _annotation("error", record, "memory limit", text)
    for comparison in report.comparisons:
        if comparison.verdict is Verdict.REGRESSED:
            place = places.get(comparison.nodeid)
            yield _annotation("error", place, "memory regression", describe(comparison))


def _annotation(level: str, place: TestRecord | None, title: str, text: str) -> str:
    facts = [f"title={_github_property(title)}"]
    if place is not None and place.file:
        facts.insert(0, f"file={_github_property(place.file)}")
        if place.line > 0:
            facts.insert(1, f"line={place.line}")
    return f"::{level} {','.join(facts)}::{_github_text(text)}"


def _github_text(text: str) -> str:
    return one_line(text).replace("%", "%25")


def _github_property(text: str) -> str:
    return _github_text(text).replace(":", "%3A").replace(",", "%2C")


def junit_properties(record: TestRecord) -> dict[str, str]:
    """Return the properties of one test case; empty where nothing was measured or limited."""
    properties: dict[str, str] = {}
    reading = record.reading()
    if reading is not None:
        properties["memory.gauge"] = reading.gauge
        properties["memory.growth_bytes"] = str(reading.growth_bytes)
        properties["memory.growth_upper_bytes"] = str(reading.growth_upper_bytes)
        properties["memory.growth_lower_bytes"] = str(reading.growth_lower_bytes)
        properties["memory.peak_bytes"] = str(reading.peak_bytes)
        properties["memory.retained_bytes"] = str(reading.retained_bytes)
    if record.budget is not None:
        properties["memory.limit_bytes"] = str(record.budget.limit_bytes)
        properties["memory.verdict"] = record.verdict
    if record.decided_by:
        properties["memory.decided_by"] = one_line(record.decided_by)
    return properties


def ctrf_extra(record: TestRecord) -> dict[str, Any]:
    """Return the `extra` object of a CTRF test: the same facts as numbers."""
    memory: dict[str, Any] = {}
    for key, value in junit_properties(record).items():
        memory[key.removeprefix("memory.")] = int(value) if key.endswith("_bytes") else value
    return {"memory": memory} if memory else {}


def github_action_benchmark(report: Report) -> str:
    """Return JSON for github-action-benchmark's tool "customSmallerIsBetter"; unit bytes."""
    series = []
    for record in report.records:
        reading = record.reading()
        if reading is not None:
            upper = reading.growth_upper_bytes - reading.growth_bytes
            lower = reading.growth_bytes - reading.growth_lower_bytes
            series.append(
                {
                    "name": one_line(record.nodeid),
                    "unit": "bytes",
                    "value": reading.growth_bytes,
                    "range": f"+{upper} -{lower}" if lower else f"+{upper}",
                    "extra": f"gauge {reading.gauge}, peak {format_size(reading.peak_bytes)}",
                }
            )
    return json.dumps(series, indent=1) + "\n"


def bencher(report: Report) -> str:
    """Return Bencher Metric Format: per test its growth (with both its bounds), retained bytes and peak."""
    metrics: dict[str, Any] = {}
    for record in report.records:
        reading = record.reading()
        if reading is not None:
            metrics[one_line(record.nodeid)] = {
                "memory-growth": {
                    "value": reading.growth_bytes,
                    "lower_value": reading.growth_lower_bytes,
                    "upper_value": reading.growth_upper_bytes,
                },
                "memory-retained": {"value": reading.retained_bytes},
                "memory-peak": {"value": reading.peak_bytes},
            }
    return json.dumps(metrics, indent=1) + "\n"


def gitlab_metrics(report: Report) -> str:
    """Return OpenMetrics text for GitLab's `artifacts:reports:metrics`: growth and retained bytes per test."""
    lines = []
    for name, attribute in (("growth", "peak_growth_bytes"), ("retained", "retained_bytes")):
        lines.append(f"# TYPE pytest_memory_{name}_bytes gauge")
        for record in report.records:
            if record.reading() is not None:
                labels = f'test="{_label(record.nodeid)}",gauge="{_label(record.gauge)}"'
                lines.append(f"pytest_memory_{name}_bytes{{{labels}}} {getattr(record, attribute)}")
    return "\n".join([*lines, "# EOF"]) + "\n"


def _label(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
