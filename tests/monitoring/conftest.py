"""Fixtures of the monitoring tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted_readings import ScriptedSource, reading


@pytest.fixture
def scripted() -> Callable[..., Callable[[], ScriptedSource]]:
    """scripted(100, 200, ...) -> a maker of a source whose readings, a second apart, hold these MiB."""

    def make(*resident_mb: float, **options: object) -> Callable[[], ScriptedSource]:
        readings = [reading(mb, at=float(second)) for second, mb in enumerate(resident_mb)]
        return lambda: ScriptedSource(readings, **options)  # type: ignore[arg-type]

    return make
