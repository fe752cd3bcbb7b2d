"""WebVTT timestamps and timing lines to milliseconds, as the standard reads them.

In: one line of text. Out: whole milliseconds, or None where the standard drops
the line. `recover_timing_line` reads what some producers write instead; callers
count its use. A regular expression was turned down for the standard's grammar:
its hours have no upper bound, and a field of 10**7 digits must cost linear time.
"""

from __future__ import annotations

import re

WHITESPACE = " \t\n\f\r"
# A timing line as nearly everybody writes it: a shortcut past the character loops.
_USUAL = re.compile(
    r"(?:([0-9]{2,15}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})[ \t]*-->[ \t]*"
    r"(?:([0-9]{2,15}):)?([0-5][0-9]):([0-5][0-9])\.([0-9]{3})(?![0-9])"
)
_DIGITS = frozenset("0123456789")

# The standard puts no bound on hours. 15 digits are 10**11 years; more than that
# is no time, and CPython refuses to convert past 4,300 digits anyway.
_MAX_HOUR_DIGITS = 15

# Microsoft Teams wrote "0:0:3.90" in 2021. Its last field is a count of
# milliseconds: read that way no cue of a 261-cue meeting runs backwards, read as
# a decimal fraction four do. Files renamed from SubRip bring a comma.
_UNPADDED = re.compile(r"([0-9]{1,15}):([0-5]?[0-9]):([0-5]?[0-9])[.,]([0-9]{1,3})")


def parse_timestamp(line: str, position: int) -> tuple[int, int] | None:
    """Read one timestamp; return (milliseconds, position after it) or None.

    Source: W3C WebVTT, "collect a WebVTT timestamp" (#collect-a-webvtt-timestamp).
    """
    first, position = _digits(line, position)
    if not first or line[position : position + 1] != ":":
        return None
    hours_given = len(first) != 2 or first > "59"
    second, position = _digits(line, position + 1)
    if len(second) != 2:
        return None
    if hours_given or line[position : position + 1] == ":":
        if line[position : position + 1] != ":":
            return None
        third, position = _digits(line, position + 1)
        if len(third) != 2:
            return None
        hours, minutes, seconds = first.lstrip("0"), second, third
    else:
        hours, minutes, seconds = "", first, second
    if line[position : position + 1] != ".":
        return None
    thousandths, position = _digits(line, position + 1)
    if len(thousandths) != 3 or minutes > "59" or seconds > "59" or len(hours) > _MAX_HOUR_DIGITS:
        return None
    total_minutes = int(hours or "0") * 60 + int(minutes)
    return (total_minutes * 60 + int(seconds)) * 1000 + int(thousandths), position


def parse_timing_line(line: str) -> tuple[int, int, str] | None:
    """Read `start --> end settings`; return (start_ms, end_ms, settings text) or None.

    Source: W3C WebVTT, "collect WebVTT cue timings and settings".
    """
    usual = _USUAL.match(line)
    if usual is not None:
        h, m, s, ms, h2, m2, s2, ms2 = map(int, usual.groups("0"))
        start_ms = ((h * 60 + m) * 60 + s) * 1000 + ms
        return start_ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2, line[usual.end() :]
    start = parse_timestamp(line, _skip_whitespace(line, 0))
    if start is None:
        return None
    position = _skip_whitespace(line, start[1])
    if line[position : position + 3] != "-->":
        return None
    end = parse_timestamp(line, _skip_whitespace(line, position + 3))
    if end is None:
        return None
    return start[0], end[0], line[end[1] :]


def recover_timing_line(line: str) -> tuple[int, int, str] | None:
    """Read a timing line that the standard drops: unpadded fields, or a decimal comma.

    "0:0:3.90 --> 0:0:5.4" is 3,090 ms to 5,004 ms. None where even that fails.
    """
    left, arrow, right = line.partition("-->")
    start = _UNPADDED.fullmatch(left.strip(WHITESPACE))
    right = right.lstrip(WHITESPACE)
    end = _UNPADDED.match(right)
    if not arrow or start is None or end is None:
        return None
    rest = right[end.end() :]
    if rest and rest[0] not in WHITESPACE:
        return None
    return _unpadded_ms(start), _unpadded_ms(end), rest


def _unpadded_ms(match: re.Match[str]) -> int:
    hours, minutes, seconds, thousandths = map(int, match.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths


def _digits(line: str, position: int) -> tuple[str, int]:
    end = position
    while end < len(line) and line[end] in _DIGITS:
        end += 1
    return line[position:end], end


def _skip_whitespace(line: str, position: int) -> int:
    while position < len(line) and line[position] in WHITESPACE:
        position += 1
    return position
