"""Hooks that other plugins and conftest files may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_snapshot_memory.record import TestRecord


@pytest.hookspec
def pytest_snapshot_memory_record(config: pytest.Config, record: TestRecord) -> None:
    """Called once per measured test, at the end of the run, where the report is made."""


@pytest.hookspec
def pytest_snapshot_memory_compare(config: pytest.Config, comparisons: Sequence[Any]) -> None:
    """Called once after a comparison with a baseline, with one comparison per test."""


@pytest.hookspec
def pytest_snapshot_memory_environment(config: pytest.Config, environment: dict[str, Any]) -> None:
    """Called before a save or comparison; may add values that two runs must share to be compared."""
