"""Sizes as people type them, in; bytes, out; and back.

MB and MiB both mean 2**20 bytes here: limits are compared with kernel counters
that come in pages, and a unit that is 4.9 % off its neighbour only ever
surprises. Bytes inside, MiB where people read.
"""

from __future__ import annotations

import re

from snapshot_engine.errors import SnapshotEngineError

MIB = 2**20

_FACTORS = {"": MIB, "B": 1, "K": 2**10, "M": MIB, "G": 2**30, "T": 2**40}
# Anchored at both ends, digits bounded: "2KBjunk" is refused, and no input
# reaches CPython's limit of 4,300 digits for int().
_SIZE = re.compile(r"\s*(\d{1,18})(?:\.(\d{1,18}))?\s*(?:([KMGT])(?:i?B)?|(B))?\s*", re.IGNORECASE | re.ASCII)


class SizeMistake(SnapshotEngineError, ValueError):
    """A size that cannot be understood; `text` is what was given."""

    def __init__(self, text: object, why: str) -> None:
        super().__init__(f'size {text!r}: {why}. Write a number and a unit, as in "100 MB" or "1.5 GiB".')
        self.text = text


def parse_size(size: str | int | float) -> int:
    """Return the bytes that `size` names.

    A number without a unit, as text or not, is MiB. Units: B, and K, M, G, T
    with or without B or iB, in either case. Fractions are rounded to a byte.
    Raises SizeMistake for anything else, negative and endless numbers included.
    """
    if isinstance(size, bool) or not isinstance(size, (str, int, float)):
        raise SizeMistake(size, "neither a number nor text")
    if isinstance(size, str):
        return _parse_text(size)
    if not 0 <= size < 2**60:  # also refuses nan
        raise SizeMistake(size, "must be between 0 and 2**60 MB")
    return size * MIB if isinstance(size, int) else round(size * MIB)


def _parse_text(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise SizeMistake(text, "not a size")
    whole, fraction, scale, bare = match.groups()
    factor = _FACTORS[(scale or bare or "").upper()]
    part = round(factor * int(fraction) / 10 ** len(fraction)) if fraction else 0
    return int(whole) * factor + part


def format_size(size_bytes: float) -> str:
    """Return `size_bytes` for people: "512 B", "12.3 MiB", "-1.5 KiB"; 2**40 and more stay in GiB."""
    if abs(size_bytes) < 1024:
        return f"{size_bytes:.0f} B"
    value = float(size_bytes)
    for unit in ("KiB", "MiB"):
        value /= 1024
        if abs(value) < 1023.95:  # below what would print as 1024.0
            return f"{value:.1f} {unit}"
    return f"{value / 1024:,.1f} GiB"
