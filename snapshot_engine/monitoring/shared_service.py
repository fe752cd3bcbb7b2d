"""The one service of this process, by plain functions: start, stop, status.

In: a configuration and an interval. Out: a MemoryMonitoringService that every
part of the program shares; the class itself is for services of one's own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable

from snapshot_engine.monitoring.alert_rules import AlertEvent
from snapshot_engine.monitoring.service import MemoryMonitoringService
from snapshot_engine.monitoring.status import MemoryStatus
from snapshot_engine.settings import Config

_lock = threading.RLock()
_shared: MemoryMonitoringService | None = None


def start_memory_monitoring(
    config: Config | None = None,
    interval: float = 30,
    *,
    sinks: Iterable[Callable[[AlertEvent], None]] | None = None,
    pid_file: str | os.PathLike[str] | None = None,
) -> MemoryMonitoringService:
    """Start this process's monitoring service and return it; sinks and pid_file as of the service.

    One that runs already is stopped first, so that the configuration and the
    interval asked for last are the ones that count.
    """
    global _shared
    service = MemoryMonitoringService(config, interval, sinks=sinks, pid_file=pid_file)
    with _lock:
        if _shared is not None:
            _shared.stop()
        service.start()
        _shared = service
    return service


def stop_memory_monitoring() -> None:
    """Stop this process's monitoring service, within 100 ms; harmless when there is none."""
    with _lock:
        if _shared is not None:
            _shared.stop()


def get_memory_status() -> MemoryStatus:
    """Return the status of this process's monitoring service; the same keys when none runs."""
    service = _shared
    return (service or MemoryMonitoringService()).status()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()  # a thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
