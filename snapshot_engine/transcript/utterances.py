"""Cues to utterances: runs of one speaker joined, rolling captions said once.

In: cues in file order. Out: Utterance values. Holds one utterance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.utterance import Utterance

DEFAULT_MAX_UTTERANCE_CHARS = 4000


def join_cues(
    cues: Iterable[Cue], *, max_utterance_chars: int = DEFAULT_MAX_UTTERANCE_CHARS
) -> Iterator[Utterance]:
    """Yield the utterances of `cues`; no word is lost, none is said twice."""
    speaker = ""
    parts: list[tuple[str, Cue]] = []
    size = 0
    for cue in cues:
        text = " ".join(cue.text.split())
        if not text:
            continue
        if parts and (cue.speaker != speaker or size + len(text) >= max_utterance_chars):
            yield _utterance(speaker, parts)
            parts, size = [], 0
        speaker = cue.speaker
        parts.append((text, cue))
        size += len(text) + 1
    if parts:
        yield _utterance(speaker, parts)


def _utterance(speaker: str, parts: list[tuple[str, Cue]]) -> Utterance:
    offsets: list[int] = []
    position = 0
    for text, _ in parts:
        offsets.append(position)
        position += len(text) + 1
    return Utterance(
        speaker=speaker,
        start_ms=parts[0][1].start_ms,
        end_ms=max(cue.end_ms for _, cue in parts),
        text=" ".join(text for text, _ in parts),
        cue_offsets=tuple(offsets),
        cue_start_ms=tuple(cue.start_ms for _, cue in parts),
        cue_end_ms=tuple(cue.end_ms for _, cue in parts),
        cue_lines=tuple(cue.line_number for _, cue in parts),
    )
