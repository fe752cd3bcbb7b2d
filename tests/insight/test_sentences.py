"""Sentences are slices that lose nothing, cut where a reader would cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from snapshot_engine.insight.sentences import split_sentences


def _split(text: str, **options: int) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, **options)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["We met Mr. Yosheda and Dr. Ng.", "They liked it."],
        ["Sales grew 3.5% to $1.2 million.", "Costs fell."],
        ["J. R. Smith joined Acme Inc. in May.", "He runs sales."],
        ["We sold it to Acme Inc.", "The price was fair."],
        ["It opens at 9 a.m. on Monday.", "Be there."],
        ["So do I.", "Then we left."],
        ["We have, like, four… presentation topics.", "Let's go."],
        ["Really?", "and then?", "Yes!"],
        ['He said "stop."', "We stopped."],
        ["Wait...", "There is more."],
        ["We use e.g. Kafka and others.", "It works."],
        ["Version No. 5 is out.", "Try it."],
        ["That was in 2020.", "we're past it now."],
        ["1. First we plan.", "2. Then we build."],
        ["これはペンです。", "いいえ。"],
    ],
)
def test_sentences_end_where_a_reader_ends_them(sentences: list[str]) -> None:
    joiner = "" if "。" in sentences[0] else " "
    assert _split(joiner.join(sentences)) == sentences


@settings(deadline=None)
@given(st.text(alphabet=st.one_of(st.sampled_from(" .?!…\"')\nABab19"), st.characters(codec="utf-8")), max_size=400),
       st.integers(1, 50))  # fmt: skip
def test_any_text_is_tiled_by_slices_with_nothing_but_white_space_between(text: str, max_chars: int) -> None:
    at = 0
    for start, end in split_sentences(text, max_chars=max_chars):
        assert start < end
        assert end - start <= max_chars
        assert not text[at:start].strip()
        assert not text[start].isspace()
        assert not text[end - 1].isspace()
        at = end
    assert not text[at:].strip()


@settings(deadline=None)
@given(st.text(alphabet=" .?!abAB,", max_size=200))
def test_the_fast_search_finds_what_the_expression_finds(text: str) -> None:
    """A quotation mark somewhere switches to the general expression; it must not move a boundary elsewhere."""
    plain = " ".join(text.split())
    assert _split(plain + " end") == [*_split(plain + ' end ""')[:-1], _split(plain + ' end ""')[-1][:-3]]


def test_speech_without_marks_is_cut_at_the_last_cue_start_that_fits() -> None:
    text = " ".join(["word"] * 40)
    assert _split(text, max_chars=60)[0] == text[:59]
    spans = split_sentences(text, cue_offsets=(0, 50, 100), max_chars=60)
    assert [start for start, _ in spans][:3] == [0, 50, 100]


def test_a_word_longer_than_the_bound_is_cut_anyway() -> None:
    assert _split("x" * 25, max_chars=10) == ["x" * 10, "x" * 10, "x" * 5]
