"""Gzip to bytes, piece by piece, when a stream turns out to be gzip.

In: pieces of a file. Out: the same pieces, or what is packed in them. Holds one
piece of packed and one of unpacked data, however far the data blows up: 64 KiB
of gzip can hold 64 MiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

GZIP_MAGIC = b"\x1f\x8b"


class DamagedGzip(Exception):
    """The packed data is damaged or ends early; what came before has been given out."""


def unpacked(pieces: Iterator[bytes], piece_bytes: int) -> Iterator[bytes]:
    """Yield `pieces` as they are, or unpacked where they begin as gzip does.

    piece_bytes: the most that is yielded at a time from gzip.
    Raises DamagedGzip at the place of the damage.
    """
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= len(GZIP_MAGIC):
            break
    # An iterator lets go of the first piece when it is through; chain() would keep a list.
    whole = chain(iter([first]), pieces)
    return _gunzip(whole, piece_bytes) if first.startswith(GZIP_MAGIC) else whole


def _gunzip(pieces: Iterator[bytes], piece_bytes: int) -> Iterator[bytes]:
    import zlib

    member = zlib.decompressobj(wbits=31)
    ended = False
    try:
        for packed in pieces:
            while packed:
                if ended:
                    # Files may be joined; zeros may pad them (gzip(1)).
                    packed = packed.lstrip(b"\0")
                    if not packed:
                        break
                    member = zlib.decompressobj(wbits=31)
                data = member.decompress(packed, piece_bytes)
                ended = member.eof
                packed = member.unused_data if ended else member.unconsumed_tail
                if data:
                    yield data
        if not ended:
            yield member.flush()
            raise DamagedGzip("it ends in the middle")
    except zlib.error as error:
        raise DamagedGzip(str(error)) from error
