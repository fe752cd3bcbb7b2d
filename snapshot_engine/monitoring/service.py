"""The monitoring service: one thread that looks, remembers, judges and tells.

In: readings from a source, every `interval` seconds. Out: the status, the
history, alert events to the sinks. Rules and memory of the past live in
`watch` and `alert_rules`; here are only the thread, the locks and the clock.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.memory.tracker import MemoryTracker
from snapshot_engine.monitoring.alert_rules import GROWTH, USAGE, AlertEvent, AlertRule
from snapshot_engine.monitoring.alert_sinks import AlertDelivery, LogSink
from snapshot_engine.monitoring.history import UNKNOWN_TREND
from snapshot_engine.monitoring.own_process import OwnProcess
from snapshot_engine.monitoring.pid_file import remove_pid_file, write_pid_file
from snapshot_engine.monitoring.reading import MIB, MemoryReading, ProcessGone, ReadingSource
from snapshot_engine.monitoring.sampler import Sampler
from snapshot_engine.monitoring.status import MemoryStatus, ServiceFacts, compose_status
from snapshot_engine.monitoring.watch import MemoryWatch
from snapshot_engine.settings import Config

logger = logging.getLogger("snapshot_engine.monitoring")

# stop() promises 100 ms in all, however slow a sink is.
_JOIN_SECONDS = 0.05
_DELIVERY_PATIENCE_SECONDS = 0.04
_FRESH_SECONDS = 0.5

_services: weakref.WeakSet[MemoryMonitoringService] = weakref.WeakSet()


class MemoryMonitoringService:
    """Watches memory in the background: `start()`, `stop()`, `status()`; or as a context manager.

    config: its memory_limit_mb is what percentages are of; None reads the environment.
    interval: seconds between looks, 0.01 to 86,400.
    source: where readings come from; None is this process.
    sinks: callables that get each AlertEvent; None logs them.
    rules: None is the documented table.
    pid_file: written while the service runs, for `snapshot-engine health`.
    Thread-safe, restartable; in a forked child it is stopped and can be started.
    """

    def __init__(
        self,
        config: Config | None = None,
        interval: float = 30,
        *,
        source: Callable[[], ReadingSource] | None = None,
        sinks: Iterable[Callable[[AlertEvent], None]] | None = None,
        rules: Sequence[AlertRule] | None = None,
        history_size: int = 1000,
        pid_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self.config = Config.from_env() if config is None else config
        self.config.validate()
        self._sampler = Sampler(self._look, interval)
        self._make_source = source or (lambda: OwnProcess(self.config.memory_limit_mb))
        self._sinks = (LogSink(),) if sinks is None else tuple(sinks)
        self._rules = rules
        self._history_size = history_size
        self._pid_file = None if pid_file is None else Path(pid_file)
        self._thresholds_mb: dict[str, float] = {}
        self._source: ReadingSource | None = None
        self._inherited_source: ReadingSource | None = None
        self._watch: MemoryWatch | None = None
        self._idle_tracker: MemoryTracker | None = None
        self._delivery: AlertDelivery | None = None
        self._delivery_failures = 0
        self._started_seconds: float | None = None
        self._looks = 0
        self._last_error: str | None = None
        self._process_gone = False
        self._set_up_threads()
        _services.add(self)

    def _set_up_threads(self) -> None:
        """Make locks and events anew: at birth, and in a forked child, where the thread is gone."""
        self._lifecycle = threading.RLock()
        # Reentrant: a signal handler may ask for the status while its thread holds it.
        self._lock = threading.RLock()
        self._looked = threading.Condition(self._lock)
        self._sampler.forget()

    # Life -------------------------------------------------------------------

    def start(self) -> None:
        """Look once, now, and go on in the background; harmless when running already."""
        with self._lifecycle:
            if self.running:
                return
            self._begin()
            if self._pid_file is not None:
                self._claim_pid_file(self._pid_file)
            self._sampler.start()

    def stop(self) -> None:
        """End the thread, within 100 ms; harmless when not running. The last status stays readable."""
        with self._lifecycle:
            if not self._sampler.stop(_JOIN_SECONDS):
                return
            with self._looked:
                delivery, self._delivery = self._delivery, None
                if self._source is not None:
                    self._source.close()
                self._looked.notify_all()
            if delivery is not None:
                delivery.close(_DELIVERY_PATIENCE_SECONDS)
                self._delivery_failures += delivery.failures
            if self._pid_file is not None:
                remove_pid_file(self._pid_file)

    def __enter__(self) -> MemoryMonitoringService:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._sampler.running

    def _begin(self) -> None:
        source = self._make_source()
        try:
            first = source.read()
        except BaseException:
            source.close()
            raise
        with self._lock:
            self._inherited_source = None
            self._source = source
            self._watch = self._new_watch(first, source)
            self._delivery = AlertDelivery(self._sinks)
            self._started_seconds = first.wall_seconds
            self._last_error, self._process_gone = None, False
            self._take(first)

    def _claim_pid_file(self, path: Path) -> None:
        try:
            write_pid_file(path)
        except OSError:
            if self._source is not None:
                self._source.close()
            raise

    def _new_watch(self, first: MemoryReading, source: ReadingSource) -> MemoryWatch:
        watch = MemoryWatch(first, source.limit, rules=self._rules, history_size=self._history_size)
        if USAGE.name in self._thresholds_mb:
            watch.move_usage_warning(self._thresholds_mb[USAGE.name])
        if GROWTH.name in self._thresholds_mb:
            watch.move_growth_warning(self._thresholds_mb[GROWTH.name])
        return watch

    # Looking ----------------------------------------------------------------

    def _look(self) -> None:
        with self._looked:
            if not self.running or self._source is None:
                return
            try:
                self._take(self._source.read())
                self._last_error = None
            except ProcessGone as gone:
                self._process_gone = True
                self._last_error = str(gone)
            # The thread outlives a look that fails (a full file table, an
            # unreadable /proc): it says so in the status and looks again.
            except (OSError, ValueError, SnapshotEngineError) as error:
                if self._last_error is None:
                    logger.warning("memory monitoring could not look: %s", error)
                self._last_error = str(error)
            self._looks += 1
            self._looked.notify_all()

    def _take(self, reading: MemoryReading) -> None:
        assert self._watch is not None
        for event in self._watch.take(reading):
            if self._delivery is not None:
                self._delivery.offer(event)

    def look(self) -> MemoryReading:
        """Look now, between the regular looks; starts nothing. Raises RuntimeError when not running."""
        with self._looked:
            if not self.running or self._source is None:
                raise RuntimeError("the monitoring service is not running: call start() first")
            reading = self._source.read()
            self._take(reading)
            self._looks += 1
            self._looked.notify_all()
            return reading

    def wait_for_look(self, seen: int, timeout_seconds: float) -> int:
        """Wait until there were more looks than `seen`, those that failed included; return how many."""
        with self._looked:
            self._looked.wait_for(lambda: self._looks > seen or not self.running, timeout_seconds)
            return self._looks

    # What is known ------------------------------------------------------------

    @property
    def interval(self) -> float:
        """Seconds between looks; a new value counts from the next look on."""
        return self._sampler.interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        self._sampler.interval = seconds

    @property
    def tracker(self) -> MemoryTracker:
        """The tracker of this process: one snapshot "monitoring" a look. The last run's after stop()."""
        with self._lock:
            tracker = getattr(self._source, "tracker", None) or self._idle_tracker
            if tracker is None:
                tracker = self._idle_tracker = MemoryTracker()
            assert isinstance(tracker, MemoryTracker)
            return tracker

    @property
    def readings(self) -> int:
        watch = self._watch
        return 0 if watch is None else watch.readings

    @property
    def memory_threshold_mb(self) -> float:
        """MiB of use above which a warning is given: 80 % of the limit unless set."""
        with self._lock:
            watch = self._watch or self._idle_watch()
            return (watch.warning_threshold(USAGE.name) or 0.0) / 100.0 * watch.limit.limit_bytes / MIB

    @memory_threshold_mb.setter
    def memory_threshold_mb(self, threshold_mb: float) -> None:
        with self._lock:
            (self._watch or self._idle_watch()).move_usage_warning(threshold_mb)
            self._thresholds_mb[USAGE.name] = threshold_mb

    @property
    def growth_threshold_mb(self) -> float:
        """MiB of growth above which a warning is given: 100 unless set."""
        with self._lock:
            watch = self._watch or self._idle_watch()
            return (watch.warning_threshold(GROWTH.name) or 0.0) / MIB

    @growth_threshold_mb.setter
    def growth_threshold_mb(self, threshold_mb: float) -> None:
        with self._lock:
            (self._watch or self._idle_watch()).move_growth_warning(threshold_mb)
            self._thresholds_mb[GROWTH.name] = threshold_mb

    def set_baseline(self) -> None:
        """Measure growth from here on: call it when what must be loaded is loaded."""
        self.look()
        with self._lock:
            assert self._watch is not None
            self._watch.set_baseline()

    def history(self, count: int | None = None) -> list[MemoryReading]:
        """Return the last readings, oldest first (at most `history_size`)."""
        with self._lock:
            return [] if self._watch is None else self._watch.history.newest(count)

    def status(self) -> MemoryStatus:
        """Return the status; the same keys whether running, stopped or never started."""
        return compose_status(self.facts())

    def facts(self, *, fresh: bool = False) -> ServiceFacts:
        """Return what the status and the exporters are made from, taken at one moment.

        fresh: look first unless the newest reading is younger than half a
        second, so that a scrape does not get half a minute's old figures.
        Not running, the service looks once for the figures of now; the peak is
        then the one of the last run.
        """
        if fresh and self.running and self._age_seconds() > _FRESH_SECONDS:
            self._look()
        with self._lock:
            watch = self._watch or self._idle_watch()
            newest = watch.newest if self.running else self._newest_of_stopped(watch)
            delivery = self._delivery
            return ServiceFacts(
                running=self.running,
                process_running=not self._process_gone,
                pid=os.getpid() if self._source is None else self._source.pid,
                interval_seconds=self._sampler.interval,
                peak_is_exact=self._source is not None and self._source.peak_is_exact,
                limit=watch.limit,
                newest=newest,
                baseline_bytes=watch.baseline_bytes,
                readings=watch.readings,
                started_seconds=self._started_seconds,
                trend=watch.trend if watch.readings else UNKNOWN_TREND,
                active=watch.active,
                recent=tuple(watch.recent),
                alerts_fired=watch.alerts_fired,
                delivery_failures=self._delivery_failures + (delivery.failures if delivery else 0),
                sampler_cpu_seconds=self._sampler.cpu_seconds,
                last_error=self._last_error,
            )

    def _age_seconds(self) -> float:
        watch = self._watch
        return math.inf if watch is None else time.monotonic() - watch.newest.monotonic_seconds

    def _newest_of_stopped(self, watch: MemoryWatch) -> MemoryReading:
        source = self._make_source()
        try:
            now = source.read()
        finally:
            source.close()
        return replace(now, peak_bytes=max(watch.newest.peak_bytes, now.resident_bytes))

    def _idle_watch(self) -> MemoryWatch:
        """Return a watch over one reading taken now, for a service that never ran."""
        source = self._make_source()
        try:
            return self._new_watch(source.read(), source)
        finally:
            source.close()

    def _after_fork_in_child(self) -> None:
        self._set_up_threads()
        self._delivery = None
        # What the parent saw means nothing here. Its source is let go of later:
        # closing its peak window takes a lock that a thread of the parent may
        # have held, and whose own after-fork hook has not run yet.
        self._inherited_source, self._source = self._source, None
        self._watch = None
        self._started_seconds = None


def _after_fork_in_child() -> None:
    for service in list(_services):
        service._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
