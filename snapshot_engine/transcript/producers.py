"""Which program wrote a transcript, by the habits of its first cues.

In: the first cues. Out: a name, "" where nothing gives it away. A hint for the
reader of a report; nothing depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from snapshot_engine.transcript.cue import Cue

_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_BY_IDENTIFIER = (
    (re.compile(_GUID + r"/[0-9]+-[0-9]+"), "Microsoft Teams"),
    (re.compile(_GUID), "Microsoft Stream"),
    (re.compile(r'[0-9]+ "[^"]+" \([0-9]*\)'), "Webex"),
)
_BY_TEXT = (
    (re.compile(r"<[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}><c>"), "YouTube automatic captions"),
    (re.compile(r"<Speaker [0-9]+>"), "Azure"),
)


def guess_producer(first_cues: Sequence[Cue]) -> str:
    """Return the program whose habits at least a third of `first_cues` show.

    A third: every second cue of YouTube's is an echo without any habit.
    """
    habits = [_habit(cue) for cue in first_cues]
    names = {name for name in habits if name and habits.count(name) * 3 >= len(habits)}
    return max(sorted(names), key=habits.count, default="")


def _habit(cue: Cue) -> str:
    for pattern, name in _BY_IDENTIFIER:
        if pattern.fullmatch(cue.identifier):
            return name
    for pattern, name in _BY_TEXT:
        if pattern.search(cue.raw_text):
            return name
    if cue.identifier.isdigit() and cue.speaker and cue.raw_text.startswith(f"{cue.speaker}: "):
        return "Zoom"
    return ""
