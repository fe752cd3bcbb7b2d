"""A child has the pages of libraries that its parent had, and no others."""

from __future__ import annotations

import builtins
import mmap
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from snapshot_engine.memory.library_pages import Piece, bring_in, resident_library_pages
from snapshot_engine.memory.procfs import PAGE_BYTES

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
MIB = 2**20


def _of_files_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssFile"):
            return int(line.split()[1]) * 1024
    return 0


@linux
def test_a_child_gets_what_a_fork_does_not_inherit() -> None:
    pieces = resident_library_pages()
    here_bytes = _of_files_bytes()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        inherited = _of_files_bytes()
        bring_in(pieces)
        os.write(writing, f"{inherited} {_of_files_bytes()}".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    inherited_bytes, there_bytes = map(int, os.read(reading, 100).split())
    os.close(reading)
    os.close(writing)
    if there_bytes == inherited_bytes:
        pytest.skip("this kernel brings no pages in on request (before Linux 5.14)")
    # a kernel short of memory takes pages of files away between two looks, and other files are not libraries
    libraries_bytes = sum(piece.length_bytes for piece in pieces)
    assert inherited_bytes < here_bytes / 2
    assert libraries_bytes * 0.5 < there_bytes - inherited_bytes < libraries_bytes * 1.2 + MIB


@linux
def test_only_what_code_is_mapped_from_is_a_library(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 4 * MIB)
    before_bytes = sum(piece.length_bytes for piece in resident_library_pages())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[at] for at in range(0, len(mapped), PAGE_BYTES)) > 0
        after_bytes = sum(piece.length_bytes for piece in resident_library_pages())
    assert before_bytes > 0
    assert abs(after_bytes - before_bytes) < 3 * MIB


@linux
def test_pieces_are_whole_pages_in_order_that_do_not_overlap() -> None:
    pieces = resident_library_pages()
    for piece in pieces:
        assert piece.address % PAGE_BYTES == piece.length_bytes % PAGE_BYTES == 0
        assert piece.length_bytes > 0
    ends = [piece.address + piece.length_bytes for piece in pieces]
    assert all(end <= after.address for end, after in zip(ends, pieces[1:], strict=False))


@pytest.mark.parametrize("refused", ["maps", "pagemap"])
def test_where_the_kernel_does_not_say_there_are_none(monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    real_text, real_open = builtins.open, os.open

    def guarded(real: Any) -> Any:
        def opened(path: Any, *more: Any, **named: Any) -> Any:
            if str(path).endswith(f"/{refused}"):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *more, **named)

        return opened

    monkeypatch.setattr(builtins, "open", guarded(real_text))
    monkeypatch.setattr(os, "open", guarded(real_open))
    assert resident_library_pages() == ()


def test_pages_that_nobody_maps_are_left_alone() -> None:
    bring_in((Piece(PAGE_BYTES, 16 * PAGE_BYTES),))
    bring_in(())
