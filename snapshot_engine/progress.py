"""A progress line on a terminal: bytes, cues, words per second, memory now and peak.

Nothing is drawn where standard error is not a terminal. Drawing is limited to
ten times a second and to one look at the clock per 32 utterances, so that it
costs less than a thousandth of the work it shows.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from snapshot_engine.settings import MIB

if TYPE_CHECKING:
    from snapshot_engine.pipeline import Progress
    from snapshot_engine.transcript.source import StreamingVTTReader

_DRAW_SECONDS = 0.1
_LOOK_EVERY = 32


class ProgressLine:
    """Draws over one terminal line; call `watch` as TranscriptProcessor's watcher, then `clear`."""

    def __init__(self, name: str, size_bytes: int | None, stream: TextIO | None = None) -> None:
        self._name, self._size_bytes = name, size_bytes
        self._stream = stream if stream is not None else sys.stderr
        self._began = self._drawn = time.monotonic()
        self._calls = 0
        self._shown = False

    def watch(self, progress: Progress, reader: StreamingVTTReader) -> None:
        """Redraw when it is time to."""
        self._calls += 1
        if self._calls % _LOOK_EVERY:
            return
        now = time.monotonic()
        if now - self._drawn < _DRAW_SECONDS:
            return
        self._drawn = now
        self._draw(progress, reader.statistics.bytes_read, now - self._began)

    def clear(self) -> None:
        """Leave the line empty for what is printed next."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _draw(self, progress: Progress, bytes_read: int, seconds: float) -> None:
        from snapshot_engine.memory.peak import process_peak_bytes, resident_bytes

        line = progress_text(
            self._name,
            bytes_read=bytes_read,
            size_bytes=self._size_bytes,
            cues=progress.cues,
            words_per_second=progress.words / seconds if seconds else 0.0,
            now_bytes=resident_bytes(),
            peak_bytes=process_peak_bytes(),
        )
        self._stream.write(f"\r{line}\x1b[K")
        self._stream.flush()
        self._shown = True


def progress_text(
    name: str,
    *,
    bytes_read: int,
    size_bytes: int | None,
    cues: int,
    words_per_second: float,
    now_bytes: int,
    peak_bytes: int,
) -> str:
    """Return the line for these figures; a share of the whole only where the size is known."""
    if size_bytes:
        share = min(1.0, bytes_read / size_bytes)
        filled = round(share * 20)
        done = f"[{'#' * filled}{'.' * (20 - filled)}] {share:4.0%} of {size_bytes / MIB:.1f} MiB"
    else:
        done = f"{bytes_read / MIB:.1f} MiB"
    return (
        f"{name[:30]}  {done}  {cues:,} cues  {words_per_second:,.0f} words/s  "
        f"memory {now_bytes / MIB:.0f} MiB, peak {peak_bytes / MIB:.0f} MiB"
    )
