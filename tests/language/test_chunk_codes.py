"""The codes of chunks taken the short ways against those of the general one: tokens, blanks, vectors, links."""

from __future__ import annotations

import functools

import pytest
from hypothesis import example, given, settings, strategies as st
from ner_fixtures import lean_runtime, needs_model

SPECIALS = ["don", "Mr", "im", "Inc", "e.g", "U.S", "can", "ill", "gonna", "US", "km", "p", "o", "X", "or"]
LETTERS = st.text(alphabet="abkmsEGUSX", min_size=1, max_size=6) | st.sampled_from(SPECIALS)
ENDS = st.sampled_from([*".,;:?!'\"’”…)-–/$€₵%°&8_*(", "", "", "'s", ".)", "._."])
CHUNKS = st.lists(st.tuples(LETTERS, ENDS).map("".join) | st.sampled_from([":", "._", "_.", ")", "-_-"]))


@functools.cache
def runtimes():
    """One runtime as it is, and one whose tokenizer knows no short way."""
    from snapshot_engine.language.lean_runtime import LeanRuntime

    general = LeanRuntime(lean_runtime().model)
    general.codes._tokenizer.is_plain = lambda chunk: False
    general.codes._tokenizer.is_plain_with_end = lambda chunk: False
    return LeanRuntime(lean_runtime().model), general


def tokens(runtime, chunks: list[str]):
    """(length, blank follows, is whitespace) and the vector of each token of `chunks`."""
    from snapshot_engine.language.chunk_codes import BLANK_BIT

    table = runtime.table
    codes = runtime.codes.encode(chunks, None)
    rows = codes & ~BLANK_BIT
    table.embed_waiting()
    facts = zip(
        table.lengths[rows].tolist(), (codes & BLANK_BIT).tolist(), table.is_space[rows].tolist(), strict=True
    )
    return list(facts), table.vectors[rows]


@needs_model
@settings(deadline=None)  # the first example builds both runtimes
@given(CHUNKS)
@example(["word.", "_."])
@example(["well.", "_.", "so,"])
def test_the_short_ways_change_no_token(chunks):
    short, general = runtimes()
    (facts, vectors), (general_facts, general_vectors) = tokens(short, chunks), tokens(general, chunks)
    assert facts == general_facts
    assert abs(vectors - general_vectors).max(initial=0) < 1e-4
    assert short.codes.held_back(chunks) == general.codes.held_back(chunks)


@needs_model
def test_a_short_way_is_taken():
    short, general = runtimes()
    assert short.codes._tokenizer.is_plain("word")
    assert short.codes._tokenizer.is_plain_with_end("word,")
    assert not short.codes._tokenizer.is_plain_with_end("Mr.")  # a special case
    assert not general.codes._tokenizer.is_plain("word")


@needs_model
@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a", "x"), ("word", "xxxx"), ("words", "xxxx"), ("Words", "Xxxxx"), ("Wo", "Xx"), ("A", "X"),
        ("ABCDE", "XXXX"), ("iPhone", "xXxxxx"), ("don't", "xxx'x"), ("12345", "dddd"), ("é", "x"),
        ("Ünder", "Xxxxx"), ("a" * 100, "LONG"), ("......", "...."),
    ],
)  # fmt: skip
def test_shapes_are_spacys(text, shape):
    from snapshot_engine.language.lexemes import word_shape

    assert word_shape(text) == shape
