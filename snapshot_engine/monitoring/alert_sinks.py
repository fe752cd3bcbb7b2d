"""Where alerts go: the log, a callable, Alertmanager's webhook, apprise.

In: AlertEvents. Out: a line, a call, a request. A sink may raise or be slow:
AlertDelivery runs all of them on one thread of its own, counts what failed,
and never holds up the sampler.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from snapshot_engine.errors import ConfigError, MissingExtra
from snapshot_engine.monitoring.alert_rules import CRITICAL, Alert, AlertEvent

logger = logging.getLogger("snapshot_engine.monitoring")

_EXPIRES_SECONDS = 3600.0


class AlertSink(Protocol):
    """One place that wants to be told; raise to say that it could not be reached.

    One with a true attribute `wants_reminders` is also told, once a minute,
    of alerts that are "still on".
    """

    def __call__(self, event: AlertEvent) -> None: ...


class LogSink:
    """Write each event as one line: critical as ERROR, warning as WARNING, an end as INFO."""

    def __init__(self, log: logging.Logger = logger) -> None:
        self._log = log

    def __call__(self, event: AlertEvent) -> None:
        severity = event.alert.severity
        level = logging.ERROR if severity == CRITICAL else logging.WARNING
        if event.kind == "resolved":
            level = logging.INFO
        self._log.log(level, "memory alert %s: %s", event.kind, event.alert.sentence)


class WebhookSink:
    """Post events to Alertmanager's API, or to whatever accepts its format (API v2, POST /api/v2/alerts).

    url: the full address, "http://127.0.0.1:9093/api/v2/alerts".
    labels: added to every alert, such as {"service": "snapshots"}.
    An alert is sent again every minute while it is on, as Prometheus does: one
    that Alertmanager does not hear of for an hour has ended with its process.
    A refused or slow request raises; the delivery counts it.
    """

    wants_reminders = True

    def __init__(
        self, url: str, *, labels: Mapping[str, str] | None = None, timeout_seconds: float = 5.0
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError([f"webhook address {url!r}: must begin with http:// or https://"])
        self._url = url
        self._labels = dict(labels or {})
        self._timeout_seconds = timeout_seconds

    def __call__(self, event: AlertEvent) -> None:
        # Imported here: 11 MiB that only a process with a webhook should pay.
        from urllib.request import Request, urlopen

        expires = time.time() + _EXPIRES_SECONDS
        body = json.dumps(alertmanager_alerts(event, self._labels, expires)).encode()
        request = Request(self._url, data=body, headers={"Content-Type": "application/json"}, method="POST")
        with urlopen(request, timeout=self._timeout_seconds) as answer:
            answer.read()


class AppriseSink:
    """Send events through apprise (mail, chat, SMS ...). Raises MissingExtra where it is not installed."""

    def __init__(self, *addresses: str) -> None:
        try:
            import apprise
        except ImportError:
            raise MissingExtra("apprise", "monitoring") from None
        self._apprise: Any = apprise.Apprise()
        for address in addresses:
            if not self._apprise.add(address):
                raise ConfigError([f"apprise does not understand the address {address!r}"])

    def __call__(self, event: AlertEvent) -> None:
        kind = {"resolved": "success", "eased": "info"}.get(event.kind)
        kind = kind or ("failure" if event.alert.severity == CRITICAL else "warning")
        title = f"Memory alert {event.kind}: {event.alert.alertname}"
        if not self._apprise.notify(title=title, body=event.alert.sentence, notify_type=kind):
            raise OSError("apprise could not reach at least one of its addresses")


def alertmanager_alerts(
    event: AlertEvent, labels: Mapping[str, str], expires_seconds: float
) -> list[dict[str, Any]]:
    """Return the event in Alertmanager's v2 format; an alert that is on ends at `expires_seconds` unless renewed.

    The severity is a label, and labels are an alert's identity there: a change
    of severity ends one alert and begins another.
    """
    alerts = [event.alert]
    if event.previous is not None and event.kind != "resolved":
        alerts.insert(0, event.previous)
    return [_alertmanager_alert(alert, labels, expires_seconds) for alert in alerts]


def _alertmanager_alert(alert: Alert, labels: Mapping[str, str], expires_seconds: float) -> dict[str, Any]:
    ended = alert.ended_seconds
    return {
        "labels": {**labels, "alertname": alert.alertname, "severity": alert.severity, "rule": alert.rule},
        "annotations": {"summary": alert.sentence, "value": f"{alert.value:g}"},
        "startsAt": rfc3339(alert.started_seconds),
        "endsAt": rfc3339(expires_seconds if ended is None else ended),
    }


def rfc3339(unix_seconds: float) -> str:
    """Return a moment as RFC 3339 in UTC with milliseconds."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_seconds))
    return f"{whole}.{int(unix_seconds * 1000) % 1000:03d}Z"


class AlertDelivery:
    """One thread that hands events to the sinks, in order; begun with the first event.

    Holds at most `most_waiting` events; past that the newest is dropped and counted.
    failures: deliveries that raised, and events dropped.
    """

    def __init__(self, sinks: Iterable[Callable[[AlertEvent], None]], most_waiting: int = 1000) -> None:
        self._sinks = tuple(sinks)
        self._most_waiting = most_waiting
        self._waiting: deque[AlertEvent] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self.failures = 0

    def offer(self, event: AlertEvent) -> None:
        """Queue one event; never waits for a sink, never raises."""
        if not self._sinks:
            return
        with self._changed:
            if len(self._waiting) >= self._most_waiting:
                self.failures += 1
                return
            self._waiting.append(event)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="memory alert delivery", daemon=True)
                self._thread.start()

    def close(self, patience_seconds: float) -> None:
        """Wait that long for what is queued; a sink that hangs finishes, or fails, behind our back."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(patience_seconds)

    def _run(self) -> None:
        while (event := self._next()) is not None:
            for sink in self._sinks:
                if event.kind != "still on" or getattr(sink, "wants_reminders", False):
                    self._deliver(sink, event)

    def _next(self) -> AlertEvent | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, sink: Callable[[AlertEvent], None], event: AlertEvent) -> None:
        try:
            sink(event)
        # A sink is someone else's code or network: whatever it raises is its
        # failure and must not end the delivery of the next alert.
        except Exception as error:
            self.failures += 1
            logger.warning(
                "memory alert %s not delivered by %s: %s", event.alert.alertname, _name(sink), error
            )


def _name(sink: object) -> str:
    return getattr(sink, "__name__", type(sink).__name__)
