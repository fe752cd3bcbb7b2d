"""The sampler: one thread that does something every so many seconds, and stops at once.

In: an interval and what to do. Out: calls, on one daemon thread. It knows
nothing of memory; the service gives it its look.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from snapshot_engine.errors import ConfigError

MINIMUM_INTERVAL_SECONDS = 0.01
MAXIMUM_INTERVAL_SECONDS = 86_400.0


def check_interval(interval: float) -> float:
    """Return the interval in seconds; raise ConfigError with one sentence for one that makes no sense."""
    problem = "must be a number of seconds"
    if isinstance(interval, (int, float)) and not isinstance(interval, bool):
        if math.isfinite(interval) and MINIMUM_INTERVAL_SECONDS <= interval <= MAXIMUM_INTERVAL_SECONDS:
            return float(interval)
        problem = "must be between 0.01 seconds and one day (86,400 seconds)"
    raise ConfigError([f"monitoring interval {interval!r}: {problem}"])


class Sampler:
    """Calls `look` every `interval` seconds between start() and stop(); each start is a thread of its own.

    cpu_seconds: CPU time of the looks since the last start.
    """

    def __init__(self, look: Callable[[], None], interval: float) -> None:
        self._look = look
        self._interval = check_interval(interval)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.cpu_seconds = 0.0

    @property
    def interval(self) -> float:
        """Seconds between looks; a new value counts from the next look on."""
        return self._interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        self._interval = check_interval(seconds)

    @property
    def running(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self) -> None:
        self.cpu_seconds = 0.0
        # An event for each thread: one that is late to end cannot miss it.
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name="memory monitoring", daemon=True
        )
        self._thread.start()

    def stop(self, patience_seconds: float) -> bool:
        """End the thread and wait that long for it; return whether there was one."""
        thread, self._thread = self._thread, None
        if thread is None:
            return False
        self._stopping.set()
        if thread is not threading.current_thread():
            thread.join(patience_seconds)
        return True

    def forget(self) -> None:
        """Start over in a forked child, where the thread does not exist."""
        self._thread = None
        self._stopping = threading.Event()

    def _run(self, stopping: threading.Event) -> None:
        due = time.monotonic() + self._interval
        while not stopping.wait(max(0.0, due - time.monotonic())):
            began = time.thread_time()
            self._look()
            self.cpu_seconds += time.thread_time() - began
            # After a suspended night the missed looks are not made up for.
            due = max(due + self._interval, time.monotonic())
