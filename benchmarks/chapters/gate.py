"""Table 6, the gate's error rates on noise that was recorded, not assumed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.case import Case, workload
from benchmarks.charts import BarChart
from benchmarks.results import Results
from benchmarks.table import Bar, Page, Table

NAME = "gate"
RECORDING = Path(__file__).resolve().parents[2] / "tests" / "plugin" / "gate" / "recorded" / "noise_linux.txt"
KINDS = ("fresh",)  # as the plugin repeats: each run in a pytest process of its own
VARIANTS = {"base": "nothing changed", "plus5": "5 % more objects", "plus256": "256 KiB more"}
SUITES = {"quick": 10, "default": 250, "full": 250}


def cases(scale: str) -> list[Case]:
    if not RECORDING.exists():
        return []
    return [
        Case(
            chapter=NAME,
            label=variant,
            facts={"kind": kind},
            command=workload(
                "gate:error_rates", recording=str(RECORDING), kind=kind, variant=variant, suites=SUITES[scale]
            ),
            rounds=1,
        )
        for kind in KINDS
        for variant in VARIANTS
    ]


def _charts(results: Results) -> tuple[BarChart, ...]:
    """How often each rule fires: never is right where nothing changed, always where something did."""
    bars = []
    for variant, what in VARIANTS.items():
        for outcome in results.find(NAME, variant, kind="fresh")[-1:]:
            if not outcome.failure:
                compared = outcome.work["compared"]
                fired = outcome.work["verdicts"].get("regressed", 0)
                bars.append((f"{what}: the gate", fired / compared * 100, True))
                bars.append((f"{what}: +3 % rule", outcome.work["naive_alarms"] / compared * 100, False))
    chart = BarChart(
        name="gate", title="Of 100 comparisons, how many fire (fresh reruns)", unit="%", bars=tuple(bars)
    )
    return (chart,) if bars else ()


def page(results: Results) -> Page:
    rows, bars = [], []
    for variant, what in VARIANTS.items():
        for kind in KINDS:
            for outcome in results.find(NAME, variant, kind=kind)[-1:]:
                if outcome.failure:
                    bars.append(Bar(promise=f"{what}, {kind}", measured=outcome.failure, met=False))
                    continue
                work = outcome.work
                alarms, compared = work["verdicts"].get("regressed", 0), work["compared"]
                rows.append(
                    (
                        what,
                        kind,
                        f"{compared:,}",
                        f"{alarms:,} ({alarms / compared:.1%})",
                        f"{work['naive_alarms']:,} ({work['naive_alarms'] / compared:.1%})",
                    )
                )
                if variant == "base":
                    bars.append(
                        Bar(
                            promise=f"false alarms below 1 in 1,000, {kind} reruns",
                            measured=f"{alarms} of {compared:,}",
                            met=alarms / compared < 0.001,
                        )
                    )
                else:
                    bars.append(
                        Bar(
                            promise=f"{what}: found in at least 99 of 100, {kind} reruns",
                            measured=f"{alarms:,} of {compared:,} ({alarms / compared:.1%})",
                            met=alarms / compared >= 0.99,
                        )
                    )
    return Page(
        name=NAME,
        title="The gate's error rates",
        line="Eight workloads were recorded 60 times each, unchanged and with a planted rise. Runs and "
        "baselines are drawn from different halves of that recording and given to the gate; beside it, "
        'what "fail at +3 % against the last run" would have said.',
        tables=(
            Table(
                headers=("what changed", "reruns are", "comparisons", "gate fires", "+3 % rule fires"),
                rows=tuple(rows),
            ),
        ),
        charts=_charts(results),
        bars=tuple(bars),
        notes=()
        if RECORDING.exists()
        else ("Skipped: the recording lies with the tests, which are not here.",),
    )
