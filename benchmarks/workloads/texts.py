"""The texts that language workloads read: real transcripts, generated ones, and ones full of new words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

# English, longer than a page; the Portuguese and the two tiny samples say nothing about speed
REAL = (
    "earnings_call_4469669.vtt",
    "earnings_call_4482641.vtt",
    "earnings_call_mtn_ghana_2020.vtt",
    "podcast_voice_tags.vtt",
    "zoom_breakout_165min.vtt",
    "zoom_networking_109min.vtt",
)
_LABEL = re.compile(r"[^\s:][^:\n]{0,60}: ")


def without_label(text: str) -> str:
    """Return a cue's text without "Name: ", on one line: peers get the same help that ours has built in."""
    return " ".join(_LABEL.sub("", text, count=1).split())


def documents(source: str) -> list[list[str]]:
    """Return one list of cue texts per transcript.

    source: a folder that holds the REAL files, or one transcript.
    """
    from snapshot_engine import StreamingVTTReader

    path = Path(source)
    files = [path / name for name in REAL] if path.is_dir() else [path]
    return [
        [" ".join(cue.text.split()) for cue in StreamingVTTReader().read_streaming(file)] for file in files
    ]


def endless_pieces(source: str, *, words: int, unique_ratio: float = 0.0) -> Iterator[str]:
    """Yield cue texts with a blank behind each until `words` words are out.

    unique_ratio: this share of the words is replaced by words that never come again.
    """
    from snapshot_engine import StreamingVTTReader

    said = made = 0
    every = round(1 / unique_ratio) if unique_ratio else 0
    while said < words:
        before = said
        for cue in StreamingVTTReader().read_streaming(source):
            found = cue.text.split()
            if every:
                for at in range((-said) % every, len(found), every):
                    made += 1
                    found[at] = new_word(made)
            said += len(found)
            yield " ".join(found) + " "
            if said >= words:
                return
        if said == before:
            raise ValueError(f"{source} holds no words")


def new_word(number: int) -> str:
    """Return a word that no other number gives: letters only, so that it stays one token."""
    letters = []
    while number:
        number, at = divmod(number, 20)
        letters.append("bcdfghjklmnpqrstvwxz"[at])
    return "o".join(letters) + "oq"
