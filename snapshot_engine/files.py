"""Names, sizes and atomic writing: the file system's part of processing a transcript."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Union

Source = Union[str, "os.PathLike[str]", BinaryIO]

STANDARD_INPUT = "-"


def source_name(source: Source) -> str:
    """Return what reports call this input: the file's name, "<stdin>", or a stream's own name."""
    if isinstance(source, (str, os.PathLike)):
        return "<stdin>" if source == STANDARD_INPUT else Path(source).name
    name = getattr(source, "name", None)
    return Path(name).name if isinstance(name, str) else "<stream>"


def file_size_bytes(source: Source) -> int | None:
    """Return the size of a regular file; None for pipes, standard input and streams.

    Raises FileNotFoundError, IsADirectoryError and PermissionError as the system does.
    """
    if not isinstance(source, (str, os.PathLike)) or source == STANDARD_INPUT:
        return None
    status = os.stat(source)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(f"{os.fspath(source)}: is a directory; name a transcript file in it")
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def default_output(source: Source, suffix: str) -> Path:
    """Return `<stem>_processed<suffix>` beside the input, or in the current directory for a stream."""
    if isinstance(source, (str, os.PathLike)) and source != STANDARD_INPUT:
        path = Path(source)
        stem = path.name.removesuffix(".gz").removesuffix(".vtt") or path.stem
        return path.with_name(f"{stem}_processed{suffix}")
    return Path(f"transcript_processed{suffix}")


def write_atomically(target: Path, pieces: Iterable[str]) -> int:
    """Write `pieces` as UTF-8 so that `target` holds all of them or what it held before.

    Returns the bytes written. The temporary file lies beside the target, since
    os.replace is atomic only within one file system; it is removed on any failure.
    A target that exists and is not a regular file (a pipe, /dev/stdout) is written directly.
    """
    target = Path(os.path.realpath(target))  # what a link points at is replaced, not the link
    if _is_special(target):
        with open(target, "w", encoding="utf-8", newline="\n") as stream:
            return sum(stream.write(piece) for piece in pieces)
    descriptor, name = _temporary_beside(target)
    written = 0
    try:
        with os.fdopen(descriptor, "wb") as stream:
            for piece in pieces:
                written += stream.write(piece.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, _mode_for(target))
        os.replace(name, target)
    except BaseException:
        _remove_quietly(name)
        raise
    return written


def refuse_unwritable(target: Path) -> None:
    """Raise the OSError that write_atomically would meet at once, before hours are spent on what to write.

    Tried for real, with an empty temporary file: permissions alone do not tell of a read-only mount.
    """
    target = Path(os.path.realpath(target))
    if not _is_special(target):
        descriptor, name = _temporary_beside(target)
        os.close(descriptor)
        _remove_quietly(name)


def _is_special(target: Path) -> bool:
    return target.exists() and not target.is_file()


def _temporary_beside(target: Path) -> tuple[int, str]:
    return tempfile.mkstemp(prefix=f".{target.name[:80]}.", suffix=".tmp", dir=target.parent)


def _mode_for(target: Path) -> int:
    """Keep an existing file's permissions; a new one gets what open() would give it."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _remove_quietly(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name)
