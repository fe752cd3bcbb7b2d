"""Decide what a sentence is about from the lexicon's words and phrases.

The words of a sentence are met with one set of triggers (60 ns a word); only
phrases whose trigger occurs are tried. One expression of all phrases was
turned down: it tries hundreds of branches at every word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from snapshot_engine.insight.lexicon import DISFLUENT, FILLERS, NOISE, PHRASES, STOPWORDS, WORDS

TAGS = (
    "introduction", "challenge", "solution", "milestone", "metric", "adoption", "financial", "risk", "question",
    "decision", "action", "long_term", "sentiment", "opinion", "overview",
)  # fmt: skip
TAGGED_FROM = 2

_Search = Callable[[str], Any]


def _word_strengths() -> dict[str, tuple[tuple[str, int], ...]]:
    table: dict[str, dict[str, int]] = {}
    for tag, by_strength in WORDS.items():
        for strength, words in by_strength.items():
            for word in words.split():
                tags = table.setdefault(word, {})
                tags[tag] = max(strength, tags.get(tag, 0))
    return {word: tuple(tags.items()) for word, tags in table.items()}


def _phrases_by_trigger() -> dict[str, tuple[tuple[str, int, int, _Search], ...]]:
    table: dict[str, list[tuple[str, int, int, _Search]]] = {}
    number = 0
    for tag, rules in PHRASES.items():
        for triggers, expression, strength in rules:
            number += 1
            search = re.compile(expression).search
            for trigger in triggers.split():
                table.setdefault(trigger, []).append((tag, strength, number, search))
    return {trigger: tuple(rules) for trigger, rules in table.items()}


def _noise_by_trigger() -> dict[str, tuple[_Search, ...]]:
    table: dict[str, list[_Search]] = {}
    for triggers, expression in NOISE:
        search = re.compile(expression).search
        for trigger in triggers.split():
            table.setdefault(trigger, []).append(search)
    return {trigger: tuple(searches) for trigger, searches in table.items()}


_WORDS = _word_strengths()
_PHRASES = _phrases_by_trigger()
_NOISE = _noise_by_trigger()
TRIGGERS = frozenset(_WORDS) | frozenset(_PHRASES)
NOISE_TRIGGERS = frozenset(_NOISE)


def words_of(lower: str) -> list[str]:
    """Return the words of a lower-case sentence without the punctuation around them.

    Replacing the few marks that occur in speech and splitting at blanks costs
    a third of an expression that finds words (100 against 300 ns a word).
    """
    if "’" in lower:
        lower = lower.replace("’", "'")
    for mark in _MARKS:
        if mark in lower:
            lower = lower.replace(mark, " ")
    return lower.split()


_MARKS = (
    ",",
    ".",
    "?",
    "…",
    "!",
    '"',
    ":",
    ";",
    "(",
    ")",
    "“",
    "”",
    "[",
    "]",
    " '",
    "' ",
    "--",
    "—",
    "–",
    "%",
)


def is_noise(lower: str, words: set[str]) -> bool:
    """Say whether the sentence is about the call itself ("can you hear me") or filler."""
    hits = words & NOISE_TRIGGERS
    if hits and any(search(lower) for trigger in hits for search in _NOISE[trigger]):
        return True
    return len(words) < 12 and len(words - FILLERS) < 2


def tag_strengths(lower: str, hits: set[str]) -> dict[str, int]:
    """Return {tag: strength} for the triggers that occur; may hold weak ones (strength 1).

    hits: the sentence's words that are in TRIGGERS. Additions only, so the
    order in which a set gives its words does not matter.
    """
    strengths: dict[str, int] = {}
    tried: set[int] = set()
    for word in hits:
        for tag, strength in _WORDS.get(word, ()):
            strengths[tag] = strengths.get(tag, 0) + strength
        for tag, strength, number, search in _PHRASES.get(word, ()):
            if number not in tried:
                tried.add(number)
                if search(lower):
                    strengths[tag] = strengths.get(tag, 0) + strength
    return strengths


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


def initial_weights() -> dict[str, int]:
    """Return the word weights before anything was counted: function words weigh nothing."""
    return dict.fromkeys(STOPWORDS, 0)
