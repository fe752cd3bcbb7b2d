from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, strategies as st

from pytest_snapshot_memory.gate_expression import ExpressionMistake, Threshold, parse_expressions

MIB = 2**20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("growth>5%", [Threshold(metric="growth", ratio=0.05)]),
        ("growth>5%+1MB", [Threshold(metric="growth", ratio=0.05, size_bytes=MIB)]),
        ("growth > 1 MiB + 0.5 %", [Threshold(metric="growth", ratio=0.005, size_bytes=MIB)]),
        ("retained>0.5MB", [Threshold(metric="retained", size_bytes=MIB // 2)]),
        (
            "retained>1KB, growth>0%",
            [Threshold(metric="growth"), Threshold(metric="retained", size_bytes=1024)],
        ),
        ("", []),
    ],
)
def test_an_expression_means_what_it_says(text: str, expected: list[Threshold]) -> None:
    assert list(parse_expressions([text])) == expected


def test_of_several_texts_the_last_for_a_metric_counts() -> None:
    found = parse_expressions(["growth>5%", "retained>1MB", "growth>1%"])
    assert [threshold.text for threshold in found] == ["growth>1%", "retained>1.0MiB"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("growth", "no comparison"),
        ("peak>5%", "metric 'peak' is not one of growth, retained"),
        ("growth>=5%", "'>=' is not supported"),
        ("growth<5%", "'<' is not supported"),
        ("growth>", "an amount is missing"),
        ("growth>5%+", "an amount is missing"),
        ("growth>5%+5%", "two percentages"),
        ("growth>1MB+1MB", "two sizes"),
        ("growth>2KBjunk", "'2KBjunk' is neither"),
        ("growth>-5%", "'-5%' is neither"),
        ("growth>5%%", "'5%%' is neither"),
        ("growth>nan%", "'nan%' is neither"),
    ],
)
def test_a_mistake_is_named_with_an_example(text: str, why: str) -> None:
    with pytest.raises(ExpressionMistake, match=why) as caught:
        parse_expressions([text])
    assert "Write for example" in str(caught.value)
    assert caught.value.text == text


@given(st.text(alphabet="growthetaind>%+,. 0123456789KMGB-") | st.text())
def test_any_text_is_an_expression_or_our_mistake(text: str) -> None:
    with contextlib.suppress(ExpressionMistake):
        parse_expressions([text])


@given(
    st.builds(
        Threshold,
        metric=st.sampled_from(["growth", "retained"]),
        ratio=st.integers(0, 1000).map(lambda n: n / 1000),
        size_bytes=st.integers(0, 1000).map(lambda n: n * 1024),
    )
)
def test_a_threshold_reads_its_own_text(threshold: Threshold) -> None:
    (back,) = parse_expressions([threshold.text])
    assert back.ratio == pytest.approx(threshold.ratio)
    assert abs(back.size_bytes - threshold.size_bytes) <= 1024


def test_the_allowance_grows_with_the_value_and_not_below_zero() -> None:
    threshold = Threshold(metric="retained", ratio=0.1, size_bytes=100)
    assert threshold.allowance_bytes(1000) == 200
    assert threshold.allowance_bytes(0) == 100
    assert threshold.allowance_bytes(-5000) == 100
