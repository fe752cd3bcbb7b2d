"""The dashboard in a terminal: the same status and readings as text, pure.

In: a status and readings. Out: lines. Severities are words as well as colours.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from snapshot_engine.monitoring.dashboard_parts import mib
from snapshot_engine.monitoring.history import thin
from snapshot_engine.monitoring.reading import MIB, MemoryReading
from snapshot_engine.monitoring.status import MemoryStatus
from snapshot_engine.monitoring.stored_history import HistorySeries

_BLOCKS = " ▁▂▃▄▅▆▇█"
_COLOURS = {"ok": "32", "warning": "33", "critical": "31"}


def render_text(
    status: MemoryStatus,
    readings: Sequence[MemoryReading],
    *,
    width: int = 80,
    colour: bool = False,
    stored: Sequence[HistorySeries] = (),
) -> str:
    """Return the view, one string with a line end; `width` is in characters."""
    trend = status["trend"]
    limit = f"{mib(status['limit_mb'])} ({status['limit_of']})"
    lines = [
        f"Process {status['pid']}: {_state(status, colour)}",
        f"  now       {mib(status['current_memory_mb']):>14}   {status['memory_growth_mb']:+,.1f} MiB since the baseline",
        f"  peak      {mib(status['peak_memory_mb']):>14}   {'kept by the kernel' if status['peak_is_exact'] else 'highest seen'}",
        f"  limit     {limit}, {status['usage_percent']:.1f} % used {_bar(status['usage_percent'], 20)}",
        f"  available {mib(status['available_memory_mb']):>14}",
        f"  trend     {trend['direction']}, {trend['mb_per_minute']:+,.1f} MiB a minute",
        f"  {_course(readings, max(10, width - 4))}",
    ]
    lines += _section(
        "Alerts", [_alert(alert["severity"], alert["message"], colour) for alert in status["active_alerts"]]
    )
    lines += _section("Recommendations", status["recommendations"])
    lines += _section("Recorded runs", [_series(series) for series in stored])
    return "\n".join(lines) + "\n"


def _state(status: MemoryStatus, colour: bool) -> str:
    if not status["process_running"]:
        return _painted("has ended", "critical", colour)
    health = status["health"]
    return f"{_painted(health, health, colour)}, {time.strftime('%H:%M:%S UTC', time.gmtime())}"


def _painted(text: str, severity: str, colour: bool) -> str:
    return f"\x1b[1;{_COLOURS[severity]}m{text}\x1b[0m" if colour else text


def _alert(severity: str, message: str, colour: bool) -> str:
    return f"{_painted(severity.upper(), severity, colour)} {message}"


def _section(heading: str, entries: Sequence[str]) -> list[str]:
    return [f"{heading}:", *(f"  - {entry}" for entry in entries)] if entries else []


def _bar(percent: float, width: int) -> str:
    full = round(min(100.0, max(0.0, percent)) / 100.0 * width)
    return "[" + "#" * full + "." * (width - full) + "]"


def _course(readings: Sequence[MemoryReading], width: int) -> str:
    values = [r.resident_bytes / MIB for r in thin(readings, width)]
    top = max(values, default=0.0)
    return "".join(_BLOCKS[round(value / top * (len(_BLOCKS) - 1))] for value in values) if top > 0 else ""


def _series(series: HistorySeries) -> str:
    change = series.change_percent
    told = "" if change is None else f", {change:+.1f} % against the median before"
    return f"{series.name}: {series.values_mb[-1]:,.2f} MiB in {len(series.values_mb)} runs{told}"
