"""The status: units, rounding, and recommendations that follow from what is seen."""

from __future__ import annotations

import pytest
from scripted_readings import MIB, reading

from snapshot_engine.monitoring.alert_rules import Observation, active_alerts, advance, default_rules
from snapshot_engine.monitoring.history import Trend
from snapshot_engine.monitoring.reading import MemoryLimit
from snapshot_engine.monitoring.status import ServiceFacts, compose_status, judge_alerts, recommend

LIMIT = MemoryLimit(limit_bytes=1000 * MIB, of="container")


def facts(**changed) -> ServiceFacts:
    values = {
        "running": True,
        "process_running": True,
        "pid": 7,
        "interval_seconds": 30.0,
        "peak_is_exact": True,
        "limit": LIMIT,
        "newest": reading(400),
        "baseline_bytes": 300 * MIB,
        "readings": 3,
    }
    return ServiceFacts(**{**values, **changed})


def alerts(**observed):
    book, _ = advance(
        {}, default_rules(2**34), Observation(**observed), monotonic_seconds=0, wall_seconds=50.0
    )
    return active_alerts(book)


def test_sizes_are_mib_and_percent_is_of_the_limit():
    newest = reading(400, used_bytes=500 * MIB, swap_bytes=MIB, available_bytes=3 * MIB // 2)
    status = compose_status(facts(newest=newest))
    assert (status["current_memory_mb"], status["memory_growth_mb"]) == (400, 100)
    assert (status["limit_mb"], status["limit_of"]) == (1000, "container")
    assert (status["used_of_limit_mb"], status["usage_percent"]) == (500, 50)
    assert (status["swap_used_mb"], status["available_memory_mb"]) == (1, 1.5)


def test_a_trend_is_told_per_minute():
    trend = Trend(direction="growing", slope_bytes_per_second=MIB, span_seconds=90, seconds_to_limit=600)
    assert compose_status(facts(trend=trend))["trend"] == {
        "direction": "growing",
        "mb_per_minute": 60.0,
        "span_seconds": 90,
        "minutes_to_limit": 10,
    }


def test_health_is_the_worst_alert():
    assert judge_alerts([]) == "ok"
    assert judge_alerts(alerts(usage_percent=85.0)) == "warning"
    assert judge_alerts(alerts(usage_percent=85.0, pressure_percent=90.0)) == "critical"


def test_an_alert_is_plain_values():
    status = compose_status(facts(active=alerts(growth_bytes=150.0 * MIB)))
    assert status["active_alerts"] == [
        {
            "rule": "memory_growth",
            "alertname": "MemoryGrowth",
            "severity": "warning",
            "value": 150 * MIB,
            "threshold": 100 * MIB,
            "unit": "bytes",
            "message": "Memory growth since the baseline is 150.0 MiB, above 100.0 MiB (warning).",
            "started_at": 50.0,
            "ended_at": None,
        }
    ]


def test_a_healthy_process_gets_no_advice():
    assert recommend(facts()) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"active": alerts(usage_percent=85.0)}, "STREAMING_THRESHOLD_MB"),
        ({"active": alerts(growth_bytes=101.0 * MIB)}, "@memory_profile"),
        ({"active": alerts(available_bytes=1.0 * MIB)}, "--jobs"),
        ({"active": alerts(pressure_percent=50.0)}, "number of workers"),
        ({"newest": reading(400, recent_peak_bytes=950 * MIB)}, "A spike of 950.0 MiB between two readings"),
        (
            {
                "trend": Trend(
                    direction="growing", slope_bytes_per_second=MIB, span_seconds=90, seconds_to_limit=600
                )
            },
            "limit is reached in 10 minutes",
        ),
        ({"newest": reading(400, swap_bytes=80 * MIB)}, "80.0 MiB of this process are swapped out"),
    ],
)
def test_each_finding_has_its_advice_and_only_that(changed, word):
    (advice,) = recommend(facts(**changed))
    assert word in advice


def test_a_spike_is_no_news_while_usage_is_high_anyway():
    newest = reading(900, recent_peak_bytes=950 * MIB)
    assert recommend(facts(newest=newest)) == []


def test_a_limit_that_is_far_away_is_not_announced():
    trend = Trend(direction="growing", slope_bytes_per_second=1000, span_seconds=90, seconds_to_limit=7200)
    assert recommend(facts(trend=trend)) == []
