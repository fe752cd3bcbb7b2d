"""Sizes: what people type, what is refused, and that printing and parsing agree."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.memory.units import MIB, SizeMistake, format_size, parse_size


@pytest.mark.parametrize(
    ("size", "expected_bytes"),
    [
        (100, 100 * MIB),
        ("100", 100 * MIB),
        ("100 MB", 100 * MIB),
        ("100MiB", 100 * MIB),
        (" 100 mb ", 100 * MIB),
        ("100M", 100 * MIB),
        ("2KB", 2048),
        ("2 kib", 2048),
        ("7 B", 7),
        ("7b", 7),
        ("1.5GB", 3 * 2**29),
        ("1.5GiB", 3 * 2**29),
        ("1 TB", 2**40),
        (1.5, 3 * MIB // 2),
        (0, 0),
        ("0", 0),
    ],
)
def test_sizes_as_people_write_them(size, expected_bytes):
    assert parse_size(size) == expected_bytes


@pytest.mark.parametrize(
    "size",
    ["2KBjunk", "1.5GBxyz", "", " ", "MB", "-1", "-1 MB", "1e3", "1,000 MB", "1 MB 2", "0x10", "1 PB", "1 iB",
     "100MB\nx", "٣ MB", "1._5", "nan", "inf", "9" * 5000, -1, float("nan"), float("inf"), 2**60, True, None, b"1 MB"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_value_and_what_to_write(size):
    with pytest.raises(SizeMistake, match=r'as in "100 MB"') as caught:
        parse_size(size)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, SnapshotEngineError)
    assert caught.value.text is size


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_our_mistake(text):
    try:
        size_bytes = parse_size(text)
    except SizeMistake as mistake:
        size_bytes = 0
        said = str(mistake)
    else:
        said = repr(text)
    assert size_bytes >= 0
    assert repr(text) in said


@given(st.integers(0, 2**50))
def test_bytes_survive_being_written_with_their_unit(size_bytes):
    assert parse_size(f"{size_bytes} B") == size_bytes


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (-1536, "-1.5 KiB"),
        (MIB - 1, "1.0 MiB"),
        (MIB, "1.0 MiB"),
        (int(12.3 * MIB), "12.3 MiB"),
        (2**30, "1.0 GiB"),
        (2**40, "1,024.0 GiB"),
    ],
)
def test_sizes_as_people_read_them(size_bytes, text):
    assert format_size(size_bytes) == text


@given(st.integers(1024, 2**45))
def test_a_printed_size_reads_back_within_its_last_digit(size_bytes):
    back = parse_size(format_size(size_bytes).replace(",", ""))
    assert abs(back - size_bytes) <= 0.0501 * size_bytes  # half of the last digit of "1.0"
