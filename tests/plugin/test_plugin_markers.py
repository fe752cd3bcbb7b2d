"""Marker and option mistakes are one sentence, never an INTERNALERROR; any arguments at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from pytest_snapshot_memory.markers import MarkerMistake, read_growth, read_leak, read_limit

Run = Callable[..., pytest.RunResult]

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from(["100 MB", "resident", "call", "growth", "O(n)", [1, 2, 3], True]),
)
NAMES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "limit",
            "gauge",
            "of",
            "phase",
            "isolate",
            "enforce",
            "rounds",
            "warmup",
            "allowed",
            "law",
            "sizes",
            "tolerance",
        ]
    ),
)


@pytest.mark.parametrize("read", [read_limit, read_leak, read_growth])
@settings(max_examples=200, deadline=None)
@given(args=st.lists(ANYTHING, max_size=3), kwargs=st.dictionaries(NAMES, ANYTHING, max_size=4))
def test_any_arguments_give_a_request_or_one_sentence(
    read: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
) -> None:
    try:
        read(tuple(args), kwargs)
        sentence = "memory_"
    except MarkerMistake as mistake:
        sentence = str(mistake)
    assert sentence.startswith("memory_")
    assert len(sentence) < 400


MISTAKES = {
    'memory_limit("2KBjunk")': "memory_limit: limit: size '2KBjunk': not a size",
    "memory_limit()": "memory_limit: the limit is missing",
    'memory_limit("1 MB", 2)': "memory_limit: 2 is one positional argument too many",
    'memory_limit("1 MB", gauge="heap")': "memory_limit: gauge='heap' is not one of",
    'memory_limit("1 MB", limt=3)': "memory_limit: unknown argument 'limt'",
    'memory_limit("1 MB", isolate=1)': "memory_limit: isolate=1 is neither True nor False",
    "memory_limit(-1)": "memory_limit: limit: size -1",
    'memory_limit("1 MB", of="retained", enforce=True)': "memory_limit: enforce=True stops",
    'memory_limit("1 MB", of="peak", gauge="python")': "memory_limit: of='peak' is the whole process",
    "memory_leak(rounds=1)": "memory_leak: rounds=1 is not a whole number of 5",
    "memory_leak(5)": "memory_leak: 5 is one positional argument too many",
    'memory_growth("O(n)")': "memory_growth: needs a law and sizes",
    'memory_growth("O(x)", sizes=[1, 2, 3])': "memory_growth: 'O(x)' is not one of",
    'memory_growth("O(n)", sizes=[1, 2])': "memory_growth: sizes=[1, 2] must be at least three",
    'memory_growth("O(n)", sizes=[1, 2, 3])': "memory_growth: the test must take the fixture memory_size",
}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_wrong_marker_fails_its_test_with_a_sentence_and_no_other(
    pytester: pytest.Pytester, run_project: Run, workers: str
) -> None:
    tests = [
        f"@pytest.mark.{marker}\ndef test_wrong_{number}(): pass\n" for number, marker in enumerate(MISTAKES)
    ]
    pytester.makepyfile(test_it="import pytest\n" + "\n".join(tests) + "\ndef test_right(): pass\n")
    result = run_project("-q", workers)
    result.assert_outcomes(passed=1, errors=len(MISTAKES))
    text = result.stdout.str() + result.stderr.str()
    assert "INTERNALERROR" not in text
    for sentence in MISTAKES.values():
        assert f"\n{sentence}" in text, sentence


def test_markers_are_registered(pytester: pytest.Pytester, run_project: Run) -> None:
    pytester.makepyfile(
        test_it="""
import pytest
@pytest.mark.memory_limit("500 MB")
@pytest.mark.memory_leak(rounds=5, warmup=1)
def test_ok(): pass
"""
    )
    run_project("-q", "--strict-markers", "-W", "error").assert_outcomes(passed=1)
    run_project("--markers").stdout.fnmatch_lines(
        ["*memory_limit(limit*", "*memory_leak(*", "*memory_growth(law*"]
    )


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=12)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_option_value_gives_settings_or_one_sentence(data: st.DataObject) -> None:
    from types import SimpleNamespace

    from pytest_snapshot_memory.options import OPTIONS
    from pytest_snapshot_memory.settings import OptionMistake, read_settings

    given_values: dict[str, Any] = {}
    for option in data.draw(st.lists(st.sampled_from(OPTIONS), max_size=4)):
        value: Any = data.draw(WORDS)
        given_values[option.key] = [value] if option.kind == "list" else value
    config: Any = SimpleNamespace(
        getoption=lambda key, default=None: None, getini=lambda key: given_values.get(key, "")
    )
    try:
        read_settings(config)
        sentence = "ini key memory_"
    except OptionMistake as mistake:
        sentence = str(mistake)
    assert sentence.startswith("ini key memory_")
