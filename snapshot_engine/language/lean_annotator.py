"""The lean runtime as an Annotator: utterances in, annotated utterances out, spaCy never imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.language.lean_runtime import LeanRuntime
from snapshot_engine.language.model_files import ModelDirectory
from snapshot_engine.language.streaming import EntityStream, stream_entities
from snapshot_engine.language.utterance_queue import annotate_with
from snapshot_engine.transcript.utterance import Utterance


class LeanAnnotator:
    """Exact entities of a spaCy `ner` component from its files, in some 50 MiB for the whole process."""

    def __init__(self, model: ModelDirectory, *, jobs: int = 1) -> None:
        """Load the model; raise UnsupportedModel when its NER is of another architecture.

        jobs: threads that share the forward pass; entities are the same for any number.
        """
        self._model = model
        self._jobs = jobs
        self._loaded: LeanRuntime | None = LeanRuntime(model, jobs=jobs)
        self.fingerprint = self._loaded.fingerprint

    @property
    def description(self) -> str:
        """The runtime and the model it computes."""
        return f"lean NumPy runtime, {self._model.title}"

    @property
    def _runtime(self) -> LeanRuntime:
        if self._loaded is None:
            self._loaded = LeanRuntime(self._model, jobs=self._jobs)
        return self._loaded

    def release(self) -> None:
        """Give weights, tables and buffers back; the next use loads them again."""
        self._loaded = None

    def annotate(self, utterances: Iterable[Utterance]) -> Iterator[AnnotatedUtterance]:
        """Yield each utterance once, in order; see utterance_queue for what is held."""
        return annotate_with(EntityStream(self._runtime), utterances)

    def stream_text(self, pieces: Iterable[str]) -> Iterator[Entity]:
        """Yield the entities of the concatenation of `pieces`, in order."""
        return stream_entities(self._runtime, pieces)
