"""This process in /proc: resident bytes, the kernel's own peak, and its reset.

VmHWM never falls by itself; writing "5" to clear_refs sets it to what is
resident now (proc_pid_clear_refs(5)). The descriptors stay open: opening costs
more than reading. /proc/self is resolved when a file is opened, so a
descriptor kept over fork() points at the parent, and a reset through it would
wipe the parent's peak: they are keyed by the process id.

Cost on Linux 6.18, at any size: reset 0.8 us, statm 1.4 us, status 9 us,
getrusage 0.7 us for the thread and 1.3 for the process, fstat 1.0 us (three times
that between tests, where the caches hold other things). getrusage's maximum is
the process's for a thread, too: the larger of VmHWM and of what the process
image before exec() reached (an 8 MB child of an 800 MB parent reads 802): where
it is above that inherited floor it stands in for the dear status.

Resident memory holds pages of mapped files, too, and the kernel takes those and
brings them back as it likes: under DAMON's page-out, or short of memory, 2.4 MiB of
libraries came back inside a test that touched nothing else. Each look keeps what
statm says of them (`shared_field`), unread; `file_bytes_since` reads it.
"""

from __future__ import annotations

import os
from typing import Final

try:
    from os import pread
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # not Linux
    RUSAGE_THREAD, getrusage, pread = 0, None, None  # type: ignore[assignment, misc]

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

# Pages of mapped files come in by 16 at a time: below this a change says nothing.
FILE_NOISE_BYTES = 64 * 1024

# How often this process was forked into being since this module was loaded: asking
# for the process id at every look would cost a system call each. How often it forked itself.
_forks = _forks_made = 0


def _forked() -> None:
    global _forks
    _forks += 1


def _has_forked() -> None:
    global _forks_made
    _forks_made += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_has_forked, after_in_child=_forked)


class ProcSelf:
    """Kept descriptors on /proc/self for one process at a time. Not thread-safe by itself.

    root: where /proc is; tests pass a recorded tree.
    Every method raises OSError where the kernel or the mount refuses.
    """

    __slots__ = (
        "_clear",
        "_clear_identity",
        "_floor_kib",
        "_forks",
        "_mark_bytes",
        "_root",
        "_seen",
        "_seen_kib",
        "_seen_text",
        "_shared_memory_bytes",
        "_statm",
        "_status",
        "shared_field",
        "waits",
    )

    begins_at_once: Final = getrusage is not None

    def __init__(self, root: str = "/proc") -> None:
        self._root = root
        self._forks = -1
        self._status = self._statm = self._clear = -1
        self._clear_identity = (0, 0)
        self._floor_kib = -1
        self._mark_bytes = 0  # what opening had to wipe, until someone has read it
        # what begin_again() read and returned last, where it had nothing to reset
        self._seen_text, self._seen_kib, self._seen = b"", -1, (0, 0)
        self.shared_field = b"0"  # pages of files and of shared memory at the last look
        self._shared_memory_bytes: int | None = 0  # when last asked
        self.waits = 0  # moves where this thread has waited or forked between two begin_again()

    def resident_bytes(self) -> int:
        """Return what is resident now, by the short file."""
        self._current()
        try:
            fields = pread(self._statm, 128, 0).split(None, 3)
            resident_bytes = int(fields[1]) * PAGE_BYTES
        except (OSError, ValueError, IndexError):  # someone closed our number, or gave it away
            self._open()
            fields = pread(self._statm, 128, 0).split(None, 3)
            resident_bytes = int(fields[1]) * PAGE_BYTES
        self.shared_field, self._seen_text = fields[2], b""
        return resident_bytes

    def resident_and_mapped_bytes(self) -> tuple[int, int]:
        """Return what is resident, and the private writable memory that is mapped (RLIMIT_DATA counts it).

        The stack is in the latter too: it errs upwards by that.
        """
        self._current()
        fields = pread(self._statm, 128, 0).split()
        return int(fields[1]) * PAGE_BYTES, int(fields[5]) * PAGE_BYTES

    def resident_and_peak_bytes(self) -> tuple[int, int]:
        """Return what is resident now and the most since the last reset; 3 us."""
        if self._forks != _forks:
            self._open()
        floor_kib = self._floor_kib
        mark_kib = getrusage(RUSAGE_THREAD).ru_maxrss if floor_kib >= 0 else -1
        resident_bytes = self.resident_bytes()
        mark_bytes = mark_kib * 1024
        if mark_kib <= floor_kib and (mark_kib < 0 or mark_bytes > resident_bytes):
            self._floor_kib = mark_kib  # what was inherited is at most what was read just now
            mark_bytes = self._status_bytes("VmHWM")
        return resident_bytes, max(mark_bytes, self._mark_bytes, resident_bytes)

    def mark_bytes(self) -> int:
        """Return the most since the last reset; 1.5 us, 10 where getrusage's maximum was inherited."""
        self._current()
        floor_kib = self._floor_kib
        mark_kib = getrusage(RUSAGE_THREAD).ru_maxrss if floor_kib >= 0 else -1
        mark_bytes = mark_kib * 1024 if mark_kib > floor_kib else self._status_bytes("VmHWM")
        return mark_bytes if mark_bytes > self._mark_bytes else self._mark_bytes

    def begin_again(self) -> tuple[int, int]:
        """Return (the most since the last reset, resident now); the peak begins again from now. 2.5 us.

        Only where begins_at_once says so.
        Nothing is reset where the mark is not above what is resident: it would stay the same.
        Where nothing has moved since the last call it returns the same tuple, so `is` tells.
        """
        if self._forks != _forks:
            self._open()
        # What has not moved is told first, in as few steps as it takes: see plain.py.
        usage = getrusage(RUSAGE_THREAD)
        self.waits = usage.ru_nvcsw + _forks_made
        try:
            text = pread(self._statm, 64, 0)
            if text == self._seen_text and usage.ru_maxrss == self._seen_kib:
                return self._seen
            fields = text.split(None, 3)
            resident_bytes = int(fields[1]) * PAGE_BYTES
            self.shared_field = fields[2]
        except (OSError, ValueError, IndexError):
            text, resident_bytes = b"", self.resident_bytes()
        floor_kib, wiped_bytes = self._floor_kib, self._mark_bytes
        mark_kib = usage.ru_maxrss if floor_kib >= 0 else -1
        mark_bytes = mark_kib * 1024
        if mark_bytes <= resident_bytes and mark_kib >= 0 and not wiped_bytes:
            self._seen_text, self._seen_kib = text, mark_kib
            self._seen = seen = (resident_bytes, resident_bytes)
            return seen
        self._seen_text = b""
        if mark_kib < 0 or mark_bytes > resident_bytes:
            if mark_kib <= floor_kib:
                self._floor_kib = mark_kib  # what was inherited is at most what was read just now
                mark_bytes = self._status_bytes("VmHWM")
            self.reset_peak()
        else:
            self._mark_bytes = 0
        return max(mark_bytes, wiped_bytes, resident_bytes), resident_bytes

    def file_bytes_since(self, shared_field: bytes) -> int:
        """Return by how much pages of mapped files grew from the look that left `shared_field` to the last.

        Negative where the kernel took some away; 0 below FILE_NOISE_BYTES, or where
        the kernel does not tell them from shared memory (before Linux 4.5). Ask
        only where the fields differ: 0.5 us, 10 where much has moved.
        Shared memory is in the field too; it is told apart by what it was when last
        asked, so ask for every span, one after the other. Unseen: files and shared
        memory that cancel each other in one span.
        """
        try:
            moved_bytes = (int(self.shared_field) - int(shared_field)) * PAGE_BYTES
        except ValueError:
            return 0
        if -FILE_NOISE_BYTES <= moved_bytes <= FILE_NOISE_BYTES:
            return 0
        known_bytes, self._shared_memory_bytes = self._shared_memory_bytes, self._read_shared_memory()
        if known_bytes is None or self._shared_memory_bytes is None:
            return 0
        moved_bytes -= self._shared_memory_bytes - known_bytes
        return 0 if -FILE_NOISE_BYTES <= moved_bytes <= FILE_NOISE_BYTES else moved_bytes

    def _read_shared_memory(self) -> int | None:
        found_kib = _field_kib(self._status_text(), b"\nRssShmem:", -1)
        return None if found_kib < 0 else found_kib * 1024

    def _status_bytes(self, *names: str) -> int:
        """Return the sum of these fields of the status file; one that is missing counts 0."""
        text = self._status_text()
        return sum(_field_kib(text, b"\n%s:" % name.encode()) for name in names) * 1024

    def _status_text(self) -> bytes:
        text = pread(self._status, 4096, 0)
        if not text.startswith(b"Name:"):  # our number was given away
            self._open()
            text = pread(self._status, 4096, 0)
        return text

    def reset_peak(self) -> None:
        """Set the kernel's peak to what is resident now."""
        self._current()
        if self._clear < 0:
            raise PermissionError(f"{self._root}/self/clear_refs is not open for writing")
        # Someone may have closed every descriptor (a daemon does) and opened a
        # file of their own under our number: never write into that. 1 us.
        if not self._clear_is_ours():
            self._open()
        os.write(self._clear, b"5")
        self._mark_bytes = 0

    def _current(self) -> None:
        if self._forks != _forks:
            self._open()

    def _clear_is_ours(self) -> bool:
        try:
            about = os.fstat(self._clear)
        except OSError:
            return False
        return (about.st_dev, about.st_ino) == self._clear_identity

    def _open(self) -> None:
        """Open all three for this process; clear_refs may be refused, the others may not."""
        if self._clear >= 0 and self._clear_is_ours():
            for descriptor in (self._status, self._statm, self._clear):
                os.close(descriptor)
        self._status = self._statm = self._clear = -1
        self._status = os.open(f"{self._root}/self/status", os.O_RDONLY | os.O_CLOEXEC)
        self._statm = os.open(f"{self._root}/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._clear = os.open(f"{self._root}/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            self._clear = -1
        else:
            about = os.fstat(self._clear)
            self._clear_identity = (about.st_dev, about.st_ino)
        self._forks = _forks
        self._shared_memory_bytes = self._read_shared_memory()  # a fork does not inherit those pages
        self._learn_floor()

    def _learn_floor(self) -> None:
        """Find the value of getrusage's maximum above which it is this process's own peak.

        Right after a reset it is the larger of what is resident and of what
        was inherited, so whatever exceeds it later was reached later.
        """
        self._mark_bytes = self._status_bytes("VmHWM")
        self._floor_kib = -1
        if getrusage is not None and self._clear >= 0:
            try:
                os.write(self._clear, b"5")
            except OSError:  # opened, but not to be written: the caller's probe says why
                return
            self._floor_kib = getrusage(RUSAGE_THREAD).ru_maxrss

    def why_no_reset(self) -> str:
        """Return "" where the peak can be reset, else the kernel's reason. Tries it once for real."""
        path = f"{self._root}/self/clear_refs"
        try:
            with open(path, "wb", buffering=0) as file:
                file.write(b"5")
        except OSError as refused:
            return f"{path}: {refused.strerror}"
        return ""


def _field_kib(text: bytes, name: bytes, missing: int = 0) -> int:
    start = text.find(name)
    return missing if start < 0 else int(text[start + len(name) : text.index(b"kB", start)])


class NoFilePages:
    """Stands where nobody says how much of resident memory is pages of files."""

    shared_field = b""
    waits = -1

    def file_bytes_since(self, shared_field: bytes) -> int:
        return 0


def peak_error_bound_bytes(cpus: int | None = None, release: str | None = None) -> int:
    """Return by how much the kernel's peak may be off.

    Since Linux 6.2 each CPU keeps up to max(32, 2 x CPUs) pages of a process's
    counter to itself (percpu_counter_batch); before, each thread kept up to 64.
    Seen on 2 CPUs, where the bound is 256 KiB: -240..0 KiB.
    """
    cpus = cpus or os.cpu_count() or 1
    release = release if release is not None else os.uname().release
    if _kernel_version(release) < (6, 2):
        return 64 * PAGE_BYTES * cpus
    return max(32, 2 * cpus) * cpus * PAGE_BYTES


def _kernel_version(release: str) -> tuple[int, int]:
    parts = release.split("-", 1)[0].split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return (0, 0)
