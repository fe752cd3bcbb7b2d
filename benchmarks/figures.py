"""How a figure is taken out of a finished run; each used by several chapters."""

from __future__ import annotations

from benchmarks.case import Outcome
from benchmarks.summary import Summary

MIB = 2**20


def peak_bytes(outcome: Outcome) -> float:
    """Return the whole-process peak.

    A workload reads its own mark as its last act; a command is seen by the
    launcher, which cannot see below the 9 MB that it holds itself. Where a command
    says a higher peak of its own, that one counts: its gauges may have reset the mark.
    """
    own = outcome.work.get("self_peak_bytes")
    if own is not None:
        return float(own)
    said = float(outcome.work.get("said_peak_mib", 0.0)) * MIB
    return max(said, float(outcome.peak_bytes))


def peak_mib(outcome: Outcome) -> float:
    return peak_bytes(outcome) / MIB


def work_cpu(outcome: Outcome) -> float | None:
    value = outcome.work.get("work_cpu_seconds")
    return None if value is None else float(value)


def whole_cpu(outcome: Outcome) -> float:
    return outcome.cpu_seconds


def runs_said(summary: Summary) -> str:
    """Return "5", or "7 (unstable ±6%)". Below three runs nothing is known of their spread, and nothing said."""
    if summary.runs < 3 or summary.stable:
        return str(summary.runs)
    return f"{summary.runs} (unstable ±{summary.spread_ratio / 2:.0%})"


def shown(summary: Summary | None, places: int = 1, unit: str = "") -> str:
    """Return "12.3 MiB", with its spread where that is over 5 %, or a dash without runs."""
    if summary is None:
        return "–"
    text = f"{summary.median:,.{places}f}{unit}"
    if summary.runs >= 3 and not summary.stable:
        text += f" (unstable ±{summary.spread_ratio / 2:.0%})"
    return text
