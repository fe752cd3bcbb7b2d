"""Cut a text into chunks of so many words, and hand entities back to the chunk they start in.

Holds the unfinished chunk, and the chunks whose entities are not certain yet.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator

from snapshot_engine.language.annotation import Entity

# A chunk without whitespace ends here all the same.
MAX_TEXT_CHUNK_CHARS = 2**16
_WORD = re.compile(r"\S+\s+")


def word_chunks(pieces: Iterable[str], words: int) -> Iterator[str]:
    """Yield the text in chunks of `words` words, each with the whitespace after it; joined, they are the text."""
    held = ""
    for piece in pieces:
        for at in range(0, len(piece), MAX_TEXT_CHUNK_CHARS):
            held += piece[at : at + MAX_TEXT_CHUNK_CHARS]
            chunks, held = _whole_chunks(held, words)
            yield from chunks
    if held:
        yield held


def _whole_chunks(text: str, words: int) -> tuple[list[str], str]:
    """Return the chunks that are complete in `text`, and the rest.

    A chunk is complete when a word follows the whitespace after its last word.
    """
    chunks = []
    start = count = end = 0
    for word in _WORD.finditer(text):
        end = word.end()
        count += 1
        if count == words and end < len(text):
            chunks.append(text[start:end])
            start, count = end, 0
    while len(text) - start > MAX_TEXT_CHUNK_CHARS:
        chunks.append(text[start : start + MAX_TEXT_CHUNK_CHARS])
        start += MAX_TEXT_CHUNK_CHARS
    return chunks, text[start:]


class ChunkSettler:
    """Remembers chunks on their way into an annotator and gives them back with their entities."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, str, list[Entity]]] = deque()
        self._end_char = 0

    def watch(self, chunks: Iterable[str]) -> Iterator[str]:
        """Pass `chunks` on, remembering each."""
        for chunk in chunks:
            self._chunks.append((self._end_char, chunk, []))
            self._end_char += len(chunk)
            yield chunk

    def before(self, char: int) -> Iterator[tuple[int, str, list[Entity]]]:
        """Yield (start, text, entities) of the chunks that end at or before `char`."""
        while self._chunks and self._chunks[0][0] + len(self._chunks[0][1]) <= char:
            yield self._chunks.popleft()

    def add(self, entity: Entity) -> None:
        """Put `entity` to the first chunk that was not given back: it starts there."""
        self._chunks[0][2].append(entity)

    def rest(self) -> Iterator[tuple[int, str, list[Entity]]]:
        """Yield the remaining chunks; the text is over."""
        while self._chunks:
            yield self._chunks.popleft()
