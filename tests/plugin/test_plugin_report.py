"""The report at the end of a run, seen from outside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

SPIKE = """
import pytest

@pytest.fixture(scope="session")
def big():
    block = bytearray(30 * 2**20)
    for i in range(0, len(block), 4096):
        block[i] = 1
    return block

def test_uses_fixture(big):
    assert big

def test_spike():
    block = bytearray(b"x") * (20 * 2**20)

def test_fails():
    block = bytearray(b"x") * (10 * 2**20)
    assert False
"""


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_report_names_peaks_gauge_and_fixture(
    pytester: pytest.Pytester, run_project: Run, workers: str
) -> None:
    pytester.makepyfile(test_it=SPIKE)
    result = run_project("--memory-report", workers)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.re_match_lines(
        [
            r"memory: resident gauge",
            r" +(20\.0|19\.\d) MiB .* test_it.py::test_spike",
            r" +(10\.0|9\.\d) MiB .* test_it.py::test_fails \[failed\]",
            r"1 grew by no more than \d+\.\d KiB.*",
            r" +(30\.0|29\.\d) MiB .* big, keeps .* \(first used by test_it.py::test_uses_fixture\)",
            r"3 tests measured.*gauge resident",
        ]
    )


@pytest.mark.parametrize(
    ("gauge", "words"),
    [("python", r"64\.0 KiB"), ("resident", r"\d+\.\d KiB, the gauge's own error; .*|64\.0 KiB.*")],
)
def test_report_says_how_little_the_rest_grew(
    pytester: pytest.Pytester, run_project: Run, gauge: str, words: str
) -> None:
    pytester.makepyfile("def test_little(): pass")
    result = run_project("--memory-report", f"--memory-gauge={gauge}")
    result.stdout.re_match_lines([f"1 grew by no more than ({words})"])


def test_report_takes_no_path_for_its_value(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(**{"sub/test_it": "def test_ok(): pass"})
    result = run_project("--memory-report", "sub")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*sub/test_it.py::test_ok*"])


def test_report_works_from_ini(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makeini("[pytest]\nmemory_report = full\nmemory_sort = name\n")
    pytester.makepyfile(test_it="def test_b(): pass\ndef test_a(): pass")
    run_project().stdout.fnmatch_lines(["*test_it.py::test_a", "*test_it.py::test_b"])


def test_command_line_beats_ini(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makeini("[pytest]\nmemory_report = full\n")
    pytester.makepyfile(test_it="def test_a(): pass")
    run_project("--memory-report=off").stdout.no_fnmatch_line("*test* measured*")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "--memory-gauge=heap",
            "*--memory-gauge: 'heap' is not one of resident, python, allocated, tree, thread",
        ),
        ("--memory-top=0", "*--memory-top: '0' is not a whole number of 1 or more"),
        ("--memory-limit-default=2KBjunk", "*--memory-limit-default: size '2KBjunk': not a size*"),
        ("--memory-save=test_it.py", "*looks like a path of tests*"),
        ("--memory-report=long", "*ignored explicit argument 'long'*"),
    ],
)
@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_wrong_option_ends_the_start_with_a_sentence(
    pytester: pytest.Pytester, run_project: Run, option: str, sentence: str, workers: str
) -> None:
    pytester.makepyfile(test_it="def test_a(): pass")
    result = run_project(option, workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([sentence])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_wrong_ini_value_names_the_key(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makeini("[pytest]\nmemory_sort = size\n")
    pytester.makepyfile(test_it="def test_a(): pass")
    result = run_project()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*ini key memory_sort: 'size' is not one of*"])
