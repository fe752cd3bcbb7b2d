"""A kept candidate to a Sentence: tags in full, amounts, owner and due date, the final score.

Done once per kept sentence, at the end; too slow for every sentence of a
transcript (about 100 us each), and not needed there.
"""

from __future__ import annotations

from typing import NamedTuple

from snapshot_engine.insight.candidates import Candidate
from snapshot_engine.insight.facts import Sentence
from snapshot_engine.insight.figures import find_figures
from snapshot_engine.insight.scoring import base_score
from snapshot_engine.insight.signals import ALL_TAGS, TRIGGERS, by_tag, hesitation, signals, stutter, words_of
from snapshot_engine.insight.tasks import find_task
from snapshot_engine.insight.vocabulary import Vocabulary


class _Span(NamedTuple):
    text: str
    label: str


def finished(kept: Candidate, vocabulary: Vocabulary) -> tuple[Sentence, int, int]:
    """Return the sentence, its strengths and its base score."""
    text = kept.text
    lower = text.lower()
    listed = words_of(lower)
    words = set(listed)
    spans = [_Span(text[start:end], label) for start, end, label in kept.entities]
    strengths = signals(lower, listed, words & TRIGGERS, spans, ALL_TAGS)
    tags = dict(sorted(by_tag(strengths)))
    broken = hesitation(words) + 2 * stutter(listed)
    base = base_score(vocabulary.weight(words), len(listed), len(spans), broken)
    figures = find_figures(text, kept.entities)
    task = None
    if "action" in tags:
        people = [span.text for span in spans if span.label == "PERSON"]
        task = find_task(text, kept.speaker, people, figures)
    sentence = Sentence(
        text=text,
        speaker=kept.speaker,
        start_ms=kept.start_ms,
        cue_line=kept.cue_line,
        order=kept.order,
        tags=tags,
        score=base,
        figures=figures,
        task=task,
        reply_by=kept.reply_by,
        reply_ms=kept.reply_ms,
    )
    return sentence, strengths, base
