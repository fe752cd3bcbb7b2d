"""Real transcripts, with webvtt-py and pysubs2 as second opinions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snapshot_engine import Cue, StreamingVTTReader
from snapshot_engine.transcript.cue_text import plain_text
from snapshot_engine.transcript.utterances import join_cues

FOLDER = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "transcripts"
FILES = sorted(FOLDER.glob("*.vtt"))
pytestmark = pytest.mark.skipif(not FILES, reason=f"the real transcripts are not at {FOLDER}")
each_file = pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])


def read(path: Path) -> list[Cue]:
    return list(StreamingVTTReader(strict=True).read_streaming(path))


def to_ms(timestamp: str) -> int:
    *hours, minutes, seconds = timestamp.split(":")
    whole, thousandths = seconds.split(".")
    return ((int(hours[0] if hours else 0) * 60 + int(minutes)) * 60 + int(whole)) * 1000 + int(thousandths)


@each_file
def test_webvtt_py_finds_the_same_cues(path: Path) -> None:
    webvtt = pytest.importorskip("webvtt")
    theirs = [
        (
            to_ms(caption.start),
            to_ms(caption.end),
            caption.identifier or "",
            " ".join(caption.raw_text.split()),
        )
        for caption in webvtt.read(str(path))
    ]
    ours = [(cue.start_ms, cue.end_ms, cue.identifier, " ".join(cue.raw_text.split())) for cue in read(path)]
    assert ours == theirs


@each_file
def test_webvtt_py_finds_the_same_voices(path: Path) -> None:
    """It knows voice tags only, and keeps character references as they are."""
    webvtt = pytest.importorskip("webvtt")
    theirs = [(caption.voice or "", " ".join(caption.text.split())) for caption in webvtt.read(str(path))]
    for cue, (voice, text) in zip(read(path), theirs, strict=True):
        assert " ".join(plain_text(cue.raw_text).split()) == plain_text(text)
        if cue.raw_text.startswith("<v"):
            assert cue.speaker == voice


@each_file
def test_pysubs2_finds_the_same_times(path: Path) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    theirs = [(event.start, event.end) for event in pysubs2.load(str(path), encoding="utf-8")]
    # It orders cues by time; the file's order is ours.
    assert sorted((cue.start_ms, cue.end_ms) for cue in read(path)) == sorted(theirs)


@each_file
def test_label_and_text_make_up_the_payload(path: Path) -> None:
    for cue in read(path):
        payload = plain_text(cue.raw_text)
        labelled = f"{cue.speaker}: {cue.text}"
        assert payload in (cue.text, labelled)


@each_file
def test_utterances_hold_every_word_once(path: Path) -> None:
    cues = read(path)
    words = [word for cue in cues for word in cue.text.split()]
    assert [word for utterance in join_cues(cues) for word in utterance.text.split()] == words


@pytest.mark.parametrize(
    ("name", "cues", "speakers", "nameless"),
    [
        ("zoom_breakout_165min", 994, 16, 0),
        ("zoom_networking_109min", 905, 11, 0),
        ("zoom_2019_no_speakers", 26, 0, 26),
        ("whisper_pt_short", 82, 0, 82),
        ("webex_ids", 2, 2, 0),
        ("podcast_voice_tags", 7, 2, 0),
        ("earnings_call_4469669", 596, 19, 0),
    ],
)
def test_the_speakers_of_a_transcript_are_found(name: str, cues: int, speakers: int, nameless: int) -> None:
    found = read(FOLDER / f"{name}.vtt")
    names = {cue.speaker for cue in found} - {""}
    assert (len(found), len(names), sum(not cue.speaker for cue in found)) == (cues, speakers, nameless)
    assert not any(re.search(r"[.?!]\s", name) for name in names)


@pytest.mark.parametrize(
    ("name", "producer"),
    [
        ("zoom_breakout_165min", "Zoom"),
        ("webex_ids", "Webex"),
        ("whisper_pt_short", ""),
        ("podcast_voice_tags", ""),
    ],
)
def test_the_producer_is_guessed_or_left_open(name: str, producer: str) -> None:
    reader = StreamingVTTReader()
    list(reader.read_streaming(FOLDER / f"{name}.vtt"))
    assert reader.statistics.producer == producer
