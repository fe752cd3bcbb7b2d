"""The run as CSV: one row per reading, for spreadsheets and data frames.

In: a Report. Out: text with a header line, "\\n" line ends and sizes in bytes. A
name that a spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from typing import Final

from .report import Report
from .text_safety import csv_text

COLUMNS: Final = (
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
    "limit_bytes",
    "verdict",
    "excess_bytes",
    "worker",
    # the last: readers that count columns must not find another one in its place
    "growth_lower_bytes",
)


def render(report: Report) -> str:
    """Return all readings as CSV; a test that was not measured has one row without numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in report.records:
        name = [csv_text(record.nodeid), record.outcome]
        limit = record.budget.limit_bytes if record.budget else ""
        verdict = [limit, record.verdict, record.excess_bytes, csv_text(record.worker)]
        for r in record.phases:
            sizes = [r.growth_bytes, r.growth_upper_bytes, r.peak_bytes, r.retained_bytes]
            row = [csv_text(r.phase), r.gauge, r.process, *sizes, f"{r.seconds:.6f}", r.blocks_net]
            writer.writerow([*name, *row, *verdict, r.growth_lower_bytes])
        if not record.phases:
            writer.writerow([*name, *[""] * 9, *verdict, ""])
    return out.getvalue()
