"""Chunks to codes: one int32 per token, the row of its lexeme and whether a blank follows.

In: chunks as `chunks.py` cuts them. Out: bytes of int32 codes. Remembers the
codes of at most `max_chunks` chunks of at most MAX_KEY_CHARS characters, in two
generations: when the younger is full it becomes the older, and what of the old
one was not asked for since is dropped. So common words are never computed
twice, and nothing is counted per look-up. A known chunk costs one dictionary
look-up and a copy of a few bytes, both inside `bytes.join`.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator

import numpy as np

from snapshot_engine.language.lexemes import MAX_KEY_CHARS, LexemeTable
from snapshot_engine.language.phrases import Token
from snapshot_engine.language.tokenizer import Tokenizer

# Set on the last token of a chunk that is followed by a blank.
BLANK_BIT = 1 << 30
_NO_BLANK = np.int32(BLANK_BIT - 1)
_ONE, _TWO = struct.Struct("=i"), struct.Struct("=2i")
# No chain of phrases over blanks in real text comes near this.
_MAX_GROUP = 64
# Long chunks are not remembered, but those at which a phrase may be joined are; in sum so many characters.
_MAX_LONG_KEY_CHARS = 2**20


class TableFull(Exception):
    """The lexeme table has no rows left for a chunk; make room and ask again."""


class ChunkCodes(dict[str, bytes]):
    """Chunk -> codes, every chunk taken as followed by a blank; computed on first use."""

    def __init__(self, tokenizer: Tokenizer, table: LexemeTable, *, max_chunks: int) -> None:
        super().__init__()
        self._tokenizer = tokenizer
        self._phrases = tokenizer.phrases
        self._table = table
        self._max_young = max_chunks // 2
        self._older: dict[str, bytes] = {}
        # Chunks in which a phrase has begun but not ended -> the texts that go on with it,
        # and chunks whose first token some phrase goes on with -> that token's text.
        self._open: dict[str, frozenset[str]] = {}
        self._starters: dict[str, str] = {}
        self._long_key_chars = 0

    def make_room(self, held_rows: np.ndarray) -> None:
        """Drop the older generation, and free the rows that neither the younger nor `held_rows` uses."""
        self._older = dict(self)
        if self._table.release_all_but(self._rows_used(held_rows)) < self._table.max_rows // 4:
            self._older = {}
            self._table.release_all_but(held_rows)
        self.clear()
        self._open = {chunk: texts for chunk, texts in self._open.items() if chunk in self._older}
        self._starters = {chunk: text for chunk, text in self._starters.items() if chunk in self._older}
        self._long_key_chars = 0

    def _rows_used(self, held_rows: np.ndarray) -> np.ndarray:
        codes = np.frombuffer(b"".join(self._older.values()), dtype=np.int32)
        result: np.ndarray = np.concatenate([codes & _NO_BLANK, held_rows])
        return result

    def encode(self, chunks: list[str], blanks: list[bool] | None) -> np.ndarray:
        """Return the codes of `chunks`; None for `blanks`: a blank follows each. Raises TableFull."""
        codes = self._encode_apart(chunks, blanks)
        if self._starters.keys().isdisjoint(chunks):
            return codes
        parts = []
        at = 0
        for start, end in self._groups(chunks):
            parts.append(self._encode_apart(chunks[at:start], blanks and blanks[at:start]))
            parts.append(self._encode_together(chunks[start:end], blanks and blanks[start:end]))
            at = end
        if not at:
            return codes
        parts.append(self._encode_apart(chunks[at:], blanks and blanks[at:]))
        result: np.ndarray = np.concatenate(parts)
        return result

    def held_back(self, chunks: list[str]) -> int:
        """Return how many of the last `chunks` a phrase may join with what follows; known after `encode`."""
        count = 0
        for back in range(1, min(self._phrases.longest, len(chunks)) + 1):
            if self._phrases.continuations(self._split(chunks[-back:])):
                count = back
        while 0 < count < min(_MAX_GROUP, len(chunks)) and self._linked(chunks[-count - 1], chunks[-count]):
            count += 1
        return count

    def __missing__(self, chunk: str) -> bytes:
        if len(self) >= self._max_young or self._long_key_chars > _MAX_LONG_KEY_CHARS:
            raise TableFull
        codes = self._older.get(chunk)
        if codes is not None:
            self[chunk] = codes
            return codes
        if self._tokenizer.is_plain(chunk):
            codes = self._plain_codes(chunk)
            if len(chunk) <= MAX_KEY_CHARS:
                self[chunk] = codes
            return codes
        if len(chunk) <= MAX_KEY_CHARS and self._tokenizer.is_plain_with_end(chunk):
            codes = self[chunk] = self._plain_codes(chunk[:-1], chunk[-1])
            going_on = self._phrases.continuations([(chunk[-1], None)])
            if going_on:
                self._open[chunk] = going_on
            return codes
        tokens = self._split([chunk])
        codes = self._codes(*self._phrases.apply(tokens, [False] * (len(tokens) - 1) + [True]))
        going_on = self._phrases.continuations(tokens)
        starts = tokens[0][0] in self._phrases.inner_texts
        if going_on:
            self._open[chunk] = going_on
        if starts:
            self._starters[chunk] = tokens[0][0]
        if len(chunk) <= MAX_KEY_CHARS:
            self[chunk] = codes
        elif going_on or starts:
            self._long_key_chars += len(chunk)
        return codes

    def _plain_codes(self, *texts: str) -> bytes:
        """Codes of one or two tokens that nothing changes."""
        if self._table.free_rows < len(texts):
            raise TableFull
        row = self._table.row
        if len(texts) == 1:
            return _ONE.pack(row((texts[0], None)) | BLANK_BIT)
        return _TWO.pack(row((texts[0], None)), row((texts[1], None)) | BLANK_BIT)

    def _split(self, chunks: list[str]) -> list[Token]:
        """Return the tokens of `chunks` before the phrase pass."""
        return [token for chunk in chunks for token in self._tokenizer.split(chunk)]

    def _codes(self, tokens: list[Token], spaces: list[bool]) -> bytes:
        if self._table.free_rows < len(tokens):
            raise TableFull
        row = self._table.row
        return array(
            "i", [row(token) | BLANK_BIT * space for token, space in zip(tokens, spaces, strict=True)]
        ).tobytes()

    def _encode_apart(self, chunks: list[str], blanks: list[bool] | None) -> np.ndarray:
        """Codes of chunks that no phrase joins."""
        each = list(map(self.__getitem__, chunks))
        codes: np.ndarray = np.frombuffer(b"".join(each), dtype=np.int32)
        if blanks is not None:
            lasts = np.cumsum([len(one) // codes.itemsize for one in each], dtype=np.int64) - 1
            codes = codes.copy()
            codes[lasts[~np.array(blanks, dtype=bool)]] &= _NO_BLANK
        return codes

    def _encode_together(self, chunks: list[str], blanks: list[bool] | None) -> np.ndarray:
        """Codes of chunks over whose borders a phrase runs."""
        tokens: list[Token] = []
        spaces: list[bool] = []
        for place, chunk in enumerate(chunks):
            more = self._split([chunk])
            tokens += more
            spaces += [False] * (len(more) - 1) + [True if blanks is None else blanks[place]]
        result: np.ndarray = np.frombuffer(self._codes(*self._phrases.apply(tokens, spaces)), dtype=np.int32)
        return result

    def _groups(self, chunks: list[str]) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of the runs of chunks that some phrase may join."""
        free = 0
        starters = self._starters
        for place in [place for place, chunk in enumerate(chunks) if chunk in starters]:
            if place <= free or not self._linked(chunks[place - 1], chunks[place]):
                continue
            end = place + 1
            while end < len(chunks) and self._starters.get(chunks[end]) in self._phrases.continuations(
                self._split(chunks[place - 1 : end])
            ):
                end += 1
            yield place - 1, end
            free = end

    def _linked(self, left: str, right: str) -> bool:
        return self._starters.get(right, "") in self._open.get(left, ())
