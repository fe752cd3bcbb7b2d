"""The run as Markdown, for a GitHub step summary or a comment on a pull request.

In: a Report. Out: text of at most `max_bytes`: what fails comes first, and rows
are left out from the end, with their number, before the limit is passed. Names of
tests are escaped: nothing in them is markup, a link or a mention.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from snapshot_engine.memory.units import format_size

from .record import TestRecord
from .regression import Comparison
from .report import Report, ends_legend, growth_text, limit_text, verdict_text
from .text_safety import markdown_code, markdown_text

# GitHub drops a step summary of more than 1 MiB; other steps of ours may append, too
MAX_BYTES: Final = 1024 * 1024 - 64 * 1024
MOST_TESTS: Final = 20
_RESERVE_BYTES = 400


def render(report: Report, *, max_bytes: int = MAX_BYTES, top: int = MOST_TESTS) -> str:
    """Return headline, breaches, gate and the `top` largest tests as Markdown."""
    lines = [f"## {_headline(report)}", ""]
    size = sum(len(line.encode()) + 1 for line in lines)
    left_out = 0
    for line in _body(report, top):
        size += len(line.encode()) + 1
        if size > max_bytes - _RESERVE_BYTES:
            left_out += 1
        else:
            lines.append(line)
    if left_out:
        lines += ["", f"{left_out:,} more lines are left out here to stay below {format_size(max_bytes)}."]
    return "\n".join(lines) + "\n"


def _headline(report: Report) -> str:
    over = sum(record.verdict == "exceeded" for record in report.records)
    unmeasured = sum(record.verdict == "unmeasured" for record in report.records)
    parts = [f"{len(report.records):,} tests"]
    parts += [f"{over} over their limit"] if over else []
    parts += [f"{unmeasured} with a limit but unmeasured"] if unmeasured else []
    if report.gate_failed is not None:
        parts.append("gate failed" if report.gate_failed else "gate passed")
    return f"Memory: {', '.join(parts)}"


def _body(report: Report, top: int) -> Iterator[str]:
    breaches = report.breaches()
    if breaches:
        yield from ("### Limits", "", "| test | limit | growth | verdict |", "|---|---|---:|---|")
        yield from (_breach(record) for record in breaches)
        yield ""
        yield from _legend(breaches)
    shown = report.comparisons_worth_showing()
    if report.comparisons:
        yield from ("### Against the baseline", "")
    if shown:
        yield from ("| | test | before | now | change | decided by |", "|---|---|---:|---:|---:|---|")
        yield from (_comparison(comparison) for comparison in shown)
        yield ""
        yield from _site_changes(shown)
    unchanged = len(report.comparisons) - len(shown)
    if unchanged:
        yield from (f"{unchanged:,} unchanged.", "")
    largest = [record for record in report.largest()[:top] if record.reading() is not None]
    if largest:
        yield from ("<details><summary>Largest tests</summary>", "")
        yield from ("| test | growth | retained | gauge |", "|---|---:|---:|---|")
        yield from (_largest(record) for record in largest)
        yield ""
        yield from _legend(largest)
        yield from ("</details>", "")
    if report.environment:
        facts = ", ".join(f"{key} {value}" for key, value in report.environment.items())
        yield markdown_text(facts)


def _legend(records: list[TestRecord]) -> Iterator[str]:
    legend = ends_legend(records)
    if legend:
        yield from (markdown_text(legend), "")


def _site_changes(comparisons: list[Comparison]) -> Iterator[str]:
    """Yield a list per regression that says where the memory came from."""
    for comparison in comparisons:
        if comparison.site_changes:
            head, *rows = comparison.site_changes
            yield f"{markdown_code(comparison.nodeid)}: {markdown_text(head)}"
            yield from ("", *(f"- {markdown_text(' '.join(row.split()))}" for row in rows), "")


def _breach(record: TestRecord) -> str:
    return _row("", record.nodeid, limit_text(record), growth_text(record), verdict_text(record))


def _comparison(comparison: Comparison) -> str:
    old, new = comparison.old_bytes, comparison.new_bytes
    was = f"was {comparison.renamed_from}" if comparison.renamed_from else ""
    return _row(
        comparison.verdict.value,
        comparison.nodeid,
        "" if old is None else format_size(old),
        "" if new is None else format_size(new),
        comparison.change_text if old is not None and new is not None else "",
        "; ".join(part for part in (comparison.decided_by, comparison.reason, was) if part),
    )


def _largest(record: TestRecord) -> str:
    return _row("", record.nodeid, growth_text(record), format_size(record.retained_bytes), record.gauge)


def _row(first: str, nodeid: str, *cells: str) -> str:
    """Return a table row; without a first cell it begins with the name."""
    texts = [markdown_text(first)] if first else []
    texts += [markdown_code(nodeid), *(markdown_text(cell) for cell in cells)]
    return f"| {' | '.join(texts)} |"
