"""Everything the lean runtime keeps of one model: weights, rules and the bounded tables.

Needs NumPy and the model's files; spaCy is never imported. One runtime serves
any number of streams one after the other, or a few at once in one thread.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from snapshot_engine.language.architecture import read_weights
from snapshot_engine.language.chunk_codes import ChunkCodes
from snapshot_engine.language.chunks import MAX_CHUNK_CHARS
from snapshot_engine.language.decoder import DecoderWeights
from snapshot_engine.language.kernel import WindowEncoder
from snapshot_engine.language.lexemes import LexemeTable, read_norms
from snapshot_engine.language.model_files import ModelDirectory, map_file, unpack
from snapshot_engine.language.tokenizer import Tokenizer

if TYPE_CHECKING:
    from snapshot_engine.language.streaming import EntityStream

# A row is 400 bytes and its dictionary entry about 200: 3.5 MB in all.
MAX_ROWS = 6144
# A chunk may be all one-character tokens; live streams hold a few rows besides.
MIN_ROWS = MAX_CHUNK_CHARS + 128
# A chunk's entry is about 200 bytes: 1.6 MB.
MAX_CHUNKS = 8192


class LeanRuntime:
    """The tables and products of one installed model."""

    def __init__(
        self, model: ModelDirectory, *, jobs: int = 1, max_rows: int = MAX_ROWS, max_chunks: int = MAX_CHUNKS
    ) -> None:
        """Read the model's files; raise UnsupportedModel or ModelFilesError when they are others than expected.

        jobs: threads that share the forward pass.
        max_rows: at least MIN_ROWS, so that the longest chunk fits. max_chunks: at least 2.
        """
        if max_rows < MIN_ROWS or max_chunks < 2:
            raise ValueError(
                f"max_rows={max_rows}, max_chunks={max_chunks}: at least {MIN_ROWS} and 2 are needed"
            )
        self.model = model
        weights = read_weights(model.path)
        self.fingerprint = weights.fingerprint
        self.reach_tokens = weights.reach_tokens
        lookups = model.path / "vocab" / "lookups.bin"
        norms = read_norms(unpack(map_file(lookups))) if lookups.is_file() else {}
        tokenizer = Tokenizer.from_model(model.path)
        self.table = LexemeTable(weights, norms, max_rows=max_rows)
        self.codes = ChunkCodes(tokenizer, self.table, max_chunks=max_chunks)
        self.encoder = WindowEncoder(weights, jobs=jobs)
        self.decoder_weights = DecoderWeights(weights, input_offset=self.encoder.offset)
        self._streams: weakref.WeakSet[EntityStream] = weakref.WeakSet()

    def register(self, stream: EntityStream) -> None:
        """Keep the rows of `stream` over `make_room`, as long as it lives."""
        self._streams.add(stream)

    def unregister(self, stream: EntityStream) -> None:
        """Forget a finished stream."""
        self._streams.discard(stream)

    def make_room(self) -> None:
        """Forget the words not met lately; live streams keep the few rows they hold."""
        streams = list(self._streams)
        for stream in streams:
            stream.settle()
        held = [stream.held_rows() for stream in streams]
        self.codes.make_room(np.concatenate(held) if held else np.zeros(0, dtype=np.int64))
