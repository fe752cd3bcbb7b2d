"""Writes docs/benchmarks.md, its pictures and the README's tables from the results: never by hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from benchmarks import chapters
from benchmarks.charts import THEMES, Chart, render
from benchmarks.results import Results
from benchmarks.table import Bar, Page, Table, as_markdown, bars_table

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = Path("docs/benchmarks.md")
IMAGES = Path("docs/images/benchmarks")
README = Path("README.md")
_MARKED = re.compile(r"(<!-- benchmarks:(\w+) -->).*?(<!-- /benchmarks -->)", re.DOTALL)


def pages(results: Results) -> list[Page]:
    return [chapters.chapter(name).page(results) for name in chapters.NAMES]


def taken_on(environment: dict[str, Any]) -> str:
    """Return machine, Python, versions, date and commit in a sentence each."""
    if not environment:
        return "Nothing has been measured yet."
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    load = environment.get("load_average") or 0
    busy = f" The machine was busy with other work (load average {load:g}): trust peaks and ratios more than speeds." if load > environment["cores"] else ""  # fmt: skip
    return (
        f"Measured on {environment['date']}: {environment['processor']}, {environment['cores']} cores, "
        f"{environment['memory_mib']:,} MiB, {environment['system']}, {environment['python']}, "
        f"one BLAS thread, commit {environment['commit'] or 'unknown'}.{busy}\n\nVersions: {versions}."
    )


def document(results: Results) -> str:
    """Return docs/benchmarks.md."""
    shown = pages(results)
    bars = [bar for page in shown for bar in page.bars]
    parts = [
        "# Benchmarks",
        "<!-- Written by `python -m benchmarks report` from benchmarks/results/; edit the code, not this. -->",
        "What we claim, what was measured, and what we lose. Rerun it all with "
        "`pip install -e '.[dev]'` and `python -m benchmarks run`, one chapter with "
        "`python -m benchmarks run NAME`, the tier table with `pytest benchmarks --memory-report`.",
        taken_on(results.environment),
        _HOW,
        f"**{_tally(bars)}**",
        *(_section(page) for page in shown),
    ]
    return "\n\n".join(parts) + "\n"


_HOW = """\
How it is done: every run is a fresh process started by a launcher of 9 MB, so that nobody inherits
another's high-water mark; a peak is the kernel's, of the whole process; runs of different programs
take turns, and are repeated until the middle half of the CPU times lies within 5 % of the median, or
are called unstable; output is compared before a time counts. MB and MiB both mean 2**20 bytes."""


def _tally(bars: list[Bar]) -> str:
    met, missed = sum(b.met is True for b in bars), sum(b.met is False for b in bars)
    return f"{met} bars met, {missed} missed, {len(bars) - met - missed} not measured or for comparison only."


def _section(page: Page) -> str:
    parts = [f"## {page.title}", page.line]
    parts += [as_markdown(table) for table in page.tables if table.rows]
    parts += [_picture(chart) for chart in page.charts]
    if page.bars:
        parts.append(as_markdown(bars_table(page.bars)))
    parts += page.notes
    parts.append(f"Command: `python -m benchmarks run {page.name}`")
    return "\n\n".join(parts)


def _image(chart: Chart, theme: str) -> Path:
    return IMAGES / f"{chart.name}-{theme}.svg"


def _picture(chart: Chart) -> str:
    light, dark = (_image(chart, theme).relative_to(DOCUMENT.parent) for theme in ("light", "dark"))
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img alt="{chart.title}" src="{light}"></picture>'
    )


def readme_block(name: str, results: Results) -> str:
    """Return what goes between a README marker and its end: "tiers", "verdicts", or a chapter's first table.

    Raises KeyError for a marker that names neither.
    """
    if name == "verdicts":
        rows = []
        for page in pages(results):
            bars = [bar for bar in page.bars if bar.met is not None]
            missed = "; ".join(f"{bar.promise}: {bar.measured}" for bar in bars if not bar.met)
            rows.append((page.title, f"{sum(b.met is True for b in bars)} of {len(bars)}", missed or "–"))
        table = Table(headers=("benchmark", "bars met", "missed"), rows=tuple(rows))
        return f"{as_markdown(table)}\n\n{taken_on(results.environment).splitlines()[0]}"
    page = chapters.chapter(name).page(results)
    return f"{as_markdown(page.tables[0])}\n\n{taken_on(results.environment).splitlines()[0]}"


def filled(readme: str, results: Results) -> str:
    """Return the README with every marked block written anew; the rest is untouched."""
    return _MARKED.sub(lambda found: f"{found[1]}\n\n{readme_block(found[2], results)}\n\n{found[3]}", readme)


def files(results: Results, root: Path = ROOT) -> dict[Path, str]:
    """Return {path under root: what it should hold}."""
    wanted = {DOCUMENT: document(results)}
    for page in pages(results):
        for chart in page.charts:
            for theme in THEMES:
                wanted[_image(chart, theme.name)] = render(chart, theme)
    if (root / README).exists():
        wanted[README] = filled((root / README).read_text(encoding="utf-8"), results)
    return wanted


def write_report(results: Results, *, check: bool = False, root: Path = ROOT) -> list[Path]:
    """Write the files that differ from the results; with check, only name them."""
    changed = []
    for path, text in files(results, root).items():
        target = root / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        changed.append(path)
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return changed
