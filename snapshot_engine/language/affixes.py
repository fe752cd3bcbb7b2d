"""Affix patterns made cheap without changing what they match.

spaCy's suffix pattern tries some 150 alternatives at every position of a word:
11 us for a word that has none. Here each alternative is looked at as the
standard library's compiler sees it, and only those are tried that the word's
last (or first) character, or its set of characters, leaves possible. Leaving
out alternatives that cannot match changes no result; wherever the analysis is
not sure, it says "possible". A pattern that cannot be taken apart is used whole.
"""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterable
from typing import Any

from snapshot_engine.language.narrowing import class_end

if sys.version_info >= (3, 11):
    from re import (
        _constants as ops,  # type: ignore[attr-defined]
        _parser as parser,  # type: ignore[attr-defined]
    )
else:
    import sre_constants as ops
    import sre_parse as parser

_LETTERS = frozenset(string.ascii_letters)
_ALWAYS = frozenset(string.ascii_letters + string.digits)
_ASCII = frozenset(map(chr, range(128)))
# Categories of which no ASCII letter is a member.
_LETTERLESS = {ops.CATEGORY_DIGIT, ops.CATEGORY_SPACE, ops.CATEGORY_NOT_WORD}
# Sub-patterns remembered per rule; past that the whole pattern is used.
_MAX_REMEMBERED = 256

Item = tuple[Any, Any]


class EdgePattern:
    """A prefix pattern (every alternative starts with ^) or a suffix one (ends with $)."""

    def __init__(self, pattern: str, *, last: bool) -> None:
        self._pattern = pattern
        self._last = last
        self._alternatives = [(text, parse(text)) for text in split_alternatives(pattern)]
        self._edges = [_Edge(items, last=last) for _, items in self._alternatives]
        self._remembered: dict[str, re.Pattern[str] | None] = {}
        self._by_ascii_edge: dict[str, list[str]] = {char: [] for char in _ASCII}
        for (text, _), consumed in zip(self._alternatives, self._edges, strict=True):
            for char in consumed.ascii:
                self._by_ascii_edge[char].append(text)
        self._separable = all(
            (text.endswith("$") if last else text.startswith("^")) and _self_contained(text)
            for text, _ in self._alternatives
        )

    def matched_length(self, text: str) -> int:
        """Return the length of the first match in `text`, 0 for none (Tokenizer.find_prefix, find_suffix)."""
        edge = text[-1 if self._last else 0]
        try:
            pattern = self._remembered[edge]
        except KeyError:
            pattern = self._for_edge(edge, text)
        match = pattern.search(text) if pattern else None
        return match.end() - match.start() if match else 0

    def needs_a_non_letter(self) -> bool:
        """Return whether no alternative can match where all characters are ASCII letters."""
        return not any(possible_among(items, _LETTERS) for _, items in self._alternatives)

    def may_begin_in_letters(self, besides: str) -> bool:
        """Return whether a prefix may match at a letter where all but `besides` are ASCII letters."""
        if not self._separable:
            return True
        chars = _LETTERS | {besides}
        return any(
            consumed.may_be_letter() and possible_among(items, chars)
            for (_, items), consumed in zip(self._alternatives, self._edges, strict=True)
        )

    def _for_edge(self, edge: str, text: str) -> re.Pattern[str] | None:
        if not self._separable or edge == "\n" or len(self._remembered) >= _MAX_REMEMBERED:
            # "$" also matches before a final line feed: then the last character says nothing.
            chars = frozenset(text)
            possible = any(possible_among(items, chars) for _, items in self._alternatives)
            return re.compile(self._pattern) if possible else None
        wanted = self._by_ascii_edge.get(edge)
        if wanted is None:
            wanted = [
                piece
                for (piece, _), consumed in zip(self._alternatives, self._edges, strict=True)
                if consumed.may_be(edge)
            ]
        # re.compile remembers by text: many characters leave the same alternatives
        pattern = self._remembered[edge] = re.compile("|".join(wanted)) if wanted else None
        return pattern


class InnerPattern:
    """A pattern that may match anywhere, such as the infixes; chosen by the characters of the text."""

    def __init__(self, pattern: str) -> None:
        self._whole = pattern
        alternatives = split_alternatives(pattern)
        if not all(map(_self_contained, alternatives)):
            alternatives = [pattern]
        self._alternatives = [(text, parse(text)) for text in alternatives]
        self._remembered: dict[frozenset[str], re.Pattern[str] | None] = {}
        self._compiled: re.Pattern[str] | None = None

    def pattern_for(self, text: str) -> re.Pattern[str] | None:
        """Return a pattern that matches in `text` just where the whole one does; None if nowhere."""
        key = frozenset(text) - _ALWAYS
        try:
            return self._remembered[key]
        except KeyError:
            pass
        if len(self._remembered) >= _MAX_REMEMBERED:
            if self._compiled is None:
                self._compiled = re.compile(self._whole)
            return self._compiled
        wanted = [piece for piece, items in self._alternatives if possible_among(items, key | _ALWAYS)]
        # re.compile remembers by text: many keys leave the same alternatives
        pattern = self._remembered[key] = re.compile("|".join(wanted)) if wanted else None
        return pattern

    def needs_a_non_letter(self) -> bool:
        """Return whether no alternative can match where all characters are ASCII letters."""
        return not any(possible_among(items, _LETTERS) for _, items in self._alternatives)


def parse(pattern: str) -> list[Item]:
    """Return the tree that the standard library compiles `pattern` from, its character classes as CharClass.

    Empty, of which everything is possible, where letters of either case match.
    """
    tree = parser.parse(pattern)
    return [] if tree.state.flags & re.IGNORECASE else _simplified(tree.data)


class CharClass:
    """The characters that a one-character item may match; unsure counts as yes."""

    def __init__(self, members: list[Item]) -> None:
        self._members = members
        ascii_chars: set[str] = set()
        for kind, value in members:
            if kind is ops.LITERAL:
                ascii_chars.add(chr(value))
            elif kind is ops.RANGE:
                ascii_chars.update(map(chr, range(value[0], min(value[1], 127) + 1)))
            elif kind is ops.CATEGORY and value in _LETTERLESS:
                ascii_chars |= _ASCII - _LETTERS
            else:  # a negated class, another category
                ascii_chars |= _ASCII
        self.ascii = frozenset(ascii_chars & _ASCII)

    def matches(self, char: str) -> bool:
        """Return whether the item may match `char`."""
        if char in _ASCII:
            return char in self.ascii
        return any(_member(kind, value, ord(char)) for kind, value in self._members)

    def matches_any(self, chars: frozenset[str]) -> bool:
        """Return whether the item may match one of `chars`."""
        return not self.ascii.isdisjoint(chars) or any(map(self.matches, chars - _ASCII))


def _member(kind: Any, value: Any, code: int) -> bool:
    if kind is ops.LITERAL:
        return bool(code == value)
    if kind is ops.RANGE:
        return bool(value[0] <= code <= value[1])
    return True


def _simplified(items: Iterable[Item]) -> list[Item]:
    """Return `items` with every one-character item as (IN, CharClass), and the same inside groups."""
    simple: list[Item] = []
    for op, argument in items:
        if op is ops.LITERAL:
            argument = CharClass([(op, argument)])
        elif op is ops.NOT_LITERAL:
            argument = CharClass([(ops.NEGATE, None)])
        elif op is ops.IN:
            argument = CharClass(list(argument))
        elif op is ops.BRANCH:
            argument = [_simplified(branch) for branch in argument[1]]
        elif op is ops.SUBPATTERN:
            # (group, flags added, flags removed, items); with flags of its own everything is possible
            argument = [] if argument[1] else _simplified(argument[3])
        elif op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            argument = (argument[0], _simplified(argument[2]))
        elif op is ops.ASSERT:
            argument = _simplified(argument[1])
        simple.append((ops.IN if isinstance(argument, CharClass) else op, argument))
    return simple


def split_alternatives(pattern: str) -> list[str]:
    """Return the alternatives of the outermost "|" of a regular expression."""
    pieces = []
    start = at = depth = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif char == "[":
            at = class_end(pattern, at)
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "|" and not depth:
            pieces.append(pattern[start:at])
            start = at + 1
        at += 1
    return [*pieces, pattern[start:]]


def possible_among(items: Iterable[Item], chars: frozenset[str]) -> bool:
    """Return whether `items` may match somewhere in a text made of `chars`; False is certain."""
    return all(_item_possible(op, argument, chars) for op, argument in items)


def _item_possible(op: Any, argument: Any, chars: frozenset[str]) -> bool:
    if op is ops.IN:
        return bool(argument.matches_any(chars))
    if op is ops.BRANCH:
        return any(possible_among(branch, chars) for branch in argument)
    if op in (ops.SUBPATTERN, ops.ASSERT):
        return possible_among(argument, chars)
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
        return argument[0] == 0 or possible_among(argument[1], chars)
    return True


def _edge_classes(items: list[Item], *, last: bool) -> list[CharClass] | None:
    """Return what a match of `items` may consume as its last (first) character; None: perhaps anything."""
    found: list[CharClass] = []
    for op, argument in reversed(items) if last else items:
        if op in (ops.AT, ops.ASSERT, ops.ASSERT_NOT):
            continue
        if op is ops.IN:
            return [*found, argument]
        if op is ops.BRANCH:
            inner = [_edge_classes(branch, last=last) for branch in argument]
        elif op is ops.SUBPATTERN:
            inner = [_edge_classes(argument, last=last)]
        elif op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            inner = [_edge_classes(argument[1], last=last)]
        else:
            return None
        for classes in inner:
            if classes is None:
                return None
            found += classes
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT) and argument[0] == 0:
            continue
        return found
    return None  # nothing that must consume a character


class _Edge:
    """The characters that an alternative may consume at its edge; unsure counts as yes."""

    def __init__(self, items: list[Item], *, last: bool) -> None:
        self._classes = _edge_classes(items, last=last)
        self.ascii = (
            _ASCII if self._classes is None else frozenset[str]().union(*(one.ascii for one in self._classes))
        )

    def may_be_letter(self) -> bool:
        """Return False only where no match consumes an ASCII letter there."""
        return not self.ascii.isdisjoint(_LETTERS)

    def may_be(self, char: str) -> bool:
        """Return False only where no match consumes `char` there."""
        if self._classes is None or char in self.ascii:
            return True
        return char not in _ASCII and any(one.matches(char) for one in self._classes)


def _self_contained(alternative: str) -> bool:
    """Return whether an alternative means the same by itself: no flags for the whole, no back-references."""
    return "(?P" not in alternative and not re.search(r"\(\?[aiLmsux]|\(\?\(|\\[1-9]", alternative)
