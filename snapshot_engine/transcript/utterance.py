"""What one speaker said in one go: the unit that language and insight work on."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A run of cues of one speaker, as one plain text.

    speaker: "" where the transcript names none.
    text: the cues' plain texts joined by single spaces; never empty.
    cue_offsets: where in `text` each cue begins (first is 0, ascending);
        cue_start_ms, cue_end_ms, cue_lines run parallel to it.
    """

    speaker: str
    start_ms: int
    end_ms: int
    text: str
    cue_offsets: tuple[int, ...]
    cue_start_ms: tuple[int, ...]
    cue_end_ms: tuple[int, ...]
    cue_lines: tuple[int, ...]

    def cue_index(self, offset: int) -> int:
        """Return the index of the cue that holds character `offset` of `text`."""
        return bisect_right(self.cue_offsets, offset) - 1

    def time_at_ms(self, offset: int) -> int:
        """Return the start time of the cue that holds character `offset` of `text`."""
        return self.cue_start_ms[self.cue_index(offset)]
