"""Writes docs/benchmarks.md, its pictures and the README's tables from the results: never by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import chapters
from benchmarks.case import Outcome
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


def taken_on(results: Results, page: Page) -> str:
    """Return when, on what and from which commit a chapter's runs were taken; which versions decide them."""
    outcomes = results.of_chapter(page.name)
    if not outcomes:
        return "Nothing has been measured yet."
    return " ".join([_place_and_time(results, outcomes), *_versions(results, outcomes, page.packages)])


def _place_and_time(results: Results, outcomes: Sequence[Outcome]) -> str:
    times = sorted(o.taken for o in outcomes)
    when = times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1].removeprefix(times[0][:11])}"
    commits = list(dict.fromkeys(o.commit or "unknown" for o in outcomes))
    machines = list(dict.fromkeys(_machine(results.environment_of(o)) for o in outcomes))
    return (
        f"Measured {when} UTC, commit {' and '.join(commits)}, on {' and '.join(machines)}; "
        f"one BLAS thread{_load(outcomes, results)}."
    )


def _machine(about: Mapping[str, Any]) -> str:
    allowed = about.get("cores_allowed")
    pinned = f" (held to {allowed})" if allowed and allowed != about["cores"] else ""
    return (
        f"{about['processor']}, {about['cores']} cores{pinned}, {about['memory_mib']:,} MiB, "
        f"{about['system']}, {_python(about)}"
    )


def _python(about: Mapping[str, Any]) -> str:
    other = about.get("other")
    return f"{about['python']} and {other['python']}" if other else str(about["python"])


def _load(outcomes: Sequence[Outcome], results: Results) -> str:
    loads = [o.load_average for o in outcomes if o.load_average is not None]
    if not loads:
        return ""
    low, high = min(loads), max(loads)
    said = f"; load average {low:g} to {high:g}"
    cores = results.environment_of(outcomes[-1])["cores"]
    if sorted(loads)[len(loads) // 2] > cores + 0.5:
        said += ": the machine was busy with other work, trust peaks and ratios more than speeds"
    return said


def _versions(results: Results, outcomes: Sequence[Outcome], packages: Sequence[str]) -> list[str]:
    """Return one sentence on the versions that count, of every interpreter that was used."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        about = results.environment_of(outcome)
        for versions in (about.get("versions"), (about.get("other") or {}).get("versions")):
            for name in packages:
                version = (versions or {}).get(name)
                if version and version not in found.setdefault(name, []):
                    found[name].append(version)
    named = ", ".join(f"{name} {' and '.join(versions)}" for name, versions in found.items() if versions)
    return [f"Versions: {named}."] if named else []


def document(results: Results) -> str:
    """Return docs/benchmarks.md."""
    shown = pages(results)
    bars = [bar for page in shown for bar in page.bars]
    parts = [
        "# Benchmarks",
        "<!-- Written by `python -m benchmarks report` from benchmarks/results/; edit the code, not this. -->",
        "What we claim, what was measured, and what we lose. Rerun it all with "
        "`pip install -e '.[dev]'` and `python -m benchmarks run --full` (`--quick`: minutes; it goes on where it "
        "stopped), one chapter with `python -m benchmarks run --full NAME`, or under pytest: the tier table with "
        "`pytest benchmarks --memory-report`, any other with `pytest benchmarks --memory-report --chapter NAME`.",
        _HOW,
        f"**{_tally(bars)}**",
        *(_section(page, results) for page in shown),
    ]
    return "\n\n".join(parts) + "\n"


_HOW = """\
How it is done: every run is a fresh process started by a launcher of 9 MB, so that nobody inherits
another's high-water mark; a peak is the kernel's, of the whole process; runs of different programs
take turns, and are repeated until the middle half of the CPU times lies within 5 % of the median, or
are called unstable; what would take less than half a second is done again and again in the same
process until it takes that long, and divided; output is compared before a time counts. The full run
goes through two lanes of chapters side by side, each held to a core of its own. Each chapter says when
and on what it was measured. MB and MiB both mean 2**20 bytes."""


def _tally(bars: list[Bar]) -> str:
    met, missed = sum(b.met is True for b in bars), sum(b.met is False for b in bars)
    return f"{met} bars met, {missed} missed, {len(bars) - met - missed} not measured or for comparison only."


def _section(page: Page, results: Results) -> str:
    parts = [f"## {page.title}", page.line]
    parts += [as_markdown(table) for table in page.tables if table.rows]
    parts += [_picture(chart) for chart in page.charts]
    if page.bars:
        parts.append(as_markdown(bars_table(page.bars)))
    parts += page.notes
    parts.append(f"{taken_on(results, page)} Command: `python -m benchmarks run --full {page.name}`.")
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
        return f"{as_markdown(table)}\n\nWhen and on what each was measured: [docs/benchmarks.md](docs/benchmarks.md)."
    page = chapters.chapter(name).page(results)
    return f"{as_markdown(page.tables[0])}\n\n{taken_on(results, page)}"


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
