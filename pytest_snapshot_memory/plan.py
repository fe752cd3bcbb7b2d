"""What is to be done with one test, read once from its markers and the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import pytest

    from pytest_snapshot_memory.markers import GrowthRequest, LeakRequest, LimitRequest


_MARKERS: Final = frozenset({"memory_limit", "memory_leak", "memory_growth"})


class Plan(NamedTuple):
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


class Marked:
    """Says whether a test has a marker of ours. Holds one flag per folder, file and class of the suite.

    get_closest_marker walks all parents of each test; here each is asked once.
    """

    def __init__(self) -> None:
        self._parents: dict[int, bool] = {}

    def __call__(self, node: pytest.Item | pytest.Collector) -> bool:
        for mark in node.own_markers:
            if mark.name in _MARKERS:
                return True
        parent: Any = node.parent
        if parent is None:
            return False
        known = self._parents.get(id(parent))
        if known is None:
            known = self._parents[id(parent)] = self(parent)
        return known


def plan_for(item: pytest.Item, default: Plan, suite_limit: LimitRequest | None) -> Plan:
    """Return what the markers of an item ask for that has one of ours, or a limit of the suite's."""
    limit = item.get_closest_marker("memory_limit")
    leak = item.get_closest_marker("memory_leak")
    growth = item.get_closest_marker("memory_growth")
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
