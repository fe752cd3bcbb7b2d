"""Make transcript text harmless in each format: a transcript is untrusted input.

Control characters (terminal escapes), bidirectional overrides and invisible
separators are shown, never sent: C0 as the Control Pictures of Unicode
(U+241B for ESC), the others as [U+009B]. JSON writes them as \\u escapes, so
that the text stays verbatim.
"""

from __future__ import annotations

import re

# C1 controls, bidi marks and overrides, line and paragraph separators, BOM,
# interlinear annotation, invisible operators, tag characters, surrogates.
_HIDDEN = (
    "\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff"
)
_UNSAFE = re.compile(f"[\u0000-\u001f{_HIDDEN}]")
_JSON_UNSAFE = re.compile(f"[{_HIDDEN}]")

_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~$#!{}^]|&(?=[#\w]+;)")
_MARKDOWN_START = re.compile(r"^(\s*)([-+=:])(?=[\s=:-]|$)|^(\s*\d+)([.)])(?=\s|$)")
_URL = re.compile(r"(?<=[a-zA-Z])://|\bwww\.|\b(?:mailto|xmpp):", re.IGNORECASE)
_MARKDOWN_SPECIAL = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def visible(text: str) -> str:
    """Return `text` on one line with every control character shown as a printable sign."""
    return _UNSAFE.sub(_show, text) if not text.isascii() or not text.isprintable() else text


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code in (0x09, 0x0A, 0x0D):
        return " "
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"[U+{code:04X}]"


def escape_markdown(text: str) -> str:
    """Return `text` so that Markdown (CommonMark and GitHub's) shows it as it is, on one line.

    No tag, link, heading, list, table cell, code, emphasis, entity or formula
    can begin in it; addresses do not become links.
    """
    safe = _MARKDOWN.sub(_escape_mark, visible(text))
    safe = _URL.sub(_break_url, safe)
    return _MARKDOWN_START.sub(_escape_start, safe)


def _escape_mark(match: re.Match[str]) -> str:
    mark = match.group()
    return _MARKDOWN_SPECIAL.get(mark) or "\\" + mark


def _break_url(match: re.Match[str]) -> str:
    return re.sub("[:.]", lambda mark: "\\" + mark.group(), match.group(), count=1)


def _escape_start(match: re.Match[str]) -> str:
    if match.group(2):
        return f"{match.group(1)}\\{match.group(2)}"
    return f"{match.group(3)}\\{match.group(4)}"


def escape_json(encoded: str) -> str:
    """Return encoded JSON with every hidden character as a \\u escape; decodes to the same."""
    return _JSON_UNSAFE.sub(_json_escape, encoded)


def _json_escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"
