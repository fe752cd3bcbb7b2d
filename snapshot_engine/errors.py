"""The errors that snapshot_engine raises on bad input; values live on attributes.

Every error derives from SnapshotEngineError and from the builtin that a caller
would expect (ValueError, ImportError, MemoryError), so that code written
without knowledge of this package still catches it.
"""

from __future__ import annotations


class SnapshotEngineError(Exception):
    """Base of everything this package raises on purpose."""


class TranscriptError(SnapshotEngineError, ValueError):
    """A transcript could not be read as asked.

    source: what the reader calls its input (a path, "<stdin>"), or "".
    line_number: 1-based line of the place, or 0 where there is none.
    """

    def __init__(self, message: str, *, source: str = "", line_number: int = 0) -> None:
        super().__init__(message)
        self.source = source
        self.line_number = line_number


class NotWebVTT(TranscriptError):
    """The input does not begin with a WebVTT signature; names what was found."""


class BrokenBlock(TranscriptError):
    """strict=True met a block that the W3C algorithm drops."""


class BlockTooLong(BrokenBlock):
    """A block passed max_block_bytes without ending."""


class ConfigError(SnapshotEngineError, ValueError):
    """One or more settings are wrong; `mistakes` holds a sentence for each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = list(mistakes)


class FileTooLarge(SnapshotEngineError, ValueError):
    """A file is larger than MAX_FILE_SIZE allows; nothing was read."""

    def __init__(self, message: str, *, size_bytes: int, max_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes
        self.max_bytes = max_bytes


class OutputFailed(SnapshotEngineError, OSError):
    """An output could not be written; what it held before is still there."""


class MissingExtra(SnapshotEngineError, ImportError):
    """An optional dependency is not installed; the message is the line to type."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed. Type: pip install 'pytest-snapshot-memory[{extra}]'")
        self.what = what
        self.extra = extra


class MemoryLimitExceeded(SnapshotEngineError, MemoryError):
    """A function passed its memory limit and was stopped (or would have been refused).

    limit_bytes, used_bytes: the limit and what was seen, both of what `of` names
    ("process": whole resident set; "growth": above the start).
    cause: "refused", "watchdog", "kernel limit", "gate", "child killed" ...
    measurement: the snapshot_engine.Measurement of the span, where one was taken.
    """

    measurement: object | None = None

    def __init__(
        self, message: str, *, limit_bytes: int, used_bytes: int, of: str = "process", cause: str = ""
    ) -> None:
        super().__init__(message)
        self.limit_bytes = limit_bytes
        self.used_bytes = used_bytes
        self.of = of
        self.cause = cause
