"""Captions that roll: each cue repeats the last line of the one before.

In: cues in file order. Out: the lines that a cue is the first to say. YouTube's
automatic captions come so: two lines, the second with a time at every word, and
between two such cues an echo of 10 ms that repeats the finished line.

Rolling is recognised, never assumed: by times inside the text (from then on, for
the rest of the file), or by an echo. Somebody who says "Yes." twice in two
ordinary cues said it twice.
"""

from __future__ import annotations

import re

from snapshot_engine.transcript.cue import Cue

_INNER_TIME = re.compile(r"<[0-9]{2,}:[0-9]{2}")
_ECHO_MS = 50
# Rolling cues follow each other without a gap; YouTube's differ by 0 or 10 ms.
_CONTIGUOUS_MS = 100


class RollingCaptions:
    """Holds the lines of one cue."""

    def __init__(self) -> None:
        self._rolling = False
        self._before: list[str] = []
        self._before_end_ms = 0

    def fresh_lines(self, cue: Cue) -> list[str]:
        """Return the lines of the next cue that the cue before did not show already."""
        lines = tidy_lines(cue.text)
        if not self._rolling and "<" in cue.raw_text:
            self._rolling = _INNER_TIME.search(cue.raw_text) is not None
        echo = 0 <= cue.end_ms - cue.start_ms <= _ECHO_MS
        repeated = 0
        if (self._rolling or echo) and abs(cue.start_ms - self._before_end_ms) <= _CONTIGUOUS_MS:
            repeated = _overlap(self._before, lines)
            if not self._rolling and repeated < len(lines):
                repeated = 0
        self._before = lines or self._before
        self._before_end_ms = cue.end_ms
        return lines[repeated:] if repeated else lines


def tidy_lines(text: str) -> list[str]:
    """Return the lines of `text` that hold words, single blanks between them."""
    return [words for line in text.split("\n") if (words := " ".join(line.split()))]


def _overlap(before: list[str], now: list[str]) -> int:
    """Return how many lines at the end of `before` are those at the start of `now`."""
    for count in range(min(len(before), len(now)), 0, -1):
        if before[-count:] == now[:count]:
            return count
    return 0
