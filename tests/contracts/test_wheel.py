"""The built wheel holds both packages, their data files and their entry points."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("build", reason="the build package is not installed")
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    if not (REPOSITORY / "snapshot_engine").is_dir():
        pytest.skip("no source tree here to build from")
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(REPOSITORY),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_both_packages_and_every_file_of_theirs_are_inside(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    for package in ("snapshot_engine", "pytest_snapshot_memory"):
        files = {
            str(path.relative_to(REPOSITORY))
            for path in (REPOSITORY / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert f"{package}/py.typed" in files
        assert files <= inside, f"missing from the wheel: {sorted(files - inside)}"


def test_nothing_else_is_inside(wheel: zipfile.ZipFile) -> None:
    roots = {name.partition("/")[0] for name in wheel.namelist()}
    assert {root for root in roots if not root.endswith(".dist-info")} == {
        "snapshot_engine",
        "pytest_snapshot_memory",
    }


def test_entry_points_are_declared(wheel: zipfile.ZipFile) -> None:
    name = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    assert "[pytest11]\nsnapshot_memory = pytest_snapshot_memory.plugin" in text
    assert "snapshot-engine = snapshot_engine.cli:main" in text


def test_the_base_install_needs_pytest_and_nothing_heavy(wheel: zipfile.ZipFile) -> None:
    name = next(n for n in wheel.namelist() if n.endswith("METADATA"))
    required = [
        line.removeprefix("Requires-Dist: ")
        for line in wheel.read(name).decode().splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]
    assert sorted(line.replace('"', "'") for line in required) == [
        "pluggy>=1.2",
        "psutil>=5.9; sys_platform != 'linux'",
        "pytest>=7.4",
    ]
