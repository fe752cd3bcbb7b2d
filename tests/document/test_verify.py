"""A snapshot is proven against its transcript; one changed character is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from snapshot_engine.document.compose import compose
from snapshot_engine.document.render import render
from snapshot_engine.document.snapshot import Coverage
from snapshot_engine.document.verify import verify
from snapshot_engine.insight.insights import InsightsBuilder
from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.source import StreamingVTTReader
from snapshot_engine.transcript.utterances import join_cues

CALL = """WEBVTT

00:00:01.000 --> 00:00:05.000
<v Ann>My name is Ann and I run procurement at Acme. We decided to

00:00:05.000 --> 00:00:09.000
<v Ann>migrate the billing service first, which saved $2 million.

00:00:10.000 --> 00:00:12.000
<v Bo>When does the second branch go live?

00:00:13.000 --> 00:00:19.000
<v Ann>By the end of May. I'll send the revised plan to everybody
by Friday, and response times improved by 40% since then.
"""
TRANSCRIPTS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "transcripts"


def _cues(text: str) -> Iterator[Cue]:
    from io import BytesIO

    return StreamingVTTReader().read_streaming(BytesIO(text.encode()))


def _annotated(cues: Iterator[Cue]) -> Iterator[AnnotatedUtterance]:
    for utterance in join_cues(cues):
        at = utterance.text.find("Acme")
        found = (Entity(text="Acme", label="ORG", start_char=at, end_char=at + 4),) if at >= 0 else ()
        yield AnnotatedUtterance(utterance=utterance, entities=found)


def _snapshot(cues: Iterator[Cue], cues_read: int) -> dict[str, Any]:
    builder = InsightsBuilder()
    for annotated in _annotated(cues):
        builder.add(annotated)
    insights = builder.finish()
    coverage = Coverage(source_name="call.vtt", cues_read=cues_read, words=insights.words)
    value: dict[str, Any] = json.loads("".join(render(compose(insights, coverage), "json")))
    return value


@pytest.fixture
def snapshot() -> dict[str, Any]:
    return _snapshot(_cues(CALL), 4)


def _group(snapshot: dict[str, Any], key: str) -> dict[str, Any]:
    return next(g for section in snapshot["sections"] for g in section["groups"] if g["key"] == key)


def test_an_untouched_snapshot_is_proven(snapshot: dict[str, Any]) -> None:
    result = verify(snapshot, _cues(CALL))
    assert result.failures == ()
    assert result.ok
    assert result.sentences_checked >= 4
    assert result.figures_checked >= 2


def _texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every sentence of the snapshot."""
    if isinstance(value, dict):
        if "text" in value and "cue_line" in value:
            yield path
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))


def test_every_character_of_every_sentence_counts(snapshot: dict[str, Any]) -> None:
    tried = 0
    for path in list(_texts(snapshot)):
        item: Any = snapshot
        for step in path:
            item = item[step]
        whole = item["text"]
        for at in range(len(whole)):
            item["text"] = whole[:at] + ("x" if whole[at] != "x" else "y") + whole[at + 1 :]
            assert not verify(snapshot, _cues(CALL)).ok, (path, at)
            tried += 1
        item["text"] = whole
    assert tried > 200


_TAMPERINGS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "the time": lambda s: _group(s, "decisions")["items"][0].update(start_ms=1_001),
    "the line": lambda s: _group(s, "decisions")["items"][0].update(cue_line=6),
    "the speaker": lambda s: _group(s, "decisions")["items"][0].update(speaker="Bo"),
    "a figure": lambda s: _group(s, "money")["items"][0]["figures"][0].update(text="$3 million"),
    "where a figure stands": lambda s: _group(s, "money")["items"][0]["figures"][0].update(start_char=1),
    "the owner": lambda s: _group(s, "actions")["items"][0].update(owner="Carla"),
    "the due date": lambda s: _group(s, "actions")["items"][0].update(due="by Monday"),
    "who replied": lambda s: _group(s, "questions")["items"][0].update(reply_by="Cy"),
    "when the reply came": lambda s: _group(s, "questions")["items"][0].update(reply_ms=13_001),
    "a name": lambda s: _group(s, "names_ORG")["names"][0].update(name="Acne"),
    "a speaker's words": lambda s: _group(s, "speakers")["speakers"][0].update(words=99),
    "a speaker's talk time": lambda s: _group(s, "speakers")["speakers"][0].update(talk_ms=1),
    "a speaker's share": lambda s: _group(s, "speakers")["speakers"][1].update(share=0.9),
    "a speaker": lambda s: _group(s, "speakers")["speakers"][0].update(name="Zed"),
    "the words read": lambda s: s["coverage"].update(words=50),
    "the cues read": lambda s: s["coverage"].update(cues_read=5),
    "the schema": lambda s: s.update(schema_version=2),
    "a missing key": lambda s: _group(s, "decisions")["items"][0].pop("text"),
    "a wrong type": lambda s: _group(s, "decisions")["items"][0].update(cue_line="3"),
    "an empty sentence": lambda s: _group(s, "decisions")["items"][0].update(text=""),
    "sections gone": lambda s: s.pop("sections"),
}


@pytest.mark.parametrize("what", sorted(_TAMPERINGS))
def test_tampering_is_found_and_its_place_is_named(snapshot: dict[str, Any], what: str) -> None:
    tampered = copy.deepcopy(snapshot)
    _TAMPERINGS[what](tampered)
    assert tampered != snapshot
    result = verify(tampered, _cues(CALL))
    assert not result.ok
    assert all(str(failure).partition(": ")[2] for failure in result.failures)


@pytest.mark.parametrize(
    "value", [None, [], "x", {}, {"schema": "customer-solution-snapshot", "schema_version": 1}]
)
def test_what_is_no_snapshot_fails_and_does_not_raise(value: Any) -> None:
    assert not verify(value, _cues(CALL)).ok


def test_another_transcript_does_not_prove_it(snapshot: dict[str, Any]) -> None:
    assert not verify(snapshot, _cues(CALL.replace("everybody", "anybody"))).ok
    assert not verify(snapshot, iter(())).ok


def test_rolling_captions_are_followed_through_their_repetitions() -> None:
    cues = [
        Cue(start_ms=0, end_ms=1, identifier="", speaker="", text="we decided to", settings=None, line_number=3, raw_text=""),
        Cue(start_ms=1, end_ms=2, identifier="", speaker="", text="we decided to\ngo with the new plan", settings=None, line_number=6, raw_text=""),
        Cue(start_ms=2, end_ms=3, identifier="", speaker="", text="go with the new plan", settings=None, line_number=9, raw_text=""),
        Cue(start_ms=3, end_ms=4, identifier="", speaker="", text="go with the new plan\nfor all of the branches.", settings=None, line_number=12, raw_text=""),
    ]  # type: ignore[arg-type]  # fmt: skip
    item = {
        "text": "we decided to go with the new plan for all of the branches.",
        "speaker": "",
        "start_ms": 0,
        "cue_line": 3,
    }
    group = {"key": "decisions", "title": "", "kind": "sentences", "found": 1, "items": [item]}
    value = {
        "schema": "customer-solution-snapshot", "schema_version": 1, "tally_bounds": {"speaker_words": 0},
        "coverage": {"words": 0, "cues_read": 4}, "sections": [{"key": "d", "groups": [group]}],
    }  # fmt: skip
    wrong = {str(failure.where) for failure in verify(value, iter(cues)).failures}
    assert wrong <= {"coverage.words"}
    item["text"] = item["text"].replace("new plan", "old plan")
    assert "sections.d.decisions.items[0]" in {f.where for f in verify(value, iter(cues)).failures}


@pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason="../shared/data/transcripts is not there")
@pytest.mark.parametrize(
    "path", sorted(TRANSCRIPTS.glob("*.vtt")) if TRANSCRIPTS.is_dir() else [], ids=lambda p: p.name
)
def test_real_transcripts_are_proven_and_give_the_same_bytes_again(path: Path) -> None:
    reader = StreamingVTTReader()
    cues = list(reader.read_streaming(path))
    first = _snapshot(iter(cues), len(cues))
    result = verify(first, iter(cues))
    assert result.failures == ()
    assert result.sentences_checked > 0
    assert _snapshot(iter(cues), len(cues)) == first
