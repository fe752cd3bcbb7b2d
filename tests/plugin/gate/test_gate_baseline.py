from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings, strategies as st

from pytest_snapshot_memory.baseline import (
    KIB,
    MAX_LINE_BYTES,
    SIGNATURE,
    Baseline,
    BaselineCorrupt,
    Entry,
    format_baseline,
    key_of,
    nodeid_of,
    parse_baseline,
    round_entry,
)
from pytest_snapshot_memory.environment import Environment

HERE = Environment(
    platform="linux-x86_64-gnu", python="cpython-3.11", gauge="resident", versions=(("numpy", "2.4"),)
)
# The format ends at 999,998 GiB.
sizes = st.integers(0, 999_998 * KIB**3) | st.integers(0, 10**8)
entries = st.builds(
    Entry,
    growth_bytes=sizes,
    retained_bytes=sizes | sizes.map(lambda n: -n),
    anchor_bytes=sizes,
    fresh_runs_bytes=st.lists(sizes, max_size=9).map(tuple),
    width_bytes=sizes,
)
nodeids = st.text(max_size=300) | st.from_regex(
    r"tests/test_[a-z]{1,90}\.py::test_[a-z]{1,90}(\[[^\n]{0,40}\])?", fullmatch=True
)


def text_of(found: dict[str, Entry]) -> str:
    return format_baseline(Baseline(environment=HERE, entries={key_of(n): e for n, e in found.items()}))


@settings(max_examples=60)
@given(st.dictionaries(nodeids, entries, max_size=8))
def test_any_baseline_reads_back_and_writes_the_same_bytes(found: dict[str, Entry]) -> None:
    text = text_of(found)
    back = parse_baseline(text, "main.txt")
    assert back.environment == HERE
    assert set(back.entries) == {key_of(n) for n in found}
    assert format_baseline(back) == text
    assert all(len(line.encode()) <= MAX_LINE_BYTES for line in text.split("\n"))
    assert all(line.isprintable() for line in text.split("\n"))


@given(entries)
def test_rounding_moves_no_decisive_number_by_more_than_its_unit(entry: Entry) -> None:
    rounded = round_entry(entry)
    assert round_entry(rounded) == rounded
    unit = (
        KIB
        if entry.growth_bytes < 9_999_999 * KIB
        else KIB**2
        if entry.growth_bytes < 999_999 * KIB**2
        else KIB**3
    )
    assert 0 <= rounded.growth_bytes - entry.growth_bytes < unit
    assert (rounded.fresh_bytes is None) == (entry.fresh_bytes is None)


@given(st.text())
def test_any_other_text_is_refused_and_nothing_else_is_raised(text: str) -> None:
    with pytest.raises(BaselineCorrupt):
        parse_baseline(text, "x.txt")


@given(st.text(max_size=200), st.integers(0, 400))
def test_text_put_anywhere_into_a_baseline_gives_a_baseline_or_our_error(junk: str, place: int) -> None:
    text = text_of({"a.py::b": Entry(growth_bytes=5, retained_bytes=1, anchor_bytes=5)})
    with contextlib.suppress(BaselineCorrupt):
        parse_baseline(text[:place] + junk + text[place:], "x.txt")


def test_the_file_reads_as_a_reviewer_expects() -> None:
    text = text_of(
        {
            "tests/test_b.py::test_two[x y]": Entry(
                growth_bytes=38656 * KIB, retained_bytes=-4096, anchor_bytes=37000 * KIB
            ),
            "tests/test_b.py::TestA::test_one": Entry(
                growth_bytes=38656 * KIB,
                retained_bytes=0,
                anchor_bytes=38660 * KIB,
                fresh_runs_bytes=tuple(k * KIB for k in (38656, 38656, 38660, 38668, 38796)),
            ),
            "tests/test_a.py::test_zero": Entry(
                growth_bytes=12, retained_bytes=0, anchor_bytes=12, width_bytes=7001 * KIB
            ),
        }
    )
    assert text == "\n".join(
        [
            SIGNATURE,
            "# platform: linux-x86_64-gnu",
            "# python: cpython-3.11",
            "# gauge: resident",
            "# allocator: pymalloc",
            "# with numpy: 2.4",
            "# KiB: growth retained anchor fresh spread  test (changed by pytest --memory-update)",
            "",
            "tests/test_a.py",
            "       1 0 = - ~7001  test_zero",
            "",
            "tests/test_b.py",
            "   38656 0 = 38660 0,4,12,140  TestA::test_one",
            "   38656 -4 37000 - -  test_two[x y]",
            "",
        ]
    )


def test_a_changed_test_is_a_changed_line() -> None:
    found = {
        f"t.py::test_{i}": Entry(growth_bytes=i * 4096, retained_bytes=0, anchor_bytes=i * 4096)
        for i in range(50)
    }
    before = text_of(found).split("\n")
    found["t.py::test_7"] = Entry(growth_bytes=10**9, retained_bytes=0, anchor_bytes=10**9)
    found["t.py::test_70"] = Entry(growth_bytes=1, retained_bytes=0, anchor_bytes=1)
    after = text_of(found).split("\n")
    assert len(set(before) ^ set(after)) == 3


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("<<<<<<< HEAD", "merge conflict"),
        ("=======", "merge conflict"),
        ("    12 0 = - -", "not a baseline line"),
        ("    12 0 = - -  test_a", "a second time"),
        ("    1e3 0 = - -  test_b", "not a baseline line"),
        ("    12 0 = 12 1,x  test_b", "not a baseline line"),
    ],
)
def test_a_damaged_line_is_named_with_its_number(line: str, why: str) -> None:
    text = text_of({"t.py::test_a": Entry(growth_bytes=5, retained_bytes=1, anchor_bytes=5)}) + line + "\n"
    with pytest.raises(BaselineCorrupt, match=f"base.txt line 11: .*{why}"):
        parse_baseline(text, "base.txt")


def test_a_header_that_lacks_the_gauge_is_refused() -> None:
    text = text_of({}).replace("# gauge: resident\n", "")
    with pytest.raises(BaselineCorrupt, match="which gauge"):
        parse_baseline(text, "base.txt")


def test_a_later_format_is_told_from_a_foreign_file() -> None:
    with pytest.raises(BaselineCorrupt, match="another format"):
        parse_baseline(SIGNATURE[:-1] + "2\n", "base.txt")
    with pytest.raises(BaselineCorrupt, match="not a memory baseline"):
        parse_baseline('{"benchmarks": []}', "base.txt")


def test_long_names_stay_readable_and_apart() -> None:
    first = key_of("tests/t.py::test_" + "a" * 200 + "[zoom-1]")
    second = key_of("tests/t.py::test_" + "a" * 199 + "b[zoom-1]")
    assert first != second
    assert first[1].startswith("test_aaa")
    assert "[zoom-1]~" in first[1]
    assert nodeid_of(first).startswith("tests/t.py::test_aaa")


def test_a_test_without_a_name_keeps_its_path() -> None:
    assert nodeid_of(key_of("README.md")) == "README.md"
