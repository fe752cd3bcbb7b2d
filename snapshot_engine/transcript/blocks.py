"""The standard's block rules, line by line: the path that every odd block takes.

In: the lines of a file after its first one, in order. Out: cues, and a report
of each block that the standard drops. The regular cues of a regular file take
a faster road with the same result; this module is the definition.
Source: W3C WebVTT, "collect a WebVTT block" (#collect-a-webvtt-block).
"""

from __future__ import annotations

from collections.abc import Callable

from snapshot_engine.transcript.cue import Cue, CueSettings, Region
from snapshot_engine.transcript.cue_settings import parse_cue_settings, parse_region_settings
from snapshot_engine.transcript.speakers import SpeakerFinder
from snapshot_engine.transcript.timestamps import WHITESPACE, parse_timing_line, recover_timing_line

# The standard sets no number; a cue names a region, so they must be kept.
MAX_REGIONS = 256

Report = Callable[[int, str], None]


class BlockMachine:
    """Collects one block at a time; completed cues wait in `cues`.

    Holds at most one block's payload (`max_block_bytes`) and 256 regions; the
    bodies of NOTE, STYLE and header blocks are dropped as they come.
    drop: called with (line number, reason) for each block that is left out.
    too_long: the same, for a block that passed `max_block_bytes`.
    """

    def __init__(
        self,
        finder: SpeakerFinder,
        *,
        max_block_bytes: int,
        recover_times: bool,
        drop: Report,
        too_long: Report,
    ) -> None:
        self.cues: list[Cue] = []
        self.regions: dict[str, Region] = {}
        self.times_recovered = 0
        self.seen_cue = False
        self.finder = finder
        self._max_block_bytes = max_block_bytes
        self._recover_times = recover_times
        self._drop = drop
        self._too_long = too_long
        self._skipping = False
        self._begin()
        # The lines after the signature, up to a blank or a timing line, are header.
        self._in_header = True
        self._line_count = 1

    @property
    def idle(self) -> bool:
        """Whether no block is open: the next line begins one."""
        return self._line_count == 0 and not self._skipping

    def add_line(self, line: str, line_number: int, line_bytes: int) -> None:
        """Take the next line, without its line end; an empty one closes the block."""
        if not line:
            self.end_block()
        elif self._skipping:
            return
        elif "-->" in line:
            self._add_arrow_line(line, line_number, line_bytes)
        else:
            self._add_text_line(line, line_number, line_bytes)

    def skip_block(self, line_number: int) -> None:
        """Leave the block out because a line of it is too long; skip to the next blank line."""
        if self._skipping:
            return
        what = "the header" if self._in_header else "a block"
        self._too_long(self._first_line or line_number, what)
        self._begin()
        self._skipping = True

    def end_block(self) -> None:
        """Close the open block: at a blank line, before a timing line, at the end of the file."""
        if self._times is not None:
            self._finish_cue(self._times)
        elif self._region is not None:
            self._keep_region(self._region)
        elif self._line_count and not self._in_header:
            self._report_dropped()
        self._skipping = False
        self._begin()

    def _begin(self) -> None:
        self._in_header = False
        self._line_count = 0
        self._first_line = 0
        self._arrow_line = 0
        self._identifier = ""
        self._times: tuple[int, int, CueSettings] | None = None
        self._region: Region | None = None
        self._style = False
        self._payload: list[str] = []
        self._block_bytes = 0

    def _add_arrow_line(self, line: str, line_number: int, line_bytes: int) -> None:
        if self._in_header or self._line_count > 1 or self._arrow_line:
            if self._line_count == 1 and self._times is None and not self._in_header:
                # Teams has written identifiers with an arrow in them. The standard
                # drops such a line and nothing else: no block is lost.
                self._begin()
            self.end_block()
        self._count(line_number, line_bytes)
        self._arrow_line = line_number
        times = parse_timing_line(line)
        if times is None and self._recover_times:
            times = recover_timing_line(line)
            self.times_recovered += times is not None
        if times is not None:
            start_ms, end_ms, settings = times
            self._times = start_ms, end_ms, parse_cue_settings(settings, self.regions)
            self.seen_cue = True

    def _add_text_line(self, line: str, line_number: int, line_bytes: int) -> None:
        self._count(line_number, line_bytes)
        if self._in_header or self._style:
            return
        if self._times is not None:
            if self._block_bytes > self._max_block_bytes:
                self.skip_block(line_number)
            else:
                self._payload.append(line)
        elif self._region is not None:
            self._region = parse_region_settings(self._region, line)
        elif self._line_count == 1:
            self._identifier = line
        elif self._line_count == 2 and not self._seen_arrow_or_cue():
            self._style = _is_keyword("STYLE", self._identifier)
            if _is_keyword("REGION", self._identifier):
                self._region = parse_region_settings(Region(), line)

    def _seen_arrow_or_cue(self) -> bool:
        return bool(self._arrow_line) or self.seen_cue

    def _count(self, line_number: int, line_bytes: int) -> None:
        self._line_count += 1
        self._block_bytes += line_bytes + 1
        self._first_line = self._first_line or line_number

    def _finish_cue(self, times: tuple[int, int, CueSettings]) -> None:
        start_ms, end_ms, settings = times
        raw_text = "\n".join(self._payload)
        speaker, text = self.finder.split(raw_text, self._identifier)
        self.cues.append(
            Cue(start_ms, end_ms, self._identifier, speaker, text, settings, self._arrow_line, raw_text)
        )

    def _keep_region(self, region: Region) -> None:
        if len(self.regions) < MAX_REGIONS or region.identifier in self.regions:
            self.regions[region.identifier] = region
        else:
            self._drop(self._first_line, f"more than {MAX_REGIONS} regions")

    def _report_dropped(self) -> None:
        if self._style or is_note(self._identifier):
            return
        if self._arrow_line:
            self._drop(self._arrow_line, "the timing line is not `start --> end` with WebVTT times")
        elif _is_keyword("STYLE", self._identifier) or _is_keyword("REGION", self._identifier):
            self._drop(
                self._first_line, f"{self._identifier.strip(WHITESPACE)} block after the first cue, or empty"
            )
        else:
            self._drop(self._first_line, "text without a timing line")


def _is_keyword(keyword: str, line: str) -> bool:
    return line.startswith(keyword) and not line[len(keyword) :].strip(WHITESPACE)


def is_note(line: str) -> bool:
    """Say whether `line` begins a comment block."""
    return line.startswith("NOTE") and (len(line) == 4 or line[4] in WHITESPACE)
