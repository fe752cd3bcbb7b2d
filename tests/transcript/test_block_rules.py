"""The standard's block rules that readers most often get wrong, each in a file of its own."""

from __future__ import annotations

import pytest

from snapshot_engine import Cue, WebVTTParser


def read(text: str | bytes, **options: bool) -> list[Cue]:
    data = text.encode() if isinstance(text, str) else text
    parser = WebVTTParser(**options)
    cues = parser.feed(data) + parser.close()
    slow = WebVTTParser(**options)
    assert [cue for byte in data for cue in slow.feed(bytes([byte]))] + slow.close() == cues
    return cues


def texts(text: str | bytes) -> list[str]:
    return [cue.raw_text for cue in read(text)]


T = "00:00:01.000 --> 00:00:02.000"


def test_a_line_with_one_blank_is_text_and_ends_nothing() -> None:
    assert texts(f"WEBVTT\n\n{T}\na\n \nb\n\n{T}\nc") == ["a\n \nb", "c"]


def test_an_arrow_line_inside_a_cue_begins_the_next_one() -> None:
    cues = read(f"WEBVTT\n\n{T}\na\nid?\n{T}\nb")
    assert [(cue.identifier, cue.raw_text) for cue in cues] == [("", "a\nid?"), ("", "b")]


def test_a_file_without_any_blank_line_still_gives_its_cues() -> None:
    assert texts("WEBVTT\n" + "".join(f"{T}\nwords {n}\n" for n in range(9))) == [
        f"words {n}" for n in range(9)
    ]


def test_a_text_line_with_an_arrow_ends_its_cue_and_what_follows_is_lost() -> None:
    assert texts(f"WEBVTT\n\n{T}\nfrom A\nA --> B\nto B\n\n{T}\nc") == ["from A", "c"]


def test_the_line_above_the_timing_line_is_the_identifier_whatever_it_says() -> None:
    cues = read(f"WEBVTT\n\nNOTE 7\n{T}\na\n\nSTYLE\n{T}\nb\n\n \n{T}\nc")
    assert [cue.identifier for cue in cues] == ["NOTE 7", "STYLE", " "]


def test_two_lines_above_the_timing_line_are_no_identifier() -> None:
    cues = read(f"WEBVTT\n\none\ntwo\n{T}\na")
    assert [(cue.identifier, cue.raw_text) for cue in cues] == [("", "a")]


@pytest.mark.parametrize(
    "header",
    [
        "WEBVTT\n\n",
        "WEBVTT\n",
        "WEBVTT x\ny\nz\n\n",
        "WEBVTT\tx\n\n\n\n",
        "WEBVTT\nKind: captions\n",
        "\ufeffWEBVTT\n\n",
    ],
)
def test_the_header_ends_at_an_empty_line_or_a_timing_line(header: str) -> None:
    assert texts(f"{header}{T}\na\n") == ["a"]


def test_an_identifier_in_the_header_is_header() -> None:
    assert [(cue.identifier, cue.raw_text) for cue in read(f"WEBVTT\nid\n{T}\na")] == [("", "a")]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_kind_of_line_end_is_one_line_end(end: str) -> None:
    cues = read(end.join(["WEBVTT", "", "1", T, "a", "b", "", "2", T, "c", ""]))
    assert [(cue.identifier, cue.raw_text, cue.line_number) for cue in cues] == [
        ("1", "a\nb", 4),
        ("2", "c", 9),
    ]


def test_nul_becomes_the_replacement_character() -> None:
    assert texts(f"WEBVTT\n\n{T}\na\0b\n\n\0{T}\nlost") == ["a\ufffdb"]


def test_bad_utf8_becomes_the_replacement_character() -> None:
    assert texts(f"WEBVTT\n\n{T}\n".encode() + b"a\xffb\xe4\xb8\n\n") == ["a\ufffdb\ufffd"]


def test_only_one_byte_order_mark_is_dropped() -> None:
    assert texts(f"\ufeffWEBVTT\n\n{T}\n\ufeffa") == ["\ufeffa"]


@pytest.mark.parametrize(
    ("timing", "start_ms", "end_ms"),
    [
        ("00:00.000 --> 59:59.999", 0, 3_599_999),
        ("00:00:00.000-->00:00:00.001", 0, 1),
        ("\t00:00:00.000 \t-->\f 99:59:59.999 \t", 0, 359_999_999),
        ("0:00:01.000 --> 1:00:00.000", 1000, 3_600_000),
        ("1000:00:00.000 --> 000:00:01.000", 3_600_000_000, 1000),
        ("00:00:05.000 --> 00:00:01.000", 5000, 1000),
        ("00:00:01.000 --> 00:00:02.000align:start", 1000, 2000),
        ("00:00:01.000 --> 00:00:02.000.5", 1000, 2000),
    ],
)
def test_a_timing_line_gives_its_times(timing: str, start_ms: int, end_ms: int) -> None:
    assert [(cue.start_ms, cue.end_ms) for cue in read(f"WEBVTT\n\n{timing}\na")] == [(start_ms, end_ms)]


@pytest.mark.parametrize(
    "timing",
    [
        "00:60.000 --> 00:01:00.000",
        "00:00:60.000 --> 00:01:00.000",
        "00:60:00.000 --> 01:01:00.000",
        "60:00.000 --> 61:00.000",
        "0:00.000 --> 00:01.000",
        "00:00:00.00 --> 00:00:01.000",
        "00:00:00.0000 --> 00:00:01.000",
        "00:00:00,000 --> 00:00:01,000",
        "00:00:00.000 -> 00:00:01.000 -->",
        "00:00:00.000 x--> 00:00:01.000",
        "00:00:00.000 -->",
        "--> 00:00:01.000",
        "-00:00:00.000 --> 00:00:01.000",
        "٠٠:00:00.000 --> 00:00:01.000",
        "00:00:00.000\v-->\v00:00:01.000",
        "0:0:3.90 --> 0:0:5.4",
    ],
)
def test_a_bad_timing_line_drops_its_cue_and_the_next_one_is_read(timing: str) -> None:
    parser = WebVTTParser()
    cues = parser.feed(f"WEBVTT\n\n1\n{timing}\nlost\n\n2\n{T}\nkept\n\n".encode()) + parser.close()
    assert [cue.raw_text for cue in cues] == ["kept"]
    assert parser.problems == ((4, "the timing line is not `start --> end` with WebVTT times"),)


def test_hours_have_no_bound_that_matters_and_leading_zeros_have_none() -> None:
    zeros = "0" * 5000
    cues = read(f"WEBVTT\n\n{zeros}1:00:00.000 --> 999999999999999:00:00.000\na")
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(3_600_000, 999_999_999_999_999 * 3_600_000)]


def test_hours_longer_than_any_integer_that_python_converts_drop_the_cue() -> None:
    assert texts(f"WEBVTT\n\n{'9' * 5000}:00:00.000 --> 00:00:01.000\nlost\n\n{T}\nkept") == ["kept"]


def test_notes_styles_and_regions_are_no_cues() -> None:
    parser = WebVTTParser()
    text = f"WEBVTT\n\nSTYLE\n::cue {{}}\n\nREGION\nid:r\nlines:4\n\nNOTE\nx\ny\n\nNOTE z\n\n{T} region:r\na\n\nNOTE"
    cues = parser.feed(text.encode()) + parser.close()
    assert [cue.raw_text for cue in cues] == ["a"]
    assert cues[0].settings.region is not None
    assert cues[0].settings.region.lines == 4
    assert parser.blocks_skipped == 0


def test_a_region_after_the_first_cue_is_not_one() -> None:
    parser = WebVTTParser()
    text = f"WEBVTT\n\n{T}\na\n\nREGION\nid:r\n\n{T} region:r\nb\n"
    cues = parser.feed(text.encode()) + parser.close()
    assert [cue.settings.region for cue in cues] == [None, None]
    assert parser.problems == ((6, "REGION block after the first cue, or empty"),)


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ("line:3", "line", 3),
        ("line:-1,end", "line_align", "end"),
        ("line:50%", "snap_to_lines", False),
        ("line:1" + "0" * 400, "line", None),
        ("line:1e2", "line", None),
        ("line:100%,middle", "line", None),
        ("line:100%,", "line", None),
        ("line:3 line:100%,startend", "line", 3),
        ("line:3 line:100%,startend", "snap_to_lines", True),
        ("position:1%,middle", "position", None),
        ("position:2% position:1%,", "position", 2),
        ("position:10%,line-left", "position_align", "line-left"),
        ("position:10", "position", None),
        ("size:100.5%", "size", 100),
        ("size:33.5%", "size", 33.5),
        ("align:left align:middle", "align", "left"),
        ("vertical:rl", "vertical", "rl"),
        ("vertical:RL", "vertical", ""),
        ("align: end", "align", "center"),
        ("region:none", "region", None),
    ],
)
def test_settings_are_judged_one_by_one(settings: str, field: str, value: object) -> None:
    (cue,) = read(f"WEBVTT\n\n{T} {settings}\na")
    assert getattr(cue.settings, field) == value


def test_line_numbers_point_at_timing_lines() -> None:
    text = (
        f"WEBVTT x\nKind: y\n\nNOTE\nz\n\n\n1\n{T}\na\n\n{T}\nb\n{T}\nc\n\n\n\n2\n{T}\nd\n\nstray\n\n{T}\ne"
    )
    lines = text.split("\n")
    cues = read(text)
    assert [cue.raw_text for cue in cues] == ["a", "b", "c", "d", "e"]
    assert all(lines[cue.line_number - 1] == T for cue in cues)
    assert len({cue.line_number for cue in cues}) == 5


def test_feed_returns_a_cue_as_soon_as_its_blank_line_is_there() -> None:
    parser = WebVTTParser()
    assert parser.feed(f"WEBVTT\n\n{T}\na\n".encode()) == []
    assert [cue.text for cue in parser.feed(b"\n")] == ["a"]


def test_a_parser_reads_one_file() -> None:
    parser = WebVTTParser()
    parser.feed(b"WEBVTT\n")
    assert parser.close() == []
    assert parser.close() == []
    with pytest.raises(ValueError, match="one file"):
        parser.feed(b"x")
