"""Tables as facts, and the two ways to write them: for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.charts import Chart


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of ready text. Columns whose cells look like numbers are set flush right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One promise, and what was measured against it. met None: not measured, which is no pass."""

    promise: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "MISSED", None: "not measured"}[self.met]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One chapter as it is shown: what it says in plain language, figures, pictures, verdicts.

    packages: those whose versions decide its figures.
    """

    name: str
    title: str
    line: str
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    bars: tuple[Bar, ...] = ()
    notes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


def _numeric(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "-+<>=~±" or cell in {"–", "yes", "no"}


def _flush_right(table: Table) -> list[bool]:
    return [all(_numeric(row[at]) for row in table.rows) for at in range(len(table.headers))]


def as_text(table: Table) -> list[str]:
    """Return the lines of a table for a terminal."""
    right = _flush_right(table)
    cells = [table.headers, *table.rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(table.headers))]

    def line(row: Sequence[str]) -> str:
        fitted = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        return "  ".join(fitted).rstrip()

    return [line(table.headers), "  ".join("-" * width for width in widths), *map(line, table.rows)]


def as_markdown(table: Table) -> str:
    """Return a Markdown table; bars in cells are escaped."""
    marks = ["---:" if right else "---" for right in _flush_right(table)]
    lines = [table.headers, tuple(marks), *table.rows]
    body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)
    return f"{table.caption}\n\n{body}" if table.caption else body


def bars_table(bars: Sequence[Bar]) -> Table:
    return Table(
        headers=("bar", "measured", "verdict"),
        rows=tuple((bar.promise, bar.measured, bar.verdict) for bar in bars),
    )
