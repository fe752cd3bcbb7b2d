"""The alert table: each line at, just past and well past its threshold, once up and once down."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from snapshot_engine.monitoring.alert_rules import (
    AVAILABLE,
    GROWTH,
    PRESSURE,
    USAGE,
    AlertEvent,
    AlertRule,
    Observation,
    active_alerts,
    advance,
    default_rules,
)

MIB = 2**20
GIB = 2**30


def run(rule: AlertRule, values: list[float | None], *, step_seconds: float = 1.0) -> list[AlertEvent]:
    """Feed one rule with values, one a second; return every event."""
    book, told = {}, []
    for index, value in enumerate(values):
        seen = Observation(**{rule.quantity: value})
        now = index * step_seconds
        book, events = advance(book, [rule], seen, monotonic_seconds=now, wall_seconds=1000.0 + now)
        told += events
    return told


def kinds(events: list[AlertEvent]) -> list[tuple[str, str]]:
    return [(event.kind, event.alert.severity) for event in events]


# The documented table, line by line: (rule, at the line, just past it, severity).
TABLE = [
    (USAGE, 80.0, 80.01, "warning"),
    (USAGE, 90.0, 90.01, "critical"),
    (GROWTH, 100 * MIB, 100 * MIB + 1, "warning"),
    (GROWTH, 500 * MIB, 500 * MIB + 1, "critical"),
    (AVAILABLE, 500 * MIB, 500 * MIB - 1, "warning"),
    (AVAILABLE, 200 * MIB, 200 * MIB - 1, "critical"),
    (PRESSURE, 10.0, 10.01, "warning"),
    (PRESSURE, 40.0, 40.01, "critical"),
]
QUIET = {
    "usage_percent": 10.0,
    "growth_bytes": 0.0,
    "available_bytes": 8.0 * GIB,
    "pressure_percent": 0.0,
}


@pytest.mark.parametrize(("rule", "at", "past", "severity"), TABLE)
def test_a_line_of_the_table_fires_just_past_it_and_not_at_it(rule, at, past, severity):
    assert (("fired", severity)) not in kinds(run(rule, [at]))
    assert kinds(run(rule, [past])) == [("fired", severity)]


def test_the_default_rules_are_the_documented_table_and_the_pressure_rule():
    rules = {rule.name: rule for rule in default_rules(16 * GIB)}
    table = {name: (rule.warning.threshold, rule.critical.threshold) for name, rule in rules.items()}
    assert table == {
        "memory_usage": (80, 90),
        "memory_growth": (100 * MIB, 500 * MIB),
        "system_available": (500 * MIB, 200 * MIB),
        "memory_pressure": (10, 40),
    }


def test_available_thresholds_shrink_only_where_they_cannot_be_asked_for():
    def available(total: int) -> tuple[float, float]:
        rule = next(rule for rule in default_rules(total) if rule.name == "system_available")
        return rule.warning.threshold / MIB, rule.critical.threshold / MIB

    assert available(1000 * MIB) == (500, 200)
    assert available(256 * MIB) == pytest.approx((51.2, 25.6))
    assert available(999 * MIB) == pytest.approx((199.8, 99.9))


def test_one_crossing_is_one_alert_and_its_end_is_told_once():
    climb = [70, 85, 86, 88, 89, 84, 82] + [60] * 12
    assert kinds(run(USAGE, climb)) == [("fired", "warning"), ("resolved", "warning")]


def test_trembling_around_the_line_is_one_alert():
    assert kinds(run(USAGE, [81, 79, 81, 79, 81, 79.5, 81, 78] * 20)) == [("fired", "warning")]


def test_a_rise_through_both_lines_escalates_and_eases_again():
    events = run(replace(USAGE, clear_seconds=0), [85, 95, 84, 60])
    assert kinds(events) == [
        ("fired", "warning"),
        ("escalated", "critical"),
        ("eased", "warning"),
        ("resolved", "warning"),
    ]
    assert events[1].previous is not None
    assert (events[1].previous.severity, events[1].previous.ended_seconds) == ("warning", 1001.0)
    assert events[3].alert.ended_seconds == 1003.0


def test_a_jump_past_both_lines_is_one_critical_alert():
    assert kinds(run(USAGE, [50, 97, 98])) == [("fired", "critical")]


def test_a_hold_time_swallows_a_spike_and_keeps_what_lasts():
    held = replace(USAGE, hold_seconds=3)
    assert run(held, [95, 95, 50, 95, 95, 50]) == []
    assert kinds(run(held, [95, 95, 95, 95])) == [("fired", "critical")]


def test_a_held_warning_does_not_wait_for_the_critical_line_to_hold():
    held = replace(USAGE, hold_seconds=3)
    assert kinds(run(held, [85, 85, 95, 85, 85])) == [("fired", "warning")]


def test_an_end_must_last_clear_seconds():
    rule = replace(USAGE, clear_seconds=3)
    assert kinds(run(rule, [85, 60, 60, 85, 60, 60, 85])) == [("fired", "warning")]
    assert kinds(run(rule, [85, 60, 60, 60, 60])) == [("fired", "warning"), ("resolved", "warning")]


def test_what_could_not_be_measured_changes_nothing():
    assert kinds(run(PRESSURE, [50, None, None, 50])) == [("fired", "critical")]
    assert run(PRESSURE, [None] * 5) == []


def test_an_alert_says_value_line_and_severity():
    assert run(USAGE, [83.44])[0].alert.sentence == "Memory usage is 83.4 %, above 80.0 % (warning)."
    event = run(AVAILABLE, [150 * MIB])[0]
    assert event.alert.sentence == "Available memory is 150.0 MiB, below 200.0 MiB (critical)."
    assert event.alert.started_seconds == 1000.0


def test_critical_alerts_come_first_and_carry_the_newest_value():
    rules = default_rules(16 * GIB)
    seen = Observation(**{**QUIET, "growth_bytes": 150.0 * MIB})
    book, _ = advance({}, rules, seen, monotonic_seconds=0, wall_seconds=0)
    seen = Observation(**{**QUIET, "growth_bytes": 170.0 * MIB, "usage_percent": 95.0})
    book, _ = advance(book, rules, seen, monotonic_seconds=1, wall_seconds=1)
    assert [(a.rule, a.value) for a in active_alerts(book)] == [
        ("memory_usage", 95.0),
        ("memory_growth", 170.0 * MIB),
    ]


@pytest.mark.parametrize("rule", default_rules(16 * GIB), ids=lambda rule: rule.name)
def test_a_quiet_process_fires_nothing(rule):
    assert run(rule, [QUIET[rule.quantity]] * 50) == []


@given(
    st.lists(st.floats(0, 100), max_size=60),
    st.floats(0, 5),
    st.floats(0, 5),
)
def test_events_of_one_rule_always_tell_a_whole_story(values, hold, clear):
    """Whatever the values: fired first, resolved only when on, never the same severity twice in a row."""
    severity = None
    for event in run(replace(USAGE, hold_seconds=hold, clear_seconds=clear), values):
        if event.kind == "fired":
            assert severity is None
            severity = event.alert.severity
        elif event.kind == "resolved":
            assert severity is not None
            severity = None
        else:
            expected = {"escalated": ("warning", "critical"), "eased": ("critical", "warning")}[event.kind]
            assert (severity, event.alert.severity) == expected
            severity = event.alert.severity
