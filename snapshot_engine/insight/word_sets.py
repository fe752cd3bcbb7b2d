"""Sets of words written as one text, so that lists of hundreds stay readable."""

from __future__ import annotations


def word_set(text: str) -> frozenset[str]:
    """Return the words of `text`, separated by blanks or line ends."""
    return frozenset(text.split())
