"""Where and when a chapter was measured, and how often: said for each chapter, from its own runs."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.case import Outcome
from benchmarks.child import Job
from benchmarks.figures import runs_said
from benchmarks.machine import environment, pythons
from benchmarks.results import Results, Store
from benchmarks.summary import summarize
from benchmarks.table import Page

ROOT = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])
HERE = {
    "python": "CPython 3.11.7", "system": "Linux 6.18 x86_64", "processor": "a processor", "cores": 2,
    "cores_allowed": 1, "memory_mib": 24105, "versions": {"numpy": "2.4.6", "spacy": "3.8.18"},
    "other": {"python": "CPython 3.12.4", "versions": {"numpy": "2.3.0"}},
}  # fmt: skip


def run_of(chapter: str, **about: object) -> Outcome:
    outcome = Outcome(
        chapter=chapter, label="engine", facts={}, round=1, cpu_seconds=1.0, wall_seconds=1.0, peak_bytes=2**20,
        exit_code=0, signal=None, commit="abc1234", taken="2026-11-22 23:05",
    )  # fmt: skip
    return replace(outcome, **about)  # type: ignore[arg-type]


def page(name: str, *packages: str) -> Page:
    return Page(name=name, title="t", line="l", packages=packages)


def test_every_chapter_names_its_own_time_commit_machine_and_versions(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    first = store.begin(HERE)
    store.add(run_of("reading", environment=first, load_average=1.9))
    second = store.begin({**HERE, "processor": "another", "cores_allowed": 2, "other": None})
    store.add(run_of("growth", environment=second, commit="def5678", taken="2026-11-23 00:10"))
    store.add(run_of("growth", environment=second, commit="def5678", taken="2026-11-23 00:20"))
    results = store.load()
    reading = report.taken_on(results, page("reading", "numpy"))
    growth = report.taken_on(results, page("growth", "spacy"))
    assert reading == (
        "Measured 2026-11-22 23:05 UTC, commit abc1234, on a processor, 2 cores (held to 1), 24,105 MiB, "
        "Linux 6.18 x86_64, CPython 3.11.7 and CPython 3.12.4; one BLAS thread; load average 1.9 to 1.9. "
        "Versions: numpy 2.4.6 and 2.3.0."
    )
    assert "Measured 2026-11-23 00:10 to 00:20 UTC, commit def5678, on another, 2 cores, " in growth
    assert growth.endswith("Versions: spacy 3.8.18.")
    assert report.taken_on(results, page("ner")) == "Nothing has been measured yet."


def test_a_busy_machine_is_said_to_be_busy() -> None:
    results = Results([run_of("reading", load_average=7.5)], HERE)
    assert "load average 7.5 to 7.5: the machine was busy" in report.taken_on(results, page("reading"))


def test_the_same_place_is_written_down_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    assert store.begin(HERE) == store.begin(HERE)
    assert store.path.read_text().count("environment") == 1


def test_forgetting_a_chapter_keeps_where_the_others_were_taken(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    name = store.begin(HERE)
    store.add(run_of("reading", environment=name))
    store.add(run_of("growth", environment=name))
    store.forget(["growth"])
    (left,) = store.load().outcomes
    assert store.load().environment_of(left) == HERE
    store.forget(["reading"])
    assert store.path.read_text() == ""


def test_this_machine_is_described_without_names_of_its_own() -> None:
    about = environment()
    assert about["cores"] == os.cpu_count()
    assert str(ROOT) not in str(about)
    assert next(iter(pythons().values())) == sys.executable


@pytest.mark.parametrize(
    ("values", "said"),
    [([1.0], "1"), ([1.0, 2.0], "2"), ([1.0, 1.01, 1.02], "3"), ([1.0, 1.5, 2.0], "3 (unstable ±33%)")],
)
def test_a_single_run_is_neither_stable_nor_unstable(values: list[float], said: str) -> None:
    assert runs_said(summarize(values)) == said


def test_short_work_is_repeated_until_it_can_be_timed_and_long_work_is_not() -> None:
    turns = []
    job = Job({})
    job.timed_until(lambda: turns.append(sum(range(20_000))), seconds=0.05)
    assert job.figures["turns"] == len(turns) - 1 > 3
    assert job.figures["work_cpu_seconds"] < 0.05
    turns.clear()
    job = Job({})
    job.timed_until(lambda: turns.append(1), seconds=0.0)
    assert turns == [1]
    assert "turns" not in job.figures


def test_a_chapter_can_be_run_under_pytest(tmp_path: Path) -> None:
    """The same rows as `python -m benchmarks run --quick gate`, with the plugin's own report beside them."""
    command = [
        sys.executable, "-m", "pytest", str(ROOT / "benchmarks"), f"--rootdir={ROOT}", "--memory-report", "--quick",
        "--chapter=gate", f"--tiers-output={tmp_path / 'out.jsonl'}", "-q", "-p", "no:cacheprovider",
        "-p", "no:benchmark", "-p", "no:memray",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert "The gate's error rates" in done.stdout
    assert "false alarms below 1 in 1,000, fresh reruns" in done.stdout
    assert "memory tiers" not in done.stdout
    assert "1 passed" in done.stdout or "1 failed" in done.stdout, done.stdout + done.stderr
    assert {o.chapter for o in Store(tmp_path / "out.jsonl").load().outcomes} == {"gate"}
