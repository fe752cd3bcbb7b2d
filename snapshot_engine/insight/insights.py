"""Fold annotated utterances into Insights: one pass, fixed memory, the same result each time.

Takes AnnotatedUtterance one by one, gives Insights at the end. Holds at most
what InsightBounds states. A sentence is scored by the words counted so far and
competes for a place under each of its tags; at the end the kept ones are
scored again with the words of the whole transcript, which is why more are kept
than a document shows. All scores are integers: nothing depends on the order in
which a set or a dictionary gives its keys, so every run gives the same.
"""

from __future__ import annotations

from collections import Counter, deque

from snapshot_engine.insight.bounds import InsightBounds
from snapshot_engine.insight.candidates import Candidate, CandidatePools
from snapshot_engine.insight.facts import Insights, Name, Sentence
from snapshot_engine.insight.finishing import finished
from snapshot_engine.insight.names import LABELS, clean_name, merge_names
from snapshot_engine.insight.people import SpeakerTally, TalkClock
from snapshot_engine.insight.scoring import (
    SUMMARY,
    base_score,
    highest_score,
    score,
    summary_score,
    tag_score,
)
from snapshot_engine.insight.sentences import split_sentences
from snapshot_engine.insight.signals import (
    COUNTED,
    TAGS,
    TRIGGERS,
    UNTRIGGERED,
    by_tag,
    hesitation,
    is_noise,
    signals,
    tagged,
    triggers_of,
    words_of,
)
from snapshot_engine.insight.tally import BoundedTally
from snapshot_engine.insight.vocabulary import Vocabulary
from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.utterance import Utterance

__all__ = ["InsightBounds", "Insights", "InsightsBuilder"]

_MIN_WORDS = 5
_SUMMARY_MIN_WORDS = 9
# Over all labels: as many for each of them were 0.9 MiB that a file of 1 MiB did not fill and one of
# 50 MiB did. What is no longer held is made out anew, in 3 us.
_CACHED_NAMES = 1_024
_CACHED_CHARS = 100


class InsightsBuilder:
    """Takes annotated utterances in order; `finish()` gives the Insights."""

    def __init__(self, bounds: InsightBounds | None = None) -> None:
        self._bounds = bounds = bounds or InsightBounds()
        self._speakers = SpeakerTally(bounds.speakers)
        self._clock = TalkClock()
        self._names = BoundedTally(bounds.names)
        self._first_seen: dict[str, tuple[int, int]] = {}
        self._keys: dict[str, dict[str, str]] = {label: {} for label in LABELS}
        self._cached_names = 0
        self._vocabulary = Vocabulary(bounds.words)
        self._pools = CandidatePools(bounds.candidates)
        self._tagged: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._waiting: deque[Candidate] = deque(maxlen=bounds.waiting_questions)
        self._words = self._utterances = self._sentences = 0
        self._first_ms = self._last_ms = -1

    def held(self) -> int:
        """Return how many things are held: the number that must not grow with the input."""
        return (
            len(self._speakers) + len(self._names) + len(self._first_seen) + sum(map(len, self._keys.values())) + len(self._vocabulary)
            + len(self._pools) + len(self._waiting) + len(self._labels)
        )  # fmt: skip

    def add(self, annotated: AnnotatedUtterance) -> None:
        """Fold in one utterance."""
        utterance = annotated.utterance
        text = utterance.text
        # The words of an utterance are separated by single blanks.
        words = text.count(" ") + 1
        self._words += words
        self._utterances += 1
        if self._first_ms < 0:
            self._first_ms = utterance.start_ms
        self._last_ms = max(self._last_ms, utterance.end_ms)
        speaker = self._speaker_name(utterance.speaker)
        talk_ms = self._clock.talk_ms(utterance)
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
        return Insights(
            words=self._words,
            utterances=self._utterances,
            sentences=self._sentences,
            first_ms=max(self._first_ms, 0),
            last_ms=max(self._last_ms, 0),
            candidates=self._ranked(),
            tagged={tag: self._tagged[tag] for tag in COUNTED},
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
        weight = self._vocabulary.add(words)
        n_words = len(listed)
        if n_words < _MIN_WORDS:
            return
        pools = self._pools
        highest = highest_score(base_score(weight, n_words, len(entities), 0))
        wanted = pools.open_tags(highest)
        in_summary = n_words >= _SUMMARY_MIN_WORDS and highest > pools.summary_floor and "?" not in lower
        # Most sentences of a long transcript end here: they can enter no pool
        # by their score, and hold no word of the tags that are always counted.
        if (
            not in_summary
            and words.isdisjoint(triggers_of(wanted))
            and "?" not in lower
            and not (entities and wanted & UNTRIGGERED)
        ):
            return
        hits = words & TRIGGERS
        strengths = signals(lower, listed, hits, entities, wanted)
        tags = tagged(strengths) & wanted
        if not (tags or in_summary) or is_noise(lower, words, hits):
            return
        base = base_score(weight, n_words, len(entities), hesitation(words))
        order = self._sentences
        offers = [(tag, tag_score(tag, strength, base)) for tag, strength in by_tag(strengths, tags)]
        for tag, _ in offers:
            if tag in COUNTED:
                self._tagged[tag] += 1
        if in_summary:
            offers.append((SUMMARY, summary_score(strengths, base)))
        candidate: Candidate | None = None
        for tag, points in offers:
            if points <= pools[tag].floor:
                continue
            if candidate is None:
                candidate = _candidate(utterance, speaker, start, text, order, entities)
            if pools.offer(tag, points, order, lower, candidate) and tag == "question":
                self._waiting.append(candidate)

    def _ranked(self) -> dict[str, tuple[Sentence, ...]]:
        """Score every pool again, with the final weights and all phrases; one Sentence per candidate."""
        made: dict[int, tuple[Sentence, int, int]] = {}
        ranked: dict[str, tuple[Sentence, ...]] = {}
        for tag in (*TAGS, SUMMARY):
            scored = []
            for kept in self._pools[tag]:
                if kept.order not in made:
                    made[kept.order] = finished(kept, self._vocabulary)
                sentence, strengths, base = made[kept.order]
                scored.append((score(tag, strengths, base), sentence))
            scored.sort(key=lambda entry: (-entry[0], entry[1].order))
            ranked[tag] = tuple(sentence for _, sentence in scored)
        return ranked

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
        for entity in entities:
            label = entity.label
            self._labels[label] += 1
            keys = self._keys.get(label)
            if keys is None:
                continue
            key = keys.get(entity.text)
            if key is None:
                name = clean_name(entity.text)
                key = f"{label}\t{name}" if name else ""
                if len(entity.text) < _CACHED_CHARS:
                    self._cache_name(keys, entity.text, key)
            if key:
                self._count_name(key, utterance, entity)

    def _cache_name(self, keys: dict[str, str], text: str, key: str) -> None:
        """Remember what a spelling is counted as; forget all when there are too many."""
        if self._cached_names >= _CACHED_NAMES:
            for cached in self._keys.values():
                cached.clear()
            self._cached_names = 0
        keys[text] = key
        self._cached_names += 1

    def _count_name(self, key: str, utterance: Utterance, entity: Entity) -> None:
        if key not in self._first_seen:
            name = key.partition("\t")[2]
            at = utterance.cue_index(entity.start_char + entity.text.find(name))
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


def _candidate(
    utterance: Utterance, speaker: str, start: int, text: str, order: int, entities: tuple[Entity, ...]
) -> Candidate:
    at = utterance.cue_index(start)
    spans = [
        (max(0, e.start_char - start), min(len(text), e.end_char - start), e.label)
        for e in entities
        if e.end_char > start
    ]
    return Candidate(
        text=text,
        speaker=speaker,
        start_ms=utterance.cue_start_ms[at],
        cue_line=utterance.cue_lines[at],
        order=order,
        entities=tuple(spans),
    )
