"""Text from a transcript made safe for a terminal."""

from __future__ import annotations

import unicodedata

# C0/C1 controls, and format characters that reorder or hide what is shown.
_REPLACED_CATEGORIES = {"Cc", "Cf", "Cs"}


def printable(text: str) -> str:
    """Return `text` with control and direction characters shown as U+FFFD; line ends become spaces."""
    if text.isprintable():
        return text
    return "".join(
        " " if c in "\n\r\t" else "�" if unicodedata.category(c) in _REPLACED_CATEGORIES else c for c in text
    )
