"""The dashboard as one self-contained page, and the policy that lets nothing else in.

In: sections' markup. Out: the page. Style and script are inline and named by
their hashes, so the policy allows these two texts and nothing else: no foreign
request, no injected script, no inline handler.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path

from snapshot_engine.monitoring.dashboard_parts import live_parts
from snapshot_engine.monitoring.reading import MemoryReading
from snapshot_engine.monitoring.status import MemoryStatus
from snapshot_engine.monitoring.stored_history import HistorySeries
from snapshot_engine.monitoring.svg_chart import sparkline

MODES = ("comprehensive", "live", "history", "benchmark")
_FILES = Path(__file__).parent / "files"
# More rows than anyone scrolls through make a page that no phone opens.
MOST_SERIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardContent:
    """What a page shows; `history_note` says why there is no history, or "" ."""

    mode: str
    status: MemoryStatus
    readings: Sequence[MemoryReading]
    tests: Sequence[HistorySeries] = ()
    benchmarks: Sequence[HistorySeries] = ()
    history_note: str = ""


def render_page(content: DashboardContent, *, live: bool) -> str:
    """Return the whole page; live pages go on by server-sent events."""
    parts = live_parts(content.status, content.readings)
    title = f"Memory of process {content.status['pid']}"
    taken = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    values = {
        "policy": content_policy(),
        "title": escape(title),
        "css": _file("dashboard.css"),
        "script": _file("dashboard.js"),
        "live": "yes" if live else "no",
        "state": parts["state"],
        "taken": "Connecting" if live else f"As of {taken}",
        "sections": "\n".join(_sections(content, parts)),
    }
    return _fill(_file("dashboard.html"), values)


@lru_cache(maxsize=1)
def content_policy() -> str:
    """Return the Content-Security-Policy of the page. (frame-ancestors works in the header only; the server adds it.)"""
    script, style = _digest(_file("dashboard.js")), _digest(_file("dashboard.css"))
    return (
        f"default-src 'none'; script-src '{script}'; style-src '{style}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _sections(content: DashboardContent, parts: Mapping[str, str]) -> list[str]:
    sections = []
    if content.mode in {"comprehensive", "live"}:
        sections += _live_sections(parts)
    if content.mode in {"comprehensive", "history"}:
        sections.append(_history_section("Tests", "test-history", content.tests, content.history_note))
    if content.mode in {"comprehensive", "benchmark"}:
        sections.append(
            _history_section("Benchmarks", "benchmark-history", content.benchmarks, content.history_note)
        )
    return sections


def _live_sections(parts: Mapping[str, str]) -> list[str]:
    plot = (
        '<div class="plot" id="plot" tabindex="0" role="group" '
        'aria-label="Memory over time; arrow keys read single points">'
        f'<div id="chart">{parts["chart"]}</div></div>'
        '<p class="axis note"><span>older</span><output id="cursor"></output><span>now</span></p>'
        f'<div id="points" hidden>{parts["points"]}</div>'
        "<details><summary>Last readings as a table</summary>"
        f'<div class="scroll" id="readings">{parts["readings"]}</div></details>'
    )
    return [
        _section("Alerts", "alerts-heading", f'<div id="alerts" role="alert">{parts["alerts"]}</div>'),
        _section("Now", "now-heading", f'<dl class="tiles" id="tiles">{parts["tiles"]}</dl>'),
        _section("Memory over time", "plot-heading", plot),
        _section("Recommendations", "advice-heading", f'<div id="advice">{parts["advice"]}</div>'),
    ]


def _section(heading: str, anchor: str, body: str) -> str:
    return f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(heading)}</h2>{body}</section>'


def _history_section(heading: str, anchor: str, series: Sequence[HistorySeries], note: str) -> str:
    if note or not series:
        text = escape(note or "Nothing is recorded yet.")
        return _section(f"{heading}: history", anchor, f'<p class="empty">{text}</p>')
    rows = "".join(_series_row(one) for one in series[:MOST_SERIES])
    head = "<tr><th>Name</th><th>Runs</th><th>Latest, MiB</th><th>Median, MiB</th><th>Change</th><th>Course</th></tr>"
    table = f'<div class="scroll history" tabindex="0" role="region" aria-labelledby="{anchor}"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    if len(series) > MOST_SERIES:
        table += f'<p class="note">{len(series) - MOST_SERIES:,} more are not shown.</p>'
    return _section(f"{heading}: history", anchor, table)


def _series_row(series: HistorySeries) -> str:
    change = series.change_percent
    words = "" if change is None else f"{change:+.1f} %"
    course = sparkline(series.values_mb, f"Course of {series.name}")
    return (
        f"<tr><td>{escape(series.name)}</td><td data-label='Runs'>{len(series.values_mb):,}</td>"
        f"<td data-label='Latest, MiB'>{series.values_mb[-1]:,.2f}</td>"
        f"<td data-label='Median, MiB'>{series.median_mb:,.2f}</td>"
        f"<td data-label='Change'>{words}</td><td data-label='Course'>{course}</td></tr>"
    )


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put each value in its {{place}}, once; a value's own braces are left alone."""
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        filled.append(values[name] + rest)
    return "".join(filled)


@lru_cache(maxsize=8)
def _file(name: str) -> str:
    return (_FILES / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
