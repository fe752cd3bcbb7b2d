# ruff: noqa: E402 (the imports below need what importorskip looks for)
from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")

from hypothesis import (
    given,
    strategies as st,
)
from ner_fixtures import needs_spacy

from snapshot_engine.language.hashing import SYMBOL_IDS, embedding_keys, string_id, string_ids


@given(st.lists(st.text(max_size=90)))
def test_hashing_together_is_hashing_one_by_one(texts):
    assert string_ids(texts).tolist() == [string_id(text) for text in texts]


def test_symbols_keep_their_small_numbers():
    assert string_ids(["PERSON", "", "_"]).tolist() == [380, 0, SYMBOL_IDS["_"]]


@needs_spacy
def test_the_symbols_are_spacys():
    from spacy.symbols import IDS

    assert SYMBOL_IDS == IDS


@needs_spacy
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_string_ids_are_spacys(text):
    from spacy.strings import get_string_id

    assert string_id(text) == get_string_id(text)


@needs_spacy
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1), st.integers(0, 2**32 - 1))
def test_embedding_keys_are_thincs(ids, seed):
    from thinc.api import NumpyOps

    ours = embedding_keys(np.array([ids], dtype=np.uint64), np.array([[seed]], dtype=np.uint64))
    assert ours[0].tolist() == NumpyOps().hash(np.array(ids, dtype=np.uint64), seed).tolist()


@needs_spacy
@given(
    st.text(alphabet="abcXYZ019.,-'éÑжЖ中٣ǅ\n😀", max_size=20).map(lambda text: text * 3)
    | st.text(max_size=110)
)
def test_word_shapes_are_spacys(text):
    from spacy.lang.lex_attrs import word_shape as reference

    from snapshot_engine.language.lexemes import word_shape

    assert word_shape(text) == reference(text)
