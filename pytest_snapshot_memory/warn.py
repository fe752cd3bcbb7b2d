"""Warnings of ours about a test, which never decide how it ends."""

from __future__ import annotations

import warnings

import pytest


def warn(item: pytest.Item, text: str) -> None:
    """Put `text` among the run's warnings, also where the suite turns warnings into errors.

    Such a filter is meant for the tested code. Raised, a warning of ours would fail
    a test that passes without us, or end the run where no test is to blame.
    """
    try:
        item.warn(pytest.PytestWarning(text))
    except pytest.PytestWarning:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            item.warn(pytest.PytestWarning(text))
