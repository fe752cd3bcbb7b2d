"""Measure a span: start, peak and end under one gauge, with how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from snapshot_engine.memory.gauge import Gauge, GaugeTraits
from snapshot_engine.memory.resident_gauge import ResidentGauge
from snapshot_engine.memory.reuse import reusable_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A span's start, peak and end under one gauge.

    reusable_at_start_bytes: free heap and arena space that the span could use
        without a trace; 0 for gauges that see every allocation; None: unknown.
    error_bound_bytes: how far the peak may be off by the way it is kept.
    problem: "" or why the peak may be further off than that.
    """

    gauge: str
    start_bytes: int
    peak_bytes: int
    end_bytes: int
    reusable_at_start_bytes: int | None
    error_bound_bytes: int
    exact: bool
    seconds: float
    problem: str = ""

    @property
    def peak_growth_bytes(self) -> int:
        """Return the peak above the start, as seen: the lower end of the interval."""
        return max(0, self.peak_bytes - self.start_bytes)

    @property
    def peak_growth_upper_bytes(self) -> int | None:
        """Return the peak above the start, reuse included: the upper end; None where it is unknown."""
        if self.reusable_at_start_bytes is None:
            return None
        return self.peak_growth_bytes + self.reusable_at_start_bytes

    @property
    def retained_bytes(self) -> int:
        """Return what the end holds more than the start; negative when it holds less."""
        return self.end_bytes - self.start_bytes


class Span:
    """A running measurement; `finish()` ends it. Its figures can be asked at any time.

    Nested and concurrent spans of the default gauge keep their own peaks.
    """

    __slots__ = ("_begun", "_gauge", "_measurement", "_reusable_bytes", "_traits", "_window")

    def __init__(self, gauge: Gauge, *, settle: bool = False) -> None:
        self._traits: GaugeTraits = gauge.traits
        self._gauge = gauge
        self._measurement: Measurement | None = None
        self._reusable_bytes: int | None = 0
        if settle:
            from snapshot_engine.memory.settle import settle as settle_now

            self._reusable_bytes = settle_now().reusable_bytes
        self._window = gauge.open()
        if not self._traits.reuse_hides:
            self._reusable_bytes = 0
        elif not settle:
            self._reusable_bytes = reusable_bytes(self._window.start_bytes)
        self._begun = perf_counter()

    @property
    def measurement(self) -> Measurement:
        """Return the measurement: up to now while the span runs, the final one after."""
        return self._measurement or self._measure()

    def finish(self) -> Measurement:
        """End the span and return its measurement; again: the same one."""
        if self._measurement is None:
            self._window.close()
            self._measurement = self._measure()
        return self._measurement

    def _measure(self) -> Measurement:
        seconds = perf_counter() - self._begun
        reading, traits, window = self._window.read(), self._traits, self._window
        return Measurement(
            gauge=traits.name,
            start_bytes=window.start_bytes,
            peak_bytes=reading.peak_bytes,
            end_bytes=reading.current_bytes,
            reusable_at_start_bytes=self._reusable_bytes,
            error_bound_bytes=traits.error_bound_bytes,
            exact=traits.exact and not window.problem,
            seconds=seconds,
            problem=window.problem,
        )

    @property
    def start_bytes(self) -> int:
        return self.measurement.start_bytes

    @property
    def peak_bytes(self) -> int:
        return self.measurement.peak_bytes

    @property
    def end_bytes(self) -> int:
        return self.measurement.end_bytes

    @property
    def peak_growth_bytes(self) -> int:
        return self.measurement.peak_growth_bytes

    @property
    def peak_growth_upper_bytes(self) -> int | None:
        return self.measurement.peak_growth_upper_bytes

    @property
    def retained_bytes(self) -> int:
        return self.measurement.retained_bytes

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()


_default: ResidentGauge | None = None


def default_gauge() -> ResidentGauge:
    """Return the resident gauge of this process."""
    global _default
    if _default is None:
        _default = ResidentGauge()
    return _default


def measure(gauge: Gauge | None = None, *, settle: bool = False) -> Span:
    """Begin a span: `with measure() as span: ...; span.peak_growth_bytes`.

    gauge: resident memory of this process when left out.
    settle: collect and trim first, so that less can be reused unseen (ms).
    Raises GaugeUnavailable when the gauge cannot look now.
    """
    return Span(gauge if gauge is not None else default_gauge(), settle=settle)
