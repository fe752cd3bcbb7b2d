"""Who speaks: voice tags, labels, identifiers, and what only looks like a label."""

from __future__ import annotations

import pytest

from snapshot_engine import Cue, WebVTTParser
from snapshot_engine.transcript.speakers import TRIAL_CUES, is_label


def read(payloads: list[str], identifier: str = "") -> list[Cue]:
    head = f"{identifier}\n" if identifier else ""
    text = "".join(
        f"{head}00:{n % 60:02}:00.000 --> 00:{n % 60:02}:01.000\n{p}\n\n" for n, p in enumerate(payloads)
    )
    parser = WebVTTParser()
    return parser.feed(f"WEBVTT\n\n{text}".encode()) + parser.close()


def read_one(payload: str, identifier: str = "") -> tuple[str, str]:
    (cue,) = read([payload], identifier)
    return cue.speaker, cue.text


@pytest.mark.parametrize(
    ("payload", "speaker", "text"),
    [
        ("<v Ann Lee>Hi there</v>", "Ann Lee", "Hi there"),
        ("<v Ann Lee>Hi there", "Ann Lee", "Hi there"),
        ("<v Lee, Ann>Hi\nthere</v>", "Lee, Ann", "Hi\nthere"),
        ("<v.loud  Ann \t Lee >Hi", "Ann Lee", "Hi"),
        ("<v AT&amp;T>Hi <b>all</b> &lt;3", "AT&T", "Hi all <3"),
        ("<v ->Hi", "", "Hi"),
        ("<v>Hi", "", "Hi"),
        ("<v Ann></v>", "Ann", ""),
        ("<v Ann>", "Ann", ""),
        ("<v Ann>Note: hi", "Ann", "Note: hi"),
        ("<v Ann>one</v> <v Bob>two</v>", "Ann", "one two"),
        ("- <v Ann>one", "Ann", "- one"),
        ("<c.x>Hi</c> <00:00:01.000>all", "", "Hi all"),
        ("<c>Ann: Hi</c>", "Ann", "Hi"),
        ("<Speaker 1>Hi", "Speaker 1", "Hi"),
        ("<Guest-2>Hi", "Guest-2", "Hi"),
        ("<unknown>Hi", "", "Hi"),
        ("vitto: Good day: yes", "vitto", "Good day: yes"),
        ("Ann Lee: Hi", "Ann Lee", "Hi"),
        ("- Ann: Hi", "Ann", "Hi"),
        (">> Ann: Hi", "Ann", "Hi"),
        ("Ann & Bob: Hi", "Ann & Bob", "Hi"),
        ("Ann:", "Ann", ""),
        ("Ann Lee  0:03\nHi there", "Ann Lee", "Hi there"),
        ("Ann Lee  1:00:03", "Ann Lee", ""),
        ("see you at 10:30", "", "see you at 10:30"),
        ("10: 30", "", "10: 30"),
        ("see https://a.b: c", "", "see https://a.b: c"),
        ("https://a.b/c", "", "https://a.b/c"),
        ("Note: this is late", "", "Note: this is late"),
        ("So the question is: why", "", "So the question is: why"),
        ("Well. Ann: hi", "", "Well. Ann: hi"),
        ("We agreed on two\nthings: one", "", "We agreed on two\nthings: one"),
    ],
)
def test_a_cue_names_its_speaker(payload: str, speaker: str, text: str) -> None:
    assert read_one(payload) == (speaker, text)


@pytest.mark.parametrize(
    ("identifier", "speaker"),
    [
        ('1 "Shmo, Jonathan" (1838608384)', "Shmo, Jonathan"),
        ('12 "Ann" ()', "Ann"),
        ('3 "Ann"', "Ann"),
        ('"Ann"', ""),
        ("1", ""),
        ("guid/12-0", ""),
    ],
)
def test_a_webex_identifier_names_the_speaker(identifier: str, speaker: str) -> None:
    assert read_one("Right. That's okay.", identifier) == (speaker, "Right. That's okay.")


@pytest.mark.parametrize(
    "name",
    [
        "Ludwig van Beethoven", "J. Doe", "Dr. Ann Lee", "Smith, John", "Mairon | 4Mica", "Dawid | ag0",
        "Ann (she/her)", "Ann [acme]", "iPhone", "user@example.com", "+1 415 555 0100", "14155550100", "SPEAKER_00",
        "Speaker 1", "山田太郎", "Müller", "Chris O'Brien", "Audio shared by Ann Lee", "Q", "A", "bond.credit",
    ],
)  # fmt: skip
def test_names_are_labels(name: str) -> None:
    assert is_label(name)


@pytest.mark.parametrize(
    "words",
    [
        "", "'", "10", "2024", "Note", "question", "First", "And then", "He said", "In 2020", "Here's the thing",
        "Okay. Bob", "Really?", "Step 1", "We have three goals", "the plan", "Ann\nLee", "A" * 61,
        "One Two Three Four Five Six Seven",
    ],
)  # fmt: skip
def test_lead_ins_and_half_sentences_are_no_labels(words: str) -> None:
    assert not is_label(words)


def test_a_name_in_lower_case_is_believed_from_its_third_cue_on() -> None:
    cues = read(["john smith: one", "Ann: two", "john smith: three", "john smith: four", "john smith: five"])
    assert [(cue.speaker, cue.text) for cue in cues] == [
        ("", "john smith: one"),
        ("Ann", "two"),
        ("", "john smith: three"),
        ("john smith", "four"),
        ("john smith", "five"),
    ]


def test_a_file_without_labels_has_none_later() -> None:
    payloads = ["just words"] * TRIAL_CUES + ["Boston: the best of towns"] * 3
    assert {cue.speaker for cue in read(payloads)} == {""}


def test_a_file_with_labels_keeps_them() -> None:
    payloads = ["Ann: words", "more words"] * TRIAL_CUES + ["Boston: the best of towns"]
    assert read(payloads)[-1].speaker == "Boston"


def test_voice_tags_alone_do_not_make_labels_expected() -> None:
    payloads = ["<v Ann>words"] * TRIAL_CUES + ["Boston: the best of towns", "<v Bob>Boston: yes"]
    assert [cue.speaker for cue in read(payloads)[-2:]] == ["", "Bob"]


def test_speakers_of_one_name_share_one_string() -> None:
    cues = read(["Ann Lee: some words"] * 200)
    assert len({id(cue.speaker) for cue in cues[TRIAL_CUES:]}) == 1


def test_a_character_reference_cut_by_a_tag_is_none() -> None:
    assert read_one("a &am<b>p; b") == ("", "a &amp; b")


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("&#65;&#x42;&#X43", "ABC"),
        ("&#0;&#xD800;&#x110000;&#99999999999999999999;", "\ufffd\ufffd\ufffd\ufffd"),
        ("&#128;&#x99;&#x81;", "€™\x81"),
        ("&notit; &notin; &hellip; &copy &nosuch;", "¬it; ∉ … © &nosuch;"),
        ("&apos;&quot;&nbsp;", "'\"\xa0"),
        ("&; & &# &#x;", "&; & &# &#x;"),
    ],
)
def test_character_references_are_resolved_as_in_html(reference: str, text: str) -> None:
    assert read_one(f"words {reference}")[1] == f"words {text}"
