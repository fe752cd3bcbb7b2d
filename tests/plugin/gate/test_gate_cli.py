"""The console script as a user calls it: arguments in; text, files and exit status out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from gate_builders import HERE, KIB, record

from pytest_snapshot_memory import cli, report_json
from pytest_snapshot_memory.baseline_store import baseline_path
from pytest_snapshot_memory.environment import Environment
from pytest_snapshot_memory.gate_expression import parse_expressions
from pytest_snapshot_memory.gate_files import BaselinePlace, save
from pytest_snapshot_memory.record import TestRecord
from pytest_snapshot_memory.report import Report

NAME = "tests/test_a.py::test_one"
GATE = parse_expressions(["growth>5%+1MB"])


def store(directory: Path, name: str, growth_kib: int, environment: Environment = HERE) -> None:
    records = [record(NAME, growth_kib), record("t.py::steady", 20_000)]
    assert save(records, BaselinePlace(directory=directory, name=name), environment, GATE).saved


def report_file(path: Path, *records: TestRecord) -> Path:
    path.write_text(report_json.render(Report(records=records, environment=HERE.to_plain())))
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "baselines"
    store(place, "main", 40_000)
    return place


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_compare_exits_zero_where_nothing_rose(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(directory, "branch", 40_100)
    status, out, err = run(capsys, "compare", "main", "branch", "--baseline", directory)
    assert (status, err) == (0, "")
    assert out == "memory gate passed: 2 unchanged\n"


def test_compare_exits_one_on_a_regression_and_writes_markdown(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(directory, "branch", 50_000)
    summary = tmp_path / "summary.md"
    status, out, _ = run(capsys, "compare", "main", "branch", "--baseline", directory, "--markdown", summary)
    assert status == 1
    assert out.startswith(f"regressed: {NAME} growth 39.1 MiB -> 48.8 MiB, +9.8 MiB (+25.0%)")
    assert "gate failed" in summary.read_text()
    status, _, _ = run(
        capsys, "compare", "main", "branch", "--baseline", directory, "--fail-on", "growth>50%"
    )
    assert status == 0


def test_compare_takes_json_reports_and_baseline_files(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = report_file(tmp_path / "new.json", record(NAME, 60_000), record("t.py::steady", 20_000))
    old = report_file(tmp_path / "old.json", record(NAME, 40_000), record("t.py::steady", 20_000))
    assert run(capsys, "compare", old, new)[0] == 1
    assert run(capsys, "compare", new, old)[0] == 0
    assert run(capsys, "compare", baseline_path(directory, "main", HERE), new)[0] == 1


def test_policies_turn_a_vanished_test_into_a_failure(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = report_file(tmp_path / "new.json", record(NAME, 40_000))
    arguments = ("compare", "main", new, "--baseline", directory)
    status, out, _ = run(capsys, *arguments)
    assert status == 0
    assert "vanished: t.py::steady" in out
    assert run(capsys, *arguments, "--vanished-tests", "fail")[0] == 1


def test_different_environments_are_refused_unless_asked(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Environment(platform="linux-x86_64-gnu", python="cpython-3.13", gauge="resident")
    store(directory, "other", 40_000, other)
    status, _, err = run(capsys, "compare", "main", "other", "--baseline", directory)
    assert status == 3
    assert "python cpython-3.13 instead of cpython-3.11" in err
    assert run(capsys, "compare", "main", "other", "--baseline", directory, "--across")[0] == 0


def test_comparing_nothing_is_trouble_not_a_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = report_file(tmp_path / "old.json", record(NAME, 40_000, outcome="skipped"))
    status, out, _ = run(capsys, "compare", old, old)
    assert status == 3
    assert "compared nothing" in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["compare", "main", "nowhere"], "no baseline 'nowhere' in .*: it has main"),
        (["compare", "main", "gone.json"], "there is no file gone.json"),
        (["compare", "main", "../up"], "there is no file ../up"),
        (["show", "nowhere"], "no baseline 'nowhere'"),
        (["export", "--format", "html"], "the history is exported as jsonl or csv"),
        (["export", "gone.json", "--format", "html"], "gone.json cannot be read"),
    ],
)
def test_trouble_is_one_sentence_and_exit_status_three(
    directory: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    status, _, err = run(capsys, *arguments, "--baseline", directory)
    assert status == 3
    assert err.startswith("pytest-snapshot-memory: ")
    assert err.count("\n") == 1
    assert re.search(why, err)


def test_a_wrong_expression_is_a_usage_error(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(
        capsys, "compare", "main", "main", "--baseline", directory, "--fail-on", "growth>=5%"
    )
    assert status == 2
    assert "'>=' is not supported" in err


@pytest.mark.parametrize("arguments", [[], ["compare", "a"], ["prune", "--keep", "-1"], ["what"]])
def test_wrong_arguments_exit_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    capsys.readouterr()


def test_list_and_show_tell_what_is_kept(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "list", "--baseline", directory)
    assert status == 0
    assert out.startswith("main: 2 tests, linux-x86_64-gnu cpython-3.11 resident pymalloc (")
    status, out, _ = run(capsys, "show", "main", "--top", "1", "--baseline", directory)
    assert status == 0
    assert out.splitlines()[1:] == [f"    39.1 MiB          0 B retained  {NAME}"]


def test_the_history_is_exported_and_pruned(
    directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(directory, "main", 40_000)
    status, out, _ = run(capsys, "export", "--baseline", directory)
    assert status == 0
    assert json.loads(out.splitlines()[0])["growth_bytes"] == 40_000 * KIB
    target = tmp_path / "history.csv"
    assert run(capsys, "export", "--format", "csv", "-o", target, "--baseline", directory)[0] == 0
    assert len(target.read_text().splitlines()) == 5
    status, out, _ = run(capsys, "prune", "--keep", "1", "--baseline", directory)
    assert (status, out) == (0, "1 runs forgotten, the newest 1 kept\n")


@pytest.mark.parametrize(
    "form", ["json", "html", "markdown", "csv", "github-action-benchmark", "bencher", "gitlab"]
)
def test_a_report_is_exported_in_every_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    source = report_file(tmp_path / "run.json", record(NAME, 40_000))
    status, out, _ = run(capsys, "export", source, "--format", form)
    assert status == 0
    assert "test_one" in out


def test_the_script_runs_without_pytest_and_heavy_modules() -> None:
    code = (
        "import sys, pytest_snapshot_memory.cli, pytest_snapshot_memory.gate_files\n"
        "heavy = {'pytest', '_pytest', 'ctypes', 'sqlite3', 'statistics', 'decimal', 'numpy', 'spacy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_a_closed_pipe_is_no_error(directory: Path) -> None:
    command = f"{sys.executable} -m pytest_snapshot_memory.cli list --baseline {directory} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == "0\n"
