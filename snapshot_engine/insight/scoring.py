"""How much a sentence is worth under a tag. Integers only, so that every run gives the same."""

from __future__ import annotations

from snapshot_engine.insight.signals import BIT, by_tag, strength_of, tagged

SUMMARY = "summary"
# Tags that are chosen by cue more than by content, and never skipped unseen.
CUE_FIRST = frozenset({"decision", "action", "introduction"})

_LONG_WORDS = 45
_SHORT_WORDS = 8
_MOST_STRENGTH = 6
_NO_TOPIC = BIT["opinion"] | BIT["action"]


def base_score(weight: int, n_words: int, n_entities: int, broken: int) -> int:
    """Return how much a sentence says: more words say more, but ever less each; names add a little.

    weight: sum of the weights of its words. broken: signs of hesitation; each
    takes an eighth off, so that fluent sentences go first.
    """
    score = weight * 100 // (n_words + 12)
    if n_entities:
        score += score * min(n_entities, 3) // 12
    if broken:
        score -= score * min(broken, 5) // 8
    if n_words > _LONG_WORDS:
        return score * _LONG_WORDS // n_words
    return score * 3 // 4 if n_words < _SHORT_WORDS else score


def tag_score(tag: str, strength: int, base: int) -> int:
    """Return the score under one tag: what the sentence says, and how clearly it is about the tag."""
    step = 4 if tag in CUE_FIRST else 2
    return base * (10 + step * min(strength, _MOST_STRENGTH)) // 10


def summary_score(strengths: int, base: int) -> int:
    """A summary prefers sentences about the whole and about several things, and no plain opinion."""
    about = (tagged(strengths) & ~_NO_TOPIC).bit_count()
    return base * (10 + min(about, 4) + 2 * min(strength_of(strengths, "overview"), 4)) // 10


def highest_score(base: int) -> int:
    """Return what no score of this base passes, for tags outside CUE_FIRST."""
    return base * (10 + 2 * _MOST_STRENGTH) // 10


def score(tag: str, strengths: int, base: int) -> int:
    """Return the score under a tag or for the summary; 0 where the tag is not carried."""
    if tag == SUMMARY:
        return summary_score(strengths, base)
    found = by_tag(strengths, BIT[tag])
    return tag_score(tag, found[0][1], base) if found else 0
