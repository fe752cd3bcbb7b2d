"""What the fold remembers of spellings is bounded over all labels together."""

from __future__ import annotations

from snapshot_engine.insight.insights import InsightsBuilder
from snapshot_engine.insight.names import LABELS
from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.utterance import Utterance


def said(number: int, label: str) -> AnnotatedUtterance:
    """Return an utterance with one entity, new in each, in which no name is found."""
    text = f"it was x{number}"
    utterance = Utterance(
        speaker="Ann",
        start_ms=number,
        end_ms=number + 1,
        text=text,
        cue_offsets=(0,),
        cue_start_ms=(number,),
        cue_end_ms=(number + 1,),
        cue_lines=(number + 1,),
    )
    entity = Entity(text=text[7:], label=label, start_char=7, end_char=len(text))
    return AnnotatedUtterance(utterance=utterance, entities=(entity,))


def test_new_spellings_under_every_label_take_the_room_of_one_cache() -> None:
    """What else is held grows by each utterance's one new word, so that is left out by a twin without entities."""
    builder, twin = InsightsBuilder(), InsightsBuilder()
    most = 0
    for number in range(12_000):
        annotated = said(number, LABELS[number % len(LABELS)])
        builder.add(annotated)
        twin.add(AnnotatedUtterance(utterance=annotated.utterance, entities=()))
        if number % 500 == 0:
            most = max(most, builder.held() - twin.held())
    assert 500 < most <= 1024 + len(LABELS)


def test_a_spelling_that_was_forgotten_is_still_counted() -> None:
    builder = InsightsBuilder()
    for number in range(3_000):
        builder.add(said(number % 1_500, "PERSON"))
    assert builder.finish().entity_counts == {"PERSON": 3_000}
