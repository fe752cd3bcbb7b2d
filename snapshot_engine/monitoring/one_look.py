"""One look at a process, judged: for the health check and other short-lived callers.

In: a source. Out: a status as the service would give it after one reading.
There is no past, so growth stays unjudged.
"""

from __future__ import annotations

from snapshot_engine.monitoring.alert_rules import GROWTH, default_rules
from snapshot_engine.monitoring.reading import ReadingSource
from snapshot_engine.monitoring.status import MemoryStatus, ServiceFacts, compose_status
from snapshot_engine.monitoring.watch import MemoryWatch


def look_once(source: ReadingSource) -> MemoryStatus:
    """Return the status of one reading. Raises ProcessGone where there is no such process."""
    reading = source.read()
    rules = [rule for rule in default_rules(reading.total_bytes) if rule.name != GROWTH.name]
    watch = MemoryWatch(reading, source.limit, rules=rules, history_size=1)
    watch.take(reading)
    return compose_status(
        ServiceFacts(
            running=False,
            process_running=True,
            pid=source.pid,
            interval_seconds=0.0,
            peak_is_exact=source.peak_is_exact,
            limit=watch.limit,
            newest=reading,
            baseline_bytes=watch.baseline_bytes,
            readings=1,
            active=watch.active,
            alerts_fired=watch.alerts_fired,
        )
    )
