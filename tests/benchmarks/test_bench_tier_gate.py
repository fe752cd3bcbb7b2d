"""The quick benchmarks' peaks under the gate: noise passes, five per cent more do not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import tier_gate
from benchmarks.case import Outcome
from benchmarks.results import Results

MIB = 2**20


def measured(share: float = 1.0) -> Results:
    idle = Outcome(
        chapter="tiers", label="idle engine", facts={}, round=1, cpu_seconds=1.0, wall_seconds=1.0,
        peak_bytes=int(46.4 * MIB * share), exit_code=0, signal=None,
    )  # fmt: skip
    engine = replace(idle, label="engine", facts={"size_mib": 0.25}, peak_bytes=int(57.0 * MIB * share))
    return Results([idle, engine], {})


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    lines, failed = tier_gate.judge(measured(), tmp_path, save=True)
    assert not failed, lines
    return tmp_path


@pytest.mark.parametrize("share", [0.9, 0.99, 1.0, 1.01])
def test_what_runs_vary_by_passes(directory: Path, share: float) -> None:
    lines, failed = tier_gate.judge(measured(share), directory, save=False)
    assert not failed, lines
    assert lines[-1].startswith("memory gate passed: 2 unchanged" if share > 0.95 else "memory gate passed")


def test_five_per_cent_more_fail_and_are_named(directory: Path) -> None:
    lines, failed = tier_gate.judge(measured(1.05), directory, save=False)
    assert failed
    assert any(line.startswith("regressed: benchmarks/tiers::engine[0.25] growth") for line in lines), lines


def test_another_machine_is_not_compared_and_said_so(directory: Path) -> None:
    (file,) = (directory / tier_gate.NAME).glob("*.txt")
    file.rename(file.with_name("linux-other.txt"))
    lines, failed = tier_gate.judge(measured(2.0), directory, save=False)
    assert not failed
    assert "benchmarks not compared" in lines[0]
    assert file.name in lines[0]


def test_a_tier_that_was_not_measured_fails(directory: Path) -> None:
    assert tier_gate.judge(Results([], {}), directory, save=False)[1]
    half = Results(measured().outcomes[:1], {})
    lines, failed = tier_gate.judge(half, directory, save=False)
    assert failed, lines


# Python imports this in every process that finds it; only the measured ones hold the 3 MiB.
BALLAST = """
import sys
if any("benchmarks.child" in word or "snapshot" in word for word in sys.orig_argv):
    held = bytearray(b"x") * (3 * 2**20)
"""


def test_five_per_cent_planted_in_a_real_run_fail(tmp_path: Path) -> None:
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "sitecustomize.py").write_text(BALLAST)
    results, directory = tmp_path / "tiers.jsonl", tmp_path / "baseline"
    run = ["pytest", "benchmarks", "--quick", "--tier=<1", f"--tiers-output={results}"]
    gate = ["benchmarks.tier_gate", f"--results={results}", f"--directory={directory}"]

    def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(
            command, cwd=tier_gate.ROOT, env={**os.environ, **environment}, capture_output=True, text=True
        )

    assert python(*run).returncode == 0
    assert python(*gate, "--save").returncode == 0
    unchanged = python(*gate)
    assert unchanged.returncode == 0, unchanged.stdout
    assert python(*run, PYTHONPATH=str(tmp_path / "planted")).returncode == 0
    planted = python(*gate)
    assert planted.returncode == 1, planted.stdout + planted.stderr
    assert "regressed: benchmarks/tiers::engine" in planted.stdout
