"""Every --memory-* option works from the ini file, alone, with the effect that it has on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_snapshot_memory.options import OPTIONS

Run = Callable[..., pytest.RunResult]

SUITE = """
import pytest
def touch(mib): return bytearray(b"x") * (mib << 20)
def test_big(): touch(30)
class TestMore:
    def test_small(self): pass
    def test_middle(self): touch(10)
"""


@dataclass(frozen=True)
class Twin:
    """An ini value and how its effect shows: a line of output, a file, or an exit status.

    beside: further ini lines that the effect needs.
    """

    value: str
    line: str = ""
    file: str = ""
    status: int = 0
    beside: str = ""


TWINS = {
    "report": Twin("full", line="*TestMore::test_small*"),
    "gauge": Twin("python", line="memory: python gauge*", beside="memory_report = short"),
    "json": Twin("out.json", file="out.json"),
    "html": Twin("out.html", file="out.html"),
    "markdown": Twin("out.md", file="out.md"),
    "csv": Twin("out.csv", file="out.csv"),
    "bmf": Twin("out.bmf", file="out.bmf"),
    "gh_benchmark": Twin("out.gh", file="out.gh"),
    "gitlab": Twin("out.txt", file="out.txt"),
    "ctrf": Twin("out.ctrf", file="out.ctrf"),
    "save": Twin("nightly", file=".memory-baseline/nightly", beside="memory_no_rerun = true"),
    "compare": Twin("other", line="*no memory baseline at .memory-baseline/other/*", status=1),
    "fail_on": Twin("growth>5%+1MB", line="*no memory baseline at .memory-baseline/main/*", status=1),
    "baseline": Twin("elsewhere", file="elsewhere/main", beside="memory_save = main\nmemory_no_rerun = true"),
    "update": Twin("true", file=".memory-baseline/main", beside="memory_no_rerun = true"),
    "policy": Twin("ignore", beside="memory_report = short"),
    "top": Twin("1", line="1 more grew less*", beside="memory_report = short"),
    "sort": Twin("name", beside="memory_report = full", line="*test_it.py::TestMore::test_middle"),
    "group_by": Twin("class", beside="memory_report = full", line="-- test_it.py::TestMore: 2 tests*"),
    "isolate": Twin("true", line="3 tests measured*", beside="memory_report = short\nmemory_json = out.json"),
    "no_rerun": Twin(
        "true", line="  no allocation sites: *switched off*", beside="memory_limit_default = 20 MB", status=1
    ),
    "limit_default": Twin("20 MB", line="FAILED test_it.py::test_big*", status=1),
    "flamegraphs": Twin("flames", file="flames", beside="memory_limit_default = 20 MB", status=1),
    "journal": Twin("kept.jsonl", file="kept.jsonl"),
}


def test_every_option_has_a_twin_here() -> None:
    assert set(TWINS) == {option.name for option in OPTIONS}


@pytest.mark.parametrize("name", TWINS)
def test_ini_key_does_what_the_option_does(pytester: pytest.Pytester, run_project: Run, name: str) -> None:
    if name == "flamegraphs":
        pytest.importorskip("memray")
    twin = TWINS[name]
    pytester.makepyfile(test_it=SUITE)
    pytester.makeini(f"[pytest]\nmemory_{name} = {twin.value}\n{twin.beside}\n")
    result = run_project("-rf")
    assert result.ret == twin.status
    if twin.line:
        result.stdout.fnmatch_lines([twin.line])
    if twin.file:
        written = pytester.path / twin.file
        assert written.exists()
        assert written.is_dir() or written.stat().st_size


def test_isolation_from_ini_is_in_the_records(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_it="import os\ndef test_a(): os._exit(0)\ndef test_b(): pass\n")
    pytester.makeini("[pytest]\nmemory_isolate = true\nmemory_json = out.json\n")
    run_project("-q").assert_outcomes(failed=1, passed=1)
    assert "left with status 0" in json.dumps(json.loads((pytester.path / "out.json").read_text()))


def test_policy_from_ini_fails_a_new_test(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(test_it=SUITE)
    run_project("--memory-save", "--memory-no-rerun", "--memory-gauge=python")
    pytester.makepyfile(test_new="def test_new(): pass\n")
    for policy, status in (("fail", 1), ("warn", 0), ("ignore", 0)):
        pytester.makeini(
            f"[pytest]\nmemory_policy = {policy}\nmemory_compare = main\nmemory_gauge = python\n"
            "memory_no_rerun = true\n"
        )
        result = run_project()
        assert result.ret == status
        assert ("new: test_new.py::test_new" in result.stdout.str()) == (policy != "ignore")


@pytest.mark.parametrize("form", ["pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini"])
def test_each_file_that_pytest_reads_is_read(pytester: pytest.Pytester, run_project: Run, form: str) -> None:
    text = {
        "pyproject.toml": '[tool.pytest.ini_options]\nmemory_report = "full"\nmemory_fail_on = ["growth>5%"]\n',
        "setup.cfg": "[tool:pytest]\nmemory_report = full\nmemory_fail_on = growth>5%\n",
        "tox.ini": "[pytest]\nmemory_report = full\nmemory_fail_on = growth>5%\n",
        "pytest.ini": "[pytest]\nmemory_report = full\nmemory_fail_on = growth>5%\n",
    }[form]
    Path(pytester.path / form).write_text(text)
    pytester.makepyfile(test_it="def test_a(): pass\n")
    result = run_project()
    result.stdout.fnmatch_lines(["*no memory baseline*"])
    assert result.ret == 1
