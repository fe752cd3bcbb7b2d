"""Transcripts of any size to customer solution snapshots, in memory that does not grow.

Public names are loaded on first use (PEP 562), so importing the package costs
next to nothing: the memory toolkit never pays for the language side.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> module that defines it
_HOME: dict[str, str] = {
    # transcript
    "Cue": "snapshot_engine.transcript.cue",
    "CueSettings": "snapshot_engine.transcript.cue",
    "WebVTTParser": "snapshot_engine.transcript.webvtt",
    "StreamingVTTReader": "snapshot_engine.transcript.source",
    "Utterance": "snapshot_engine.transcript.utterance",
    # language
    "Entity": "snapshot_engine.language.annotation",
    "MemoryEfficientNLPProcessor": "snapshot_engine.language.processor",
    # engine
    "Config": "snapshot_engine.settings",
    "TranscriptProcessor": "snapshot_engine.processor",
    "ProcessingStrategy": "snapshot_engine.strategy",
    "choose_strategy": "snapshot_engine.strategy",
    # memory toolkit
    "MemoryMetrics": "snapshot_engine.memory.tracker",
    "MemoryTracker": "snapshot_engine.memory.tracker",
    "MemoryOptimizer": "snapshot_engine.memory.optimizer",
    "memory_limit": "snapshot_engine.memory.limits",
    "memory_profile": "snapshot_engine.memory.profile",
    "measure": "snapshot_engine.memory.measure",
    "Measurement": "snapshot_engine.memory.measure",
    # monitoring
    "MemoryMonitoringService": "snapshot_engine.monitoring.service",
    "start_memory_monitoring": "snapshot_engine.monitoring.service",
    "stop_memory_monitoring": "snapshot_engine.monitoring.service",
    "get_memory_status": "snapshot_engine.monitoring.service",
    # errors
    "SnapshotEngineError": "snapshot_engine.errors",
    "TranscriptError": "snapshot_engine.errors",
    "NotWebVTT": "snapshot_engine.errors",
    "BrokenBlock": "snapshot_engine.errors",
    "BlockTooLong": "snapshot_engine.errors",
    "ConfigError": "snapshot_engine.errors",
    "FileTooLarge": "snapshot_engine.errors",
    "MissingExtra": "snapshot_engine.errors",
    "MemoryLimitExceeded": "snapshot_engine.errors",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
