"""What reaches a terminal: no control characters from a transcript, a line that says where a pass is."""

from __future__ import annotations

import io

from hypothesis import given, strategies as st

from snapshot_engine.pipeline import Progress
from snapshot_engine.progress import ProgressLine, progress_text
from snapshot_engine.terminal import printable
from snapshot_engine.transcript.source import StreamingVTTReader


def test_plain_text_stays_as_it_is() -> None:
    assert printable("Dana Réyes: 40 % 👍") == "Dana Réyes: 40 % 👍"


def test_escapes_and_direction_marks_are_shown_not_obeyed() -> None:
    assert printable("a\x1b[31mb\x07\x9b1mc\u202ed") == "a�[31mb��1mc�d"


@given(st.text())
def test_nothing_that_controls_a_terminal_gets_through(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown)


def test_the_progress_line_has_every_figure() -> None:
    line = progress_text(
        "talk.vtt",
        bytes_read=5 * 2**20,
        size_bytes=10 * 2**20,
        cues=1234,
        words_per_second=56789.4,
        now_bytes=50 * 2**20,
        peak_bytes=58 * 2**20,
    )
    for part in ("talk.vtt", "50% of 10.0 MiB", "1,234 cues", "56,789 words/s", "memory 50 MiB, peak 58 MiB"):
        assert part in line


def test_without_a_size_no_share_is_made_up() -> None:
    line = progress_text(
        "-", bytes_read=2**20, size_bytes=None, cues=1, words_per_second=0, now_bytes=1, peak_bytes=1
    )
    assert "%" not in line
    assert "1.0 MiB" in line


def test_a_line_that_was_never_drawn_leaves_no_trace() -> None:
    stream = io.StringIO()
    line = ProgressLine("talk.vtt", None, stream)
    line.watch(Progress(), StreamingVTTReader())
    line.clear()
    assert stream.getvalue() == ""


def test_a_drawn_line_is_cleared() -> None:
    stream = io.StringIO()
    line = ProgressLine("talk.vtt", 100, stream)
    line._drawn -= 1  # as if the last drawing were a second ago
    for _ in range(32):
        line.watch(Progress(cues=7), StreamingVTTReader())
    assert "7 cues" in stream.getvalue()
    line.clear()
    assert stream.getvalue().endswith("\r\x1b[K")
