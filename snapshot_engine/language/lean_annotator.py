"""The lean runtime as an Annotator: utterances in, annotated utterances out, spaCy never imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.language.lean_runtime import LeanRuntime
from snapshot_engine.language.streaming import EntityStream, stream_entities
from snapshot_engine.language.utterance_queue import annotate_with
from snapshot_engine.transcript.utterance import Utterance


class LeanAnnotator:
    """Exact entities of a spaCy `ner` component from its files, in about 45 MiB for the whole process."""

    def __init__(self, runtime: LeanRuntime) -> None:
        self._runtime = runtime

    @property
    def description(self) -> str:
        return f"lean NumPy runtime, {self._runtime.model.title}"

    def annotate(self, utterances: Iterable[Utterance]) -> Iterator[AnnotatedUtterance]:
        """Yield each utterance once, in order; see utterance_queue for what is held."""
        return annotate_with(EntityStream(self._runtime), utterances)

    def stream_text(self, pieces: Iterable[str]) -> Iterator[Entity]:
        """Yield the entities of the concatenation of `pieces`, in order."""
        return stream_entities(self._runtime, pieces)
