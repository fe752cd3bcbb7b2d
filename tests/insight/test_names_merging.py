"""Names fit to print: cleaned, labelled, and one entry for one thing."""

from __future__ import annotations

import pytest

from snapshot_engine.insight.names import clean_name, merge_names, one_letter_apart


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("the World Bank's", "World Bank"),
        ("Mr. Fujita", "Fujita"),
        ("Acme Corp.", "Acme Corp"),
        ("AT&T", "AT&T"),
        ("Yeah", ""),
        ("CEO", ""),
        ("the company", ""),
        ("node IDs", ""),
        ("402", ""),
        ("<b>Acme</b>", ""),
        ("GH₵", ""),
        ("A" * 61, ""),
        ("Ångström", "Ångström"),
    ],
)
def test_only_what_can_be_a_name_stays(text: str, name: str) -> None:
    assert clean_name(text) == name


def test_spellings_of_one_company_are_one_entry_under_the_commonest() -> None:
    counted = [("Acme", "ORG", 9), ("Acme Corp", "ORG", 3), ("ACME", "ORG", 1), ("Acme Group", "PERSON", 2)]
    assert merge_names(counted) == [("Acme", "ORG", 15, ("Acme Corp", "Acme Group", "ACME"))]


def test_a_first_name_joins_the_only_full_name_that_has_it() -> None:
    counted = [("Kamil", "PERSON", 5), ("Kamil Salakhiev", "PERSON", 2), ("Ann Lee", "PERSON", 1), ("Ann Ray", "PERSON", 1), ("Ann", "PERSON", 3)]  # fmt: skip
    assert merge_names(counted) == [
        ("Kamil Salakhiev", "PERSON", 7, ("Kamil",)),
        ("Ann", "PERSON", 3, ()),
        ("Ann Lee", "PERSON", 1, ()),
        ("Ann Ray", "PERSON", 1, ()),
    ]


def test_labels_are_mended_by_the_other_names() -> None:
    counted = [
        ("MTN", "ORG", 9),
        ("MTN Ghana", "PERSON", 4),
        ("Kobina", "GPE", 1),
        ("Kobina Bentsi", "PERSON", 2),
    ]
    merged = {name: (label, count) for name, label, count, _ in merge_names(counted)}
    assert merged == {"MTN": ("ORG", 9), "MTN Ghana": ("ORG", 4), "Kobina Bentsi": ("PERSON", 3)}


def test_one_wrong_letter_in_a_long_company_name_is_forgiven_but_not_a_digit() -> None:
    merged = merge_names([("Chainscope", "ORG", 5), ("Chainscape", "ORG", 1), ("Server2020", "ORG", 2), ("Server2021", "ORG", 1)])  # fmt: skip
    assert [(name, count) for name, _, count, _ in merged] == [
        ("Chainscope", 6),
        ("Server2020", 2),
        ("Server2021", 1),
    ]


@pytest.mark.parametrize(
    ("a", "b", "near"),
    [("acme", "acme", False), ("acme", "acne", True), ("acme", "acmes", True), ("acme", "cme", True), ("acme", "axmx", False), ("ab", "abcd", False)],
)  # fmt: skip
def test_one_letter_apart(a: str, b: str, near: bool) -> None:
    assert one_letter_apart(a, b) is near
    assert one_letter_apart(b, a) is near
