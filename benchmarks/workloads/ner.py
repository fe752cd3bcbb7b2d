"""The language side by itself: speed, cold start, growth, and the arithmetic limit of the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from benchmarks.child import Job, status_bytes
from benchmarks.workloads.end_to_end import annotator, load_spacy
from benchmarks.workloads.texts import documents, endless_pieces

WARM_UP = "Warm up with Tim Cook of Apple in Berlin on Monday."
# What the network computes per token as the model is written, in floating-point operations:
# four window layers of 288 x 288 products, the embedding mixer and the transition layer.
FLOP_PER_TOKEN = 956_000


def spacy_pipe(job: Job) -> dict[str, Any]:
    """Time nlp.pipe over cue texts, as a user writes it; loading is not part of the work."""
    texts = [text for document in documents(job.parameters["source"]) for text in document]
    nlp = load_spacy(ner_only=job.parameters["ner_only"])
    nlp(WARM_UP)
    tokens = entities = 0
    with job.timed():
        for doc in nlp.pipe(texts):
            tokens += len(doc)
            entities += len(doc.ents)
    return {"tokens": tokens, "entities": entities, "words": sum(len(text.split()) for text in texts)}


def _spaced(texts: list[str]) -> Iterator[str]:
    for text in texts:
        yield text + " "


def ours(job: Job) -> dict[str, Any]:
    """Time our annotator over the same texts: first as text never seen, then the same once more."""
    texts = documents(job.parameters["source"])
    engine = annotator(job.parameters.get("runtime", "auto"))
    list(engine.stream_text([WARM_UP]))
    entities = 0
    with job.timed():
        for document in texts:
            for _ in engine.stream_text(_spaced(document)):
                entities += 1
    began = time.process_time()
    for document in texts:
        for _ in engine.stream_text(_spaced(document)):
            pass
    return {
        "entities": entities,
        "again_cpu_seconds": time.process_time() - began,
        "words": sum(len(text.split()) for document in texts for text in document),
        "annotator": engine.description,
    }


def identity(job: Job) -> dict[str, Any]:
    """Compare ours with one stock pass over each whole document: text, label and offsets."""
    nlp = load_spacy(ner_only=True)
    engine = annotator()
    tokens = entities = differing = 0
    for document in documents(job.parameters["source"]):
        text = "".join(_spaced(document))
        nlp.max_length = len(text) + 1
        doc = nlp(text)
        wanted = {(e.start_char, e.end_char, e.label_, e.text) for e in doc.ents}
        got = {(e.start_char, e.end_char, e.label, e.text) for e in engine.stream_text(_spaced(document))}
        tokens, entities = tokens + len(doc), entities + len(wanted)
        differing += len(wanted ^ got)
    return {"tokens": tokens, "entities": entities, "differing": differing}


def arithmetic(job: Job) -> dict[str, Any]:
    """Measure the matrix products that the network is made of; return the tokens a second they allow."""
    import numpy

    random = numpy.random.default_rng(0)
    left = random.standard_normal((2048, 288), dtype=numpy.float32)
    right = random.standard_normal((288, 288), dtype=numpy.float32)
    out: Any = numpy.empty((2048, 288), dtype=numpy.float32)
    for _ in range(20):
        numpy.matmul(left, right, out=out)
    rounds = 400
    with job.timed():
        for _ in range(rounds):
            numpy.matmul(left, right, out=out)
    flop = 2.0 * 2048 * 288 * 288 * rounds
    return {"tokens_per_second": flop / job.figures["work_cpu_seconds"] / FLOP_PER_TOKEN}


def cold_start(job: Job) -> dict[str, Any]:
    """Find one entity and stop: the whole process's CPU time is the figure."""
    way = job.parameters["way"]
    if way == "ours":
        first = next(iter(annotator().stream_text([WARM_UP]))).text
    else:
        first = load_spacy(ner_only=way == "spaCy, NER only")(WARM_UP).ents[0].text
    return {"first": first}


def growth(job: Job) -> dict[str, Any]:
    """Read millions of words and note the private memory every 100,000; return [words, bytes] pairs."""
    words, unique = int(job.parameters["words"]), float(job.parameters["unique_ratio"])
    pieces = endless_pieces(job.parameters["source"], words=words, unique_ratio=unique)
    points: list[tuple[int, int]] = []
    with job.timed():
        if job.parameters["way"] == "ours":
            for _ in annotator().stream_text(_noted(pieces, points)):
                pass
        else:
            for _ in load_spacy(ner_only=True).pipe(_noted(pieces, points)):
                pass
    return {"points": points}


def _noted(pieces: Iterator[str], points: list[tuple[int, int]]) -> Iterator[str]:
    said, due = 0, 100_000
    for piece in pieces:
        yield piece
        said += piece.count(" ")
        if said >= due:
            due += 100_000
            points.append((said, status_bytes("RssAnon") or 0))
