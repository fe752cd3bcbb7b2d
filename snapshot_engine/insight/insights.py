"""Fold annotated utterances into Insights: one pass, fixed memory, the same result each time.

Takes AnnotatedUtterance one by one, gives Insights at the end. Holds at most
what InsightBounds states. A sentence is scored by the words counted so far and
competes for a place under each of its tags; at the end the kept ones are
scored again with the words of the whole transcript, which is why more are kept
than a document shows. All scores are integers: nothing depends on the order in
which a set or a dictionary gives its keys, so every run gives the same.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass

from snapshot_engine.insight.best import BestK
from snapshot_engine.insight.bounds import InsightBounds
from snapshot_engine.insight.facts import Insights, Name, Sentence
from snapshot_engine.insight.figures import find_figures, is_vague_date
from snapshot_engine.insight.names import LABELS, clean_name, merge_names
from snapshot_engine.insight.people import SpeakerTally
from snapshot_engine.insight.sentences import split_sentences
from snapshot_engine.insight.signals import (
    TAGGED_FROM,
    TAGS,
    TRIGGERS,
    hesitation,
    is_noise,
    question_strength,
    stutter,
    tag_strengths,
    words_of,
)
from snapshot_engine.insight.tally import BoundedTally
from snapshot_engine.insight.tasks import find_task
from snapshot_engine.insight.vocabulary import Vocabulary
from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.utterance import Utterance

__all__ = ["InsightBounds", "Insights", "InsightsBuilder"]

_MIN_WORDS = 5
_SUMMARY_MIN_WORDS = 9
_LONG_WORDS = 45
_LABELS = frozenset(LABELS)
# What an entity adds to the strength of a tag.
_ENTITY_TAGS = {"MONEY": "financial", "PERCENT": "metric", "QUANTITY": "metric", "DATE": "milestone"}
_CACHE_NAMES = 4_096
_DIGIT = re.compile(r"\d").search
# A tag whose pool is chosen by cue more than by content.
_CUE_FIRST = frozenset({"decision", "action", "introduction"})


@dataclass(slots=True)
class _Candidate:
    """A kept sentence while the fold runs; `words` is dropped when Insights are made."""

    text: str
    speaker: str
    start_ms: int
    cue_line: int
    order: int
    strengths: dict[str, int]
    words: set[str]
    n_words: int
    entities: tuple[tuple[int, int, str], ...]
    reply_by: str = ""
    reply_ms: int = -1


class InsightsBuilder:
    """Takes annotated utterances in order; `finish()` gives the Insights."""

    def __init__(self, bounds: InsightBounds | None = None) -> None:
        self._bounds = bounds = bounds or InsightBounds()
        self._speakers = SpeakerTally(bounds.speakers)
        self._names = BoundedTally(bounds.names)
        self._first_seen: dict[str, tuple[int, int]] = {}
        self._clean: dict[str, str] = {}
        self._vocabulary = Vocabulary(bounds.words)
        self._pools: dict[str, BestK[_Candidate]] = {
            tag: BestK(bounds.candidates) for tag in (*TAGS, "summary")
        }
        self._tagged: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._waiting: deque[_Candidate] = deque(maxlen=bounds.waiting_questions)
        self._words = self._utterances = self._sentences = 0
        self._first_ms = self._last_ms = -1

    def held(self) -> int:
        """Return how many things are held: the number that must not grow with the input."""
        return (
            len(self._speakers) + len(self._names) + len(self._first_seen) + len(self._clean) + len(self._vocabulary)
            + sum(map(len, self._pools.values())) + len(self._waiting) + len(self._labels)
        )  # fmt: skip

    def add(self, annotated: AnnotatedUtterance) -> None:
        """Fold in one utterance."""
        utterance = annotated.utterance
        text = utterance.text
        words = len(text.split())
        self._words += words
        self._utterances += 1
        if self._first_ms < 0:
            self._first_ms = utterance.start_ms
        self._last_ms = max(self._last_ms, utterance.end_ms)
        speaker = self._speaker_name(utterance.speaker)
        talk_ms = max(0, sum(utterance.cue_end_ms) - sum(utterance.cue_start_ms))
        self._speakers.add(speaker, words, talk_ms, utterance.start_ms, utterance.cue_lines[0])
        if self._waiting and words > 3:
            self._reply(speaker, utterance.start_ms)
        entities = annotated.entities
        if entities:
            self._count_names(utterance, entities)
        bounds = self._bounds
        at = 0
        for start, end in split_sentences(
            text, cue_offsets=utterance.cue_offsets, max_chars=bounds.sentence_chars
        ):
            inside: tuple[Entity, ...] = ()
            if at < len(entities) and entities[at].start_char < end:
                first = at
                while at < len(entities) and entities[at].start_char < end:
                    at += 1
                inside = entities[first:at]
            self._sentence(utterance, speaker, start, end, inside)

    def finish(self) -> Insights:
        """Return what was found; the builder may be fed further and asked again."""
        self._vocabulary.refresh()
        made: dict[int, Sentence] = {}
        candidates = {tag: self._ranked(tag, made) for tag in self._pools}
        return Insights(
            words=self._words,
            utterances=self._utterances,
            sentences=self._sentences,
            first_ms=max(self._first_ms, 0),
            last_ms=max(self._last_ms, 0),
            candidates=candidates,
            tagged={tag: self._tagged[tag] for tag in TAGS},
            speakers=self._speakers.finish(self._words),
            speakers_error=self._speakers.error,
            speakers_dropped=self._speakers.evicted,
            other_words=self._speakers.other_words,
            other_talk_ms=self._speakers.other_talk_ms,
            names=self._merged_names(),
            names_error=self._names.error,
            names_dropped=self._names.evicted,
            words_error=self._vocabulary.error,
            entity_counts=dict(sorted(self._labels.items())),
        )

    # one sentence

    def _sentence(
        self, utterance: Utterance, speaker: str, start: int, end: int, entities: tuple[Entity, ...]
    ) -> None:
        """Count one sentence and let it compete for a place under each of its tags."""
        self._sentences += 1
        text = utterance.text[start:end]
        lower = text.lower()
        listed = words_of(lower)
        words = set(listed)
        vocabulary = self._vocabulary
        vocabulary.add(words)
        n_words = len(listed)
        if n_words < _MIN_WORDS or is_noise(lower, words):
            return
        hits = words & TRIGGERS
        strengths = tag_strengths(lower, hits) if hits else {}
        _strengthen(strengths, lower, entities)
        base = _base_score(vocabulary.weight(words), n_words, len(entities), hesitation(words))
        order = self._sentences
        candidate: _Candidate | None = None
        for tag, score in self._scores(strengths, base, n_words):
            pool = self._pools[tag]
            if score <= pool.floor:
                continue
            if candidate is None:
                candidate = _candidate(
                    utterance, speaker, start, text, order, strengths, words, n_words, entities
                )
            if pool.offer(score, order, lower, candidate) and tag == "question":
                self._waiting.append(candidate)

    def _scores(self, strengths: dict[str, int], base: int, n_words: int) -> list[tuple[str, int]]:
        """Return (tag, score) for each pool that the sentence may enter; counts the tags."""
        scores = []
        for tag, strength in strengths.items():
            if strength >= TAGGED_FROM:
                self._tagged[tag] += 1
                scores.append((tag, _tag_score(tag, strength, base)))
        if n_words >= _SUMMARY_MIN_WORDS and "question" not in strengths:
            scores.append(("summary", _summary_score(strengths, base)))
        return scores

    def _ranked(self, tag: str, made: dict[int, Sentence]) -> tuple[Sentence, ...]:
        """Score a pool again with the final weights; one Sentence per candidate over all pools."""
        ranked = []
        for kept in self._pools[tag]:
            broken = hesitation(kept.words) + 2 * stutter(words_of(kept.text.lower()))
            base = _base_score(self._vocabulary.weight(kept.words), kept.n_words, len(kept.entities), broken)
            if tag == "summary":
                score = _summary_score(kept.strengths, base)
            else:
                score = _tag_score(tag, kept.strengths[tag], base)
            if kept.order not in made:
                made[kept.order] = _finished(kept, base)
            ranked.append((score, made[kept.order]))
        ranked.sort(key=lambda entry: (-entry[0], entry[1].order))
        return tuple(sentence for _, sentence in ranked)

    def _reply(self, speaker: str, start_ms: int) -> None:
        """Note who speaks next after a question of somebody else."""
        waiting = self._waiting
        while waiting and waiting[0].speaker != speaker:
            question = waiting.popleft()
            question.reply_by, question.reply_ms = speaker, start_ms

    # names

    def _speaker_name(self, name: str) -> str:
        limit = self._bounds.name_chars
        return name if len(name) <= limit else name[: limit - 1] + "…"

    def _count_names(self, utterance: Utterance, entities: tuple[Entity, ...]) -> None:
        """Count the entities by label, and the names among them by spelling and label."""
        clean = self._clean
        for entity in entities:
            label = entity.label
            self._labels[label] += 1
            if label not in _LABELS:
                continue
            name = clean.get(entity.text)
            if name is None:
                if len(clean) >= _CACHE_NAMES:
                    clean.clear()
                name = clean_name(entity.text)
                if len(entity.text) < 100:
                    clean[entity.text] = name
            if name:
                self._count_name(f"{label}\t{name}", utterance, entity.start_char + entity.text.find(name))

    def _count_name(self, key: str, utterance: Utterance, start_char: int) -> None:
        if key not in self._first_seen:
            at = utterance.cue_index(start_char)
            self._first_seen[key] = (utterance.cue_start_ms[at], utterance.cue_lines[at])
        if self._names.add(key):
            self._first_seen = {k: v for k, v in self._first_seen.items() if k in self._names}

    def _merged_names(self) -> dict[str, tuple[Name, ...]]:
        counted = []
        for key, count in self._names.items():
            label, _, name = key.partition("\t")
            counted.append((name, label, count))
        result: dict[str, list[Name]] = {}
        for name, label, count, variants in merge_names(counted):
            first_ms, first_line = min(
                self._first_seen[key]
                for key in (f"{any_label}\t{name}" for any_label in LABELS)
                if key in self._first_seen
            )
            result.setdefault(label, []).append(
                Name(
                    text=name,
                    label=label,
                    variants=variants,
                    mentions=count,
                    first_ms=first_ms,
                    first_line=first_line,
                )
            )
        return {label: tuple(names) for label, names in result.items()}


def _strengthen(strengths: dict[str, int], lower: str, entities: tuple[Entity, ...]) -> None:
    """Add what entities, marks and the question mark say about the tags."""
    for entity in entities:
        tag = _ENTITY_TAGS.get(entity.label)
        if tag is not None and not (tag == "milestone" and is_vague_date(entity.text)):
            strengths[tag] = strengths.get(tag, 0) + 1
    if "%" in lower:
        strengths["metric"] = strengths.get("metric", 0) + 1
    if "$" in lower or "€" in lower or "£" in lower or "¥" in lower:
        strengths["financial"] = strengths.get("financial", 0) + 1
    if "?" in lower:
        asked = question_strength(lower)
        if asked:
            strengths["question"] = asked
    if strengths.get("metric") == 1 and _DIGIT(lower):
        strengths["metric"] = TAGGED_FROM
    if strengths.get("action") == 1 and any(entity.label == "PERSON" for entity in entities):
        strengths["action"] = TAGGED_FROM


def _base_score(weight: int, n_words: int, n_entities: int, broken: int) -> int:
    """Return how much a sentence says: more words say more, but ever less each; names add a little.

    broken: signs of hesitation; each takes an eighth off, so that fluent sentences go first.
    """
    score = weight * 100 // (n_words + 12)
    score += score * min(n_entities, 3) // 12
    score -= score * min(broken, 5) // 8
    if n_words > _LONG_WORDS:
        score = score * _LONG_WORDS // n_words
    elif n_words < 8:
        score = score * 3 // 4
    return score


def _tag_score(tag: str, strength: int, base: int) -> int:
    step = 4 if tag in _CUE_FIRST else 2
    return base * (10 + step * min(strength, 6)) // 10


def _summary_score(strengths: dict[str, int], base: int) -> int:
    """A summary prefers sentences about the whole and about several things, and no plain opinion."""
    about = sum(1 for tag, n in strengths.items() if n >= TAGGED_FROM and tag not in ("opinion", "action"))
    return base * (10 + min(about, 4) + 2 * min(strengths.get("overview", 0), 4)) // 10


def _candidate(
    utterance: Utterance, speaker: str, start: int, text: str, order: int, strengths: dict[str, int],
    words: set[str], n_words: int, entities: tuple[Entity, ...],
) -> _Candidate:  # fmt: skip
    at = utterance.cue_index(start)
    spans = tuple(
        (max(0, e.start_char - start), min(len(text), e.end_char - start), e.label)
        for e in entities
        if e.end_char > start
    )
    return _Candidate(
        text=text, speaker=speaker, start_ms=utterance.cue_start_ms[at], cue_line=utterance.cue_lines[at],
        order=order, strengths=strengths, words=words, n_words=n_words, entities=spans,
    )  # fmt: skip


def _finished(kept: _Candidate, base: int) -> Sentence:
    """Make the fact of a candidate; amounts and tasks are looked for only here."""
    figures = find_figures(kept.text, kept.entities)
    task = None
    if kept.strengths.get("action", 0) >= TAGGED_FROM:
        people = [kept.text[start:end] for start, end, label in kept.entities if label == "PERSON"]
        task = find_task(kept.text, kept.speaker, people, figures)
    return Sentence(
        text=kept.text, speaker=kept.speaker, start_ms=kept.start_ms, cue_line=kept.cue_line, order=kept.order,
        tags={tag: n for tag, n in sorted(kept.strengths.items()) if n >= TAGGED_FROM}, score=base,
        figures=figures, task=task, reply_by=kept.reply_by, reply_ms=kept.reply_ms,
    )  # fmt: skip
