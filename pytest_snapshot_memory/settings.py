"""What the user asked for: command line, then ini, then default, checked.

In: pytest's config. Out: one Settings, or OptionMistake with one sentence.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_snapshot_memory.options import OPTIONS, Option, is_unset
from snapshot_engine.memory.units import SizeMistake, parse_size

if TYPE_CHECKING:
    import pytest


class OptionMistake(ValueError):
    """An option or ini key that cannot be used; the text is one sentence for the user."""


class Settings(NamedTuple):
    """What the user asked for, after command line, ini and default were weighed."""

    report: str
    gauge: str
    json: str | None
    html: str | None
    markdown: str | None
    csv: str | None
    bmf: str | None
    gh_benchmark: str | None
    gitlab: str | None
    ctrf: str | None
    save: str | None
    compare: str | None
    fail_on: tuple[str, ...]
    baseline: str
    update: bool
    policy: str
    top: int
    sort: str
    group_by: str
    isolate: bool
    no_rerun: bool
    limit_default: str | None
    flamegraphs: str | None
    journal: str | None

    @property
    def gate_is_on(self) -> bool:
        return self.compare is not None or bool(self.fail_on)

    @property
    def looks_at_every_test(self) -> bool:
        """Something was asked for that concerns tests without a marker, report or not."""
        return self.isolate or self.limit_default is not None

    @property
    def writes(self) -> bool:
        """Something is to be compared, saved or written when the run ends."""
        wanted = (
            self.json,
            self.html,
            self.markdown,
            self.csv,
            self.bmf,
            self.gh_benchmark,
            self.gitlab,
            self.ctrf,
            self.save,
        )
        return self.gate_is_on or self.update or any(one is not None for one in wanted)

    @property
    def measures_every_test(self) -> bool:
        """Something was asked for that needs a number for each test."""
        return self.report != "off" or self.journal is not None or self.writes


def read_settings(config: pytest.Config) -> Settings:
    """Weigh command line, ini and default. Raises OptionMistake with one sentence."""
    values: dict[str, Any] = {}
    for option in OPTIONS:
        values[option.name] = _value(option, config)
    return Settings(**values)


def _value(option: Option, config: pytest.Config) -> Any:
    given, source = config.getoption(option.key, None), option.flag
    if given is None:
        given, source = config.getini(option.key), f"ini key {option.key}"
        if is_unset(given):
            return option.default
    return _checked(option, given, source)


def _checked(option: Option, given: Any, source: str) -> Any:
    if option.kind == "flag":
        return bool(given)
    if option.kind == "list":
        return _expressions(given, source)
    text = str(given).strip()
    if option.choices and text not in option.choices:
        raise OptionMistake(f"{source}: {text!r} is not one of {', '.join(option.choices)}")
    if option.kind == "count":
        return _count(text, source)
    if option.kind == "optional" and source == option.flag and _looks_like_tests(text):
        raise OptionMistake(
            f"{source}: {text!r} looks like a path of tests; write {source}=NAME, or the path before {source}"
        )
    if not text and option.kind != "optional":
        raise OptionMistake(f"{source}: a value is missing")
    if option.name == "limit_default":
        _check_size(text, source)
    return text


def _expressions(given: Any, source: str) -> tuple[str, ...]:
    from pytest_snapshot_memory.gate_expression import ExpressionMistake, parse_expressions

    texts = tuple(str(line) for line in given)
    try:
        parse_expressions(texts)
    except ExpressionMistake as mistake:
        raise OptionMistake(f"{source}: {mistake}") from mistake
    return texts


def _count(text: str, source: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 7) or int(text) < 1:
        raise OptionMistake(f"{source}: {text!r} is not a whole number of 1 or more")
    return int(text)


def _looks_like_tests(text: str) -> bool:
    return "::" in text or text.endswith(".py") or (os.path.isdir(text) and text.rstrip("/") != "")


def _check_size(text: str, source: str) -> None:
    try:
        parse_size(text)
    except SizeMistake as mistake:
        raise OptionMistake(f"{source}: {mistake}") from mistake
