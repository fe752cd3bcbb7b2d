from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import example, given, settings, strategies as st
from ner_fixtures import lean_runtime, needs_model

from snapshot_engine.language.narrowing import class_end, narrowed

EXTRA = "é’中"
TEXTS = st.text(alphabet="abzAZ09.,;:'-|]^\\$% \n" + EXTRA, max_size=10)
# Members as they are written in a class: single characters, escapes, ranges over the border of ASCII.
MEMBERS = st.sampled_from(
    [
        r"a",
        r"|",
        r"\]",
        r"\-",
        r"\d",
        r"\w",
        r"é",
        r"Ж",
        r"\u2019",
        r"\U0001F600",
        r"\xe9",
        r"a-z",
        r"0-9",
        r"a-\uffff",
        r"à-ü",
        r"\u4e00-\u9fff",
        r"\x41-\xff",
        r"\u0400-\u04FF",
        r"z-é",
    ]
)
CLASSES = st.builds(lambda start, members: f"[{start}{''.join(members)}]", st.sampled_from(["", "^"]),
                    st.lists(MEMBERS, min_size=1, max_size=5))  # fmt: skip
PATTERNS = st.lists(CLASSES | st.sampled_from(["a", r"\[", "|", "(?<=[0-9Ж])", "é", "$"]), max_size=4)


def spans(pattern: str, text: str) -> list[tuple[int, int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return [match.span() for match in re.finditer(pattern, text)]


@given(PATTERNS.map("".join), TEXTS)
@example(r"[Ж]", "a")
@example(r"[^Ж]", "a")
@example("[]Ж]", "]")
def test_a_narrowed_pattern_matches_the_same_in_texts_of_the_alphabet(pattern, text):
    assert spans(narrowed(pattern, EXTRA), text) == spans(pattern, text)


@given(PATTERNS.map("".join))
def test_narrowed_classes_name_no_other_character(pattern):
    ours = narrowed(pattern, "")
    for at in (match.start() for match in re.finditer(r"(?<!\\)\[", ours)):
        inside = ours[at + 1 : class_end(ours, at)].replace(r"\U0010ffff", "")
        assert inside.isascii()
        assert not re.search(r"\\[uU]", inside)


def test_a_caseless_pattern_stays_as_it_is():
    # the long s matches "s" where case is ignored
    assert narrowed("(?i)[ſ]", "") == "(?i)[ſ]"
    assert narrowed("(?si:[ſ])", "") == "(?si:[ſ])"


@needs_model
@pytest.mark.parametrize("rule", ["prefix_search", "suffix_search", "infix_finditer", "url_match"])
def test_the_models_rules_match_the_same(rule):
    from snapshot_engine.language.model_files import map_file, unpack

    whole = unpack(map_file(lean_runtime().model.path / "tokenizer"))[rule]
    ours = narrowed(whole, "°’“…é")
    assert len(ours) < len(whole)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no class may become ambiguous
        re.compile(ours)

    @settings(deadline=None)  # patterns are compiled when they are first needed
    @given(st.text(alphabet="abkmXYZ019.,;:!?'\"()[]-/\\$%&@#*+=<>~_^| \n°’“…é", max_size=12))
    @example("http://www.example.com/a?b=c")
    @example("well-known")
    @example("10km")
    @example("40°C.")
    def check(text):
        assert spans(ours, text) == spans(whole, text)

    check()
