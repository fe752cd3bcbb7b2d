"""Whole documents, read in the diff like code.

`UPDATE_GOLDEN=1 pytest tests/golden` writes them anew; look at the diff before it is committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapshot_engine.document.compose import compose
from snapshot_engine.document.render import render
from snapshot_engine.document.snapshot import Coverage
from snapshot_engine.insight.insights import InsightsBuilder
from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.source import StreamingVTTReader
from snapshot_engine.transcript.utterances import join_cues

DATA = Path(__file__).parent / "data"
SUFFIXES = {"markdown": "md", "html": "html", "json": "json"}
# A stand-in for an annotator, so that the documents do not change with a model.
NAMES = {"Acme Corp.": "ORG", "Acme": "ORG", "Ann Keller": "PERSON", "Hamburg": "GPE", "Lyon": "GPE"}


def _annotated(path: Path, reader: StreamingVTTReader) -> Iterator[AnnotatedUtterance]:
    expression = re.compile("|".join(map(re.escape, NAMES)))
    for utterance in join_cues(reader.read_streaming(path)):
        yield AnnotatedUtterance(
            utterance=utterance,
            entities=tuple(
                Entity(text=m.group(), label=NAMES[m.group()], start_char=m.start(), end_char=m.end())
                for m in expression.finditer(utterance.text)
            ),
        )


def _document(path: Path, output_format: str) -> str:
    builder, reader = InsightsBuilder(), StreamingVTTReader()
    for annotated in _annotated(path, reader):
        builder.add(annotated)
    insights, read = builder.finish(), reader.statistics
    coverage = Coverage(
        source_name=path.name,
        bytes_read=read.bytes_read,
        cues_read=read.cues,
        blocks_skipped=read.blocks_skipped,
        problems=read.problems,
        words=insights.words,
        utterances=insights.utterances,
        duration_ms=insights.last_ms - insights.first_ms,
        annotator="a list of names",
        strategy="any",
    )
    return "".join(render(compose(insights, coverage), output_format))


@pytest.mark.parametrize("output_format", SUFFIXES)
@pytest.mark.parametrize("name", ["pilot_review", "hostile_export"])
def test_the_document_is_the_one_that_was_read_and_approved(name: str, output_format: str) -> None:
    golden = DATA / f"{name}.{SUFFIXES[output_format]}"
    document = _document(DATA / f"{name}.vtt", output_format)
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(document, encoding="utf-8", newline="\n")
    assert document == golden.read_bytes().decode("utf-8")
