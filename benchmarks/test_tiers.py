"""The tiers, as `pytest benchmarks --memory-report` runs them: a tier over its target fails the run."""

from __future__ import annotations

import sys

import pytest

from benchmarks.case import Case, Outcome
from benchmarks.chapters import tiers
from benchmarks.figures import peak_mib
from benchmarks.launch import launch
from benchmarks.machine import commit
from benchmarks.results import Store
from benchmarks.runner import ProgressLine, outcome_of
from benchmarks.tiers import Tier


def measured(case: Case, store: Store, capfd: pytest.CaptureFixture[str]) -> Outcome:
    """Run one case in a fresh process with a progress line on the real terminal."""
    with capfd.disabled():
        line = ProgressLine(sys.stderr, f"{case.label} {case.facts.get('size_mib', '')} MiB")
        launched = launch(case.command, input_path=case.input_path, on_sight=line.show)
        line.clear()
    outcome = outcome_of(case, 1, launched, commit=commit())
    store.add(outcome)
    return outcome


def test_idle_engine(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    """The engine with one cue to read: what every tier stands on."""
    outcome = measured(tiers.idle_case(), store, capfd)
    assert not outcome.failure


def test_tier_stays_below_its_target(
    tier: Tier, scale: str, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = measured(tiers.case_of(tier, scale), store, capfd)
    assert not outcome.failure
    assert tier.holds(int(outcome.facts["size_bytes"] or 0)), "the file is not of this tier's size"
    assert outcome.work["words"] > 0
    peak = peak_mib(outcome)
    assert peak < tier.target_mib, f"tier {tier.name} MB: {peak:.1f} MiB, target below {tier.target_mib} MiB"
