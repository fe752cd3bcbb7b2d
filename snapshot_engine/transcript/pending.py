"""The bytes that have come and are not read yet, in one buffer that stays where it is.

In: bytes. Out: text or bytes from the front. Holds a buffer of its usual size from
the first byte on; it is larger only while a longer block is open.

A bytearray that is appended to and cut at its front was turned down: it is a new block
of malloc's, of another length, for every read. Between those the free heap of a reader
broke into pieces, and a file of 1 GiB had 0.6 MiB more of it than one of 1 MiB.
"""

from __future__ import annotations


class PendingBytes:
    """A queue of bytes: append at the end, read and drop at the front."""

    def __init__(self, usual_bytes: int) -> None:
        """usual_bytes: what is seldom exceeded; taken at the first byte and kept."""
        self._usual_bytes = usual_bytes
        self._buffer = bytearray()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, data: bytes) -> None:
        """Add `data` at the end."""
        if not self._buffer:
            self._buffer = bytearray(self._usual_bytes)
        end = self._length + len(data)
        # Where it is too short, this makes it longer by what does not fit.
        self._buffer[self._length : end] = data
        self._length = end

    def startswith(self, wanted: bytes) -> bool:
        """Say whether the bytes begin with `wanted`."""
        return self._buffer.startswith(wanted, 0, self._length)

    def find(self, wanted: bytes, start: int = 0) -> int:
        """Return where `wanted` begins at or after `start`, -1 for nowhere."""
        return self._buffer.find(wanted, start, self._length)

    def rfind(self, wanted: bytes, start: int = 0) -> int:
        """Return where `wanted` begins last, at or after `start`, -1 for nowhere."""
        return self._buffer.rfind(wanted, start, self._length)

    def take(self, count: int) -> bytes:
        """Remove and return the first `count` bytes."""
        data = bytes(self._buffer[:count])
        self.drop(count)
        return data

    def take_text(self, count: int) -> str:
        """Remove the first `count` bytes and return them as text; what is not UTF-8 becomes U+FFFD."""
        with memoryview(self._buffer) as whole, whole[:count] as part:
            text = str(part, "utf-8", "replace")
        self.drop(count)
        return text

    def drop(self, count: int) -> None:
        """Remove the first `count` bytes."""
        rest = self._length - count
        if len(self._buffer) > self._usual_bytes >= rest:
            buffer = bytearray(self._usual_bytes)
            buffer[:rest] = self._buffer[count : self._length]
            self._buffer = buffer
        else:
            self._buffer[:rest] = self._buffer[count : self._length]
        self._length = rest
