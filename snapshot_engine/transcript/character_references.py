"""HTML character references to text, as an HTML tokenizer resolves them.

html.unescape was turned down: it drops references to control characters, which
the standard keeps, and importing it costs 0.4 MiB for a table of 2,231 names
that a transcript with "&amp;" and "&nbsp;" never needs. The table is imported
when an unusual name occurs.
"""

from __future__ import annotations

import re
from functools import lru_cache

_REFERENCE = re.compile(r"&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)")
_COMMON = {
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&apos;": "'",
    "&nbsp;": "\xa0",
    "&lrm;": "\u200e",
    "&rlm;": "\u200f",
    "&#39;": "'",
}
# Numbers 0x80-0x9F mean what Windows-1252 has there (HTML, "numeric character
# reference end state"); five of them have nothing there and stay as they are.
_WINDOWS_1252_HOLES = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
# No name in HTML's table is longer than 32 characters.
_MAX_NAME_CHARS = 33


def resolve(text: str) -> str:
    """Return `text` with its character references replaced; "&" alone stays."""
    return _REFERENCE.sub(_replacement, text) if "&" in text else text


def _replacement(match: re.Match[str]) -> str:
    reference = match.group()
    common = _COMMON.get(reference)
    if common is not None:
        return common
    return _numeric(reference[2:].rstrip(";")) if reference[1] == "#" else _named(reference)


def _numeric(digits: str) -> str:
    base = 16 if digits[0] in "xX" else 10
    significant = digits.lstrip("xX").lstrip("0")
    # More than 7 digits lie beyond U+10FFFF in either base.
    code = int(significant or "0", base) if len(significant) <= 7 else 0x110000
    if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if 0x80 <= code <= 0x9F and code not in _WINDOWS_1252_HOLES:
        return bytes([code]).decode("cp1252")
    return chr(code)


def _named(reference: str) -> str:
    """Resolve the longest known name that `reference` begins with; keep the rest as text."""
    head = _longest_name(reference[1 : 1 + _MAX_NAME_CHARS])
    return head[1] + reference[1 + head[0] :] if head[0] else reference


@lru_cache(maxsize=256)
def _longest_name(name: str) -> tuple[int, str]:
    from html.entities import html5

    for length in range(len(name), 1, -1):
        value = html5.get(name[:length])
        if value is not None:
            return length, value
    return 0, ""
