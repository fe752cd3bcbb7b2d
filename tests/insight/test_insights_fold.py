"""The fold over a transcript: right, the same every time, and bounded on any input."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from snapshot_engine.insight.facts import Insights
from snapshot_engine.insight.insights import InsightBounds, InsightsBuilder
from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.utterance import Utterance


def said(
    text: str, *, speaker: str = "Ann", start_ms: int = 0, line: int = 1, names: str = ""
) -> AnnotatedUtterance:
    """One utterance of one cue; names: "Acme:ORG, ..." where they first stand in the text."""
    entities = []
    for entry in filter(None, names.split(", ")):
        name, _, label = entry.partition(":")
        at = text.index(name)
        entities.append(Entity(text=name, label=label, start_char=at, end_char=at + len(name)))
    return AnnotatedUtterance(
        utterance=Utterance(
            speaker=speaker,
            start_ms=start_ms,
            end_ms=start_ms + 2_000,
            text=text,
            cue_offsets=(0,),
            cue_start_ms=(start_ms,),
            cue_end_ms=(start_ms + 2_000,),
            cue_lines=(line,),
        ),
        entities=tuple(sorted(entities, key=lambda entity: entity.start_char)),
    )


def fold(utterances: Iterator[AnnotatedUtterance] | list[AnnotatedUtterance], **bounds: int) -> Insights:
    builder = InsightsBuilder(InsightBounds(**bounds))
    for utterance in utterances:
        builder.add(utterance)
    return builder.finish()


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("decision", "We decided to migrate the billing service first."),
        ("action", "I'll send the revised contract to everybody tomorrow."),
        ("question", "How long does the import of the old data take?"),
        ("risk", "The biggest risk is the deadline of the auditors."),
        ("challenge", "The main problem was that reports took days."),
        ("solution", "This solution was implemented with the new platform."),
        ("metric", "Response times improved by 40% over the winter."),
        ("financial", "Annual revenue of the branch doubled since then."),
        ("adoption", "Adoption among the nurses was high from the start."),
        ("long_term", "The roadmap for the coming years includes Asia."),
        ("milestone", "The pilot was completed before the deadline passed."),
        ("sentiment", "I am really happy about how the team handled it."),
        ("introduction", "My name is Jo and I run procurement at Acme."),
        ("opinion", "In my view the reason is that nobody asked them."),
    ],
)
def test_a_sentence_is_kept_under_what_it_is_about(tag: str, text: str) -> None:
    insights = fold([said(text, start_ms=5_000, line=7)])
    (sentence,) = insights.candidates[tag]
    assert (sentence.text, sentence.speaker, sentence.start_ms, sentence.cue_line) == (text, "Ann", 5_000, 7)
    assert sentence.tags[tag] >= 2


@pytest.mark.parametrize(
    "text",
    [
        "Can you hear me, or should we fix the microphone?",
        "Yeah, okay, right, sure.",
        "Thank you very much for the great question.",
        "Please turn to the next slide, it shows revenue.",
        "Our next question comes from the line of Mr. Lee.",
    ],
)
def test_talk_about_the_call_itself_is_left_out(text: str) -> None:
    assert not any(fold([said(text)]).candidates.values())


def test_asking_for_assent_is_no_question() -> None:
    insights = fold([said("The importer reads every file of the folder, right?")])
    assert insights.tagged["question"] == 0
    assert insights.candidates["question"] == ()


def test_a_question_names_who_speaks_next() -> None:
    insights = fold(
        [
            said("When will the second branch be migrated?", speaker="Ann", start_ms=0),
            said("And one more thing from me.", speaker="Ann", start_ms=3_000),
            said("Mm.", speaker="Cy", start_ms=5_000),
            said("It should be done by the end of May.", speaker="Bo", start_ms=6_000),
        ]
    )
    (question,) = insights.candidates["question"]
    assert (question.reply_by, question.reply_ms) == ("Bo", 6_000)


def test_speakers_and_names_are_counted_with_their_first_place() -> None:
    insights = fold(
        [
            said("We love Acme Corp. a lot.", speaker="Ann", start_ms=0, line=3, names="Acme Corp.:ORG"),
            said("Acme and the United Nations agree.", speaker="Bo", start_ms=4_000, line=6, names="Acme:ORG, the United Nations:ORG"),
            said("So Acme pays.", speaker="Ann", start_ms=8_000, line=9, names="Acme:ORG"),
        ]
    )  # fmt: skip
    assert [(s.name, s.words, s.talk_ms, s.utterances) for s in insights.speakers] == [
        ("Ann", 9, 4_000, 2),
        ("Bo", 6, 2_000, 1),
    ]
    assert [round(s.share, 2) for s in insights.speakers] == [0.6, 0.4]
    acme, nations = insights.names["ORG"]
    assert (acme.text, acme.mentions, acme.variants, acme.first_line) == ("Acme", 3, ("Acme Corp",), 6)
    assert (nations.text, nations.mentions, nations.first_ms) == ("United Nations", 1, 4_000)
    assert insights.entity_counts == {"ORG": 4}
    assert insights.words == 15


def _hostile(count: int) -> Iterator[AnnotatedUtterance]:
    """A new speaker, a new name and new words in every cue, all of it worth keeping."""
    for at in range(count):
        name = f"Brandenhall{at:06}"
        text = f"We decided that {name} word{at} improves revenue by {at % 90}% until March, or does it cost $5{at}?"
        yield said(text, speaker=f"Speaker {at}", start_ms=at * 1_000, names=f"{name}:ORG")


def test_ten_times_the_input_holds_no_more() -> None:
    bounds = InsightBounds(speakers=20, names=30, words=100, candidates=5)
    held = []
    for count in (3_000, 30_000):
        builder, most = InsightsBuilder(bounds), 0
        for at, utterance in enumerate(_hostile(count)):
            builder.add(utterance)
            if at % 100 == 0:
                most = max(most, builder.held())
        held.append(most)
        insights = builder.finish()
        assert insights.words == sum(len(u.utterance.text.split()) for u in _hostile(count))
        assert sum(s.words for s in insights.speakers) + insights.other_words == insights.words
        assert insights.speakers_dropped > 0
        assert insights.names_dropped > 0
        assert 0 < insights.names_error <= count / 31
        assert all(len(kept) <= 5 for kept in insights.candidates.values())
        assert insights.tagged["decision"] == count
    # what is held between two clean-ups varies with where they fall, not with the length
    assert held[1] <= held[0] * 1.1 + 50


def test_an_endless_sentence_is_kept_in_pieces() -> None:
    insights = fold([said("we decided to go with revenue growth " * 2_000)], sentence_chars=300)
    assert insights.candidates["decision"]
    assert all(len(s.text) <= 300 for kept in insights.candidates.values() for s in kept)


def test_a_very_long_speaker_name_is_cut() -> None:
    insights = fold([said("Hello there everybody.", speaker="N" * 5_000)], name_chars=10)
    assert insights.speakers[0].name == "N" * 9 + "…"


def test_bounds_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="names 0: must be at least 1"):
        InsightBounds(names=0)


_WORDS = st.sampled_from(
    [
        "we",
        "decided",
        "to",
        "send",
        "revenue",
        "$5",
        "million",
        "40%",
        "by",
        "Friday",
        "risk?",
        "Acme",
        "will",
        "the",
        "plan.",
        "I",
        "think",
        "really",
        "great",
        "…",
        "um",
        '"no"',
        "<b>",
        "`x`",
        "，",
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(_WORDS, min_size=1, max_size=30).map(" ".join), max_size=12))
def test_every_kept_sentence_is_a_slice_of_what_was_said(texts: list[str]) -> None:
    insights = fold([said(text, start_ms=at * 1_000, line=at + 1) for at, text in enumerate(texts)])
    for kept in insights.candidates.values():
        for sentence in kept:
            assert sentence.text in texts[sentence.cue_line - 1]
            assert sentence.start_ms == (sentence.cue_line - 1) * 1_000
            for figure in sentence.figures:
                assert sentence.text[figure.start_char :].startswith(figure.text)


def test_the_result_does_not_depend_on_hash_randomisation() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_insights_fold import _hostile, fold\n"
        "print(fold(_hostile(1200), names=50, words=200, speakers=30, candidates=7))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program, os.path.dirname(__file__)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
