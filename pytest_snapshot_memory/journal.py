"""Finished results that outlive the run: one line per test, appended the moment it ends.

A line is one write to a descriptor opened with O_APPEND, so that the workers of
xdist share a file and a killed process leaves whole lines. What runs at the
moment stands in a small mapped page per process: the kernel keeps it when the
process is gone, and it names the test and its last known memory.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = 4096


class Journal:
    """Appends records to a file; a full disk or a lost directory switches it off and says so.

    problem: "" or why nothing more is written.
    """

    def __init__(self, path: Path, worker: str) -> None:
        self.path = path
        self.problem = ""
        self._pid = os.getpid()
        self._file = -1
        self._page: mmap.mmap | None = None
        self._page_path = page_path(path, worker)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(path, flags, 0o644)
            self._page = _map_page(self._page_path)
        except OSError as error:
            self._switch_off(error)

    def append(self, line: str) -> None:
        """Write one record; 7 us."""
        # A forked child that goes on running tests is not this run's worker.
        if self._file < 0 or os.getpid() != self._pid:
            return
        data = line.encode() + b"\n"
        try:
            if os.write(self._file, data) != len(data):
                raise OSError("only a part of a line could be written")
        except OSError as error:
            self._switch_off(error)

    def running(self, nodeid: str, resident_bytes: int) -> None:
        """Note what runs now, for whoever finds this process dead; under 1 us."""
        page = self._page
        if page is not None:
            text = f"{resident_bytes}\n{nodeid}".encode()[: _PAGE_BYTES - 1] + b"\0"
            page[: len(text)] = text

    def close(self, *, remove: bool) -> None:
        """End the journal; remove=True where every result was reported and nothing is left to save."""
        if os.getpid() != self._pid:
            return
        if self._page is not None:
            self._page.close()
            self._page = None
            with contextlib.suppress(OSError):
                self._page_path.unlink()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _switch_off(self, error: OSError) -> None:
        self.problem = f"{self.path}: {error.strerror or error}"
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def page_path(journal: Path, worker: str) -> Path:
    """Return where the page of a worker ("" for the main process) lies."""
    return journal.with_name(f"{journal.name}.{worker or 'main'}.running")


def last_seen(journal: Path, worker: str) -> tuple[str, int] | None:
    """Return (node id, resident bytes at its start) of what a dead process was running, or None."""
    try:
        text = page_path(journal, worker).read_bytes().split(b"\0", 1)[0].decode(errors="replace")
        resident, nodeid = text.split("\n", 1)
        return nodeid, int(resident)
    except (OSError, ValueError):
        return None


def left_behind(journal: Path) -> list[Path]:
    """Rename and return the journals of runs in the same folder that died; each is returned once."""
    found = []
    for path in sorted(journal.parent.glob("journal-*.jsonl")):
        pid = path.stem.removeprefix("journal-")
        if path == journal or not pid.isdecimal() or _is_alive(int(pid)):
            continue
        kept = path.with_name(f"died-{pid}.jsonl")
        with contextlib.suppress(OSError):
            for page in path.parent.glob(f"{path.name}.*.running"):
                page.unlink()
            path.replace(kept)
            found.append(kept)
    return found


def _is_alive(pid: int) -> bool:
    if sys.platform == "win32":  # there, signal 0 ends the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _map_page(path: Path) -> mmap.mmap:
    with open(path, "w+b") as file:
        file.write(bytes(_PAGE_BYTES))
        file.flush()
        return mmap.mmap(file.fileno(), _PAGE_BYTES)
