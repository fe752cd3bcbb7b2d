"""Finished results that outlive the run: one line per test, appended the moment it ends.

A journal that others read or share (one that was asked for, one of xdist's
workers) gets a line by one write to a descriptor opened with O_APPEND. The run's
own is mapped, and what a test leaves is a copy (see packed.py): between two
tests, where the caches hold other things, a system call costs 5 to 10 us. The
kernel keeps what was copied when the process dies; the next run turns it into
text. The disk's blocks are set aside before they are mapped, since a full disk
would otherwise end the run by SIGBUS; where that fails, lines are written.

What a worker of xdist runs at the moment stands in a small mapped page of its
own: it names the test and its last known memory to the controller.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
from pathlib import Path
from typing import Final

from pytest_snapshot_memory.packed import MARK, lines_of, text_of

_PAGE_BYTES: Final = 4096
_STEP_BYTES: Final = 256 * 1024  # set aside at a time: about 1,000 tests

# How often this process was forked into being: a child that goes on running tests
# is not this run's worker, and asking for the process id costs each test a system call.
_forks = 0


def _forked() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Journal:
    """Appends records to a file; a full disk or a lost directory switches it off and says so.

    problem: "" or why nothing more is written.
    """

    def __init__(self, path: Path, worker: str, *, own: bool = False) -> None:
        """own: this process alone writes the file, and nobody reads it while it lives."""
        self.path = path
        self.problem = ""
        self._forks = _forks
        self._file = -1
        self._page: mmap.mmap | None = None
        self._page_path = page_path(path, worker)
        self._maps = own and hasattr(os, "posix_fallocate")
        self._room: mmap.mmap | None = None
        self._begins = 0  # where in the file the room begins; its own position says how much is used
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR if self._maps else os.O_WRONLY
            flags |= os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(path, flags, 0o644)
            self._begins = os.fstat(self._file).st_size
            if worker:
                self._page = _map_page(self._page_path)
        except OSError as error:
            self._switch_off(error)

    def append(self, line: str) -> None:
        """Keep one record."""
        if not self._writes():
            return
        data = (line + "\n").encode()
        if self._maps and self._copy(data) >= 0:
            return
        try:
            if os.write(self._file, data) != len(data):
                raise OSError("only a part of a line could be written")
        except OSError as error:
            self._switch_off(error)

    def append_packed(self, name: bytes, packed: bytes, worker: str) -> None:
        """Keep one test's numbers, see packed.py; 1 us where the file is mapped. name: its node id."""
        data = packed + name + b"\n"
        room = self._room
        if room is None or self._forks != _forks:
            begins = self._copy(data) if self._maps and self._writes() else -1
        else:
            begins = room.tell()
            try:
                room.write(data)
            except ValueError:  # it is full
                begins = self._copy(data)
        if begins < 0:
            self.append(text_of(name.decode("utf-8", "surrogatepass"), packed, worker))
        else:
            # The first byte last: a reader takes what begins with NUL for room left over.
            self._room[begins] = MARK  # type: ignore[index]

    def adopt(self) -> None:
        """In a forked child: go on with the parent's journal, which must be shared, not its own."""
        self._forks = _forks

    def _writes(self) -> bool:
        return self._file >= 0 and self._forks == _forks

    def _copy(self, data: bytes) -> int:
        """Copy into the mapped file and return where in the room; -1: write lines from now on."""
        room = self._room
        if room is None or room.tell() + len(data) > len(room):
            end = self._end()
            begins = end - end % mmap.ALLOCATIONGRANULARITY
            room_bytes = -(-(end - begins + len(data)) // _STEP_BYTES) * _STEP_BYTES
            try:
                os.posix_fallocate(self._file, begins, room_bytes)
                self._room = room = mmap.mmap(self._file, room_bytes, offset=begins)
            except OSError:  # no room, or a file system that cannot set it aside: the write says which
                self._give_back()
                return -1
            self._begins = begins
            room.seek(end - begins)
        at = room.tell()
        room.write(data)
        return at

    def _end(self) -> int:
        """Return where in the file the last record ends."""
        return self._begins + (0 if self._room is None else self._room.tell())

    def _give_back(self) -> None:
        """Cut off what was set aside and is unused; nothing is mapped from now on."""
        if self._maps:
            end = self._end()
            self._maps, self._room = False, None
            with contextlib.suppress(OSError):
                os.truncate(self._file, end)

    def running(self, nodeid: str, resident_bytes: int) -> None:
        """Note what a worker runs now, for the controller that finds it dead; under 1 us."""
        page = self._page
        if page is not None:
            text = f"{resident_bytes}\n{nodeid}".encode()[: _PAGE_BYTES - 1] + b"\0"
            page[: len(text)] = text

    def close(self, *, remove: bool) -> None:
        """End the journal; remove=True where every result was reported and nothing is left to save."""
        if self._forks != _forks:
            return
        if self._page is not None:
            self._page.close()
            self._page = None
            with contextlib.suppress(OSError):
                self._page_path.unlink()
        if self._file >= 0:
            self._give_back()
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
    """Return where the page of a worker lies."""
    return journal.with_name(f"{journal.name}.{worker}.running")


def last_seen(journal: Path, worker: str) -> tuple[str, int] | None:
    """Return (node id, resident bytes at its start) of what a dead process was running, or None."""
    try:
        text = page_path(journal, worker).read_bytes().split(b"\0", 1)[0].decode(errors="replace")
        resident, nodeid = text.split("\n", 1)
        return nodeid, int(resident)
    except (OSError, ValueError):
        return None


def left_behind(journal: Path) -> list[Path]:
    """Turn the journals of runs in the same folder that died into text; each is returned once."""
    found = []
    for path in sorted(journal.parent.glob("journal-*.jsonl")):
        pid = path.stem.removeprefix("journal-")
        if path == journal or not pid.isdecimal() or _is_alive(int(pid)):
            continue
        kept = path.with_name(f"died-{pid}.jsonl")
        with contextlib.suppress(OSError):
            for page in path.parent.glob(f"{path.name}.*.running"):
                page.unlink()
            whole = path.with_suffix(".part")
            whole.write_text("".join(f"{line}\n" for line in lines_of(path.read_bytes())))
            whole.replace(kept)
            path.unlink()
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
