"""Names of tests are input: what they may not do to a terminal, a table or a page.

In: any text. Out: text without line breaks or control characters, or escaped
for one kind of document. Lone surrogates become U+FFFD, so that everything can
be written as UTF-8.
"""

from __future__ import annotations

import html
import re

# controls, and the marks that turn the direction of what follows (a name could hide its end with them)
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]",
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>!|~$&])")
_NO_CODE_SPAN = re.compile(r"[`|\\]")


def one_line(text: str) -> str:
    """Return `text` with each control character written as an escape."""
    return _SURROGATE.sub("\ufffd", _UNSEEN.sub(lambda m: f"\\u{ord(m.group()):04x}", text))


def html_text(text: str) -> str:
    """Return `text` for an HTML element or a quoted attribute."""
    return html.escape(one_line(text), quote=True)


def markdown_text(text: str) -> str:
    """Return `text` as plain text of one Markdown table cell: nothing in it is markup."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def markdown_code(text: str) -> str:
    """Return `text` as code in a Markdown table cell.

    Code, because mentions and emoji are looked for in all other text even where it
    is escaped. What would end a code span or the cell is written as HTML instead.
    """
    line = one_line(text)
    if line.strip() and not _NO_CODE_SPAN.search(line):
        return f"`{line}`"
    entities = "".join(c if c.isalnum() or c in " ./-" else f"&#{ord(c)};" for c in line)
    return f"<code>{entities}</code>"


def csv_text(text: str) -> str:
    """Return `text` as a cell that no spreadsheet takes for a formula."""
    line = one_line(text)
    return f"'{line}" if line[:1] in ("=", "+", "-", "@", "\t") else line
