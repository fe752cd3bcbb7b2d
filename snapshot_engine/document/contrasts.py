"""Statements that use the same words but give different figures, side by side.

Sound rather than complete: the sentences must share most of their content
words and differ in a figure of the same kind. Whether they contradict each
other is for the reader, so the heading says no more than that.
"""

from __future__ import annotations

from collections.abc import Sequence

from snapshot_engine.insight.facts import Sentence
from snapshot_engine.insight.lexicon import STOPWORDS
from snapshot_engine.insight.signals import words_of

_KINDS = frozenset({"money", "percent", "quantity"})
_ALIKE_RATIO = 0.5
_MIN_SHARED_WORDS = 3


def find_contrasts(sentences: Sequence[Sentence], *, most: int) -> list[tuple[Sentence, ...]]:
    """Return up to `most` pairs, in order of speech; a sentence stands in one pair only."""
    described = [(sentence, *_describe(sentence)) for sentence in sentences]
    scored = []
    for index, (first, words, figures) in enumerate(described):
        for second, other_words, other_figures in described[index + 1 :]:
            shared = len(words & other_words)
            if shared < _MIN_SHARED_WORDS or shared <= _ALIKE_RATIO * len(words | other_words):
                continue
            if first.text != second.text and _differ(figures, other_figures):
                scored.append(
                    (-shared * 100 // len(words | other_words), first.order, second.order, first, second)
                )
    scored.sort(key=lambda entry: entry[:3])
    used: set[int] = set()
    pairs: list[tuple[Sentence, ...]] = []
    for _, a, b, first, second in scored:
        if len(pairs) < most and a not in used and b not in used:
            used |= {a, b}
            pairs.append((first, second))
    return sorted(pairs, key=lambda pair: pair[0].order)


def _describe(sentence: Sentence) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Return the content words outside the figures, and the figures as (kind, lower-case text)."""
    text = sentence.text
    for figure in sorted(sentence.figures, key=lambda figure: -figure.start_char):
        if figure.kind in _KINDS:
            text = text[: figure.start_char] + " " + text[figure.start_char + len(figure.text) :]
    words = frozenset(
        word for word in words_of(text.lower()) if word not in STOPWORDS and not word[0].isdigit()
    )
    figures = frozenset((f.kind, f.text.lower()) for f in sentence.figures if f.kind in _KINDS)
    return words, figures


def _differ(a: frozenset[tuple[str, str]], b: frozenset[tuple[str, str]]) -> bool:
    """Say whether both give figures of one kind and none of that kind is common."""
    for kind in sorted(_KINDS):
        ours, theirs = {t for k, t in a if k == kind}, {t for k, t in b if k == kind}
        if ours and theirs and not ours & theirs:
            return True
    return False
