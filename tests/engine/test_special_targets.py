"""Writing to what is no regular file: root could put a file in a device's place, and must not."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_snapshot_memory.baseline_store import replace_text
from snapshot_engine.files import write_atomically
from snapshot_engine.synthetic import write as write_transcript

WRITERS: dict[str, Callable[[Path], object]] = {
    "a report of the plugin": lambda path: replace_text(path, "WEBVTT"),
    "a document": lambda path: write_atomically(path, ["WEB", "VTT"]),
    "a generated transcript": lambda path: write_transcript(path, size_mb=0.001),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", WRITERS)
def test_a_pipe_is_written_into_and_stays_a_pipe(name: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    WRITERS[name](pipe)
    assert stat.S_ISFIFO(os.stat(pipe).st_mode)
    reader.join(timeout=10)
    assert read[0].startswith(b"WEBVTT")


@pytest.mark.parametrize("name", WRITERS)
def test_what_a_link_points_at_is_written_and_the_link_stays(name: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target.txt"
    target.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    WRITERS[name](link)
    assert link.is_symlink()
    assert target.read_text("utf-8").startswith("WEBVTT")
    assert sorted(os.listdir(tmp_path / "elsewhere")) == ["target.txt"]
