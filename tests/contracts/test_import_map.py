"""The import map in pyproject.toml holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])


def test_imports_run_one_way() -> None:
    beside_python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    lint_imports = shutil.which("lint-imports", path=beside_python)
    if lint_imports is None:
        pytest.skip("import-linter is not installed")
    if not (REPOSITORY / "snapshot_engine").is_dir():
        pytest.skip("no source tree here; the contracts are checked where the source is")
    done = subprocess.run(
        [lint_imports, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
