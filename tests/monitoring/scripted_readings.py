"""Scripted readings: a day of memory in a millisecond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from snapshot_engine.monitoring.reading import MemoryLimit, MemoryReading, ProcessGone

MIB = 2**20
GIB = 2**30


def reading(resident_mb: float = 100.0, *, at: float = 0.0, **changed: object) -> MemoryReading:
    """A reading of a quiet process on a 16 GiB machine at second `at`; sizes are MiB."""
    resident = int(resident_mb * MIB)
    values: dict[str, object] = {
        "wall_seconds": 1_700_000_000.0 + at,
        "monotonic_seconds": at,
        "resident_bytes": resident,
        "virtual_bytes": 2 * resident,
        "swap_bytes": 0,
        "peak_bytes": resident,
        "recent_peak_bytes": resident,
        "used_bytes": resident,
        "available_bytes": 8 * GIB,
        "total_bytes": 16 * GIB,
        "pressure_percent": 0.0,
    }
    return MemoryReading(**{**values, **changed})  # type: ignore[arg-type]


@dataclass
class ScriptedSource:
    """Plays back readings; the last one repeats. `gone` ends the process after the script."""

    script: Iterable[MemoryReading]
    limit: MemoryLimit = field(
        default_factory=lambda: MemoryLimit(limit_bytes=1024 * MIB, of="MEMORY_LIMIT_MB")
    )
    pid: int = 4242
    peak_is_exact: bool = True
    gone: bool = False
    closed: int = 0

    def __post_init__(self) -> None:
        self._rest: Iterator[MemoryReading] = iter(self.script)
        self._last: MemoryReading | None = None

    def read(self) -> MemoryReading:
        following = next(self._rest, None)
        if following is None and self.gone:
            raise ProcessGone(self.pid)
        self._last = following or self._last
        assert self._last is not None
        return self._last

    def close(self) -> None:
        self.closed += 1
