"""Pages of mapped files that come into a process or are taken from it, told apart from its own memory."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from snapshot_engine.memory.peak import broker, open_peak_window
from snapshot_engine.memory.procfs import FILE_NOISE_BYTES, PAGE_BYTES, NoFilePages, ProcSelf

MIB = 2**20
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


class RecordedProcess:
    """A /proc of files that the test writes."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "self"
        self._folder.mkdir()
        (self._folder / "clear_refs").write_text("")
        self.say(shared_pages=100, shared_memory_kib=0)
        self.source = ProcSelf(str(root))
        self.source.resident_bytes()

    def say(self, shared_pages: int, shared_memory_kib: int | None) -> None:
        (self._folder / "statm").write_text(f"9000 {4000 + shared_pages} {shared_pages} 5 0 123 0\n")
        known = "" if shared_memory_kib is None else f"RssShmem:\t{shared_memory_kib} kB\n"
        (self._folder / "status").write_text(f"Name:\tit\nVmHWM:\t1 kB\nRssFile:\t1 kB\n{known}")

    def moved_bytes(self, shared_pages: int, shared_memory_kib: int | None = 0) -> int:
        """Return what is said of the files after this and since the last look."""
        before = self.source.shared_field
        self.say(shared_pages, shared_memory_kib)
        self.source.resident_bytes()
        return self.source.file_bytes_since(before)


@linux
def test_pages_that_came_in_or_were_taken_are_told_in_bytes(tmp_path: Path) -> None:
    process = RecordedProcess(tmp_path)
    assert process.moved_bytes(100 + 512) == 512 * PAGE_BYTES
    assert process.moved_bytes(200) == -412 * PAGE_BYTES


@linux
def test_what_one_fault_brings_in_is_not_worth_a_word(tmp_path: Path) -> None:
    process = RecordedProcess(tmp_path)
    noise_pages = FILE_NOISE_BYTES // PAGE_BYTES
    assert process.moved_bytes(100 + noise_pages) == 0
    assert process.moved_bytes(100) == 0
    assert process.moved_bytes(100 + noise_pages + 1) == (noise_pages + 1) * PAGE_BYTES


@linux
def test_shared_memory_is_no_page_of_a_file(tmp_path: Path) -> None:
    process = RecordedProcess(tmp_path)
    kib = PAGE_BYTES // 1024
    assert process.moved_bytes(1124, shared_memory_kib=1024 * kib) == 0
    assert process.moved_bytes(1636, shared_memory_kib=1024 * kib) == 512 * PAGE_BYTES
    assert process.moved_bytes(612, shared_memory_kib=0) == 0


@linux
def test_shared_memory_given_back_while_files_come_in_hides_nothing_of_them(tmp_path: Path) -> None:
    process = RecordedProcess(tmp_path)
    process.moved_bytes(1124, shared_memory_kib=1024 * PAGE_BYTES // 1024)
    assert process.moved_bytes(612, shared_memory_kib=0) == 512 * PAGE_BYTES


@linux
def test_a_kernel_that_does_not_tell_shared_memory_apart_is_not_believed(tmp_path: Path) -> None:
    process = RecordedProcess(tmp_path)
    assert process.moved_bytes(5100, shared_memory_kib=None) == 0


@linux
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=6))
def test_spans_asked_one_after_the_other_add_up(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    """Each span leaves out at most its noise, so the sum is off by no more than that a span.

    Left out are spans in which shared memory and files cancel each other: nothing is asked there.
    """
    process = RecordedProcess(tmp_path_factory.mktemp("proc"))
    told, shared_pages, shared_memory_pages = 0, 100, 0
    for file_pages, wanted_pages in steps:
        if abs(file_pages + wanted_pages - shared_pages) * PAGE_BYTES > FILE_NOISE_BYTES:
            shared_memory_pages = wanted_pages
        shared_pages = file_pages + shared_memory_pages
        told += process.moved_bytes(shared_pages, shared_memory_pages * PAGE_BYTES // 1024)
    true_bytes = (shared_pages - shared_memory_pages - 100) * PAGE_BYTES
    assert abs(told - true_bytes) <= 2 * FILE_NOISE_BYTES * len(steps)


def test_where_nobody_says_nothing_has_moved() -> None:
    pages = NoFilePages()
    assert pages.file_bytes_since(pages.shared_field) == 0


@linux
def test_a_file_that_is_read_through_a_mapping_shows_and_shared_memory_does_not(tmp_path: Path) -> None:
    """For real: 8 MiB of a mapped file are touched, then given back; then 8 MiB of shared memory."""
    path = tmp_path / "mapped"
    path.write_bytes(b"x" * 8 * MIB)
    if path.stat().st_blocks == 0:
        pytest.skip("the file system keeps no blocks")
    pages = broker().file_pages
    with open_peak_window() as window, path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        steps = []
        for change in (lambda: _touch(mapped), lambda: mapped.madvise(mmap.MADV_DONTNEED)):
            window.roll()
            before = pages.shared_field
            change()
            window.roll()
            steps.append(pages.file_bytes_since(before))
        mapped.close()
        window.roll()
        before = pages.shared_field
        anonymous = mmap.mmap(-1, 8 * MIB)  # shared
        for at in range(0, 8 * MIB, PAGE_BYTES):
            anonymous[at] = 1
        window.roll()
        steps.append(pages.file_bytes_since(before))
        anonymous.close()
    if _is_in_memory(tmp_path):
        pytest.skip("the folder for temporary files is shared memory itself")
    came_in, given_back, shared_memory = steps
    # the kernel may take or bring back some of the libraries meanwhile
    assert came_in == pytest.approx(8 * MIB, abs=3 * MIB)
    assert given_back == pytest.approx(-8 * MIB, abs=3 * MIB)
    assert abs(shared_memory) <= 3 * MIB


def _touch(mapped: mmap.mmap) -> int:
    return sum(mapped[at] for at in range(0, len(mapped), PAGE_BYTES))


def _is_in_memory(path: Path) -> bool:
    mounts = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    inside = [(len(where), kind) for where, kind in mounts if str(path).startswith(where)]
    return max(inside, default=(0, ""))[1] in ("tmpfs", "ramfs")
