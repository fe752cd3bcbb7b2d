"""History is bounded, and its trend is not turned by one spike."""

from __future__ import annotations

import pytest
from scripted_readings import MIB, reading

from snapshot_engine.monitoring.history import History, judge_trend, thin

LIMIT = 1024 * MIB


def trend_of(*resident_mb: float, step_seconds: float = 60.0):
    readings = [reading(mb, at=index * step_seconds) for index, mb in enumerate(resident_mb)]
    return judge_trend(readings, LIMIT)


def test_growth_is_given_per_second_with_the_time_that_is_left():
    trend = trend_of(*range(100, 200, 10))
    assert trend.direction == "growing"
    assert trend.slope_bytes_per_second * 60 == pytest.approx(10 * MIB)
    assert trend.seconds_to_limit == pytest.approx(60 * (1024 - 190) / 10)


def test_one_spike_does_not_turn_the_trend():
    assert trend_of(100, 100, 100, 900, 100, 100, 100, 100).direction == "steady"


def test_shrinking_never_reaches_the_limit():
    trend = trend_of(*range(300, 200, -10))
    assert (trend.direction, trend.seconds_to_limit) == ("shrinking", None)


@pytest.mark.parametrize("values", [(), (100,), (100, 200, 300)])
def test_too_few_readings_are_no_trend(values):
    assert trend_of(*values).direction == "unknown"


def test_readings_of_one_moment_are_no_trend():
    assert trend_of(100, 200, 300, 400, 500, step_seconds=0).direction == "unknown"


def test_past_the_limit_nothing_is_left():
    assert trend_of(1000, 1020, 1040, 1060, 1080).seconds_to_limit == 0


def test_history_keeps_the_newest():
    history = History(3)
    for second in range(10):
        history.append(reading(100, at=second))
    assert [r.monotonic_seconds for r in history.newest()] == [7, 8, 9]
    assert [r.monotonic_seconds for r in history.newest(2)] == [8, 9]
    assert len(history) == 3


@pytest.mark.parametrize("count", [0, 1, 2, 39, 40, 41, 100, 1000])
def test_thinning_keeps_both_ends(count):
    readings = [reading(at=second) for second in range(count)]
    thinned = thin(readings, 40)
    assert len(thinned) == min(count, 40)
    if count:
        assert (thinned[0], thinned[-1]) == (readings[0], readings[-1])
