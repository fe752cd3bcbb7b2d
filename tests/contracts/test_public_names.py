"""Every name that the owner's document promises is importable from the package root."""

from __future__ import annotations

import pytest

import snapshot_engine

OWNERS_API_REFERENCE = [
    "MemoryTracker",
    "MemoryOptimizer",
    "StreamingVTTReader",
    "MemoryEfficientNLPProcessor",
    "MemoryMonitoringService",
    "memory_profile",
    "memory_limit",
    "start_memory_monitoring",
    "stop_memory_monitoring",
    "get_memory_status",
    "Config",
]


@pytest.mark.parametrize("name", OWNERS_API_REFERENCE)
def test_the_owners_names_are_importable_from_the_root(name: str) -> None:
    assert name in snapshot_engine.__all__
    assert callable(getattr(snapshot_engine, name))


@pytest.mark.parametrize("name", [n for n in snapshot_engine.__all__ if n != "__version__"])
def test_each_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(snapshot_engine, name)
    assert value.__doc__, f"{name} has no docstring"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = snapshot_engine.no_such_name
