"""Entities of a stream of text, exactly those of one pass over the whole, in bounded memory.

In: pieces of text cut anywhere. Out: entities with offsets into the
concatenation. Holds at most: one slice of text that is not full, one unfinished
chunk, `BATCH_TOKENS` tokens that wait for a batch, the `reach_tokens` last
tokens on the left and as many held back on the right, the decoder's one open
entity, and the text since the earliest of these.

Why it is exact: a token's vector depends on `reach_tokens` neighbours on each
side and on nothing else (depth x window of the model's own layers; at the two
ends of a document these are zero vectors, thinc's padding), and what the
decoder has decided so far enters the rest only through the open entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from snapshot_engine.language.annotation import Entity
from snapshot_engine.language.chunk_codes import BLANK_BIT, TableFull
from snapshot_engine.language.chunks import ChunkCutter
from snapshot_engine.language.decoder import Decoder, Span
from snapshot_engine.language.lean_runtime import LeanRuntime
from snapshot_engine.language.lexemes import EDGE_ROW

# Decoding costs a few dozen NumPy calls per batch however long it is. A slice of
# English is some 1,850 tokens, so most slices are a batch, whose vectors take 0.7 MB.
BATCH_TOKENS = 1024
# Text is read in slices of this length, however it comes: a larger piece holds no
# more, and short ones, such as single cues, do not cost their calls each (5 us a token).
SLICE_CHARS = 8192


class EntityStream:
    """One document being read; make one for each."""

    def __init__(self, runtime: LeanRuntime) -> None:
        self._runtime = runtime
        self._cutter = ChunkCutter()
        self._pieces: list[str] = []  # wait until they fill a slice
        self._pieces_chars = 0
        self._decoder = Decoder(runtime.decoder_weights)
        self._chunks: list[str] = []  # held back: a phrase may join them with what follows
        self._blanks: list[bool] = []
        reach = runtime.reach_tokens
        # `reach` decided tokens, then the undecided ones
        self._rows: np.ndarray = np.full(reach, EDGE_ROW, dtype=np.int64)
        self._starts: np.ndarray = np.zeros(0, dtype=np.int64)
        self._ends: np.ndarray = np.zeros(0, dtype=np.int64)
        self._end_char = 0  # of the last token and its blank
        self._first_token = 0  # number of the first undecided token in the stream
        self._open_start_char: int | None = None
        self._text = ""
        self._text_start = 0
        self._found: list[Entity] = []
        self.tokens = 0
        runtime.register(self)

    @property
    def settled_char(self) -> int:
        """All entities that start before this character have been given out."""
        if self._open_start_char is not None:
            return self._open_start_char
        return int(self._starts[0]) if len(self._starts) else self._end_char

    @property
    def cuts(self) -> int:
        """How many chunks and entities were cut because they passed a bound; spaCy would not have."""
        return self._cutter.cut_chunks + self._decoder.cut_entities

    @property
    def smallest_gap(self) -> float:
        """The smallest lead of a best move over the second since `record_gaps`; infinite before."""
        gap = self._decoder.smallest_gap
        return float("inf") if gap is None else gap

    def record_gaps(self) -> None:
        """Start recording `smallest_gap`; costs a tenth of the speed."""
        self._decoder.smallest_gap = float("inf")

    def feed(self, text: str) -> list[Entity]:
        """Take the next piece; return the entities that are now certain."""
        at = 0
        while len(text) - at >= SLICE_CHARS - self._pieces_chars:
            end = at + SLICE_CHARS - self._pieces_chars
            self._pieces.append(text[at:end])
            self._read_pieces()
            at = end
        if at < len(text):
            self._pieces.append(text[at:])
            self._pieces_chars += len(text) - at
        return self._drain()

    def finish(self) -> list[Entity]:
        """Return the remaining entities; the document is over."""
        self._read_pieces()
        self._take(*self._cutter.finish(), last=True)
        self._decode(final=True)
        self._runtime.unregister(self)
        return self._drain()

    def settle(self) -> None:
        """Decode all that can be decided now, so that few rows are held."""
        self._decode(final=False)

    def held_rows(self) -> np.ndarray:
        """Return the lexeme rows that this stream still needs."""
        return self._rows

    def _read_pieces(self) -> None:
        piece = "".join(self._pieces)
        self._pieces.clear()
        self._pieces_chars = 0
        self._text += piece
        self._take(*self._cutter.feed(piece), last=False)
        if len(self._starts) >= BATCH_TOKENS:
            self.settle()

    def _drain(self) -> list[Entity]:
        found, self._found = self._found, []
        return found

    def _take(self, chunks: list[str], blanks: list[bool] | None, *, last: bool) -> None:
        """Append the tokens of `chunks`, but hold back those that a phrase may join with what follows."""
        if self._chunks:
            blanks = self._blanks + ([True] * len(chunks) if blanks is None else blanks)
            chunks = self._chunks + chunks
            self._chunks, self._blanks = [], []
        if not chunks:
            return
        try:
            codes = self._codes(chunks, blanks)
            keep = 0 if last else self._runtime.codes.held_back(chunks)
            if keep:
                self._chunks = chunks[-keep:]
                self._blanks = [True] * keep if blanks is None else blanks[-keep:]
                codes = self._codes(chunks[:-keep], blanks and blanks[:-keep])
        except TableFull:
            # More new tokens at once than the table has rows: half as many fit.
            if len(chunks) < 2:
                raise AssertionError("a single chunk must fit an empty lexeme table") from None
            half = len(chunks) // 2
            self._take(chunks[:half], blanks and blanks[:half], last=False)
            self._take(chunks[half:], blanks and blanks[half:], last=last)
            return
        self._append(codes)

    def _codes(self, chunks: list[str], blanks: list[bool] | None) -> np.ndarray:
        try:
            return self._runtime.codes.encode(chunks, blanks)
        except TableFull:
            self._runtime.make_room()
            return self._runtime.codes.encode(chunks, blanks)

    def _append(self, codes: np.ndarray) -> None:
        if not len(codes):
            return
        rows = (codes & ~np.int32(BLANK_BIT)).astype(np.int64)
        blanks = (codes & BLANK_BIT) != 0
        lengths = self._runtime.table.lengths[rows]
        ends = np.cumsum(lengths + blanks) + self._end_char
        self._end_char = int(ends[-1])
        ends -= blanks
        self._rows = np.concatenate([self._rows, rows])
        self._ends = np.concatenate([self._ends, ends])
        self._starts = np.concatenate([self._starts, ends - lengths])
        self.tokens += len(rows)

    def _decode(self, *, final: bool) -> None:
        reach = self._runtime.reach_tokens
        count = len(self._starts) - (0 if final else reach)
        if count <= 0:
            return
        rows = self._rows
        if final:
            rows = np.concatenate([rows, np.full(reach, EDGE_ROW, dtype=np.int64)])
        table = self._runtime.table
        table.embed_waiting()
        vectors = self._runtime.encoder.encode(rows[: count + 2 * reach], table.vectors)
        is_space = table.is_space[rows[reach : reach + count]]
        for span in self._decoder.decode(vectors, is_space, final=final):
            self._found.append(self._entity(span))
        open_start = self._decoder.open_start
        self._open_start_char = None if open_start is None else self._start_char(open_start)
        self._rows = self._rows[count:]
        self._starts, self._ends = self._starts[count:], self._ends[count:]
        self._first_token += count
        self._text = self._text[self.settled_char - self._text_start :]
        self._text_start = self.settled_char

    def _start_char(self, token: int) -> int:
        """Where `token` starts; one before the block is the entity that was open."""
        if token < self._first_token:
            if self._open_start_char is None:
                raise AssertionError("an entity began before this block, but none was open")
            return self._open_start_char
        return int(self._starts[token - self._first_token])

    def _entity(self, span: Span) -> Entity:
        start = self._start_char(span.start)
        end = int(self._ends[span.end - 1 - self._first_token])
        text = self._text[start - self._text_start : end - self._text_start]
        return Entity(text=text, label=span.label, start_char=start, end_char=end)


def stream_entities(runtime: LeanRuntime, pieces: Iterable[str]) -> Iterator[Entity]:
    """Yield the entities of the concatenation of `pieces`, in order."""
    stream = EntityStream(runtime)
    for piece in pieces:
        yield from stream.feed(piece)
    yield from stream.finish()
