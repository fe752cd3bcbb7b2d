"""Cues to utterances: joined, split, de-duplicated; nothing lost, nothing doubled."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from snapshot_engine import Cue, Utterance, WebVTTParser
from snapshot_engine.transcript.utterances import CONTINUATION_GAP_MS, join_cues


def cue(
    text: str, speaker: str = "", start_ms: int = 0, end_ms: int = -1, raw_text: str = "", line: int = 1
) -> Cue:
    raw_text = raw_text or (f"{speaker}: {text}" if speaker else text)
    end_ms = end_ms if end_ms >= 0 else start_ms + 1000
    return Cue(start_ms, end_ms, speaker=speaker, text=text, line_number=line, raw_text=raw_text)


def read(text: str) -> list[Cue]:
    parser = WebVTTParser()
    return parser.feed(f"WEBVTT\n\n{text}".encode()) + parser.close()


def said(cues: list[Cue], **options: int) -> list[tuple[str, str]]:
    return [(utterance.speaker, utterance.text) for utterance in join_cues(cues, **options)]


def test_runs_of_one_speaker_are_joined() -> None:
    cues = [
        cue("one", "Ann"),
        cue("two\n three ", "Ann", 1000),
        cue("four", "Bob", 2000),
        cue("five", "Ann", 3000),
    ]
    assert said(cues) == [("Ann", "one two three"), ("Bob", "four"), ("Ann", "five")]


def test_offsets_lead_back_to_cue_and_time() -> None:
    cues = [cue("one", "Ann", 0, 900, line=4), cue("two", "Ann", 1000, 1900, line=8)]
    (utterance,) = join_cues(cues)
    assert utterance == Utterance(
        speaker="Ann",
        start_ms=0,
        end_ms=1900,
        text="one two",
        cue_offsets=(0, 4),
        cue_start_ms=(0, 1000),
        cue_end_ms=(900, 1900),
        cue_lines=(4, 8),
    )
    assert [utterance.time_at_ms(offset) for offset in (0, 3, 4, 6)] == [0, 0, 1000, 1000]


def test_empty_cues_are_no_utterances() -> None:
    assert said([cue("", "Ann"), cue(" \n ", "Ann")]) == []


def test_an_utterance_ends_at_the_latest_of_its_cues() -> None:
    (utterance,) = join_cues([cue("one", "Ann", 0, 9000), cue("two", "Ann", 1000, 2000)])
    assert utterance.end_ms == 9000


def test_a_cue_without_a_name_goes_on_with_the_speaker_before() -> None:
    cues = [cue("one", "Ann", 0), cue("two", "", 1500), cue("three", "", 3000), cue("four", "Bob", 5000)]
    assert said(cues) == [("Ann", "one two three"), ("Bob", "four")]


@pytest.mark.parametrize(("extra_ms", "speaker"), [(0, "Ann"), (1, "")])
def test_after_a_long_silence_nobody_is_named(extra_ms: int, speaker: str) -> None:
    cues = [cue("one", "Ann", 0, 1000), cue("two", "", 1000 + CONTINUATION_GAP_MS + extra_ms)]
    assert said(cues)[-1] == (speaker, "one two" if speaker else "two")


def test_a_cue_that_only_names_a_speaker_speaks_for_the_next() -> None:
    cues = read("00:00.000 --> 00:01.000\nAnn Lee  0:00\n\n00:01.000 --> 00:02.000\nhello there\n")
    assert said(cues) == [("Ann Lee", "hello there")]


def test_after_nobody_comes_nobody() -> None:
    cues = [cue("one", "Ann", 0, 1000), cue("two", "", 60_000), cue("three", "", 62_000)]
    assert said(cues) == [("Ann", "one"), ("", "two three")]


def test_a_cue_without_a_voice_tag_is_nobodys() -> None:
    cues = read("00:00.000 --> 00:01.000\n<v Ann>one\n\n00:01.000 --> 00:02.000\n(music)\n")
    assert said(cues) == [("Ann", "one"), ("", "(music)")]


def test_several_voices_in_one_cue_are_taken_apart() -> None:
    cues = read(
        "00:00.000 --> 00:01.000\n<v Ann>one</v>\n<v Bob> two  &amp;\xa0 <i>three</i></v>\n<v Ann>four\n"
    )
    assert said(cues) == [("Ann", "one"), ("Bob", "two & three"), ("Ann", "four")]


def test_a_voice_that_is_named_twice_is_one() -> None:
    cues = read("00:00.000 --> 00:01.000\n<v Ann>one</v> <v Ann>two</v>\n")
    assert said(cues) == [("Ann", "one two")]


def test_turn_marks_begin_a_new_utterance_and_are_left_out() -> None:
    cues = [cue("so it is"), cue(">> Yes.", start_ms=1000), cue("it is.\n- Fine.\n- Good -", start_ms=2000)]
    assert said(cues) == [("", "so it is"), ("", "Yes. it is."), ("", "Fine."), ("", "Good -")]


@pytest.mark.parametrize("text", ["-5 degrees", "> quoted", "a - b", "--"])
def test_what_only_looks_like_a_turn_mark_stays(text: str) -> None:
    assert said([cue(text)]) == [("", text)]


def test_a_long_turn_is_split_behind_a_sentence() -> None:
    cues = [cue("One two. Three", "Ann", 0, line=1), cue("four! Five six seven", "Ann", 1000, line=2)]
    first, second = join_cues(cues, max_utterance_chars=24)
    assert (first.text, first.cue_offsets, first.cue_lines) == ("One two. Three four!", (0, 15), (1, 2))
    assert (second.text, second.cue_offsets, second.cue_lines) == ("Five six seven", (0,), (2,))
    assert (second.start_ms, second.speaker) == (1000, "Ann")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("aaaa bbbb cccc", ["aaaa bbbb", "cccc"]),
        ("aaaaaaaaaabbbbb", ["aaaaaaaaaa", "bbbbb"]),
        ("aaaaa bbbb", ["aaaaa bbbb"]),
        ("a. bbbbbbbbbb", ["a.", "bbbbbbbbbb"]),
        ('aa "bb!" cc', ['aa "bb!"', "cc"]),
        ("これは。それは。あれは。", ["これは。それは。", "あれは。"]),
    ],
)
def test_where_a_long_text_is_cut(text: str, parts: list[str]) -> None:
    assert [words for _, words in said([cue(text)], max_utterance_chars=10)] == parts


def test_a_useless_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="max_utterance_chars is 0"):
        list(join_cues([], max_utterance_chars=0))


YOUTUBE = """00:00:00.000 --> 00:00:02.500 align:start position:0%
 
so<00:00:00.500><c> today</c><00:00:01.000><c> we</c>

00:00:02.500 --> 00:00:02.510 align:start position:0%
so today we
 

00:00:02.510 --> 00:00:05.000 align:start position:0%
so today we
will<00:00:03.000><c> talk</c>

00:00:05.000 --> 00:00:05.010 align:start position:0%
will talk
 

00:00:05.010 --> 00:00:06.000 align:start position:0%
will talk
yes

00:00:06.000 --> 00:00:06.010 align:start position:0%
yes
 

00:00:06.010 --> 00:00:07.000 align:start position:0%
yes
yes

00:00:07.000 --> 00:00:07.010 align:start position:0%
yes
 

"""  # noqa: W293


def test_rolling_captions_are_said_once() -> None:
    assert said(read(YOUTUBE)) == [("", "so today we will talk yes yes")]


def test_an_echo_is_dropped_even_before_anything_rolls() -> None:
    cues = [cue("hello", start_ms=0, end_ms=1000), cue("hello", start_ms=1000, end_ms=1010)]
    assert said(cues) == [("", "hello")]


def test_what_is_said_twice_in_ordinary_cues_stays_twice() -> None:
    cues = [cue("Yes.", "Ann", 0, 1000), cue("Yes.", "Ann", 1000, 2000), cue("Yes.\nNo.", "Ann", 2000, 3000)]
    assert said(cues) == [("Ann", "Yes. Yes. Yes. No.")]


def test_a_repeat_after_a_pause_is_a_repeat_also_where_captions_roll() -> None:
    cues = [
        cue("go on", raw_text="go<00:00:00.500><c> on</c>", start_ms=0, end_ms=1000),
        cue("go on", start_ms=5000, end_ms=6000),
    ]
    assert said(cues) == [("", "go on go on")]


def test_cues_that_overlap_in_time_are_not_rolling() -> None:
    cues = [cue("one", start_ms=0, end_ms=4000), cue("two", start_ms=2000, end_ms=6000)]
    assert said(cues) == [("", "one two")]


WORDS = st.lists(st.sampled_from(["yes", "No.", "so", "we", "will?", "x" * 30, "é…", "漢字。"]), max_size=12)


@given(
    turns=st.lists(st.tuples(st.sampled_from(["", "Ann", "Bob"]), WORDS), max_size=30),
    max_chars=st.integers(1, 80),
)
@settings(deadline=None)
def test_no_word_is_lost_doubled_or_moved(turns: list[tuple[str, list[str]]], max_chars: int) -> None:
    cues = [
        cue("\n".join(words), speaker, number * 1000, line=number + 1)
        for number, (speaker, words) in enumerate(turns)
    ]
    utterances = list(join_cues(cues, max_utterance_chars=max_chars))
    joined = "".join(utterance.text for utterance in utterances).replace(" ", "")
    assert joined == "".join(word for _, words in turns for word in words)
    for utterance in utterances:
        assert 0 < len(utterance.text) <= max_chars
        assert utterance.text == " ".join(utterance.text.split())
        assert utterance.cue_offsets[0] == 0
        assert list(utterance.cue_offsets) == sorted(set(utterance.cue_offsets))
        bounds = [*utterance.cue_offsets, len(utterance.text) + 1]
        for (begin, end), line in zip(pairwise(bounds), utterance.cue_lines, strict=True):
            said_there = utterance.text[begin : end - 1]
            assert said_there in " ".join(cues[line - 1].text.split())


@given(lines=st.lists(st.sampled_from(["yes", "so we go", "no", "then he said"]), min_size=1, max_size=20))
@settings(deadline=None)
def test_whatever_rolls_is_said_once(lines: list[str]) -> None:
    """YouTube's shape around any lines, repeated ones too."""
    cues: list[Cue] = []
    before = ""
    for number, line in enumerate(lines):
        start = number * 2000
        raw = f"{before or ' '}\n{line}<00:00:00.100><c> end</c>"
        cues.append(cue(f"{before or ' '}\n{line} end", start_ms=start, end_ms=start + 1990, raw_text=raw))
        before = f"{line} end"
        cues.append(cue(f"{before}\n ", start_ms=start + 1990, end_ms=start + 2000))
    assert " ".join(text for _, text in said(cues)) == " ".join(f"{line} end" for line in lines)
