"""What README and docs claim: written from the committed results, and still true of this code."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from benchmarks import chapters, inputs, report
from benchmarks.__main__ import DEFAULT_OUTPUT
from benchmarks.case import Case
from benchmarks.chapters import gate, reading, tiers
from benchmarks.launch import launch
from benchmarks.results import Results, Store
from benchmarks.runner import outcome_of
from benchmarks.tiers import TIERS

ROOT = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])


@pytest.fixture(scope="module")
def committed() -> Results:
    if not DEFAULT_OUTPUT.exists():
        pytest.skip("no results are committed")
    return Store(DEFAULT_OUTPUT).load()


@pytest.fixture(autouse=True)
def own_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(inputs.FOLDER_VARIABLE, str(tmp_path))


def run(cases: list[Case]) -> Results:
    """Run each case once, in a fresh process."""
    outcomes = [outcome_of(case, 1, launch(case.command), commit="") for case in cases]
    assert [o.failure for o in outcomes if o.failure] == []
    return Results(outcomes, {})


def test_readme_and_docs_say_what_the_results_say(committed: Results) -> None:
    """Where this fails, `python -m benchmarks report` writes them anew."""
    assert report.write_report(committed, check=True, root=ROOT) == []


def test_every_chapter_has_results(committed: Results) -> None:
    measured = {outcome.chapter for outcome in committed.outcomes}
    assert measured == set(chapters.NAMES)


def test_results_hold_no_path_of_the_machine() -> None:
    if not DEFAULT_OUTPUT.exists():
        pytest.skip("no results are committed")
    found = re.findall(r"/(?:home|root|tmp|work|Users|var)/[\w.-]+", DEFAULT_OUTPUT.read_text())
    assert found == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's mark is read from /proc")
@pytest.mark.parametrize("tier", TIERS[:2], ids=[tier.name for tier in TIERS[:2]])
def test_the_small_tiers_are_still_within_as_the_readme_says(tier: object) -> None:
    results = run([tiers.case_of(tier, "quick")])  # type: ignore[arg-type]
    (bar,) = (bar for bar in tiers.page(results).bars if tier.name in bar.promise)  # type: ignore[attr-defined]
    assert bar.met, bar.measured


def test_the_first_cue_and_the_standard_cases_are_still_right() -> None:
    small = [c for c in reading.cases("quick") if c.label in ("first cue", "W3C ours", "check webvtt-py")]
    results = run(small)
    wanted = [bar for bar in reading.page(results).bars if bar.promise.startswith(("first cue", "every W3C"))]
    assert [bar.measured for bar in wanted if bar.met is False] == []
    assert any(bar.met for bar in wanted)
    (check,) = results.find("reading", "check webvtt-py")
    assert (check.work["lost"], check.work["other"]) == (0, 0)


def test_the_gate_still_tells_noise_from_a_rise() -> None:
    if not gate.RECORDING.exists():
        pytest.skip("the recorded noise is not here")
    results = run([c for c in gate.cases("quick") if c.facts["kind"] == "fresh"])
    fired = {o.label: o.work["verdicts"].get("regressed", 0) / o.work["compared"] for o in results.outcomes}
    # 80 comparisons each: too few for the bar of 99 in 100, enough to see a gate that went blind
    assert fired["base"] == 0
    assert fired["plus5"] >= 0.95
    assert fired["plus256"] >= 0.95
