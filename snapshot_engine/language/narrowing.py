"""Regular expressions without the characters that a text cannot hold: the same matches, compiled faster.

spaCy's affix rules spell out the letters of all scripts, thousands of ranges in
each of a dozen character classes; compiling them was half of the cold start.
For a text whose characters all are in a small alphabet, a class means the same
without its members outside that alphabet, and so does a negated class.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

_CHAR = r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[0-9a-fA-F]{2}|\\.|[^\\]"
_MEMBER = re.compile(rf"({_CHAR})(?:-({_CHAR}))?", re.DOTALL)
# Flags under which a member outside the alphabet may match a character inside it.
_CASELESS = re.compile(r"\(\?[a-zA-Z]*i")
_NO_CHAR, _ANY_CHAR = r"[^\x00-\U0010ffff]", r"[\x00-\U0010ffff]"


def narrowed(pattern: str, alphabet: Iterable[str], *, known_classes: dict[str, str] | None = None) -> str:
    """Return a pattern with the same matches as `pattern` in every text of ASCII and `alphabet` characters.

    known_classes: what became of the classes met so far, for several patterns over one alphabet.
    """
    if _CASELESS.search(pattern):
        return pattern
    known = {} if known_classes is None else known_classes
    codes = sorted(ord(char) for char in set(alphabet) if ord(char) > 127)
    pieces = []
    start = at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            at += 1
        elif pattern[at] == "[":
            end = class_end(pattern, at)
            text = pattern[at : end + 1]
            if text not in known:
                known[text] = _narrowed_class(text, codes)
            pieces += [pattern[start:at], known[text]]
            start, at = end + 1, end
        at += 1
    return "".join(pieces) + pattern[start:]


def class_end(pattern: str, at: int) -> int:
    """Return the place of the "]" that ends the character class begun at `at`."""
    at += 1
    if pattern[at : at + 1] == "^":
        at += 1
    if pattern[at : at + 1] == "]":  # right at the start it is a member
        at += 1
    while pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at


def _narrowed_class(text: str, codes: list[int]) -> str:
    """Return the character class `text`, brackets included, with `codes` as its only non-ASCII members."""
    opening = "[^" if text.startswith("[^") else "["
    body = text[len(opening) : -1]
    if body.isascii() and not re.search(r"\\[uUx]", body):
        return text
    # Each once: what is left of some classes would else be a row of "|", of which the compiler warns.
    kept = "".join(dict.fromkeys(_narrowed_member(member, codes) for member in _MEMBER.finditer(body)))
    if not kept:
        return _NO_CHAR if opening == "[" else _ANY_CHAR
    return f"{opening}{kept}]"


def _narrowed_member(member: re.Match[str], codes: list[int]) -> str:
    low = _code(member[1])
    high = low if member[2] is None else _code(member[2])
    if low is None or high is None or high < 128:
        return member[0]
    pieces = [rf"{member[1]}-\x7f"] if low < 128 else []
    wanted = codes[bisect_left(codes, low) : bisect_right(codes, high)]
    start = 0
    for end, code in enumerate(wanted, 1):
        if end == len(wanted) or wanted[end] != code + 1:  # the end of a run
            pieces.append(rf"\U{wanted[start]:08x}-\U{code:08x}")
            start = end
    return "".join(pieces)


def _code(char: str) -> int | None:
    """Return the code point that `char` stands for; None for a category such as \\w."""
    if char[0] != "\\" or len(char) == 1:
        return ord(char)
    if len(char) > 2:
        return int(char[2:], 16)
    return None if char[1].isalnum() else ord(char[1])
