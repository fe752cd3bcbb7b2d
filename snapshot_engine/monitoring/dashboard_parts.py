"""The live parts of the dashboard as markup: tiles, chart, alerts, advice.

In: a status and readings. Out: escaped HTML fragments by the id of the element
that they fill; the server sends the same fragments as events. Nothing here has
a style attribute or a script: the page's policy would refuse them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from html import escape

from snapshot_engine.monitoring.history import thin
from snapshot_engine.monitoring.reading import MIB, MemoryReading
from snapshot_engine.monitoring.status import AlertStatus, MemoryStatus
from snapshot_engine.monitoring.svg_chart import Mark, line_chart

# More points than a screen has pixels are not seen, only sent.
CHART_POINTS = 300
TABLE_ROWS = 20

_HEALTH_WORDS = {"ok": "All is well", "warning": "Warning", "critical": "Critical"}
_SIGNS = {"ok": "✓", "warning": "▲", "critical": "✖"}
_TREND_WORDS = {
    "growing": "growing",
    "shrinking": "shrinking",
    "steady": "steady",
    "unknown": "too early to tell",
}


def live_parts(status: MemoryStatus, readings: Sequence[MemoryReading]) -> dict[str, str]:
    """Return {element id: inner HTML} for everything that changes."""
    return {
        "state": _state(status),
        "tiles": _tiles(status),
        "chart": _chart(status, readings),
        "points": _points(readings),
        "alerts": _alerts(status),
        "advice": _advice(status),
        "readings": _table(readings),
    }


def mib(size_mb: float) -> str:
    """Return MiB as people read them: 1,024 MiB, 98.4 MiB."""
    return f"{size_mb:,.0f} MiB" if size_mb >= 1000 else f"{size_mb:,.1f} MiB"


def clock(unix_seconds: float) -> str:
    """Return a moment in UTC with an element that scripts and readers understand."""
    moment = time.gmtime(unix_seconds)
    exact = time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)
    return f'<time datetime="{exact}">{time.strftime("%H:%M:%S UTC", moment)}</time>'


def _state(status: MemoryStatus) -> str:
    health = status["health"]
    if not status["process_running"]:
        return f'<span class="pill critical">✖ Process {status["pid"]} has ended</span>'
    if not status["service_running"]:
        return '<span class="pill off">Monitoring is not running</span>'
    return f'<span class="pill {health}">{_SIGNS[health]} {_HEALTH_WORDS[health]}</span>'


def _tiles(status: MemoryStatus) -> str:
    trend = status["trend"]
    slope = "" if trend["direction"] == "unknown" else f"{trend['mb_per_minute']:+,.1f} MiB a minute"
    left = trend["minutes_to_limit"]
    if left is not None and left < 24 * 60:
        slope += f", limit in {left:,.0f} min" if left >= 1 else ", limit in less than a minute"
    exact = "kept by the kernel" if status["peak_is_exact"] else "highest seen"
    tiles = [
        ("Memory now", mib(status["current_memory_mb"]), f"{status['memory_growth_mb']:+,.1f} MiB since the baseline"),
        ("Peak", mib(status["peak_memory_mb"]), exact),
        ("Limit", mib(status["limit_mb"]), _limit_words(status)),
        ("Used of the limit", f"{status['usage_percent']:.1f} %", _meter(status)),
        ("Trend", _TREND_WORDS[trend["direction"]], slope),
        ("Still available", mib(status["available_memory_mb"]), _pressure_words(status)),
    ]  # fmt: skip
    return "".join(
        f'<div class="tile"><dt>{name}</dt><dd>{value}</dd><dd class="note">{note}</dd></div>'
        for name, value, note in tiles
    )


def _limit_words(status: MemoryStatus) -> str:
    words = {
        "MEMORY_LIMIT_MB": "set by MEMORY_LIMIT_MB",
        "container": "of the container",
        "machine": "of the machine",
    }
    return escape(words.get(status["limit_of"], status["limit_of"]))


def _meter(status: MemoryStatus) -> str:
    value = min(100.0, max(0.0, status["usage_percent"]))
    return (
        f'<meter min="0" max="100" low="80" high="90" optimum="0" value="{value:.1f}">{value:.1f} %</meter>'
    )


def _pressure_words(status: MemoryStatus) -> str:
    pressure = status["memory_pressure_percent"]
    return "" if pressure is None else f"{pressure:.1f} % of time lost to waiting"


def _chart(status: MemoryStatus, readings: Sequence[MemoryReading]) -> str:
    points = [(r.monotonic_seconds, r.resident_bytes / MIB) for r in thin(readings, CHART_POINTS)]
    peak, limit = status["peak_memory_mb"], status["limit_mb"]
    marks = [
        Mark(value=peak, label=f"peak {mib(peak)}", css_class="mark peak", label_below=True),
        Mark(value=limit, label=f"limit {mib(limit)}", css_class="mark limit"),
    ]
    label = f"Resident memory over time, now {mib(status['current_memory_mb'])}, peak {mib(peak)}"
    return line_chart(points, label=label, unit="MiB", marks=marks)


def _points(readings: Sequence[MemoryReading]) -> str:
    """Return the chart's points as JSON for the cursor: [seconds ago, MiB]."""
    shown = thin(readings, CHART_POINTS)
    newest = shown[-1].monotonic_seconds if shown else 0.0
    points = [[round(newest - r.monotonic_seconds, 1), round(r.resident_bytes / MIB, 1)] for r in shown]
    return escape(json.dumps(points), quote=False)


def _alerts(status: MemoryStatus) -> str:
    active = "".join(_alert(alert) for alert in status["active_alerts"])
    ended = "".join(_alert(alert) for alert in status["recent_alerts"][:10])
    now = f'<ul class="alerts">{active}</ul>' if active else '<p class="empty">No alert is on.</p>'
    before = f'<h3>Ended</h3><ul class="alerts ended">{ended}</ul>' if ended else ""
    return now + before


def _alert(alert: AlertStatus) -> str:
    severity = alert["severity"]
    ended = alert["ended_at"]
    when = f"since {clock(alert['started_at'])}" if ended is None else f"ended {clock(ended)}"
    return (
        f'<li class="{severity}"><strong>{_SIGNS[severity]} {_HEALTH_WORDS[severity]}</strong> '
        f"{escape(alert['message'])} <small>{when}</small></li>"
    )


def _advice(status: MemoryStatus) -> str:
    if not status["recommendations"]:
        return '<p class="empty">Nothing to do.</p>'
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in status["recommendations"]) + "</ul>"


def _table(readings: Sequence[MemoryReading]) -> str:
    rows = "".join(
        f"<tr><td>{clock(r.wall_seconds)}</td><td>{r.resident_bytes / MIB:,.1f}</td>"
        f"<td>{r.recent_peak_bytes / MIB:,.1f}</td><td>{r.available_bytes / MIB:,.0f}</td></tr>"
        for r in reversed(readings[-TABLE_ROWS:])
    )
    head = "<tr><th>Time</th><th>Memory, MiB</th><th>Peak since the reading before, MiB</th><th>Available, MiB</th></tr>"
    return f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
