"""The pages of libraries that this process has, and having them again in a child of it.

fork() copies no page table of a mapped file, so a child touches each library
anew: an empty NumPy array read 0.8 MiB in a child, a few calls into NumPy 3.5, and
both 0 in the process it was forked from. With the pages brought in before the child's memory counts, both
read 0, and the child begins with what its parent had.

Cost for 17 MiB of libraries in 180 pieces (Python, NumPy, pytest): 6 ms to learn
of them, 2.8 ms of CPU in each child. Turned down: whole libraries (OpenBLAS alone
would add 20 MiB that nobody had touched).
"""

from __future__ import annotations

import os
import re
import sys
from typing import Final, NamedTuple

from snapshot_engine.memory.procfs import PAGE_BYTES

_MADV_POPULATE_READ: Final = 22  # Linux 5.14
_ENTRY_BYTES: Final = 8
# In the highest byte of a pagemap entry: the page is there (bit 63), and is of a file (bit 61).
_OF_FILE: Final = bytes(int(byte & 0xA0 == 0xA0) for byte in range(256))
_HIGHEST_BYTE: Final = _ENTRY_BYTES - 1 if sys.byteorder == "little" else 0
_RUN: Final = re.compile(b"\1+")


class Piece(NamedTuple):
    """Consecutive pages in this process's memory."""

    address: int
    length_bytes: int


def resident_library_pages() -> tuple[Piece, ...]:
    """Return the resident pages of all files that code is mapped from; () where the kernel does not say."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split(None, 5) for line in file]
        pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ()
    try:
        # address range, permissions, offset, device, inode, path
        libraries = {(row[3], row[4]) for row in rows if "x" in row[1] and row[4] != "0"}
        return tuple(
            piece
            for row in rows
            if (row[3], row[4]) in libraries and "r" in row[1]
            for piece in _resident(pagemap, *(int(end, 16) for end in row[0].split("-")))
        )
    except (OSError, ValueError, IndexError):
        return ()
    finally:
        os.close(pagemap)


def _resident(pagemap: int, start: int, end: int) -> list[Piece]:
    entries = os.pread(
        pagemap, (end - start) // PAGE_BYTES * _ENTRY_BYTES, start // PAGE_BYTES * _ENTRY_BYTES
    )
    flags = entries[_HIGHEST_BYTE::_ENTRY_BYTES].translate(_OF_FILE)
    return [
        Piece(start + run.start() * PAGE_BYTES, (run.end() - run.start()) * PAGE_BYTES)
        for run in _RUN.finditer(flags)
    ]


def bring_in(pieces: tuple[Piece, ...]) -> None:
    """Make pages resident that another process had at the same addresses; what cannot be is left alone."""
    if not pieces:
        return
    from snapshot_engine.memory import libc  # ctypes is dear to import

    for piece in pieces:
        if not libc.advise(piece.address, piece.length_bytes, _MADV_POPULATE_READ):
            return
