"""Chunks of whole blocks to cues: as much as possible by the fast road.

In: text between two moments when no block is open. Out: cues, in the block
machine's list, as if every line had gone through it. A chunk that is not regular
from end to end is halved until the odd block stands alone; a block of one cue is
read here; everything else is the machine's.
"""

from __future__ import annotations

from snapshot_engine.transcript.blocks import BlockMachine, is_note
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.cue_settings import parse_cue_settings
from snapshot_engine.transcript.regular import read_regular
from snapshot_engine.transcript.timestamps import parse_timing_line

# Shorter pieces cost more to try than to read block by block.
_MIN_REGULAR_CHARS = 2048


class ChunkReader:
    """Reads chunks for one BlockMachine, which must have no block open."""

    def __init__(self, machine: BlockMachine) -> None:
        self._machine = machine
        self._regular_pieces = 0
        self._halving_pays = True

    def read(self, text: str, line_number: int) -> int:
        """Add the cues of `text` to the machine's; return the number of the line after it.

        text: complete lines, the last one empty; line_number: of the first line.
        """
        self._regular_pieces = 0
        line_number = self._read_piece(text, line_number)
        # Where no piece of a chunk was regular, the next one is tried whole, not in halves.
        self._halving_pays = self._regular_pieces > 0
        return line_number

    def _read_piece(self, text: str, line_number: int) -> int:
        body = text.lstrip("\n")
        line_number += len(text) - len(body)
        if not body:
            return line_number
        lines = body.split("\n")
        lines.pop()
        cues = read_regular(body, lines, line_number, self._machine)
        if cues is not None:
            self._machine.cues += cues
            self._regular_pieces += 1
            return line_number + len(lines)
        middle = body.find("\n\n", len(body) // 2) + 2
        if self._halving_pays and len(body) > _MIN_REGULAR_CHARS and 2 <= middle < len(body):
            line_number = self._read_piece(body[:middle], line_number)
            return self._read_piece(body[middle:], line_number)
        for block in body.split("\n\n"):
            self._read_block(block, line_number)
            line_number += block.count("\n") + 2
        # The text behind the last empty line is an empty block without a line.
        return line_number - 2

    def _read_block(self, block: str, line_number: int) -> None:
        text = block.lstrip("\n")
        if not text:
            return
        line_number += len(block) - len(text)
        lines = text.split("\n")
        arrows = text.count("-->")
        if not arrows and is_note(lines[0]):
            return
        at = 0 if "-->" in lines[0] else 1
        machine = self._machine
        times = parse_timing_line(lines[at]) if arrows == 1 and at < len(lines) else None
        if times is None:
            for number, line in enumerate(lines, line_number):
                machine.add_line(line, number, len(line))
            machine.end_block()
            return
        machine.seen_cue = True
        start_ms, end_ms, rest = times
        identifier = lines[0] if at else ""
        raw_text = "\n".join(lines[at + 1 :])
        settings = parse_cue_settings(rest, machine.regions)
        speaker, plain = machine.finder.split(raw_text, identifier)
        machine.cues.append(
            Cue(start_ms, end_ms, identifier, speaker, plain, settings, line_number + at, raw_text)
        )
