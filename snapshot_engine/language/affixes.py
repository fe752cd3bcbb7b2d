"""Prove about a regular expression that it cannot match inside a word of ASCII letters."""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterable
from typing import Any

if sys.version_info >= (3, 11):
    from re import (
        _constants as ops,  # type: ignore[attr-defined]
        _parser as parser,
    )
else:
    import sre_constants as ops
    import sre_parse as parser

_LETTERS = frozenset(map(ord, string.ascii_letters))
# Categories of which no ASCII letter is a member.
_LETTERLESS = {ops.CATEGORY_DIGIT, ops.CATEGORY_SPACE, ops.CATEGORY_NOT_WORD}


def needs_a_non_letter(pattern: re.Pattern[str]) -> bool:
    """Return whether every match of `pattern` needs a character that is no ASCII letter.

    The character may be consumed or demanded by a positive look-around; either
    way it must be in the searched text. False means "not proven".
    Case-insensitive patterns are never proven.
    Walks the tree that the standard library's own compiler works on.
    """
    if pattern.flags & re.IGNORECASE:
        return False
    return _sequence(parser.parse(pattern.pattern, pattern.flags))


def _sequence(items: Iterable[tuple[Any, Any]]) -> bool:
    return any(_item(op, argument) for op, argument in items)


def _item(op: Any, argument: Any) -> bool:
    if op is ops.LITERAL:
        return argument not in _LETTERS
    if op is ops.IN:
        return all(_member(kind, value) for kind, value in argument)
    if op is ops.BRANCH:
        return all(_sequence(branch) for branch in argument[1])
    if op is ops.SUBPATTERN:
        # (group, flags added, flags removed, items); added IGNORECASE would widen literals
        return not argument[1] & re.IGNORECASE and _sequence(argument[3])
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
        return bool(argument[0] >= 1 and _sequence(argument[2]))
    if op is ops.ASSERT:
        return _sequence(argument[1])
    return False


def _member(kind: Any, value: Any) -> bool:
    """Return whether one member of a character class lets no ASCII letter in."""
    if kind is ops.LITERAL:
        return value not in _LETTERS
    if kind is ops.RANGE:
        return not any(value[0] <= letter <= value[1] for letter in _LETTERS)
    if kind is ops.CATEGORY:
        return value in _LETTERLESS
    return False
