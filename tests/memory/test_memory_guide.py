"""docs/memory-toolkit.md: its blocks run as they stand, and every name in it exists."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import snapshot_engine

GUIDE = (
    Path(os.environ.get("SNAPSHOT_REPOSITORY", Path(__file__).resolve().parents[2]))
    / "docs"
    / "memory-toolkit.md"
)
if not GUIDE.exists():
    pytest.skip("the documentation is not beside these tests", allow_module_level=True)
TEXT = GUIDE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_runs(number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if "flamegraph" in BLOCKS[number]:
        pytest.importorskip("memray")
    exec(compile(BLOCKS[number], f"{GUIDE.name} block {number}", "exec"), {})


def test_the_modules_named_exist():
    import importlib

    for module, name in re.findall(r"`(\w+_gauge|peak|budget|isolate)\.([A-Za-z]+)", TEXT):
        assert hasattr(importlib.import_module(f"snapshot_engine.memory.{module}"), name)


def test_every_public_name_of_the_toolkit_is_described():
    public = [
        name for name, home in snapshot_engine._HOME.items() if home.startswith("snapshot_engine.memory.")
    ]
    assert [name for name in public if name not in TEXT] == []
