"""What is to be done with one test, read once from its markers and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_snapshot_memory.markers import (
    GROWTH,
    LEAK,
    LIMIT,
    GrowthRequest,
    LeakRequest,
    LimitRequest,
    MarkerMistake,
    read_growth,
    read_leak,
    read_limit,
)

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
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
        return self.limit is None and self.leak is None and self.growth is None and not self.mistake


def plan_for(item: pytest.Item, default: Plan, suite_limit: LimitRequest | None) -> Plan:
    """Return what the item's markers ask for; `default` itself where they ask for nothing."""
    marks = {name: item.get_closest_marker(name) for name in (LIMIT, LEAK, GROWTH)}
    if suite_limit is None and not any(marks.values()):
        return default
    try:
        limit = _read(marks[LIMIT], read_limit) or suite_limit
        leak = _read(marks[LEAK], read_leak)
        growth = _read(marks[GROWTH], read_growth)
        _check_item(item, growth)
    except MarkerMistake as mistake:
        return Plan(gauge=default.gauge, mistake=str(mistake))
    gauge = (limit.gauge if limit is not None else "") or default.gauge
    return Plan(
        gauge=gauge,
        limit=limit,
        leak=leak,
        growth=growth,
        settles=limit is not None or default.settles,
        isolate=default.isolate or (limit is not None and limit.isolate),
    )


def _read(mark: pytest.Mark | None, reader: Any) -> Any:
    return None if mark is None else reader(mark.args, mark.kwargs)


def _check_item(item: pytest.Item, growth: GrowthRequest | None) -> None:
    if growth is not None and "memory_size" not in getattr(item, "fixturenames", ()):
        raise MarkerMistake(f"{GROWTH}: the test must take the fixture memory_size, the size of each run")
