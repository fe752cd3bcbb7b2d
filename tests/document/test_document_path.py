"""A transcript becomes a document in every format."""

from __future__ import annotations

import json

import pytest

from snapshot_engine.document.compose import compose
from snapshot_engine.document.render import FORMATS, render
from snapshot_engine.document.snapshot import Coverage
from snapshot_engine.insight.insights import InsightBounds, InsightsBuilder
from snapshot_engine.language.annotation import AnnotatedUtterance
from snapshot_engine.transcript.utterance import Utterance

SAID = (
    ("Ann", "The rollout reduced our support cost by 40%, which saved $2 million in the first year."),
    ("Bo", "We decided to extend the contract to all branches. I'll send the revised plan by Friday."),
)


def _utterances() -> list[AnnotatedUtterance]:
    return [
        AnnotatedUtterance(
            utterance=Utterance(
                speaker=speaker, start_ms=at * 9_000, end_ms=at * 9_000 + 8_000, text=text, cue_offsets=(0,),
                cue_start_ms=(at * 9_000,), cue_end_ms=(at * 9_000 + 8_000,), cue_lines=(3 + 3 * at,),
            ),
            entities=(),
        )
        for at, (speaker, text) in enumerate(SAID)
    ]  # fmt: skip


def _document(output_format: str) -> str:
    builder = InsightsBuilder(InsightBounds())
    for annotated in _utterances():
        builder.add(annotated)
    coverage = Coverage(source_name="call.vtt", cues_read=2, words=28, utterances=2, duration_ms=17_000)
    return "".join(render(compose(builder.finish(), coverage), output_format))


@pytest.mark.parametrize("output_format", FORMATS)
def test_every_format_holds_the_decision_the_action_and_the_figures(output_format: str) -> None:
    text = _document(output_format).replace("\\", "").replace("<mark>", "").replace("</mark>", "")
    for _, said in SAID:
        for sentence in said.split(". "):
            assert sentence.replace("'", "&#39;" if output_format == "html" else "'") in text


def test_json_says_who_does_what_until_when() -> None:
    sections = {section["key"]: section for section in json.loads(_document("json"))["sections"]}
    groups = {group["key"]: group for group in sections["decisions_and_actions"]["groups"]}
    (action,) = groups["actions"]["items"]
    assert (action["owner"], action["owner_from"], action["due"]) == ("Bo", "speaker", "by Friday")
    assert [item["text"] for item in groups["decisions"]["items"]] == [
        "We decided to extend the contract to all branches."
    ]
    (row,) = next(g for g in sections["financial_impact"]["groups"] if g["key"] == "money")["items"]
    assert row["figures"] == [{"text": "$2 million", "kind": "money", "start_char": 57}]


def test_an_unknown_format_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="output format 'docx': must be one of markdown, html, json"):
        render(compose(InsightsBuilder().finish(), Coverage(source_name="x")), "docx")


@pytest.mark.parametrize("output_format", FORMATS)
def test_an_empty_transcript_says_in_every_section_that_nothing_was_found(output_format: str) -> None:
    text = "".join(render(compose(InsightsBuilder().finish(), Coverage(source_name="x")), output_format))
    if output_format == "json":
        assert all(section["empty"] for section in json.loads(text)["sections"])
    else:
        assert text.count("Nothing was found in the transcript for this section.") == 13
