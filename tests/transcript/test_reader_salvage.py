"""What is left out is counted and reported; strict reading stops at it; other formats are named."""

from __future__ import annotations

import pytest

from snapshot_engine import BlockTooLong, BrokenBlock, Cue, NotWebVTT, TranscriptError, WebVTTParser

T = "00:00:01.000 --> 00:00:02.000"
BROKEN = f"WEBVTT\n\n{T}\na\n\n00:00:03 --> 00:00:04\nlost\n\nstray words\n\n{T}\nb\n\n".encode()


def read_into(cues: list[Cue], parser: WebVTTParser, pieces: list[bytes]) -> None:
    for piece in pieces:
        cues += parser.feed(piece)
    cues += parser.close()
    cues += parser.close()


def test_dropped_blocks_are_counted_with_line_and_reason() -> None:
    parser = WebVTTParser()
    cues = parser.feed(BROKEN) + parser.close()
    assert [cue.text for cue in cues] == ["a", "b"]
    assert parser.blocks_skipped == 2
    assert parser.problems == (
        (6, "the timing line is not `start --> end` with WebVTT times"),
        (9, "text without a timing line"),
    )


def test_an_identifier_with_an_arrow_loses_no_block() -> None:
    parser = WebVTTParser(strict=True)
    cues = parser.feed(f"WEBVTT\n\nguid-->1\n{T}\n<v Ann>a</v>\n\nguid-->2\n{T}\n<v Bob>b</v>\n\n".encode())
    assert [(cue.identifier, cue.speaker) for cue in cues] == [("", "Ann"), ("", "Bob")]


def test_a_bad_timing_line_with_text_is_lost_also_before_a_good_one() -> None:
    parser = WebVTTParser()
    assert len(parser.feed(f"WEBVTT\n\n1 --> 2\nlost\n{T}\na\n\n".encode())) == 1
    assert parser.problems == ((3, "the timing line is not `start --> end` with WebVTT times"),)


def test_the_list_of_problems_is_bounded_and_the_count_is_not() -> None:
    parser = WebVTTParser(max_problems=3)
    parser.feed(b"WEBVTT\n\n" + b"stray\n\n" * 50)
    parser.close()
    assert parser.blocks_skipped == 50
    assert [line for line, _ in parser.problems] == [3, 5, 7]


@pytest.mark.parametrize("size", [1, 3, 16, 1000])
def test_strict_gives_the_cues_before_the_fault_then_raises(size: int) -> None:
    parser = WebVTTParser(strict=True, source="talk.vtt")
    cues: list[Cue] = []
    with pytest.raises(BrokenBlock) as caught:
        read_into(cues, parser, [BROKEN[start : start + size] for start in range(0, len(BROKEN), size)])
    assert [cue.text for cue in cues] == ["a"]
    assert caught.value.line_number == 6
    assert caught.value.source == "talk.vtt"
    assert str(caught.value).startswith("talk.vtt line 6: the timing line")
    assert isinstance(caught.value, ValueError)


def test_strict_is_content_with_a_good_file() -> None:
    parser = WebVTTParser(strict=True)
    assert len(parser.feed(f"WEBVTT\n\nNOTE x\n\n{T}\na\n\n".encode()) + parser.close()) == 1


def test_unpadded_times_are_recovered_on_request_and_counted() -> None:
    data = b"WEBVTT\n\nid/0\n0:0:3.90 --> 0:0:5.4\n<v Ann>Hi</v>\n\n00:00:07,250 --> 00:00:08,000 align:end\nb\n\n"
    parser = WebVTTParser(recover_times=True)
    cues = parser.feed(data) + parser.close()
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in cues] == [(3090, 5004, "Hi"), (7250, 8000, "b")]
    assert cues[1].settings.align == "end"
    assert parser.times_recovered == 2
    assert parser.blocks_skipped == 0


def test_strict_recovers_nothing() -> None:
    parser = WebVTTParser(strict=True, recover_times=True)
    with pytest.raises(BrokenBlock):
        parser.feed(b"WEBVTT\n\n0:0:3.90 --> 0:0:5.4\nlost\n\n")


@pytest.mark.parametrize(
    "timing", ["0:0:3.90 -> 0:0:5.4 -->", "3.90 --> 5.4", "0:0:61.0 --> 0:1:2.0", "0:0:1.0 --> 0:0:2.0x"]
)
def test_recovery_does_not_guess(timing: str) -> None:
    parser = WebVTTParser(recover_times=True)
    assert parser.feed(f"WEBVTT\n\n{timing}\nlost\n\n".encode()) == []
    assert parser.times_recovered == 0
    assert parser.blocks_skipped == 1


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "an empty file"),
        (b"\n \r\n", "only blanks"),
        (b"1\r\n00:00:01,000 --> 00:00:02,000\r\nhi\r\n", "SubRip (.srt)"),
        ("\ufeff1\n00:00:01,000 --> 00:00:02,000\nhi\n".encode(), "SubRip (.srt)"),
        (b"00:00:01.000 --> 00:00:02.000\nhi", "cues without the WEBVTT line"),
        (b"0:00:01.000,0:00:02.000\nhi", "SubViewer (.sbv)"),
        (b'{"transcript": []}', "JSON"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b'<?xml version="1.0"?><tt/>', "XML (perhaps TTML)"),
        (b"PK\x03\x04\x14\0", "a zip archive or an Office document"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\0 ftypisom", "an MP4 recording"),
        ("WEBVTT\n".encode("utf-16"), "text in UTF-16, little-endian"),
        (b"[Script Info]\nTitle", "SubStation Alpha (.ass, .ssa)"),
        (b"webvtt\n\n", "a signature that is nearly WebVTT's"),
        (b"WEBVTTX\n\n", "a signature that is nearly WebVTT's"),
        (b"\nWEBVTT\n", "something before the signature"),
        (bytes(range(1, 9)) * 40, "binary data"),
        (b"Dear all,\n\n", "text"),
        (b"WEBV", "text"),
    ],
)
def test_another_format_is_named(data: bytes, found: str) -> None:
    parser = WebVTTParser(source="talk.vtt")
    with pytest.raises(NotWebVTT) as caught:
        read_into([], parser, [data])
    message = str(caught.value)
    assert message.startswith(f"talk.vtt line 1: not WebVTT: found {found}")
    assert message.endswith(".") or "ffmpeg" in message
    assert caught.value.line_number == 1
    assert isinstance(caught.value, TranscriptError)


def test_what_a_foreign_file_holds_cannot_reach_the_terminal() -> None:
    with pytest.raises(NotWebVTT) as caught:
        WebVTTParser().feed(b"\x1b]0;evil\x07" + b"x" * 600)
    assert "\x1b" not in str(caught.value)


def test_a_block_that_is_too_long_is_left_out_and_the_next_one_is_read() -> None:
    text = f"WEBVTT\n\n1\n{T}\n" + "word " * 40 + f"\nmore\n\n2\n{T}\nkept\n\n"
    parser = WebVTTParser(max_block_bytes=128)
    cues = parser.feed(text.encode()) + parser.close()
    assert [cue.text for cue in cues] == ["kept"]
    assert parser.problems == ((3, "a block passed 128 bytes with no blank line"),)


def test_strict_raises_block_too_long_with_the_limit() -> None:
    parser = WebVTTParser(max_block_bytes=128, strict=True)
    with pytest.raises(BlockTooLong, match=r"line 3: a block passed 128 bytes .* Raise max_block_bytes"):
        parser.feed(f"WEBVTT\n\n{T}\n{'x' * 300}\n\n".encode())


@pytest.mark.parametrize("extra", [0, 1])
def test_the_limit_counts_the_whole_block_to_the_byte(extra: int) -> None:
    block = f"{T}\n" + "é" * 20 + "\n" + "x" * (128 - len(T) - 43) + "\n"
    assert len(block.encode()) == 128
    text = "WEBVTT\n\n" + block[:-1] + "x" * extra + f"\n\n{T}\nkept\n\n"
    for size in (1, 7, 1000):
        parser = WebVTTParser(max_block_bytes=128)
        cues = [
            cue
            for at in range(0, len(text.encode()), size)
            for cue in parser.feed(text.encode()[at : at + size])
        ]
        assert len(cues + parser.close()) == 2 - extra


def test_a_useless_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="max_block_bytes is 10"):
        WebVTTParser(max_block_bytes=10)
