"""Tests whose memory is gated: what they need is loaded before they are measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))


@pytest.hookimpl(optionalhook=True)
def pytest_snapshot_memory_environment(environment: dict[str, Any]) -> None:
    """Numbers with another NumPy or another model are not compared with these."""
    from benchmarks.own_gate import decisive_versions

    environment.update(decisive_versions())
