"""A full file system and a read-only one, really mounted: outcomes stay, one sentence each, nothing is damaged.

Mounted in a mount namespace of its own, which ends with its process: nothing is left behind.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SUITE = """
import pytest
def test_passes(): pass
def test_allocates(): assert bytearray(3_000_000)
def test_fails(): assert False
@pytest.mark.skip(reason="always")
def test_skipped(): pass
"""
_OUTCOMES = {"passed": 2, "failed": 1, "skipped": 1}


def _why_no_mounts() -> str:
    """Return why this machine cannot mount here, "" where it can."""
    if not sys.platform.startswith("linux"):
        return "mount namespaces are Linux'"
    if shutil.which("unshare") is None or shutil.which("mount") is None:
        return "unshare and mount are not installed"
    tried = subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"], capture_output=True, text=True
    )
    return f"no right to mount here: {tried.stderr.strip()}" if tried.returncode else ""


@pytest.fixture(scope="module")
def mounts() -> None:
    if why := _why_no_mounts():
        pytest.skip(why)


def _run(pytester: pytest.Pytester, prepare: str, *options: str, inside: str = "") -> pytest.RunResult:
    """Run pytest in a mount namespace after the shell commands of `prepare`."""
    words = [sys.executable, "-m", "pytest", "-p", "no:memray", "-p", "no:cacheprovider", *options]
    change = f"cd {shlex.quote(inside)} && " if inside else ""
    return pytester.run("unshare", "-m", "sh", "-c", f"set -e\n{prepare}\n{change}exec {shlex.join(words)}")


def _full(folder: Path) -> str:
    """Return commands that mount 64 KiB at `folder`, keep what lay in it, and leave no byte free."""
    where = shlex.quote(str(folder))
    kept = shlex.quote(f"{folder}.kept")
    return (
        f"cp -a {where} {kept}\nmount -t tmpfs -o size=64k none {where}\ncp -a {kept}/. {where}\n"
        f"dd if=/dev/zero of={where}/filler bs=4096 >/dev/null 2>&1 || true"
    )


def _read_only(folder: Path) -> str:
    where = shlex.quote(str(folder))
    return f"mount --bind {where} {where}\nmount -o remount,ro,bind {where}"


_PREPARE = {"full": _full, "read-only": _read_only}


@pytest.fixture
def small(pytester: pytest.Pytester, mounts: None) -> Path:
    pytester.makepyfile(_SUITE)
    folder = pytester.path / "small"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", ["full", "read-only"])
@pytest.mark.parametrize("option", ["json", "html", "markdown", "csv"])
def test_a_report_that_cannot_be_written_is_told_in_a_line(
    pytester: pytest.Pytester, small: Path, kind: str, option: str
) -> None:
    target = small / f"report.{option}"
    found = _run(pytester, _PREPARE[kind](small), "--memory-report", f"--memory-{option}={target}")
    found.assert_outcomes(**_OUTCOMES)
    assert found.ret == 1
    text = found.stdout.str() + found.stderr.str()
    told = [line for line in text.splitlines() if target.name in line and "rror" not in line[:9]]
    reason = "No space left" if kind == "full" else "Read-only file system"
    assert any(reason in line for line in told), text
    assert "INTERNALERROR" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_baseline_that_cannot_be_replaced_keeps_its_bytes(
    pytester: pytest.Pytester, small: Path, kind: str
) -> None:
    words = ["--memory-no-rerun", "--memory-save", f"--memory-baseline={small}"]
    saved = pytester.runpytest_subprocess("-p", "no:memray", "-p", "no:cacheprovider", *words)
    saved.assert_outcomes(**_OUTCOMES)
    before = {path.relative_to(small): path.read_bytes() for path in small.rglob("*.txt")}
    assert len(before) == 1
    copy = pytester.path / "after"
    # what is saved now would differ: the test takes three times as much
    changed = next(pytester.path.glob("test_*.py"))
    changed.write_text(changed.read_text().replace("3_000_000", "9_000_000"))
    words.append("--memory-update")
    script = (
        f"{_PREPARE[kind](small)}\nset +e\n"
        f"{shlex.join([sys.executable, '-m', 'pytest', '-p', 'no:memray', '-p', 'no:cacheprovider', *words])}\n"
        f"code=$?\nrm -f {shlex.quote(str(small))}/filler 2>/dev/null\n"
        f"cp -a {shlex.quote(str(small))} {shlex.quote(str(copy))}\nexit $code"
    )
    found = pytester.run("unshare", "-m", "sh", "-c", script)
    found.assert_outcomes(**_OUTCOMES)
    text = found.stdout.str() + found.stderr.str()
    assert "INTERNALERROR" not in text
    assert "Traceback" not in text
    assert "No space left" in text if kind == "full" else "Read-only file system" in text
    assert {path.relative_to(copy): path.read_bytes() for path in copy.rglob("*.txt")} == before
    assert not [path for path in copy.rglob("*") if "tmp" in path.name]


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_whole_project_on_such_a_file_system_runs_as_ever(
    pytester: pytest.Pytester, small: Path, kind: str
) -> None:
    shutil.copy(next(pytester.path.glob("test_*.py")), small / "test_inside.py")
    options = [
        "--memory-no-rerun",
        "--memory-report",
        "--memory-save",
        "--memory-json=out.json",
        f"--basetemp={pytester.path}/temp",
    ]
    found = _run(pytester, _PREPARE[kind](small), *options, inside=str(small))
    found.assert_outcomes(**_OUTCOMES)
    text = found.stdout.str() + found.stderr.str()
    assert "INTERNALERROR" not in text
    assert "Traceback" not in text
    assert "out.json" in text
    assert not os.path.ismount(small)
