"""docs/monitoring.md says what is there, and all of it; its Python runs."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from snapshot_engine.monitoring import dashboard_cli, health_cli
from snapshot_engine.monitoring.alert_rules import default_rules
from snapshot_engine.monitoring.status import MemoryStatus

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "monitoring.md"
pytestmark = pytest.mark.skipif(not GUIDE.exists(), reason="not in a source tree")


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings if name.startswith("--")} - {
        "--help"
    }


def test_the_python_blocks_run(tmp_path):
    pytest.importorskip("prometheus_client")
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.S)
    assert len(blocks) >= 5
    program = tmp_path / "guide.py"
    program.write_text("\n".join(blocks))
    ran = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    # An alert that the state of this machine really fires, such as kernel memory pressure, is no fault.
    said = [line for line in ran.stderr.splitlines() if not line.startswith("memory alert ")]
    assert (ran.returncode, said) == (0, [])
    assert "http://127.0.0.1:" in ran.stdout


def test_every_option_is_explained_and_no_other():
    text = GUIDE.read_text()
    ours = options(health_cli.build_parser()) | options(dashboard_cli.build_parser())
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
    docker = {"--memory", "--memory-swap", "--user"}
    common = {
        "--timeout",
        "--interval",
        "--seconds",
        "--host",
        "--port",
    }  # said by --help, plain from their names
    assert ours - told - common == set()
    assert told - ours - docker == set()


def test_every_key_of_the_status_is_explained():
    text = GUIDE.read_text()
    assert {key for key in MemoryStatus.__annotations__ if f"`{key}`" not in text} == set()


def test_the_alert_table_is_the_rules():
    text = GUIDE.read_text()
    mib = 2**20
    for rule in default_rules(2**34):
        sign, unit, scale = ("<" if rule.falls else ">", "MB", mib) if rule.unit == "bytes" else (">", "%", 1)
        levels = (rule.warning, rule.critical)
        cells = [f"{sign} {level.threshold / scale:g} {unit}" for level in levels]
        cells.append(" / ".join(f"{level.clear_at / scale:g} {unit}" for level in levels))
        assert " | ".join(cells) in text
