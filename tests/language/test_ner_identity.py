from __future__ import annotations

import pytest

pytest.importorskip("numpy")

from hypothesis import (
    HealthCheck,
    example,
    given,
    settings,
    strategies as st,
)
from identity_corpus import transcript_texts
from ner_fixtures import lean_entities, lean_runtime, needs_model, needs_spacy, spacy_reference

from snapshot_engine.language.lean_runtime import LeanRuntime
from snapshot_engine.language.selfcheck import run
from snapshot_engine.language.selfcheck_texts import quick_texts

SLOW_FIRST = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
# Words that take part in names, figures and special cases, and the characters between them.
WORDS = [
    "Berlin",
    "Angela",
    "Merkel",
    "O'Reilly",
    "Inc.",
    "$5",
    "million",
    "12.5%",
    "Monday",
    "9:30am",
    "don't",
    ":",
    "-",
    ")",
    "(",
    "'",
    "s",
    "that",
    "and",
    "/",
    "or",
    "a",
    ".",
    "D",
    ":-)",
    "8",
    "°",
    "C.",
    "e.g.",
    "…",
    "-8",
    "http://x.org/a",
    "PERSON",
    "中文",
    "😀",
    "İ",
    "ß",
    "ǅ",
    "x",
]
PIECES = st.sampled_from([*WORDS, "\n", "\t", "  ", "\u00a0", "y" * 60, *[" "] * 30])
TEXTS = st.one_of(
    st.lists(PIECES, max_size=60).map("".join),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80),
)


def found_by_spacy(text):
    return spacy_reference().entities(text)[0]


@needs_spacy
def test_the_quick_texts_give_spacys_entities():
    result = None
    texts = ((kind, text[:8000]) for kind, text in quick_texts(seed=1))
    for result in run(texts, runtime=lean_runtime(), reference=spacy_reference()):
        assert not result.differing, result.examples
    assert result is not None
    assert result.entities > 500
    # a decision this close to a tie could fall either way in float32
    assert result.smallest_gap > 1e-6


@needs_spacy
@pytest.mark.skipif(not transcript_texts(), reason="the shared transcripts are not here")
@pytest.mark.parametrize("name", ["earnings_call_4482641.vtt", "whisper_pt_short.vtt", "webex_ids.vtt"])
def test_a_real_transcript_gives_spacys_entities(name):
    text = dict(transcript_texts())[name]
    assert lean_entities([text]) == found_by_spacy(text)


@needs_spacy
@SLOW_FIRST
@given(TEXTS)
@example("")
@example(" ")
@example("\n")
@example("  leading and trailing  ")
@example("Note: D. : - ( 8 ) and / or a . :) ) x:) )")
@example("a \n b\t\tc \u00a0 d")
def test_any_text_gives_spacys_entities_and_tokens(text):
    from snapshot_engine.language.streaming import EntityStream

    stream = EntityStream(lean_runtime())
    found = stream.feed(text) + stream.finish()
    theirs, tokens = spacy_reference().entities(text)
    assert [(entity.start_char, entity.end_char, entity.label) for entity in found] == theirs
    assert [entity.text for entity in found] == [text[start:end] for start, end, _ in theirs]
    assert stream.tokens == tokens


@needs_model
@SLOW_FIRST
@given(TEXTS, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_any_cutting_gives_the_entities_of_the_whole(text, sizes):
    pieces = []
    at = 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    assert lean_entities(pieces) == lean_entities([text])


@needs_model
@pytest.mark.skipif(not transcript_texts(), reason="the shared transcripts are not here")
@pytest.mark.parametrize("size", [1, 4999])
def test_cutting_a_real_transcript_changes_nothing(size):
    text = dict(transcript_texts())["earnings_call_4482641.vtt"]
    whole = lean_entities([text])
    assert len(whole) > 300
    assert lean_entities(text[at : at + size] for at in range(0, len(text), size)) == whole


@needs_model
def test_small_tables_give_the_same_entities():
    """Tables that overflow every few hundred words change the speed, not the result."""
    small = LeanRuntime(lean_runtime().model, max_rows=4300, max_chunks=300)
    for text in [text[:8000] for _, text in quick_texts(seed=2)][:8]:
        assert lean_entities([text], small) == lean_entities([text])


@needs_model
def test_two_streams_at_once_do_not_disturb_each_other():
    from snapshot_engine.language.streaming import EntityStream

    small = LeanRuntime(lean_runtime().model, max_rows=4300, max_chunks=300)
    texts = [text[:9000] for _, text in quick_texts(seed=3)][:2]
    streams = [EntityStream(small) for _ in texts]
    found = [[] for _ in texts]
    for at in range(0, max(map(len, texts)), 3000):
        for stream, text, entities in zip(streams, texts, found, strict=True):
            entities += stream.feed(text[at : at + 3000])
    for stream, text, entities in zip(streams, texts, found, strict=True):
        entities += stream.finish()
        spans = [(entity.start_char, entity.end_char, entity.label) for entity in entities]
        assert spans == lean_entities([text])


@needs_model
def test_two_threads_give_the_same_entities_and_release_can_be_called_any_time():
    from snapshot_engine.language.lean_annotator import LeanAnnotator

    annotator = LeanAnnotator(lean_runtime().model, jobs=2)
    for _, text in list(quick_texts(seed=4))[:6]:
        found = [(one.start_char, one.end_char, one.label) for one in annotator.stream_text([text])]
        assert found == lean_entities([text])
        annotator.release()
