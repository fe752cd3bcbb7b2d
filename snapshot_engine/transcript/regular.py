"""Regular cues, a whole chunk at a time: the road that nearly every cue takes.

In: text that holds whole blocks, when no block is open. Out: the same cues that
`blocks` would give, or None for text that is not regular from end to end.

Regular: (identifier line,) timing line, one line of text, blank line, over and
over. The lines are taken apart by stride, the times converted column by column
and the cues made by one map(), so that hardly anything but C runs per cue.
Nothing is guessed: each condition under which the block rules could see
something else is tested on the whole chunk. One compiled findall() per chunk was
turned down: its rows, with neither times nor speakers, cost two thirds of what these
finished cues do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import repeat
from typing import NamedTuple

from snapshot_engine.transcript.blocks import BlockMachine
from snapshot_engine.transcript.cue import DEFAULT_SETTINGS, Cue, CueSettings
from snapshot_engine.transcript.cue_settings import parse_cue_settings

_ARROW = " --> "
# Every digit becomes "0", so that one comparison checks the shape of all times.
_DIGITS_TO_ZERO = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
# "03:26.500" without ":" and with "0" for "." is 03 26 05 00: two digits a byte in
# bytes.fromhex(), and this table makes 0x26 the number 26.
_POINT_TO_ZERO = bytes(0x30 if byte == 0x2E else byte for byte in range(256))
_HEX_TO_NUMBER = bytes((byte >> 4) * 10 + (byte & 15) for byte in range(256))


class _Shape(NamedTuple):
    """A timing line of fixed width.

    template: the line with "0" for every digit.
    sixties: where the tens of minutes and seconds stand.
    weights: the milliseconds in each two-digit field of one time.
    """

    template: bytes
    sixties: tuple[int, ...]
    weights: tuple[int, ...]


_SHAPES = {
    12: _Shape(b"00:00:00.000 --> 00:00:00.000\n", (3, 6, 20, 23), (3_600_000, 60_000, 1_000, 100, 1)),
    9: _Shape(b"00:00.000 --> 00:00.000\n", (0, 3, 14, 17), (60_000, 1_000, 100, 1)),
}


def read_regular(text: str, lines: list[str], line_number: int, machine: BlockMachine) -> list[Cue] | None:
    """Return the cues of `text`, or None where it is not regular.

    text: whole blocks, ending in an empty line; lines: the same, split.
    line_number: of the first line.
    """
    stride = 3 if "-->" in lines[0] else 4
    if len(lines) % stride or any(lines[stride - 1 :: stride]):
        return None
    timings = lines[stride - 3 :: stride]
    raw_texts = lines[stride - 2 :: stride]
    # One character is counted in half the time of three.
    arrows = text.count(">")
    if (arrows != len(timings) and text.count("-->") != len(timings)) or not all(raw_texts):
        return None
    identifiers: Iterable[str] = repeat("")
    speakers: Iterable[str]
    texts: Iterable[str]
    if stride == 4:
        identifiers = lines[::4]
        if not all(identifiers):
            return None
    times = _read_times(timings)
    if times is None:
        return None
    starts, ends, width = times
    settings: Iterable[CueSettings] = repeat(DEFAULT_SETTINGS)
    if width:
        settings = [parse_cue_settings(timing[width:], machine.regions) for timing in timings]
    machine.seen_cue = True
    plain = arrows == len(timings) and "<" not in text and "&" not in text
    if stride == 4 and '"' in text and any('"' in identifier for identifier in identifiers):
        pairs = list(map(machine.finder.split, raw_texts, identifiers))
        speakers, texts = [speaker for speaker, _ in pairs], [rest for _, rest in pairs]
    else:
        speakers, texts = machine.finder.split_all(raw_texts, plain=plain)
    numbers = range(line_number + stride - 3, line_number + len(lines), stride)
    rows = zip(starts, ends, identifiers, speakers, texts, settings, numbers, raw_texts, strict=False)
    # Cue(*row) runs a Python function for each cue; this is what it does, in C.
    return list(map(tuple.__new__, repeat(Cue), rows))


def _read_times(timings: list[str]) -> tuple[list[int], list[int], int] | None:
    """Return (starts in ms, ends in ms, width of the times if settings follow any, else 0)."""
    shape = _SHAPES.get(timings[0].find(_ARROW))
    joined = "\n".join(timings)
    if shape is None or not joined.isascii():
        return None
    width = 0
    size = len(shape.template)
    if len(joined) + 1 != size * len(timings):
        width = size - 1
        if any(timing[width : width + 1].isdigit() for timing in timings):
            return None
        joined = "\n".join([timing[:width] for timing in timings])
    column = (joined + "\n").encode("ascii")
    if column.translate(_DIGITS_TO_ZERO) != shape.template * len(timings):
        return None
    if b"".join([column[start::size] for start in shape.sixties]).translate(None, b"012345"):
        return None
    digits = column.translate(_POINT_TO_ZERO, b":-> \n").decode("ascii")
    fields = bytes.fromhex(digits).translate(_HEX_TO_NUMBER)
    return _to_ms(fields, 0, shape.weights), _to_ms(fields, len(shape.weights), shape.weights), width


def _to_ms(fields: bytes, first: int, weights: tuple[int, ...]) -> list[int]:
    """Add up the weighted columns of `fields`, each row being two times long.

    A big integer serves as a row of 32-bit lanes: one multiplication weights a
    whole column. The largest time, 99:59:59.999, needs 29 bits, so no lane runs
    over. int() for each time costs twice as much.
    """
    stride = 2 * len(weights)
    lanes = bytearray(4 * (len(fields) // stride))
    total = 0
    for position, weight in enumerate(weights, first):
        lanes[::4] = fields[position::stride]
        total += int.from_bytes(lanes, "little") * weight
    packed = total.to_bytes(len(lanes), sys.byteorder)
    numbers = memoryview(packed).cast("I").tolist()
    return numbers if sys.byteorder == "little" else numbers[::-1]
