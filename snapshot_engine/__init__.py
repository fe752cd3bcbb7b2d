"""Transcripts of any size to customer solution snapshots, in memory that does not grow.

Public names are loaded on first use (PEP 562), so importing the package costs
next to nothing: the memory toolkit never pays for the language side.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

TYPE_CHECKING = False  # as in typing, whose import costs more than this whole module
if TYPE_CHECKING:
    from snapshot_engine.errors import (
        BlockTooLong as BlockTooLong,
        BrokenBlock as BrokenBlock,
        ConfigError as ConfigError,
        FileTooLarge as FileTooLarge,
        MemoryLimitExceeded as MemoryLimitExceeded,
        MissingExtra as MissingExtra,
        NotWebVTT as NotWebVTT,
        OutputFailed as OutputFailed,
        SnapshotEngineError as SnapshotEngineError,
        TranscriptError as TranscriptError,
    )
    from snapshot_engine.language.annotation import Entity as Entity
    from snapshot_engine.language.processor import MemoryEfficientNLPProcessor as MemoryEfficientNLPProcessor
    from snapshot_engine.memory.limits import memory_limit as memory_limit
    from snapshot_engine.memory.measure import Measurement as Measurement, measure as measure
    from snapshot_engine.memory.optimizer import MemoryOptimizer as MemoryOptimizer
    from snapshot_engine.memory.profile import memory_profile as memory_profile
    from snapshot_engine.memory.tracker import MemoryMetrics as MemoryMetrics, MemoryTracker as MemoryTracker
    from snapshot_engine.monitoring.service import MemoryMonitoringService as MemoryMonitoringService
    from snapshot_engine.monitoring.shared_service import (
        get_memory_status as get_memory_status,
        start_memory_monitoring as start_memory_monitoring,
        stop_memory_monitoring as stop_memory_monitoring,
    )
    from snapshot_engine.processor import TranscriptProcessor as TranscriptProcessor
    from snapshot_engine.settings import Config as Config
    from snapshot_engine.strategy import (
        ProcessingStrategy as ProcessingStrategy,
        choose_strategy as choose_strategy,
    )
    from snapshot_engine.transcript.cue import Cue as Cue, CueSettings as CueSettings
    from snapshot_engine.transcript.source import StreamingVTTReader as StreamingVTTReader
    from snapshot_engine.transcript.utterance import Utterance as Utterance
    from snapshot_engine.transcript.webvtt import WebVTTParser as WebVTTParser


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
    "start_memory_monitoring": "snapshot_engine.monitoring.shared_service",
    "stop_memory_monitoring": "snapshot_engine.monitoring.shared_service",
    "get_memory_status": "snapshot_engine.monitoring.shared_service",
    # errors
    "SnapshotEngineError": "snapshot_engine.errors",
    "TranscriptError": "snapshot_engine.errors",
    "NotWebVTT": "snapshot_engine.errors",
    "BrokenBlock": "snapshot_engine.errors",
    "BlockTooLong": "snapshot_engine.errors",
    "ConfigError": "snapshot_engine.errors",
    "FileTooLarge": "snapshot_engine.errors",
    "MissingExtra": "snapshot_engine.errors",
    "OutputFailed": "snapshot_engine.errors",
    "MemoryLimitExceeded": "snapshot_engine.errors",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
