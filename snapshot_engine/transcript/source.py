"""A path, standard input, gzip or any binary stream to cues: the one shell here that reads.

In: something to read. Out: cues, lazily. Holds one read (16 KiB), one block and
the cues that one read completes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from snapshot_engine.errors import TranscriptError
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.unpack import DamagedGzip, unpacked
from snapshot_engine.transcript.webvtt import (
    DEFAULT_MAX_BLOCK_BYTES,
    DEFAULT_MAX_PROBLEMS,
    SLICE_BYTES,
    WebVTTParser,
)


class ReaderStatistics(NamedTuple):
    """What reading has met so far.

    bytes_read: as stored, so packed bytes for gzip.
    blocks_skipped: blocks that gave no cue; problems: the first of them as
        (1-based line, reason).
    times_recovered: cues whose times the standard would not have read.
    producer: which program's habits the first cues show, "" for none known.
    """

    bytes_read: int = 0
    cues: int = 0
    blocks_skipped: int = 0
    times_recovered: int = 0
    problems: tuple[tuple[int, str], ...] = ()
    producer: str = ""


class StreamingVTTReader:
    """Reads WebVTT of any size in memory that does not grow.

    max_block_bytes, strict, recover_times, max_problems: as for WebVTTParser;
    here times are recovered by default, since a cue with a readable time is
    worth more to a reader of transcripts than the letter of the standard.
    read_block_bytes: asked of the source at a time; the cues are the same for any.
    """

    def __init__(
        self,
        *,
        max_block_bytes: int = DEFAULT_MAX_BLOCK_BYTES,
        strict: bool = False,
        recover_times: bool = True,
        max_problems: int = DEFAULT_MAX_PROBLEMS,
        read_block_bytes: int = SLICE_BYTES,
    ) -> None:
        self._read_block_bytes = read_block_bytes
        self._max_block_bytes = max_block_bytes
        self._strict = strict
        self._recover_times = recover_times
        self._max_problems = max_problems
        self._bytes_read = 0
        self._damage: tuple[tuple[int, str], ...] = ()
        self._parser = self._new_parser("")

    @property
    def statistics(self) -> ReaderStatistics:
        """What the latest read_streaming() has met, also while it is under way."""
        parser = self._parser
        return ReaderStatistics(
            bytes_read=self._bytes_read,
            cues=parser.cues_read,
            blocks_skipped=parser.blocks_skipped,
            times_recovered=parser.times_recovered,
            problems=self._damage + parser.problems,
            producer=parser.producer,
        )

    def read_streaming(self, source: str | os.PathLike[str] | BinaryIO) -> Iterator[Cue]:
        """Yield the cues of `source`, in file order.

        source: a path, "-" for standard input, or a binary stream (left open);
            gzip is recognised by its first bytes.
        Raises OSError at once where a path cannot be opened, NotWebVTT for another
        format; when strict, BrokenBlock at the first block that gives no cue.
        """
        cues = self._read(source)
        # The generator stops once with the file open, so that a wrong path fails
        # here and a generator that is dropped unused still closes the file.
        next(cues)
        return cast("Iterator[Cue]", cues)

    def _new_parser(self, name: str) -> WebVTTParser:
        return WebVTTParser(
            max_block_bytes=self._max_block_bytes,
            strict=self._strict,
            recover_times=self._recover_times,
            max_problems=self._max_problems,
            source=name,
        )

    def _read(self, source: str | os.PathLike[str] | BinaryIO) -> Iterator[Cue | None]:
        stream, name, ours = _open(source)
        try:
            self._bytes_read = 0
            self._damage = ()
            parser = self._parser = self._new_parser(name)
            yield None
            try:
                for data in unpacked(self._pieces(stream), self._read_block_bytes):
                    cues = iter(parser.feed(data))
                    data = b""  # let go of it: the next piece takes its place
                    yield from cues
            except DamagedGzip as damage:
                self._report(damage, name)
            # Twice when strict: a failure waits until the cues before it are out.
            yield from parser.close()
            yield from parser.close()
        finally:
            if ours:
                stream.close()

    def _pieces(self, stream: BinaryIO) -> Iterator[bytes]:
        # read1() gives what a pipe has now; read() would wait for a full block.
        read = getattr(stream, "read1", stream.read)

        def next_piece() -> bytes:
            data = read(self._read_block_bytes) or b""
            if not isinstance(data, bytes):
                raise TypeError(f"the stream gave {type(data).__name__}, not bytes; open it in binary mode")
            self._bytes_read += len(data)
            return data

        # Not a generator: its frame would hold one piece while the next is read.
        return iter(next_piece, b"")

    def _report(self, damage: DamagedGzip, name: str) -> None:
        """Keep what damaged gzip gave, and say so; refuse when strict or when it gave nothing."""
        reason = f"damaged gzip data near byte {self._bytes_read:,}: {damage}"
        line_number = self._parser.line_number
        if self._strict or not self._parser.cues_read:
            raise TranscriptError(
                f"{name} line {line_number}: {reason}. Fetch the file again.",
                source=name,
                line_number=line_number,
            ) from damage
        self._damage = ((line_number, reason),)


def _open(source: str | os.PathLike[str] | BinaryIO) -> tuple[BinaryIO, str, bool]:
    """Return (stream, name for messages, whether we close it)."""
    if isinstance(source, str) and source == "-":
        return sys.stdin.buffer, "<stdin>", False
    if isinstance(source, (str, os.PathLike)):
        # Unbuffered: reads of this size gain nothing from a second buffer.
        return cast("BinaryIO", open(source, "rb", buffering=0)), os.fspath(source), True
    if not hasattr(source, "read"):
        raise TypeError(
            f"read_streaming() takes a path or a binary stream, not {type(source).__name__}; "
            "wrap bytes in io.BytesIO, or feed them to WebVTTParser"
        )
    return source, str(getattr(source, "name", "<stream>")), False
