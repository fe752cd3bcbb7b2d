"""Suites that turn warnings into errors: nothing that the plugin does or says fails one of their tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., pytest.RunResult]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="second runs and isolation need fork")
STRICT = """
[pytest]
filterwarnings = error
"""


@pytest.fixture(autouse=True)
def strict(pytester: pytest.Pytester) -> None:
    pytester.makefile(".ini", pytest=STRICT)


@needs_fork
@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_a_second_run_warns_of_no_file_of_ours(
    pytester: pytest.Pytester, run_project: Run, capture: str
) -> None:
    """A test that starts a process is measured again by the tree gauge; its run must reach the call."""
    pytester.makepyfile(
        test_it="""
import subprocess, sys
def test_starts_a_process():
    subprocess.run([sys.executable, "-c", ""], check=True)
"""
    )
    result = run_project(f"--capture={capture}", "--memory-limit-default=500 MB", "--memory-json=r.json")
    result.assert_outcomes(passed=1)
    (test,) = json.loads(Path(pytester.path, "r.json").read_text(encoding="utf-8"))["tests"]
    assert test["verdict"] == "within"
    assert "tree gauge" in test["decided_by"]


@needs_fork
def test_isolated_tests_pass(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile("import gc\ndef test_a(): gc.collect()\ndef test_b(capfd): print('said')")
    run_project("--memory-isolate", "--memory-report").assert_outcomes(passed=2)


def test_an_undecided_limit_is_a_warning_still(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import subprocess, sys
def test_starts_a_process():
    subprocess.run([sys.executable, "-c", ""], check=True)
"""
    )
    result = run_project("--memory-limit-default=500 MB", "--memory-no-rerun")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*memory limit of test_it.py::test_starts_a_process was not decided*"])


@needs_fork
def test_a_lost_clean_parent_is_a_warning_still(pytester: pytest.Pytester, run_project: Run) -> None:
    """The first test kills the parent of its process, which leaves the run without isolation."""
    pytester.makepyfile(
        test_it="""
import os, pathlib, signal, time
def test_kills_the_clean_parent():
    done = pathlib.Path("done")
    if not done.exists():
        done.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(0.2)
def test_after(): pass
"""
    )
    result = run_project("--memory-isolate")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*test_kills_the_clean_parent was not isolated*"])


def test_the_suite_s_own_warnings_fail_as_ever(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile("import warnings\ndef test_warns(): warnings.warn('old')")
    run_project("--memory-limit-default=500 MB", "--memory-report").assert_outcomes(failed=1)
