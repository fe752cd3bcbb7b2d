"""Bytes to cues, sans-IO: feed() slices of a file, get the cues they complete.

In: bytes, split anywhere. Out: Cue values in file order. What is held between
calls: the block that has not ended, at most `max_block_bytes`.

Reading lines of text and matching each with a regular expression was turned down:
less than half as fast for the same cues, and a lone CR, a NUL or half a character
at the end of a slice each went wrong somewhere.
Source: W3C WebVTT, "WebVTT file parsing" (#file-parsing).
"""

from __future__ import annotations

import re

from snapshot_engine.errors import BlockTooLong, BrokenBlock, TranscriptError
from snapshot_engine.transcript.blocks import BlockMachine
from snapshot_engine.transcript.chunks import ChunkReader
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.pending import PendingBytes
from snapshot_engine.transcript.speakers import SpeakerFinder

# 256 KiB in one block is five hours of talk without a pause.
DEFAULT_MAX_BLOCK_BYTES = 1 << 18
DEFAULT_MAX_PROBLEMS = 100

# 64 KiB at a time hold 2.4 MiB more at the peak (lines, times and cues of a slice) and are no
# faster; 24 KiB save a fortieth of the instructions and grow twice as much from 1 MiB of file
# to 200 (0.23 MiB); 8 KiB take half as long again.
SLICE_BYTES = 1 << 14
# An open block longer than this is read line by line instead of waiting for its end.
_PATIENCE_BYTES = 1 << 14

# What is known of a foreign file before it is refused, and of a good one for guessing its producer.
_PROBE_BYTES = 512
_SAMPLE_CUES = 8

_LONE_CR = re.compile(rb"\r(?!\n)")
_BOM = b"\xef\xbb\xbf"
_REPLACEMENT = b"\xef\xbf\xbd"


class WebVTTParser:
    """The standard's file parser for one file.

    max_block_bytes: the most one block may have; a longer one is left out,
        reported and skipped to the next blank line.
    strict: raise BrokenBlock (or BlockTooLong) for a block that would be left
        out, after the cues before it have been returned.
    recover_times: also read "0:0:3.90" and decimal commas, counted in
        `times_recovered`; the standard drops such cues. Ignored when strict.
    max_problems: how many of the blocks left out are kept in `problems`.
    source: the file's name for error messages.
    """

    def __init__(
        self,
        *,
        max_block_bytes: int = DEFAULT_MAX_BLOCK_BYTES,
        strict: bool = False,
        recover_times: bool = False,
        max_problems: int = DEFAULT_MAX_PROBLEMS,
        source: str = "",
    ) -> None:
        if max_block_bytes < 64:
            raise ValueError(f"max_block_bytes is {max_block_bytes}; a timing line alone needs 64 or more")
        self.blocks_skipped = 0
        self.cues_read = 0
        self._problems: list[tuple[int, str]] = []
        self._first_cues: list[Cue] = []
        self._max_problems = max_problems
        self._max_block_bytes = max_block_bytes
        self._strict = strict
        self._source = source
        self._machine = BlockMachine(
            SpeakerFinder(),
            max_block_bytes=max_block_bytes,
            recover_times=recover_times and not strict,
            drop=self._drop,
            too_long=self._too_long,
        )
        self._chunks = ChunkReader(self._machine)
        self._failure: TranscriptError | None = None
        self._cues_before_failure = 0
        self._closed = False
        self._head = bytearray()  # the first bytes, until the signature is judged
        self._signature_read = False
        self._pending = PendingBytes(
            SLICE_BYTES + _PATIENCE_BYTES
        )  # line ends already "\n", NUL already U+FFFD
        self._searched = 0  # before it no end of a block is pending
        self._ends_in_cr = False
        self._skipping_line = True  # what stands behind the signature means nothing
        self._line_number = 1  # of the line that `_pending` begins with

    @property
    def problems(self) -> tuple[tuple[int, str], ...]:
        """The first blocks that were left out: (1-based line, reason)."""
        return tuple(self._problems)

    @property
    def times_recovered(self) -> int:
        """How many cues have times that the standard would not have read."""
        return self._machine.times_recovered

    @property
    def line_number(self) -> int:
        """The 1-based line that reading has come to."""
        return self._line_number

    @property
    def producer(self) -> str:
        """Which program's habits the first cues show, "" for none known."""
        from snapshot_engine.transcript.producers import guess_producer

        return guess_producer(self._first_cues)

    def feed(self, chunk: bytes) -> list[Cue]:
        """Return the cues that `chunk` completes, in file order.

        chunk: any slice of the file; a character or a line end may be cut in two.
        Raises NotWebVTT for another format; when strict, BrokenBlock or BlockTooLong
        on the call after the one that returned the last good cue.
        """
        if self._closed:
            raise ValueError("feed() after close(): a parser reads one file")
        if self._failure is not None:
            raise self._failure
        for start in range(0, len(chunk), SLICE_BYTES):
            if self._failure is None and self._take(bytes(chunk[start : start + SLICE_BYTES])):
                self._pump()
        return self._take_cues()

    def close(self) -> list[Cue]:
        """Return the cues that the end of the file completes."""
        if self._failure is not None:
            raise self._failure
        if self._closed:
            return []
        self._closed = True
        if not self._signature_read:
            self._judge_signature(at_end=True)
        if self._ends_in_cr:
            self._ends_in_cr = False
            self._add(b"\n")
            self._pump()
        self._end_of_file()
        return self._take_cues()

    def _take(self, data: bytes) -> bool:
        """Add a slice to what is pending; False while it is not known to be WebVTT."""
        if not self._signature_read:
            self._head += data
            if not self._judge_signature(at_end=False):
                return False
            data = bytes(self._head)
            self._head = bytearray()
        if self._ends_in_cr:
            data = b"\r" + data
        self._ends_in_cr = data.endswith(b"\r")
        if self._ends_in_cr:
            data = data[:-1]
        if b"\r" in data:
            # Taking a byte out is five times as fast as replacing two by one.
            if _LONE_CR.search(data):
                data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            else:
                data = data.replace(b"\r", b"")
        if b"\0" in data:
            data = data.replace(b"\0", _REPLACEMENT)
        self._add(data)
        return True

    def _judge_signature(self, *, at_end: bool) -> bool:
        """Decide whether the file is WebVTT; False while too little of it is known."""
        head = bytes(self._head)
        body = head.removeprefix(_BOM)
        if len(body) >= 7 or at_end:
            if body[:6] == b"WEBVTT" and body[6:7] in (b"", b" ", b"\t", b"\n", b"\r"):
                self._signature_read = True
                self._head = bytearray(body)
                if at_end:
                    self._add(body)
                    self._pump()
            elif at_end or len(head) >= _PROBE_BYTES:
                self._closed = True
                # Only a foreign file pays for the patterns that tell formats apart.
                from snapshot_engine.transcript.signature import not_webvtt

                raise not_webvtt(head, self._source)
        return self._signature_read

    def _add(self, data: bytes) -> None:
        """Keep `data`, line ends normalised, for the _pump() that follows."""
        self._searched = max(0, len(self._pending) - 1)
        self._pending.append(data)

    def _pump(self) -> None:
        """Read what the pending bytes complete.

        Apart from _add(), so that what came is let go of before it is made text.
        """
        pending = self._pending
        search_from = self._searched
        if self._skipping_line:
            if not self._drop_line():
                return
            search_from = 0
        if not self._machine.idle:
            search_from = self._finish_open_block(search_from)
        cut = pending.rfind(b"\n\n", search_from) + 2
        if cut >= 2:
            self._read_blocks(cut)
        if len(pending) > min(_PATIENCE_BYTES, self._max_block_bytes):
            self._read_open_block()

    def _drop_line(self) -> bool:
        """Drop the pending bytes up to the next line end; False where none is in sight."""
        end = self._pending.find(b"\n")
        if end < 0:
            self._pending.drop(len(self._pending))
            return False
        self._pending.drop(end + 1)
        self._line_number += 1
        self._skipping_line = False
        return True

    def _finish_open_block(self, search_from: int) -> int:
        """Read the open block to its end if that has come; return where to search for the next."""
        pending = self._pending
        at_end = pending.startswith(b"\n")
        cut = 1 if at_end else pending.find(b"\n\n", search_from) + 2
        if at_end or cut >= 2:
            self._read_lines(pending.take(cut))
            return 0
        return search_from

    def _read_open_block(self) -> None:
        """Read the complete lines of a block whose end is not in sight."""
        pending = self._pending
        cut = pending.rfind(b"\n") + 1
        if cut:
            self._read_lines(pending.take(cut))
        if len(pending) > self._max_block_bytes:
            self._machine.skip_block(self._line_number)
            self._skipping_line = True
            pending.drop(len(pending))

    def _read_blocks(self, cut: int) -> None:
        """Read the first `cut` pending bytes: complete lines, the last of them empty."""
        if self._machine.idle and cut <= self._max_block_bytes:
            self._line_number = self._chunks.read(self._pending.take_text(cut), self._line_number)
        else:
            self._read_lines(self._pending.take(cut))

    def _read_lines(self, data: bytes) -> None:
        """Hand complete lines to the block rules, one by one."""
        lines = data.split(b"\n")
        lines.pop()
        for line in lines:
            if len(line) > self._max_block_bytes:
                self._machine.skip_block(self._line_number)
            else:
                self._machine.add_line(line.decode("utf-8", "replace"), self._line_number, len(line))
            self._line_number += 1

    def _end_of_file(self) -> None:
        if self._pending and not self._skipping_line:
            self._read_lines(self._pending.take(len(self._pending)) + b"\n")
        self._pending.drop(len(self._pending))
        self._machine.end_block()

    def _take_cues(self) -> list[Cue]:
        """Hand out the finished cues; none that stands behind a failure."""
        cues = list(self._machine.cues)
        self._machine.cues = []
        if self._failure is not None:
            del cues[self._cues_before_failure :]
            self._cues_before_failure = 0
            if not cues:
                raise self._failure
        if len(self._first_cues) < _SAMPLE_CUES:
            self._first_cues += cues[: _SAMPLE_CUES - len(self._first_cues)]
        self.cues_read += len(cues)
        return cues

    def _drop(self, line_number: int, reason: str) -> None:
        self._report(BrokenBlock, line_number, reason, "Mend the file, or read it with strict=False.")

    def _too_long(self, line_number: int, what: str) -> None:
        reason = f"{what} passed {self._max_block_bytes:,} bytes with no blank line"
        self._report(
            BlockTooLong, line_number, reason, "Raise max_block_bytes, or check that this is WebVTT."
        )

    def _report(self, kind: type[BrokenBlock], line_number: int, reason: str, next_step: str) -> None:
        self.blocks_skipped += 1
        if len(self._problems) < self._max_problems:
            self._problems.append((line_number, reason))
        if self._strict and self._failure is None:
            self._cues_before_failure = len(self._machine.cues)
            where = f"{self._source} line {line_number}" if self._source else f"line {line_number}"
            self._failure = kind(
                f"{where}: {reason}. {next_step}", source=self._source, line_number=line_number
            )
