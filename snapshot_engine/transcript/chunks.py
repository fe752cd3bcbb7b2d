"""Chunks of whole blocks to cues: as much as possible by the fast road.

In: text between two moments when no block is open. Out: cues, in the block
machine's list, as if every line had gone through it. A chunk that is not regular
from end to end is halved until the odd block stands alone; a block of one cue is
read here; everything else is the machine's.
"""

from __future__ import annotations

from snapshot_engine.transcript.blocks import BlockMachine, is_note
from snapshot_engine.transcript.cue import DEFAULT_SETTINGS, Cue
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
        first, _, rest = text.partition("\n")
        at = 0 if "-->" in first else 1
        identifier = first if at else ""
        timing, _, raw_text = rest.partition("\n") if at else (first, "", rest)
        times = None if "-->" in raw_text else parse_timing_line(timing)
        if times is None or "-->" in times[2]:
            self._leave_to_machine(text, line_number)
            return
        machine = self._machine
        machine.seen_cue = True
        start_ms, end_ms, settings_text = times
        settings = parse_cue_settings(settings_text, machine.regions) if settings_text else DEFAULT_SETTINGS
        speaker, plain = machine.finder.split(raw_text, identifier)
        machine.cues.append(
            Cue(start_ms, end_ms, identifier, speaker, plain, settings, line_number + at, raw_text)
        )

    def _leave_to_machine(self, text: str, line_number: int) -> None:
        lines = text.split("\n")
        if is_note(lines[0]) and "-->" not in text:
            return
        for number, line in enumerate(lines, line_number):
            self._machine.add_line(line, number, len(line))
        self._machine.end_block()
