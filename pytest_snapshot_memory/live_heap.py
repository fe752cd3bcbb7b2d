"""What lives in malloc and in Python's own allocator: for limits on what a test retains."""

from __future__ import annotations

import gc

from snapshot_engine.memory.gauge import GaugeUnavailable

# The fields of a PhaseReading in the order of its encoding.
Raw = tuple[str, str, int, int, int, int, int, int, float, int, str, int, int]


class LiveHeap:
    """Bytes in use in malloc and in Python's own allocator, between two points after a collection.

    Exact and free of reuse, since it counts what lives and not what is resident;
    blind to memory that was mapped directly.
    """

    name = "heap"

    def __init__(self) -> None:
        self._start_bytes = 0

    def begin(self) -> None:
        self._start_bytes = _live_bytes()

    def end(self, phase: str) -> Raw:
        now = _live_bytes()
        return (
            phase,
            self.name,
            self._start_bytes,
            max(now, self._start_bytes),
            now,
            0,
            0,
            1,
            0.0,
            0,
            "suite",
            0,
            0,
        )


def _live_bytes() -> int:
    """Return the live bytes after a full collection. Raises GaugeUnavailable where nobody knows."""
    from snapshot_engine.memory import libc

    gc.collect()
    live = libc.live_bytes()
    if live is None:
        raise GaugeUnavailable("what is retained cannot be asked on this platform; name gauge='python'")
    return live
