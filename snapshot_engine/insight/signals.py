"""Decide what a sentence is about from the lexicon's words and phrases.

The words of a sentence are met with one set of triggers (60 ns a word). The
strengths of all tags travel in one integer, 16 bits a tag, so that a
sentence's strengths are one sum over its triggers; phrases are tried only
where their trigger occurs and somebody still wants their tag. One expression
of all phrases was turned down: it tries hundreds of branches at every word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from snapshot_engine.insight.figures import is_definite_date
from snapshot_engine.insight.lexicon import (
    COMMON_TRIGGERS,
    DISFLUENT,
    FILLERS,
    NOISE,
    PHRASES,
    WORDS,
    WORK_WORDS,
)

TAGS = (
    "introduction", "challenge", "solution", "milestone", "metric", "adoption", "financial", "risk", "question",
    "decision", "action", "long_term", "sentiment", "opinion", "overview",
)  # fmt: skip
TAGGED_FROM = 2
# Tags of which every sentence is counted, also where it is not kept.
COUNTED = ("question", "decision", "action")

# Strengths of all tags in one integer: 16 bits each, in the order of TAGS.
_BITS = 16
_FIELD = (1 << _BITS - 1) - 1
ONE: dict[str, int] = {tag: 1 << _BITS * index for index, tag in enumerate(TAGS)}
# Added to strengths, it sets the top bit of every field that holds TAGGED_FROM or more.
_BIAS = sum(one * (_FIELD + 1 - TAGGED_FROM) for one in ONE.values())
# The top bit of a tag's field stands for the tag in a mask.
BIT: dict[str, int] = {tag: one << _BITS - 1 for tag, one in ONE.items()}
ALL_TAGS = sum(BIT.values())
_TAG_OF_BIT = {bit: (tag, _BITS * index) for index, (tag, bit) in enumerate(BIT.items())}


class _HasLabel(Protocol):
    """A named span: what language.annotation.Entity is."""

    @property
    def label(self) -> str: ...
    @property
    def text(self) -> str: ...


_Search = Callable[[str], Any]
# (mask bit of the tag, what it adds to the strengths, number of the phrase, search,
# whether it cannot match without one of WORK_WORDS)
_Phrase = tuple[int, int, int, _Search, bool]


def _word_strengths() -> dict[str, int]:
    table: dict[str, dict[str, int]] = {}
    for tag, by_strength in WORDS.items():
        for strength, words in by_strength.items():
            for word in words.split():
                tags = table.setdefault(word, {})
                tags[tag] = max(strength, tags.get(tag, 0))
    return {word: sum(ONE[tag] * n for tag, n in tags.items()) for word, tags in table.items()}


def _from_word_start(expression: str) -> str:
    """Let the alternatives begin with a blank instead of a word boundary.

    Phrases are looked for in words joined by single blanks. A literal first
    character lets the engine jump to it; from a boundary it tries every
    position, which takes four times as long.
    """
    assert expression.startswith(r"\b"), f"phrase {expression!r} must begin at a word"
    return " " + expression[2:].replace(r"|\b", "| ")


def _phrases_by_trigger() -> dict[str, tuple[_Phrase, ...]]:
    table: dict[str, list[_Phrase]] = {}
    number = 0
    for tag, rules in PHRASES.items():
        for triggers, expression, strength in rules:
            number += 1
            search = re.compile(_from_word_start(expression)).search
            needs_work = tag == "action" and COMMON_TRIGGERS.issuperset(triggers.split())
            for trigger in triggers.split():
                table.setdefault(trigger, []).append(
                    (BIT[tag], ONE[tag] * strength, number, search, needs_work)
                )
    return {trigger: tuple(rules) for trigger, rules in table.items()}


def _noise_by_trigger() -> dict[str, tuple[_Search, ...]]:
    table: dict[str, list[_Search]] = {}
    for triggers, expression in NOISE:
        search = re.compile(expression).search
        for trigger in triggers.split():
            table.setdefault(trigger, []).append(search)
    return {trigger: tuple(searches) for trigger, searches in table.items()}


_PHRASES = _phrases_by_trigger()
_NOISE = _noise_by_trigger()
_PHRASE_TRIGGERS = frozenset(_PHRASES)
_NOISE_TRIGGERS = frozenset(_NOISE)
_WORDS = dict.fromkeys(_PHRASE_TRIGGERS | _NOISE_TRIGGERS | WORK_WORDS, 0) | _word_strengths()
TRIGGERS = frozenset(_WORDS)


@lru_cache(maxsize=256)
def triggers_of(tags: int) -> frozenset[str]:
    """Return the words without one of which no sentence's words or phrases give a tag of the mask."""
    words = {word for word, strengths in _WORDS.items() if tagged(strengths * TAGGED_FROM) & tags}
    for trigger, phrases in _PHRASES.items():
        if any(bit & tags and not needs_work for bit, _, _, _, needs_work in phrases):
            words.add(trigger)
    return frozenset(words | WORK_WORDS if tags & BIT["action"] else words)


def words_of(lower: str) -> list[str]:
    """Return the words of a lower-case sentence without the punctuation around them.

    Blanking the marks and splitting at blanks costs a fifth of an expression
    that finds words (65 against 300 ns a word). Apostrophes and hyphens stay.
    """
    if not lower.isascii():
        for mark in _OTHER_MARKS:
            if mark in lower:
                lower = lower.replace(mark, " ")
        lower = lower.replace("’", "'")
    return lower.encode("utf-8", "surrogatepass").translate(_BLANKED).decode("utf-8", "surrogatepass").split()


# One table for bytes: str.translate() takes three times as long, and no byte
# of a longer UTF-8 sequence is ASCII.
_MARKS = b',.?!":;()[]%'
_BLANKED = bytes.maketrans(_MARKS, b" " * len(_MARKS))
_OTHER_MARKS = ("…", "“", "”", "—", "–", "«", "»")


def word_signals(hits: set[str]) -> int:
    """Return the strengths that the words themselves give; hits: a sentence's words in TRIGGERS."""
    return sum(map(_WORDS.__getitem__, hits))


def phrase_signals(listed: list[str], hits: set[str], wanted: int) -> int:
    """Return the strengths that phrases add, of the tags whose BIT is in `wanted`.

    listed: the words of the sentence in order.
    Additions only, each phrase once: the order in which a set gives its words
    does not matter.
    """
    added = 0
    tried: set[int] = set()
    flat = ""
    no_work = hits.isdisjoint(WORK_WORDS)
    for trigger in hits & _PHRASE_TRIGGERS:
        for bit, strength, number, search, needs_work in _PHRASES[trigger]:
            if bit & wanted and number not in tried and not (needs_work and no_work):
                tried.add(number)
                flat = flat or f" {' '.join(listed)} "
                if search(flat):
                    added += strength
    return added


def tagged(strengths: int) -> int:
    """Return the mask of the tags with strength TAGGED_FROM or more."""
    return (strengths + _BIAS) & ALL_TAGS


def strength_of(strengths: int, tag: str) -> int:
    """Return the strength of one tag."""
    return strengths // ONE[tag] & _FIELD


def by_tag(strengths: int, mask: int = ALL_TAGS) -> list[tuple[str, int]]:
    """Return (tag, strength) of every tag in `mask` with strength TAGGED_FROM or more."""
    found = []
    bits = (strengths + _BIAS) & mask
    while bits:
        bit = bits & -bits
        tag, shift = _TAG_OF_BIT[bit]
        found.append((tag, strengths >> shift & _FIELD))
        bits ^= bit
    return found


def signals(lower: str, listed: list[str], hits: set[str], entities: Sequence[_HasLabel], wanted: int) -> int:
    """Return a sentence's strengths from words, phrases, entities and marks.

    wanted: mask of the tags that matter; others may come out too low.
    """
    strengths = word_signals(hits)
    if hits and wanted:
        strengths += phrase_signals(listed, hits, wanted)
    person = False
    for entity in entities:
        label = entity.label
        if label == "PERSON":
            person = True
        elif label in _ENTITY_SIGNALS:
            strengths += _ENTITY_SIGNALS[label]
        elif label == "DATE" and wanted & BIT["milestone"] and is_definite_date(entity.text):
            strengths += ONE["milestone"]
    if "%" in lower:
        strengths += ONE["metric"]
    if "$" in lower or (
        not lower.isascii() and ("€" in lower or "£" in lower or "¥" in lower or "₵" in lower)
    ):
        strengths += ONE["financial"]
    if "?" in lower:
        strengths += ONE["question"] * question_strength(lower)
    if strengths & _ACTION_FIELD == ONE["action"] and person:
        strengths += ONE["action"]
    if strengths & _METRIC_FIELD == ONE["metric"] and wanted & BIT["metric"] and _DIGIT(lower):
        strengths += ONE["metric"]
    return strengths


# Tags that entities and marks can give without any trigger word.
UNTRIGGERED = BIT["milestone"] | BIT["metric"] | BIT["financial"]
_ENTITY_SIGNALS = {"MONEY": ONE["financial"], "PERCENT": ONE["metric"], "QUANTITY": ONE["metric"]}
_ACTION_FIELD = ONE["action"] * _FIELD
_METRIC_FIELD = ONE["metric"] * _FIELD
_DIGIT = re.compile(r"\d").search


def is_noise(lower: str, words: set[str], hits: set[str]) -> bool:
    """Say whether the sentence is about the call itself ("can you hear me") or filler."""
    calls = hits & _NOISE_TRIGGERS
    if calls and any(search(lower) for trigger in calls for search in _NOISE[trigger]):
        return True
    return len(words) < 12 and len(words - FILLERS) < 2


_ENDING = re.compile(r"(?:,|\.\.\.|…)? *\b(?:right|okay|ok|yeah|no|you know|correct|huh|see|alright)\?$")
_ASKING = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how|wondering|question is)\b"
    r"|(?:^|[,;.…-] |\b(?:and|so|but|or|then|if) )(?:do|does|did|is|are|was|were|can|could|will|would|should|shall|has|have|had|may|"
    r"isn't|aren't|don't|doesn't|won't|any|anything|anyone) "
)


def question_strength(lower: str) -> int:
    """Return 0 for no question, 2 for a statement with a question mark, 4 for one that asks.

    "..., right?" asks for assent, not for an answer, and is none.
    """
    closed = lower.rstrip("\"'”’)] ")
    if not closed.endswith("?") or _ENDING.search(closed):
        return 0
    return 4 if _ASKING.search(closed) else TAGGED_FROM


def hesitation(words: set[str]) -> int:
    """Return how many different words of hesitation a sentence holds."""
    return len(words & DISFLUENT)


def stutter(listed: list[str]) -> int:
    """Return how many words are said twice in a row or broken off."""
    twice = sum(map(str.__eq__, listed, listed[1:]))
    return twice + sum(1 for word in listed if word.endswith("-"))
