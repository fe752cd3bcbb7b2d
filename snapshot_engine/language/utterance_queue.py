"""Utterances through a text stream: joined by one blank, entities handed back to where they start.

Holds the utterances whose entities are not all certain yet: one batch of the
stream (some 2,000 tokens), and the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.utterance import Utterance

# Utterances are short; feeding them one by one would cost more than finding their entities.
FEED_CHARS = 4096


class TextStream(Protocol):
    """A document being read piece by piece."""

    @property
    def settled_char(self) -> int:
        """All entities that start before this character have been given out."""
        ...

    def feed(self, text: str) -> list[Entity]:
        """Take the next piece; return the entities that are now certain, in order."""
        ...

    def finish(self) -> list[Entity]:
        """Return the remaining entities; the document is over."""
        ...


def annotate_with(stream: TextStream, utterances: Iterable[Utterance]) -> Iterator[AnnotatedUtterance]:
    """Yield each utterance with the entities that start in it, offsets into its text.

    An entity may run over the end of its utterance, as in one pass over the
    whole text: its `end_char` is then past the end of `utterance.text`, and its
    `text` holds all of it.
    """
    queue = _Queue()
    waiting: list[str] = []
    waiting_chars = 0
    for utterance in utterances:
        waiting += queue.append(utterance)
        waiting_chars += len(utterance.text) + 1
        if waiting_chars >= FEED_CHARS:
            found = stream.feed("".join(waiting))
            waiting.clear()
            waiting_chars = 0
            yield from queue.settled(found, stream.settled_char)
    found = stream.feed("".join(waiting))
    found += stream.finish()
    yield from queue.settled(found, None)


class _Queue:
    """Utterances in order, each with its place in the joined text and the entities found in it."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Utterance]] = deque()
        self._entities: deque[Entity] = deque()
        self._end_char = -1

    def append(self, utterance: Utterance) -> tuple[str, ...]:
        """Queue `utterance`; return what it adds to the joined text."""
        start = self._end_char + 1
        self._waiting.append((start, utterance))
        self._end_char = start + len(utterance.text)
        return (" ", utterance.text) if start else (utterance.text,)

    def settled(self, found: list[Entity], settled_char: int | None) -> Iterator[AnnotatedUtterance]:
        """Yield the utterances that end at or before `settled_char`; all of them when it is None."""
        self._entities += found
        while self._waiting:
            start, utterance = self._waiting[0]
            end = start + len(utterance.text)
            if settled_char is not None and end > settled_char:
                return
            self._waiting.popleft()
            inside = []
            while self._entities and self._entities[0].start_char < end:
                entity = self._entities.popleft()
                inside.append(
                    Entity(
                        text=entity.text,
                        label=entity.label,
                        start_char=entity.start_char - start,
                        end_char=entity.end_char - start,
                    )
                )
            yield AnnotatedUtterance(utterance=utterance, entities=tuple(inside))
