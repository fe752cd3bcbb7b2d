"""Medians, spreads and slopes: judged on numbers whose answer is known."""

from __future__ import annotations

import random

import pytest

from benchmarks.summary import fit_line, median_interval, summarize


def test_a_median_is_stable_when_the_middle_half_is_close() -> None:
    assert summarize([1.00, 1.01, 1.02, 1.03, 9.0]).stable
    assert not summarize([1.0, 1.1, 1.2, 1.3, 1.4]).stable


def test_two_runs_are_never_called_stable() -> None:
    assert not summarize([1.0, 1.0]).stable


def test_no_runs_is_an_error_not_a_zero() -> None:
    with pytest.raises(ValueError, match="no runs"):
        summarize([])


def test_an_exact_line_is_found_with_no_doubt() -> None:
    line = fit_line([1, 10, 100], [12.0, 30.0, 210.0])
    assert line.slope == pytest.approx(2.0)
    assert line.intercept == pytest.approx(10.0)
    assert line.slope_high - line.slope_low == pytest.approx(0.0, abs=1e-9)


def test_the_interval_holds_the_true_slope_19_times_in_20() -> None:
    noise = random.Random(1)
    sizes = [1.0, 5.0, 10.0, 30.0, 60.0, 100.0]
    hits = 0
    for _ in range(1000):
        line = fit_line(sizes, [50 + 0.3 * x + noise.gauss(0, 2) for x in sizes])
        hits += line.slope_low <= 0.3 <= line.slope_high
    assert 930 <= hits <= 970


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1, 2]), ([5, 5, 5], [1, 2, 3])])
def test_a_slope_that_cannot_be_told_is_refused(xs: list[float], ys: list[float]) -> None:
    with pytest.raises(ValueError, match=r"at least 3 points|all sizes are equal"):
        fit_line(xs, ys)


def test_the_median_interval_is_that_of_the_sign_test() -> None:
    """Nine values: the second lowest and second highest hold the median at 96 % (binomial table)."""
    assert median_interval([9, 8, 7, 6, 5, 4, 3, 2, 1]) == (2, 8)
    assert median_interval([3, 1, 2]) == (1, 3)
