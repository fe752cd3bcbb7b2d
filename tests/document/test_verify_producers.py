"""Snapshots of every producer's shape are proven, however long turns are split."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from snapshot_engine.document.compose import compose
from snapshot_engine.document.render import render
from snapshot_engine.document.snapshot import Coverage
from snapshot_engine.document.verify import verify
from snapshot_engine.insight.insights import InsightsBuilder
from snapshot_engine.language.annotation import AnnotatedUtterance
from snapshot_engine.synthetic import PRODUCER_NAMES, generate
from snapshot_engine.transcript.source import StreamingVTTReader
from snapshot_engine.transcript.utterances import join_cues

TURNS = b"""WEBVTT

00:01.000 --> 00:04.000
<v Ann>We decided to send the plan to all branches.</v> <v Bo>When will the second branch

00:04.000 --> 00:06.000
<v Bo>be migrated to the new platform?</v>

00:06.000 --> 00:09.000
- I'll send the revised plan by Friday.
- The biggest risk is the deadline
of the auditors in March 2025.

00:09.000 --> 00:08.000
- It improved the response times by 40% everywhere.
"""


def _proof(transcript: bytes, max_utterance_chars: int) -> tuple[int, tuple[object, ...]]:
    reader = StreamingVTTReader()
    builder = InsightsBuilder()
    for utterance in join_cues(
        reader.read_streaming(BytesIO(transcript)), max_utterance_chars=max_utterance_chars
    ):
        builder.add(AnnotatedUtterance(utterance=utterance, entities=()))
    insights = builder.finish()
    coverage = Coverage(source_name="x.vtt", cues_read=reader.statistics.cues, words=insights.words)
    snapshot = json.loads("".join(render(compose(insights, coverage), "json")))
    result = verify(snapshot, StreamingVTTReader().read_streaming(BytesIO(transcript)))
    return result.sentences_checked, result.failures


@pytest.mark.parametrize("max_utterance_chars", [120, 4_000, 20_000])
@pytest.mark.parametrize("producer", PRODUCER_NAMES)
def test_every_producers_shape_is_proven(producer: str, max_utterance_chars: int) -> None:
    checked, failures = _proof(b"".join(generate(60_000, seed=7, producer=producer)), max_utterance_chars)
    assert failures == ()
    assert checked > 20


@pytest.mark.parametrize("max_utterance_chars", [40, 20_000])
def test_voices_and_turns_inside_one_cue_are_told_apart(max_utterance_chars: int) -> None:
    checked, failures = _proof(TURNS, max_utterance_chars)
    assert failures == ()
    assert checked >= 4
