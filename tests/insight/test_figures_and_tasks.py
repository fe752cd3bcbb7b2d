"""Amounts, dates, owners and due dates, as the sentence says them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from snapshot_engine.insight.figures import find_figures
from snapshot_engine.insight.tasks import find_task


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("It saved $2.5 million in a year.", [("$2.5 million", "money")]),
        ("We paid €40k, then £1,200.50 more.", [("€40k", "money"), ("£1,200.50", "money")]),
        ("Net income was 86.3 billion yen.", [("86.3 billion yen", "money")]),
        ("They invested GH₵ 1.5 billion.", [("GH₵ 1.5 billion", "money")]),
        ("It costs five million dollars.", [("five million dollars", "money")]),
        (
            "Revenue grew 16.4% and churn fell by ten percent.",
            [("16.4%", "percent"), ("ten percent", "percent")],
        ),
        ("Latency went from 40 milliseconds to 3x.", [("40 milliseconds", "quantity"), ("3x", "quantity")]),
        ("We have 10,700 active users.", [("10,700 active users", "quantity")]),
        ("We go live on March 3rd, 2022.", [("March 3rd, 2022", "date")]),
        ("Send it by Friday or next week.", [("by Friday", "date"), ("next week", "date")]),
        ("In 2021 we start with Q3.", [("2021", "date"), ("Q3", "date")]),
        ("This is ERC 2004 and X402.", []),
        ("You may go now, one day.", []),
    ],
)
def test_amounts_are_found_as_they_stand(sentence: str, expected: list[tuple[str, str]]) -> None:
    assert [(figure.text, figure.kind) for figure in find_figures(sentence)] == expected


def test_the_annotators_spans_count_only_where_the_text_bears_them_out() -> None:
    sentence = "Put 2 million of it into Adam, about 2 million bucks."
    entities = [(4, 13, "MONEY"), (25, 29, "MONEY"), (31, 52, "MONEY")]
    assert [(f.text, f.kind) for f in find_figures(sentence, entities)] == [
        ("2 million", "quantity"),
        ("about 2 million bucks", "money"),
    ]


@settings(deadline=None)
@given(st.text(max_size=200), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200), st.sampled_from(["MONEY", "DATE", "PERCENT", "QUANTITY", "ORG"])), max_size=4))  # fmt: skip
def test_figures_are_slices_in_order_without_overlap(text: str, spans: list[tuple[int, int, str]]) -> None:
    at = 0
    for figure in find_figures(text, [span for span in spans if span[0] < span[1] <= len(text)]):
        assert figure.start_char >= at
        at = figure.start_char + len(figure.text)
        assert text[figure.start_char : at] == figure.text != ""


@pytest.mark.parametrize(
    ("sentence", "people", "owner", "owner_from", "due"),
    [
        ("I'll send the plan by Friday.", [], "Ann", "speaker", "by Friday"),
        ("Bo will review it next week.", ["Bo"], "Bo", "name", "next week"),
        ("Could you please send the slides, Carla?", [], "", "", ""),
        ("Can you Carla send the slides today?", [], "Carla", "name", "today"),
        ("We need to fix the importer.", [], "", "", ""),
        ("Bo, please check the logs after the call.", ["Bo"], "Bo", "name", "after the call"),
        ("I will ask if Bo will review it.", ["Bo"], "Ann", "speaker", ""),
        ("This will need to ship tomorrow.", [], "", "", "tomorrow"),
    ],
)
def test_owner_and_due_are_what_the_sentence_says(
    sentence: str, people: list[str], owner: str, owner_from: str, due: str
) -> None:
    task = find_task(sentence, "Ann", people, find_figures(sentence))
    assert (task.owner, task.owner_from, task.due) == (owner, owner_from, due)
