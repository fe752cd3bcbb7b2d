"""Stock spaCy as an Annotator: for models that the lean runtime does not compute.

In: text. Out: plain Entity values: no spaCy object leaves this module, since
they die with the memory zone of their window. Holds one window: `window_words`
core words with `context_words` on both sides.

A window gives the entities that start in its core, so each is found once and
with its context. That is one pass over the whole wherever the model looks no
further than the context; for models that look at everything (transformers) it
is as good as a window of that size gets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.language.model_files import ModelDirectory
from snapshot_engine.language.spacy_import import import_spacy
from snapshot_engine.language.spacy_loading import load_for_entities, needless_components, reach_tokens
from snapshot_engine.language.utterance_queue import annotate_with
from snapshot_engine.transcript.utterance import Utterance

# Stands for a word without end in the count of words; spaCy needs 1 KB per character here and there.
MAX_WINDOW_CHARS = 100_000
_WORD = re.compile(r"\S+\s*")
# spaCy needs some 16 KB for each token of a text while it is at it. Where the model is known to look no further
# than the context, windows of so many words give the same entities as larger ones and hold 3 MiB instead of 14
# (of 500 and 100 words); an entity is cut where it runs over the context behind it.
SHORT_WINDOW_WORDS, SHORT_CONTEXT_WORDS = 100, 20


class SpacyAnnotator:
    """`doc.ents` of an installed pipeline, window by window."""

    def __init__(self, model: ModelDirectory, *, window_words: int, context_words: int) -> None:
        self._model = model
        self._window_words = max(1, window_words)
        self._context_words = max(0, context_words)
        reach = reach_tokens(model)
        if reach is not None and reach <= min(SHORT_CONTEXT_WORDS, self._context_words):
            self._window_words = min(self._window_words, SHORT_WINDOW_WORDS)
            self._context_words = min(self._context_words, SHORT_CONTEXT_WORDS)
        self._version: str = import_spacy().__version__
        self._loaded: Any = None
        self._pipeline()

    @property
    def description(self) -> str:
        """spaCy's version and the model's."""
        return f"spaCy {self._version}, {self._model.title}"

    def annotate(self, utterances: Iterable[Utterance]) -> Iterator[AnnotatedUtterance]:
        """Yield each utterance once, in order, with its entities."""
        return annotate_with(self._stream(), utterances)

    def stream_text(self, pieces: Iterable[str]) -> Iterator[Entity]:
        """Yield the entities of the concatenation of `pieces`, in order."""
        stream = self._stream()
        for piece in pieces:
            yield from stream.feed(piece)
        yield from stream.finish()

    def release(self) -> None:
        """Give the model back; the next use loads it again."""
        self._loaded = None

    def _pipeline(self) -> Any:
        if self._loaded is None:
            self._loaded = load_for_entities(import_spacy(), self._model)
            self._loaded.max_length = max(self._loaded.max_length, 4 * MAX_WINDOW_CHARS)
        return self._loaded

    def _stream(self) -> _WindowStream:
        return _WindowStream(self._entities, self._window_words, self._context_words)

    def _entities(self, text: str) -> list[tuple[int, int, str]]:
        nlp = self._pipeline()
        with _memory_zone(nlp):
            return [(span.start_char, span.end_char, span.label_) for span in nlp(text).ents]


def _memory_zone(nlp: Any) -> Any:
    """spaCy 3.8's memory zone: what a window's texts add to the vocabulary goes with it."""
    return nlp.memory_zone()


class _WindowStream:
    """Cuts text into windows and keeps the entities that start in their cores."""

    def __init__(self, find: Any, window_words: int, context_words: int) -> None:
        self._find = find
        self._window_words = window_words
        self._context_words = context_words
        self._text = ""
        self._text_start = 0
        self._core_start = 0  # in the whole; the text before it is left context
        self._free_char = 0  # where the last entity ended

    @property
    def settled_char(self) -> int:
        """All entities that start before this character have been given out."""
        return self._core_start

    def feed(self, text: str) -> list[Entity]:
        """Take the next piece; return the entities of the windows it fills."""
        found: list[Entity] = []
        for at in range(0, len(text), MAX_WINDOW_CHARS):
            self._text += text[at : at + MAX_WINDOW_CHARS]
            while (ends := self._window_ends()) is not None:
                found += self._window(*ends)
        return found

    def finish(self) -> list[Entity]:
        """Return the entities of the last window."""
        end = len(self._text)
        return self._window(end, end) if self._core_start < self._text_start + end else []

    def _window_ends(self) -> tuple[int, int] | None:
        """Return where the next core and its right context end in the held text; None if it is not full."""
        at = self._core_start - self._text_start
        if len(self._text) - at > MAX_WINDOW_CHARS:
            return at + MAX_WINDOW_CHARS // 2, at + MAX_WINDOW_CHARS
        core_end = None
        for count, word in enumerate(_WORD.finditer(self._text, at), 1):
            if word.end() == len(self._text):
                return None  # the word may go on
            if count == self._window_words:
                core_end = word.end()
            if core_end is not None and count == self._window_words + self._context_words:
                return core_end, word.end()
        return None

    def _window(self, core_end: int, right_end: int) -> list[Entity]:
        found = []
        core_end_char = self._text_start + core_end
        for start, end, label in self._find(self._text[:right_end]):
            start_char, end_char = self._text_start + start, self._text_start + end
            if max(self._core_start, self._free_char) <= start_char < core_end_char:
                text = self._text[start:end]
                found.append(Entity(text=text, label=label, start_char=start_char, end_char=end_char))
                self._free_char = end_char
        words = list(_WORD.finditer(self._text, 0, core_end))
        left = words[-self._context_words].start() if 0 < self._context_words <= len(words) else 0
        left = core_end if not self._context_words else max(left, core_end - MAX_WINDOW_CHARS)
        self._text = self._text[left:]
        self._text_start += left
        self._core_start = core_end_char
        return found


class SpacyReference:
    """One pass of spaCy over a whole text: the oracle that other runtimes are compared with."""

    def __init__(self, model: ModelDirectory, *, full: bool = False) -> None:
        """full: keep every component instead of those that entities need."""
        spacy = import_spacy()
        exclude = [] if full else needless_components(model.path, model.pipeline)
        self._nlp = spacy.load(model.path, exclude=exclude)
        self._nlp.max_length = 2**30
        self.version: str = spacy.__version__

    def entities(self, text: str) -> tuple[list[tuple[int, int, str]], int]:
        """Return (start_char, end_char, label) of each entity, and the number of tokens.

        No memory zone: spaCy 3.8 fails on the word "IS_ALPHA" in the second
        zone that meets it (its id, 1, is the map's mark for a deleted key).
        """
        doc = self._nlp(text)
        return [(span.start_char, span.end_char, span.label_) for span in doc.ents], len(doc)
