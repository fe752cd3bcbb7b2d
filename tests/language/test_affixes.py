from __future__ import annotations

import functools
import re

import pytest
from hypothesis import example, given, settings, strategies as st
from ner_fixtures import lean_runtime, needs_model

from snapshot_engine.language.affixes import EdgePattern, InnerPattern, split_alternatives

WORDS = st.text(
    alphabet="abkmXYZ019.,;:!?'\"()[]-–—/\\$€%&@#*+=<>~_^|´’“”…°ñЖ中😀² \n", min_size=1, max_size=12
)


@functools.cache
def rules():
    from snapshot_engine.language.model_files import map_file, unpack

    return unpack(map_file(lean_runtime().model.path / "tokenizer"))


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("a|b", ["a", "b"]),
        (r"a\||b", [r"a\|", "b"]),
        ("[|]|(x|y)", ["[|]", "(x|y)"]),
        ("[]|]|c", ["[]|]", "c"]),
        (r"[^\]|]|c", [r"[^\]|]", "c"]),
        ("", [""]),
    ],
)
def test_only_the_outermost_bars_split(pattern, pieces):
    assert split_alternatives(pattern) == pieces


@needs_model
@pytest.mark.parametrize(("rule", "last"), [("prefix_search", False), ("suffix_search", True)])
def test_an_edge_pattern_matches_what_the_whole_one_does(rule, last):
    whole, ours = re.compile(rules()[rule]), EdgePattern(rules()[rule], last=last)

    @settings(deadline=None)  # patterns are compiled when they are first needed
    @given(WORDS)
    @example("10km")
    @example("\n")
    @example("U.S.\n")
    def check(word):
        match = whole.search(word)
        assert ours.matched_length(word) == (match.end() - match.start() if match else 0)

    check()


@needs_model
@pytest.mark.parametrize("rule", ["infix_finditer", "url_match"])
def test_an_inner_pattern_matches_where_the_whole_one_does(rule):
    whole, ours = re.compile(rules()[rule]), InnerPattern(rules()[rule])

    @settings(deadline=None)  # patterns are compiled when they are first needed
    @given(WORDS)
    @example("http://www.example.com/a?b=c")
    @example("and/or,this-that")
    def check(word):
        found = ours.pattern_for(word)
        spans = [match.span() for match in found.finditer(word)] if found else []
        assert spans == [match.span() for match in whole.finditer(word)]

    check()


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        (r"\.", True),
        (r"(?<=[0-9])km", True),
        (r"a|,", False),
        (r"(?:,)?", False),
        (r"[^,]", False),
        (r"\d+x", True),
        (r"(?i:,)|;", False),
        (r"\w", False),
        (r"(?=-)x", True),
        (r"(?!-)", False),
    ],
)
def test_the_need_of_a_non_letter_is_proven_or_denied(pattern, needed):
    assert InnerPattern(pattern).needs_a_non_letter() is needed


def test_a_case_insensitive_pattern_is_never_proven():
    assert not InnerPattern("(?i),").needs_a_non_letter()
