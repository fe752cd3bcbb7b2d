"""Which exit code an error becomes, the same for every command.

0    done
1    a check said no (verify, selfcheck, health)
2    wrong usage or configuration
3    an input could not be read, or is not WebVTT
4    something that is needed is not installed
5    the output could not be written
130  interrupted; nothing half-written is left behind
"""

from __future__ import annotations

from snapshot_engine.errors import ConfigError, FileTooLarge, MissingExtra, OutputFailed, TranscriptError

EXIT_OK, EXIT_NO, EXIT_USAGE, EXIT_INPUT, EXIT_MISSING, EXIT_OUTPUT, EXIT_INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


def exit_code_of(error: BaseException) -> int | None:
    """Return the documented exit code for an error that a user can cause; None for a bug."""
    if isinstance(error, OutputFailed):
        return EXIT_OUTPUT
    if isinstance(error, ConfigError):
        return EXIT_USAGE
    if isinstance(error, MissingExtra):
        return EXIT_MISSING
    if isinstance(error, (TranscriptError, FileTooLarge, OSError, EOFError)):
        return EXIT_INPUT
    return None


def describe(error: BaseException) -> str:
    """Return an error as one line that names the file."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
