"""Large files and texts in pieces of bounded size: nothing here holds more than one piece."""

from __future__ import annotations

import codecs
import mmap
import os
import re
from collections.abc import Iterator

_MAP_BYTES = 2**20
_SPACE = re.compile(r"\s")


def file_text(path: str | os.PathLike[str], chunk_size: int = 8192, encoding: str = "utf-8") -> Iterator[str]:
    """Yield a file's text in pieces of at most `chunk_size` bytes; no character is cut.

    Bytes that are not in the encoding become U+FFFD. Holds one piece.
    Raises OSError as open() does, ValueError for a size below 1.
    """
    _check(chunk_size)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with open(path, "rb", buffering=0) as file:
        while data := file.read(chunk_size):
            if text := decoder.decode(data):
                yield text
    if text := decoder.decode(b"", final=True):
        yield text


def mapped_chunks(path: str | os.PathLike[str], chunk_size: int = _MAP_BYTES) -> Iterator[bytes]:
    """Yield a file's bytes in pieces of `chunk_size`, through a memory map.

    Each piece is a copy: it stays valid as long as somebody holds it, and only
    one window of the file is mapped at a time, so that a file of any size adds
    no more than two pieces to resident memory. Mapping the whole file and
    yielding slices of the map, which is quicker to write, grows by the file.
    A file that shrinks meanwhile ends early.
    Raises OSError as open() does, ValueError for a size below 1.
    """
    _check(chunk_size)
    with open(path, "rb", buffering=0) as file:
        offset = 0
        while True:
            left = os.fstat(file.fileno()).st_size - offset
            if left <= 0:
                return
            yield _window(file.fileno(), offset, min(chunk_size, left))
            offset += chunk_size


def _window(descriptor: int, offset: int, length: int) -> bytes:
    # A map begins at a page; the piece may not.
    start = offset - offset % mmap.ALLOCATIONGRANULARITY
    with mmap.mmap(descriptor, offset - start + length, access=mmap.ACCESS_READ, offset=start) as window:
        return window[offset - start :]


def text_pieces(text: str, chunk_size: int = 10_000) -> Iterator[str]:
    """Yield `text` in pieces of about `chunk_size` characters that end at white space.

    No word is cut: a piece runs on to the end of its last word, so a single
    word may be longer than asked. The pieces joined are the text.
    """
    _check(chunk_size)
    start = 0
    while start < len(text):
        end = _piece_end(text, start, start + chunk_size)
        yield text[start:end]
        start = end


def _piece_end(text: str, start: int, wanted: int) -> int:
    """Return the last end of white space up to `wanted`, else the first one after it."""
    if wanted >= len(text) or text[wanted - 1].isspace() or text[wanted].isspace():
        return wanted
    for position in range(wanted - 1, start, -1):
        if text[position - 1].isspace():
            return position
    after = _SPACE.search(text, wanted)
    return after.start() if after else len(text)


def _check(chunk_size: int) -> None:
    if chunk_size < 1:
        raise ValueError(f"chunk_size={chunk_size}: must be at least 1")
