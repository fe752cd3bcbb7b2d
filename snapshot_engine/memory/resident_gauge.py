"""The gauge "resident": what this process holds in memory, by the kernel's own peak."""

from __future__ import annotations

from snapshot_engine.memory.gauge import GaugeTraits
from snapshot_engine.memory.peak import PeakBroker, PeakWindow, broker


class ResidentGauge:
    """Resident memory of this process: the kernel's exact peak, at 15 us a window."""

    def __init__(self, source: PeakBroker | None = None) -> None:
        self._broker = source or broker()
        self.traits = GaugeTraits(
            name="resident",
            counts="resident memory of this process",
            exact=self._broker.exact,
            error_bound_bytes=self._broker.error_bound_bytes,
            reuse_hides=True,
            note=self._broker.reason,
        )

    def open(self) -> PeakWindow:
        return self._broker.open()
