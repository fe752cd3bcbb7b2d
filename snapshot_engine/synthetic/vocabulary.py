"""Words that appear for the first time: made on demand, each different, at the pace of real talk.

Heaps' law says how many distinct words n words of talk hold. `Vocabulary` keeps
a debt: how many words are missing to that curve. A slot that may hold a rare
word pays one off with a new word, or says one again that was said before.
Turned down: drawing every word from one long Zipf list, which costs a draw per
word and gives no names, places or companies where the sentence wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snapshot_engine.synthetic import lexicon as lx

# Fitted to the real transcripts for their first 50,000 words: distinct = 6.0 * words ** 0.61.
# 6.4 in here lands on that curve, since owed words wait for the next slot that can take one.
HEAPS_FACTOR = 6.4
HEAPS_EXPONENT = 0.61

# What the generator remembers of its own words, so that its memory is flat at any file size.
MAX_REMEMBERED = 16_384


def scattered(index: int, size: int) -> int:
    """Return a permutation of range(size) at `index`: neighbours must not look alike.

    7,368,787 is prime and larger than any table in here, hence coprime to its size.
    """
    return index * 7_368_787 % size


def compose(index: int, tables: Sequence[Sequence[str]]) -> str:
    """Return the index-th combination of one entry per table; every index below the product differs."""
    parts = []
    for table in tables:
        index, at = divmod(index, len(table))
        parts.append(table[at])
    return "".join(parts)


_SYLLABLES = tuple(onset + nucleus for onset in lx.ONSETS for nucleus in lx.NUCLEI)
_CLOSED = tuple(nucleus + coda for nucleus in lx.NUCLEI for coda in lx.CODAS)


def _combinations(tables: Sequence[Sequence[str]]) -> int:
    size = 1
    for table in tables:
        size *= len(table)
    return size


def _numbered(index: int, tables: Sequence[Sequence[str]]) -> str:
    """Combine; past the last combination go round again with one syllable more in front."""
    size = _combinations(tables)
    rounds, at = divmod(index, size)
    word = compose(scattered(at, size), tables)
    while rounds:
        rounds, at = divmod(rounds - 1, len(_SYLLABLES))
        word = _SYLLABLES[at] + word
    return word


# from the plausible to the odd: "cacheless", "recache", "cachebridge", "recacheless"
_TERM_FORMS = (
    (lx.STEMS, lx.SUFFIXES),
    (lx.PREFIXES, lx.STEMS),
    (lx.STEMS, lx.STEMS),
    (lx.PREFIXES, lx.STEMS, lx.SUFFIXES),
)


def term(index: int) -> str:
    """Return the index-th made-up technical word, in lower case."""
    for tables in _TERM_FORMS:
        size = _combinations(tables)
        if index < size:
            return compose(scattered(index, size), tables)
        index -= size
    # a syllable in front from here on, so that no word of the forms above comes back
    return _numbered(index + size, _TERM_FORMS[-1])


def surname(index: int) -> str:
    return _numbered(index, (_SYLLABLES, _CLOSED, lx.NAME_ENDS)).capitalize()


def place(index: int) -> str:
    return _numbered(index, (_SYLLABLES, _CLOSED, lx.PLACE_ENDS)).capitalize()


def company(index: int) -> str:
    return _numbered(index, (_SYLLABLES, _CLOSED, lx.COMPANY_ENDS)).capitalize()


def product(index: int) -> str:
    """Return the index-th product: a coined word, or a type number as engineers say it."""
    if index % 3 == 2:
        at = scattered(index // 3, 26 * 26 * 9000)
        return f"{chr(65 + at % 26)}{chr(65 + at // 26 % 26)}-{1000 + at // 676}"
    return _numbered(index - index // 3, (_SYLLABLES, _SYLLABLES, ("o", "a", "ly", "ify", "io"))).capitalize()


class Vocabulary:
    """Decides, for each slot, between a word said before and a new one.

    random: a function returning floats in [0, 1).
    Holds at most MAX_REMEMBERED words per kind; beyond that the oldest are forgotten.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self.words = 0
        self._made = 0
        self._debt = 0

    def spoken(self, words: int) -> None:
        """Count `words` more words of talk and work out how many new ones are owed."""
        self.words += words
        owed = HEAPS_FACTOR * self.words**HEAPS_EXPONENT - _known_words(self.words)
        self._debt = int(owed) - self._made

    def slot(self, seeds: Sequence[str], make: Callable[[int], str]) -> Callable[[], str]:
        """Return a function giving one word of a kind: new when a word is owed, else a known one.

        seeds: the words this kind starts with, the most frequent first.
        """
        known = list(seeds)
        made = 0
        random = self._random

        def say() -> str:
            nonlocal made
            if self._debt > 0:
                self._debt -= 1
                self._made += 1
                word = make(made)
                if len(known) < MAX_REMEMBERED:
                    known.append(word)
                else:
                    known[made % MAX_REMEMBERED] = word
                made += 1
                return word
            # the square of an even draw: early words are said far more often than late ones
            draw = random()
            return known[int(draw * draw * len(known))]

        return say


def _known_words(words: int) -> float:
    """Return how many distinct words the fixed phrases alone have shown after `words` words.

    Fitted to the generator with nothing new in it: 532 after 2,000 words, 1,058 after 10,000, 1,425 after 50,000.
    """
    return 1_400 * words / (words + 4_300)
