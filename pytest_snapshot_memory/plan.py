"""What is to be done with one test, read once from its markers and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from pytest_snapshot_memory.markers import GrowthRequest, LeakRequest, LimitRequest


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one test; `mistake` is the sentence of a wrong marker.

    gauge: what measures the phases. settles: the heap is settled before the
    phase that decides, because a limit or a baseline will be compared.
    """

    gauge: str
    limit: LimitRequest | None = None
    leak: LeakRequest | None = None
    growth: GrowthRequest | None = None
    mistake: str = ""
    settles: bool = False
    isolate: bool = False

    @property
    def is_plain(self) -> bool:
        """Nothing is asked of this test but its numbers."""
        return self.limit is None and self.leak is None and self.growth is None and not self.mistake


def plan_for(item: pytest.Item, default: Plan, suite_limit: LimitRequest | None) -> Plan:
    """Return what the item's markers ask for; `default` itself where they ask for nothing."""
    limit = item.get_closest_marker("memory_limit")
    leak = item.get_closest_marker("memory_leak")
    growth = item.get_closest_marker("memory_growth")
    if suite_limit is None and limit is None and leak is None and growth is None:
        return default
    # Not above: most runs have no marker and need none of this.
    from pytest_snapshot_memory import markers

    try:
        limited = _read(limit, markers.read_limit) or suite_limit
        leaking = _read(leak, markers.read_leak)
        growing = _read(growth, markers.read_growth)
        if growing is not None and "memory_size" not in getattr(item, "fixturenames", ()):
            raise markers.MarkerMistake(
                "memory_growth: the test must take the fixture memory_size, the size of each run"
            )
        markers.check_runs(item, leaking is not None or growing is not None)
    except markers.MarkerMistake as mistake:
        return Plan(gauge=default.gauge, mistake=str(mistake))
    return Plan(
        gauge=(limited.gauge if limited is not None else "") or default.gauge,
        limit=limited,
        leak=leaking,
        growth=growing,
        settles=limited is not None or default.settles,
        isolate=default.isolate or (limited is not None and limited.isolate),
    )


def _read(mark: pytest.Mark | None, reader: Any) -> Any:
    return None if mark is None else reader(mark.args, mark.kwargs)
