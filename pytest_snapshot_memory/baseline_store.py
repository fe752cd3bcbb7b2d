"""Baseline files: found, read, and changed without ever leaving half a file.

    <directory>/<name>/<environment>.txt      --memory-baseline, --memory-save=NAME

In: paths and a change to make. Out: Baselines. A change is read, applied and
written under one lock, so two sessions that save at once both keep their tests;
the file is written aside, flushed and renamed over the old one, so a kill or a
full disk leaves the old one whole. A file that is not ours is never replaced.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .baseline import SIGNATURE, Baseline, BaselineCorrupt, BaselineError, format_baseline, parse_baseline
from .environment import Environment

DEFAULT_DIRECTORY: Final = ".memory-baseline"
DEFAULT_NAME: Final = "main"
LOCK_SECONDS: Final = 60.0
_LOCK_POLL_SECONDS = 0.02
# A name becomes a directory: nothing that climbs, hides or needs quoting.
_NAME_EXTRA = "-_.+"


class BaselineMissing(BaselineError):
    """There is no baseline for this name and environment; says which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBaseline:
    """A baseline file in the store, without its content."""

    name: str
    path: Path


def baseline_path(directory: Path, name: str, environment: Environment) -> Path:
    """Return where the baseline `name` of `environment` lives; raises BaselineError for a bad name."""
    return directory / check_name(name) / environment.file_name


def check_name(name: str) -> str:
    """Return `name` if it can be a directory's name; raises BaselineError otherwise."""
    plain = name.isascii() and all(c.isalnum() or c in _NAME_EXTRA for c in name)
    if not plain or not name or name.startswith(".") or len(name) > 100:
        raise BaselineError(
            f"baseline name {name!r}: use letters, digits and {_NAME_EXTRA!r}, not beginning with a dot"
        )
    return name


def list_baselines(directory: Path) -> list[StoredBaseline]:
    """Return every baseline file under `directory`, sorted; other files are passed over."""
    found = []
    for path in sorted(directory.glob("*/*.txt")):
        with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
            if file.readline(200).startswith(SIGNATURE[:-1]):
                found.append(StoredBaseline(name=path.parent.name, path=path))
    return found


def load_baseline(path: Path) -> Baseline:
    """Read one file.

    Raises BaselineMissing where there is none, BaselineCorrupt where it is not a
    baseline, BaselineError where it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BaselineMissing(_missing(path)) from None
    except UnicodeDecodeError as error:
        raise BaselineCorrupt(str(path), 1, f"not text (byte {error.start})") from error
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror}") from error
    return parse_baseline(text, str(path))


def _missing(path: Path) -> str:
    beside = [
        stored.path.name for stored in list_baselines(path.parent.parent) if stored.name == path.parent.name
    ]
    hint = f" There is one for {', '.join(beside[:5])}." if beside else ""
    return f"no memory baseline at {path}.{hint} Make one with: pytest --memory-save"


def change_baseline(
    path: Path, change: Callable[[Baseline | None], Baseline], *, lock_seconds: float = LOCK_SECONDS
) -> bool:
    """Replace the file at `path` by what `change` makes of its content (None: no file yet).

    Returns False where the text stays the same; then nothing is written. Raises
    BaselineError where the lock, the disk or the old content does not allow it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent, lock_seconds):
            old = load_baseline(path) if path.exists() else None
            text = format_baseline(change(old))
            if old is not None and text == path.read_text(encoding="utf-8"):
                return False
            replace_text(path, text)
            return True
    except OSError as error:
        raise BaselineError(
            f"{path} was not written: {error.strerror or error}. The old content is untouched."
        ) from error


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step: either all of it or the old content; OSError passes through.

    What a link points at is replaced, not the link. A target that exists and is
    no regular file (a pipe, /dev/stdout) is written directly: root could replace it.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        return
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        leftover.unlink(missing_ok=True)  # of a writer that was killed: we hold the lock
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(aside, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _locked(directory: Path, seconds: float) -> Iterator[None]:
    """Hold the directory against other writers; a killed holder's lock is gone with it."""
    try:
        import fcntl
    except ImportError:  # Windows
        with _locked_by_file(directory / ".lock", seconds):
            yield
        return
    # the directory itself carries the lock: no lock file to commit by mistake
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                _wait(directory, end, seconds)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked_by_file(lock: Path, seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            _wait(lock, end, seconds)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _wait(where: Path, end: float, seconds: float) -> None:
    if time.monotonic() > end:
        raise BaselineError(
            f"{where} has been locked by another session for {seconds:g} s; nothing was written"
        )
    time.sleep(_LOCK_POLL_SECONDS)
