"""A limit that stops the body of a test while it runs: enforce=True."""

from __future__ import annotations

import contextlib
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from snapshot_engine.errors import MemoryLimitExceeded
from snapshot_engine.memory.guard import Guard, LimitRule
from snapshot_engine.memory.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_snapshot_memory.markers import LimitRequest


@contextlib.contextmanager
def enforced(item: pytest.Item, limit: LimitRequest) -> Iterator[None]:
    """Stop the body when it passes its limit; its failure is then one sentence and where it stood."""
    of: Any = "growth" if limit.of == "growth" else "process"
    try:
        with Guard(LimitRule(limit_bytes=limit.limit_bytes, of=of, enforce=True, name=item.nodeid)):
            yield
    except MemoryLimitExceeded as stopped:
        frames = traceback.extract_tb(stopped.__traceback__)
        inside = [frame for frame in frames if frame.filename == str(item.path)]
        where = f"\n  stopped at {item.path.name}:{inside[-1].lineno}" if inside else ""
        text = f"memory limit exceeded and stopped: {format_size(stopped.used_bytes)} of"
        pytest.fail(f"{text} {format_size(limit.limit_bytes)} ({stopped.cause}){where}", pytrace=False)
