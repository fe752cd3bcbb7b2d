"""The cue: one timed piece of speech, as plain values.

A named tuple and not a frozen dataclass: the reader builds about a million of
these a second, and a tuple is filled in C (0.16 us a cue against 1.4 us for a
frozen, slotted dataclass with eight fields, CPython 3.11).
"""

from __future__ import annotations

from typing import NamedTuple


class Region(NamedTuple):
    """A WebVTT region; percentages run from 0 to 100.

    region_anchor, viewport_anchor: (x, y) in percent.
    """

    identifier: str = ""
    width: float = 100
    lines: int = 3
    region_anchor: tuple[float, float] = (0, 100)
    viewport_anchor: tuple[float, float] = (0, 100)
    scroll: str = ""


class CueSettings(NamedTuple):
    """Where a cue is drawn; every field has the value the standard gives it when unset.

    line, position: None is the standard's "auto".
    line: percent, or a line number where snap_to_lines is true.
    size, position: percent of the video.
    """

    vertical: str = ""
    snap_to_lines: bool = True
    line: float | None = None
    line_align: str = "start"
    position: float | None = None
    position_align: str = "auto"
    size: float = 100
    align: str = "center"
    region: Region | None = None


DEFAULT_SETTINGS = CueSettings()


class Cue(NamedTuple):
    """One cue of a transcript.

    start_ms, end_ms: whole milliseconds; the end may lie before the start, as in the file.
    identifier: the line above the timing line, "" without one.
    speaker: who the cue names (voice tag, `Name: text`, Webex identifier), "" for nobody.
    text: plain text: tags and character references resolved, the speaker's label
        removed, line breaks kept as "\\n".
    line_number: 1-based line of the timing line.
    raw_text: the payload as it stands in the file, line ends as "\\n".
    """

    start_ms: int
    end_ms: int
    identifier: str = ""
    speaker: str = ""
    text: str = ""
    settings: CueSettings = DEFAULT_SETTINGS
    line_number: int = 0
    raw_text: str = ""
