"""Any bytes, any split: the same cues or our error; the fast road and the block rules agree."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given, settings, strategies as st

from snapshot_engine import Cue, TranscriptError, WebVTTParser

Outcome = tuple[list[Cue], str, int, tuple[tuple[int, str], ...], int]

TIMES = st.sampled_from(
    [
        "00:00:01.000 --> 00:00:02.000",
        "00:00:01.000 --> 00:00:02.500",
        "01:59:59.999 --> 02:00:00.000",
        "00:01.000 --> 00:02.000",
        "00:00:01.000 --> 00:00:02.000 align:start position:0%",
        "00:00:01.000 --> 00:00:02.000\tline:-1 region:r",
        "00:60:01.000 --> 00:00:02.000",
        "00:00:01.000-->00:00:02.000",
        "0:0:1.5 --> 0:0:2.5",
        "00:00:01.000 --> 00:00:02.0000",
        "00:00:01.000 --> 00:00:02.000 -->",
        "-->",
    ]
)
WORDS = st.sampled_from(
    [
        "Ann: hello",
        "Ann Lee: yes",
        "john smith: ok",
        "plain words",
        "a: b: c",
        "<v Bob>hi</v>",
        "<v Bob>hi",
        "<v A>x</v> <v B>y</v>",
        "<c.x>t</c> &amp; &nbsp",
        " ",
        "é ü 漢字: ok",
        "Ann  0:03",
        "NOTE x",
        "STYLE",
        "REGION",
        "id:r lines:2",
        "x --> y",
        "10:30",
        ">> go",
        "\ufeff",
        "\0",
    ]
)
IDENTIFIERS = st.sampled_from(["", "1\n", '2 "Lee, Ann" (7)\n', "STYLE\n", "guid/1-0\n"])


@st.composite
def blocks(draw: st.DrawFn) -> str:
    payload = "\n".join(draw(st.lists(WORDS, max_size=3)))
    if draw(st.integers(0, 3)):
        return f"{draw(IDENTIFIERS)}{draw(TIMES)}\n{payload}"
    return payload


@st.composite
def regular_runs(draw: st.DrawFn) -> str:
    """Long enough to take the fast road, which is tried on pieces above 2,048 characters."""
    count = draw(st.integers(20, 90))
    numbered = draw(st.booleans())
    odd = draw(st.integers(0, 200))
    odd_words = draw(WORDS)
    return "\n\n".join(
        f"{f'{n}{chr(10)}' if numbered else ''}00:{n % 60:02}:00.000 --> 00:{n % 60:02}:01.250\n"
        + (odd_words if n == odd else f"{'Ann' if n % 3 else 'Bo Lee'}: some words to say, number {n}")
        for n in range(count)
    )


@st.composite
def files(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(st.one_of(blocks(), blocks(), regular_runs()), max_size=6))
    gap = draw(st.sampled_from(["\n\n", "\n\n", "\n\n\n", "\n"]))
    text = draw(st.sampled_from(["WEBVTT", "WEBVTT\n\n", "WEBVTT\n", "\ufeffWEBVTT x\n\n"])) + gap.join(parts)
    text += draw(st.sampled_from(["", "\n", "\n\n"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"]))).encode()


def outcome(pieces: list[bytes], *, by_lines: bool = False, max_block_bytes: int = 1 << 18) -> Outcome:
    parser = WebVTTParser(recover_times=True, max_block_bytes=max_block_bytes)
    if by_lines:
        lines, pending = parser._read_lines, parser._pending
        parser._read_blocks = lambda cut: lines(pending.take(cut))  # type: ignore[method-assign]
    cues: list[Cue] = []
    error = ""
    try:
        for piece in pieces:
            cues += parser.feed(piece)
        cues += parser.close()
    except TranscriptError as caught:
        error = str(caught)
    return cues, error, parser.blocks_skipped, parser.problems, parser.times_recovered


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


CUTS = st.lists(st.integers(0, 1 << 16), max_size=20)


@given(data=st.binary(max_size=400), cuts=CUTS)
@example(data=b"WEBVTT\r", cuts=[7])
@example(data=b"\xef\xbb\xbfWEBVTT", cuts=[1, 2])
@settings(deadline=None)
def test_any_bytes_at_any_split_give_the_same(data: bytes, cuts: list[int]) -> None:
    assert outcome(pieces_of(data, cuts)) == outcome([data])


@given(data=st.binary(max_size=400), cuts=CUTS)
@settings(deadline=None)
def test_any_bytes_behind_a_signature_at_any_split_give_the_same(data: bytes, cuts: list[int]) -> None:
    data = b"WEBVTT\n\n00:00.000 --> 00:01.000\n" + data
    assert outcome(pieces_of(data, cuts)) == outcome([data])


@given(data=files(), cuts=CUTS)
@settings(deadline=None)
def test_any_split_of_a_transcript_gives_the_same(data: bytes, cuts: list[int]) -> None:
    assert outcome(pieces_of(data, cuts)) == outcome([data])


@given(data=files(), cuts=CUTS, max_block_bytes=st.sampled_from([64, 100, 500]))
@settings(deadline=None)
def test_any_split_gives_the_same_where_blocks_are_too_long(
    data: bytes, cuts: list[int], max_block_bytes: int
) -> None:
    assert outcome(pieces_of(data, cuts), max_block_bytes=max_block_bytes) == outcome(
        [data], max_block_bytes=max_block_bytes
    )


@given(data=files())
@settings(deadline=None)
def test_the_fast_road_gives_what_the_block_rules_give(data: bytes) -> None:
    assert outcome([data]) == outcome([data], by_lines=True)


@given(data=files())
@settings(deadline=None)
def test_every_cue_points_at_its_timing_line(data: bytes) -> None:
    lines = data.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for cue in outcome([data])[0]:
        assert "-->" in lines[cue.line_number - 1]
