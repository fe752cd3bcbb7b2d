"""The run as one HTML page: no request to anywhere, light and dark, whole without script.

In: a Report. Out: text. Style and script are read from `templates/` and allowed
by their hashes in the page's content security policy, so that nothing a test is
called can run, even if an escape were missing. Bars are inline SVG: a style
attribute would need the policy opened.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import resources
from string import Template

from snapshot_engine.memory.units import format_size

from .record import PhaseReading, TestRecord
from .regression import Comparison, Verdict
from .report import Report, ends_legend, growth_text, limit_text, verdict_text
from .text_safety import html_text

_BAR_UNITS = 100
_TAGS = {
    "exceeded": "bad",
    "failed": "bad",
    "error": "bad",
    "crashed": "bad",
    "unmeasured": "warn",
    "regressed": "bad",
    "incomparable": "warn",
    "vanished": "warn",
    "new": "warn",
    "improved": "good",
    "within": "good",
}


def render(report: Report) -> str:
    """Return the page; equal reports give equal bytes."""
    style, script = _template("report.css"), _template("report.js")
    count = f"{len(report.records):,}"
    return Template(_template("report.html")).substitute(
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        test_count=count,
        subtitle=html_text(_subtitle(report)),
        cards="".join(_cards(report)),
        sections="\n".join(_sections(report)),
    )


def _template(name: str) -> str:
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _subtitle(report: Report) -> str:
    gauges = sorted({record.gauge for record in report.records if record.gauge})
    parts = [f"gauge {', '.join(gauges)}" if gauges else "nothing was measured"]
    parts += [report.created_at] if report.created_at else []
    return "; ".join(parts) + ". 1 MiB = 1,048,576 bytes"


def _cards(report: Report) -> Iterator[str]:
    over = sum(record.verdict == "exceeded" for record in report.records)
    limited = sum(record.budget is not None for record in report.records)
    largest = report.largest()[0].peak_growth_bytes if report.records else 0
    yield _card(format_size(largest), "largest growth")
    if limited:
        yield _card(f"{over} of {limited}", "over their limit", "bad" if over else "good")
    if report.gate_failed is not None:
        regressed = sum(c.verdict is Verdict.REGRESSED for c in report.comparisons)
        state = "failed" if report.gate_failed else "passed"
        yield _card(state, f"gate, {regressed} regressed", "bad" if report.gate_failed else "good")
    for outcome, count in report.outcomes.items():
        yield _card(f"{count:,}", html_text(outcome))


def _card(value: str, label: str, kind: str = "") -> str:
    return f'<li class="{kind}"><b>{value}</b>{label}</li>'


def _sections(report: Report) -> Iterator[str]:
    breaches = report.breaches()
    if breaches:
        yield "<h2>Limits</h2>"
        yield _table("limits", _LIMIT_HEADINGS, map(_breach_row, breaches))
        yield _quiet(ends_legend(breaches))
    shown = report.comparisons_worth_showing()
    if report.comparisons:
        unchanged = len(report.comparisons) - len(shown)
        yield f'<h2>Against the baseline</h2><p class="quiet">{unchanged:,} unchanged</p>'
    if shown:
        yield _table("gate", _GATE_HEADINGS, map(_comparison_row, shown))
    fixtures = [(record, r) for record in report.records for r in record.phases if r.fixture_name]
    if fixtures:
        yield "<h2>Fixtures of wider scope</h2>"
        yield _table("fixtures", _FIXTURE_HEADINGS, (_fixture_row(record, r) for record, r in fixtures))
    yield "<h2>All tests</h2>"
    if len(report.records) > 15:
        yield '<label>Show tests whose name has <input id="filter" type="search"></label>'
    largest = max((record.peak_growth_upper_bytes for record in report.records), default=0)
    yield _table("tests", _TEST_HEADINGS, (_test_row(record, largest) for record in report.largest()))
    legend = ends_legend(report.records)
    yield _quiet(
        f"{legend}; the bar has the least in its darkest part, the most in its palest" if legend else ""
    )
    if report.environment:
        facts = "".join(
            f"<dt>{html_text(k)}</dt><dd>{html_text(v)}</dd>" for k, v in report.environment.items()
        )
        yield f"<h2>Measured on</h2><dl>{facts}</dl>"


_LIMIT_HEADINGS = ("test", "limit", "growth", "verdict")
_GATE_HEADINGS = ("verdict", "test", "before", "now", "change", "decided by")
_FIXTURE_HEADINGS = ("fixture", "first used by", "growth", "retained")
_TEST_HEADINGS = ("test", "growth", "", "retained", "seconds", "outcome")
_NUMBERS = ("growth", "retained", "seconds", "before", "now", "change")


def _quiet(text: str) -> str:
    return f'<p class="quiet">{html_text(text)}</p>' if text else ""


def _table(name: str, headings: tuple[str, ...], rows: Iterator[str]) -> str:
    def heading(text: str) -> str:
        return f'<th scope="col"{" class=number" if text in _NUMBERS else ""}>{text}</th>'

    head = "".join(heading(text) for text in headings)
    return (
        f'<div class="scroll"><table class="sortable" id="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{''.join(rows)}</tbody></table></div>"
    )


def _tag(text: str) -> str:
    kind = _TAGS.get(text.split(":")[0].split(" ")[0], "")
    return f'<span class="tag {kind}">{html_text(text)}</span>' if text else ""


def _number(text: str, value: float) -> str:
    return f'<td class="number" data-value="{value}">{html_text(text)}</td>'


def _breach_row(record: TestRecord) -> str:
    sites = "".join(f"<li>{format_size(s.size_bytes)} {html_text(s.describe())}</li>" for s in record.sites)
    detail = f'<ul class="sites">{sites}</ul>' if sites else ""
    reason = record.reason if record.verdict != "unmeasured" else ""  # the tag says it already
    notes = "; ".join(note for note in (record.decided_by, reason, *record.notes) if note)
    kind = "bad" if record.verdict == "exceeded" else "warn"
    verdict = f'<span class="tag {kind}">{html_text(verdict_text(record))}</span>'
    return (
        f'<tr><td class="name">{html_text(record.nodeid)}{detail}</td><td>{html_text(limit_text(record))}</td>'
        f"{_number(growth_text(record), record.peak_growth_bytes)}"
        f'<td>{verdict} <span class="quiet">{html_text(notes)}</span></td></tr>\n'
    )


def _comparison_row(comparison: Comparison) -> str:
    was = f"<br>was {html_text(comparison.renamed_from)}" if comparison.renamed_from else ""
    notes = "; ".join(part for part in (comparison.decided_by, comparison.reason) if part)
    old, new = comparison.old_bytes, comparison.new_bytes
    both = old is not None and new is not None
    lines = "".join(f"<li>{html_text(line.strip())}</li>" for line in comparison.site_changes)
    sites = f'<ul class="sites">{lines}</ul>' if lines else ""
    return (
        f"<tr><td>{_tag(comparison.verdict.value)}</td>"
        f'<td class="name">{html_text(comparison.nodeid)}{was}{sites}</td>'
        f"{_number('' if old is None else format_size(old), old or 0)}"
        f"{_number('' if new is None else format_size(new), new or 0)}"
        f"{_number(comparison.change_text if both else '', comparison.change_bytes)}"
        f"<td>{html_text(notes)}</td></tr>\n"
    )


def _fixture_row(record: TestRecord, reading: PhaseReading) -> str:
    return (
        f'<tr><td class="name">{html_text(reading.fixture_name)}</td>'
        f'<td class="name">{html_text(record.nodeid)}</td>'
        f"{_number(format_size(reading.growth_bytes), reading.growth_bytes)}"
        f"{_number(format_size(reading.retained_bytes), reading.retained_bytes)}</tr>\n"
    )


def _test_row(record: TestRecord, largest_bytes: int) -> str:
    return (
        f'<tr><td class="name">{html_text(record.nodeid)}</td>'
        f"{_number(growth_text(record), record.peak_growth_bytes)}<td>{_bar(record, largest_bytes)}</td>"
        f"{_number(format_size(record.retained_bytes), record.retained_bytes)}"
        f"{_number(f'{record.seconds:.3f}', record.seconds)}<td>{_tag(record.outcome)}</td></tr>\n"
    )


def _bar(record: TestRecord, largest_bytes: int) -> str:
    """Draw the least it grew, paler what was seen, palest what went unseen, to the scale of the largest test."""
    reading = record.reading()
    least = (reading.growth_lower_bytes if reading else 0) * _BAR_UNITS / max(1, largest_bytes)
    seen = record.peak_growth_bytes * _BAR_UNITS / max(1, largest_bytes)
    maybe = record.peak_growth_upper_bytes * _BAR_UNITS / max(1, largest_bytes)
    return (
        f'<svg viewBox="0 0 {_BAR_UNITS} 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="{_BAR_UNITS}" height="10"/><rect class="maybe" width="{maybe:.1f}" height="10"/>'
        f'<rect class="seen" width="{seen:.1f}" height="10"/>'
        f'<rect class="least" width="{least:.1f}" height="10"/></svg>'
    )
