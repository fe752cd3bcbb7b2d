"""Fresh runs do not depend on which other files were asked for, nor on where pytest was started."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, strategies as st

from pytest_snapshot_memory.file_by_file import by_file

Run = Callable[..., pytest.RunResult]

HEAVY = "DATA = [str(number) * 3 for number in range(20_000)]\n"
LAZY = """
def test_lazy():
    import heavy
    assert heavy.DATA
"""


def project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(heavy=HEAVY, test_a=LAZY, test_b="import heavy\ndef test_b(): assert heavy.DATA\n")
    pytester.makeini("[pytest]\npythonpath = .\n")


def test_an_import_beside_the_test_is_no_regression(pytester: pytest.Pytester, run_project: Run) -> None:
    """Alone the test makes the 1.5 MiB of a module that another file imports before it in the whole suite."""
    project(pytester)
    run_project("--memory-save")
    (saved,) = pytester.path.glob(".memory-baseline/main/*.txt")
    fresh_kib = next(line.split()[3] for line in saved.read_text().splitlines() if line.endswith("test_lazy"))
    assert int(fresh_kib) > 1024, "the fresh runs saw what the test imports"
    result = run_project("--memory-compare", "-k", "test_lazy")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["memory gate passed: 1 unchanged*"])


def test_more_than_before_is_found_whoever_else_imports_it(
    pytester: pytest.Pytester, run_project: Run
) -> None:
    project(pytester)
    run_project("--memory-save")
    (pytester.path / "heavy.py").write_text(HEAVY.replace("20_000", "60_000"))
    result = run_project("--memory-compare", "-k", "test_lazy")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["regressed: test_a.py::test_lazy growth*"])


def test_fresh_runs_are_found_from_a_subdirectory(
    pytester: pytest.Pytester, run_project: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(pytester)
    folder = pytester.mkdir("part")
    (folder / "test_c.py").write_text("def test_c(): assert [str(number) for number in range(30_000)]\n")
    monkeypatch.chdir(folder)
    run_project("--memory-save", f"--memory-baseline={pytester.path / 'kept'}")
    (saved,) = pytester.path.glob("kept/main/*.txt")
    line = next(line for line in saved.read_text().splitlines() if line.endswith("test_c"))
    assert line.split()[3] != "-", "it was not repeated"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("xyz:[", max_size=3))))
def test_each_test_is_in_one_file_in_the_order_asked(asked: list[tuple[str, str]]) -> None:
    nodeids = [f"{file}.py::{name}" for file, name in asked]
    files = by_file(nodeids)
    assert sorted(nodeids) == sorted(one for file in files for one in file)
    paths = [{one.partition("::")[0] for one in file} for file in files]
    assert all(len(path) == 1 for path in paths)
    assert [one for (one,) in paths] == list(dict.fromkeys(one.partition("::")[0] for one in nodeids))
    for file in files:
        assert file == [one for one in nodeids if one.partition("::")[0] == file[0].partition("::")[0]]
