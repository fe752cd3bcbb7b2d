from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from pytest_snapshot_memory.record import (
    AllocationSite,
    BudgetTerms,
    PhaseReading,
    RecordError,
    TestRecord,
    decode,
    encode,
)

any_text = st.text(max_size=60)
any_size = st.integers(-(2**62), 2**62)
readings = st.builds(
    PhaseReading,
    phase=st.sampled_from(["setup", "call", "teardown", "fixture:db"]),
    gauge=st.sampled_from(["resident", "python", "allocated", "tree"]),
    start_bytes=any_size,
    peak_bytes=any_size,
    end_bytes=any_size,
    reusable_bytes=any_size,
    error_bound_bytes=any_size,
    exact=st.booleans(),
    seconds=st.integers(0, 10**9).map(lambda n: n / 10**6),
    blocks_net=any_size,
    process=st.sampled_from(["suite", "forked", "fresh"]),
)
records = st.builds(
    TestRecord,
    nodeid=any_text,
    outcome=any_text,
    phases=st.lists(readings, max_size=4).map(tuple),
    file=any_text,
    line=st.integers(0, 10**6),
    budget=st.none()
    | st.builds(BudgetTerms, limit_bytes=any_size, of=any_text, phase=any_text, gauge=any_text),
    verdict=st.sampled_from(["within", "exceeded", "unmeasured", "none"]),
    excess_bytes=any_size,
    reason=any_text,
    decided_by=any_text,
    worker=any_text,
    sites=st.lists(
        st.builds(
            AllocationSite,
            size_bytes=any_size,
            count=any_size,
            file=any_text,
            line=any_size,
            function=any_text,
        ),
        max_size=3,
    ).map(tuple),
    notes=st.lists(any_text, max_size=3).map(tuple),
)


def reading(**changes: object) -> PhaseReading:
    facts: dict[str, object] = {
        "phase": "call",
        "gauge": "resident",
        "start_bytes": 1000,
        "peak_bytes": 5000,
        "end_bytes": 1200,
    }
    return PhaseReading(**{**facts, **changes})  # type: ignore[arg-type]


@given(records)
def test_any_record_survives_the_journey_as_one_ascii_line(record: TestRecord) -> None:
    text = encode(record)
    assert text.isascii()
    assert "\n" not in text
    assert decode(text) == record


@given(
    st.text()
    | st.recursive(
        st.none() | st.integers() | any_text, lambda c: st.lists(c) | st.dictionaries(any_text, c)
    ).map(json.dumps)
)
def test_any_other_text_is_refused_with_our_error(text: str) -> None:
    with pytest.raises(RecordError):
        decode(text)


@pytest.mark.parametrize(
    "damage",
    [
        {"n": None, "drop": "n"},
        {"p": [["call"]]},
        {"b": [1, 2]},
        {"s": [[1]]},
        {"l": "far"},
        {"p": [["call", "g", "x"] * 4]},
    ],
)
def test_a_damaged_record_is_refused(damage: dict[str, object]) -> None:
    plain = TestRecord(nodeid="t.py::a", outcome="passed", phases=(reading(),)).to_plain()
    plain.update(damage)
    plain.pop(str(plain.pop("drop", "")), None)
    with pytest.raises(RecordError):
        TestRecord.from_plain(plain)


def test_growth_is_an_interval_that_reuse_and_gauge_error_widen_upwards() -> None:
    seen = reading(reusable_bytes=300, error_bound_bytes=40)
    assert seen.growth_bytes == 4000
    assert seen.growth_upper_bytes == 4340
    assert seen.retained_bytes == 200


def test_a_peak_below_the_start_is_no_negative_growth() -> None:
    assert reading(peak_bytes=900).growth_bytes == 0
    assert reading(end_bytes=900).retained_bytes == -100


def test_the_call_speaks_for_the_test_and_setup_does_not() -> None:
    record = TestRecord(
        nodeid="t.py::a",
        outcome="passed",
        phases=(
            reading(phase="fixture:model", peak_bytes=90_000, seconds=5.0),
            reading(phase="setup", peak_bytes=9000, seconds=1.0),
            reading(seconds=0.5),
            reading(gauge="python", peak_bytes=7000, seconds=0.5),
        ),
    )
    assert record.peak_growth_bytes == 4000
    assert record.peak_bytes == 90_000
    assert record.seconds == 1.5
    assert record.gauge == "resident"
    assert record.phases[0].fixture_name == "model"
    found = record.reading(gauge="python")
    assert found is not None
    assert found.peak_bytes == 7000


def test_a_plain_test_takes_few_bytes_on_the_wire() -> None:
    phases = tuple(
        reading(phase=p, start_bytes=50_000_000, peak_bytes=51_000_000) for p in ("setup", "call", "teardown")
    )
    record = TestRecord(nodeid="tests/test_module.py::test_something", outcome="passed", phases=phases)
    assert len(encode(record)) < 340


def test_a_skipped_test_has_no_numbers() -> None:
    record = TestRecord(nodeid="t.py::a", outcome="skipped")
    assert (record.peak_growth_bytes, record.peak_growth_upper_bytes, record.retained_bytes) == (0, 0, 0)
    assert (record.peak_bytes, record.gauge, record.reading()) == (0, "", None)
