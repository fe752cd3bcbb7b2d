"""Fixtures of the monitoring tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted_readings import ScriptedSource, reading

from snapshot_engine.monitoring import surroundings


@pytest.fixture(autouse=True)
def quiet_kernel(request, monkeypatch):
    """No memory pressure: one test makes real pressure, which every process on the machine sees for ten seconds."""
    if request.module.__name__ != "test_alerts_for_real":
        monkeypatch.setattr(surroundings, "pressure_percent", lambda path: 0.0)


@pytest.fixture
def scripted() -> Callable[..., Callable[[], ScriptedSource]]:
    """scripted(100, 200, ...) -> a maker of a source whose readings, a second apart, hold these MiB."""

    def make(*resident_mb: float, **options: object) -> Callable[[], ScriptedSource]:
        readings = [reading(mb, at=float(second)) for second, mb in enumerate(resident_mb)]
        return lambda: ScriptedSource(readings, **options)  # type: ignore[arg-type]

    return make
