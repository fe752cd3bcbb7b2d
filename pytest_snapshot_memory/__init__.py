"""pytest plugin: memory limits, reports, baselines and regression gates.

Public names are loaded on first use, so that a pytest run that does not use
the plugin pays only for its options.
"""

from __future__ import annotations

import importlib
from typing import Any

# public name -> module that defines it
_HOME: dict[str, str] = {
    "TestRecord": "pytest_snapshot_memory.record",
    "PhaseReading": "pytest_snapshot_memory.record",
    "BudgetTerms": "pytest_snapshot_memory.record",
    "AllocationSite": "pytest_snapshot_memory.record",
    "RecordError": "pytest_snapshot_memory.record",
    "encode": "pytest_snapshot_memory.record",
    "decode": "pytest_snapshot_memory.record",
    "MarkerMistake": "pytest_snapshot_memory.markers",
    "OptionMistake": "pytest_snapshot_memory.settings",
    "GrowthVerdict": "pytest_snapshot_memory.growth",
    "judge_growth": "pytest_snapshot_memory.growth",
    "LeakVerdict": "pytest_snapshot_memory.leaks",
    "judge_leak": "pytest_snapshot_memory.leaks",
    "BenchmarkStatistics": "pytest_snapshot_memory.benchmark",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
