from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate_builders import HERE, KIB

from pytest_snapshot_memory import baseline_store
from pytest_snapshot_memory.baseline import Baseline, BaselineCorrupt, BaselineError, Entry, key_of
from pytest_snapshot_memory.baseline_store import (
    BaselineMissing,
    baseline_path,
    change_baseline,
    list_baselines,
    load_baseline,
)


def entry(growth_kib: int) -> Entry:
    return Entry(growth_bytes=growth_kib * KIB, retained_bytes=0, anchor_bytes=growth_kib * KIB)


def adding(name: str, growth_kib: int = 4) -> object:
    def change(old: Baseline | None) -> Baseline:
        entries = dict(old.entries) if old else {}
        entries[key_of(name)] = entry(growth_kib)
        return Baseline(environment=HERE, entries=entries)

    return change


def add(path: Path, name: str, growth_kib: int = 4) -> bool:
    return change_baseline(path, adding(name, growth_kib))  # type: ignore[arg-type]


def add_many(path: str, worker: int, count: int) -> None:
    for i in range(count):
        add(Path(path), f"t.py::test_{worker}_{i}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return baseline_path(tmp_path / "baselines", "main", HERE)


def test_a_change_that_changes_nothing_does_not_touch_the_file(path: Path) -> None:
    assert add(path, "t.py::a") is True
    before = path.stat()
    assert add(path, "t.py::a") is False
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_nothing_but_the_baseline_is_left_beside_it(path: Path) -> None:
    add(path, "t.py::a")
    add(path, "t.py::b")
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_concurrent_writers_lose_no_test(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_many, args=(str(path), worker, 15)) for worker in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(load_baseline(path).entries) == 60


_ENDLESS_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_gate_store import add
for i in range(10**9):
    add(Path(sys.argv[1]), f"t.py::test_{i % 40}", i)
    if i == 40:
        print("going", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_kill_at_any_moment_leaves_a_whole_baseline(path: Path) -> None:
    for attempt in range(3):
        command = [sys.executable, "-c", _ENDLESS_WRITER, str(path), str(Path(__file__).parent)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "going\n"
        time.sleep(0.005 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait(30)
        writer.stdout.close()
        assert len(load_baseline(path).entries) == 40
    assert add(path, "t.py::after") is True
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB; needs the right to mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], capture_output=True)
        if (sys.platform == "linux" and os.geteuid() == 0)
        else None
    )
    if mounted is None or mounted.returncode != 0:
        pytest.skip("cannot mount a small tmpfs here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_said_and_the_old_content_stays(full_disk: Path) -> None:
    path = baseline_path(full_disk, "main", HERE)
    add(path, "t.py::a")
    before = path.read_bytes()

    def huge(old: Baseline | None) -> Baseline:
        return Baseline(
            environment=HERE, entries={key_of(f"t.py::test_number_{i}"): entry(i) for i in range(5000)}
        )

    with pytest.raises(BaselineError, match=r"No space left on device.*untouched"):
        change_baseline(path, huge)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_rename_that_fails_is_said_and_leaves_no_rest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, "t.py::a")
    before = path.read_bytes()

    def refuse(source: object, target: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(baseline_store.os, "replace", refuse)
    with pytest.raises(BaselineError, match="Read-only file system"):
        add(path, "t.py::b")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff\xfe\x00", b"<<<<<<< HEAD\n", b"# pytest-snapshot-memory baseline 1\n x\n"]
)
def test_a_foreign_or_broken_file_is_never_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(BaselineCorrupt, match="left as it is"):
        add(path, "t.py::a")
    assert path.read_bytes() == content


def test_a_held_lock_is_waited_for_and_then_said(path: Path) -> None:
    add(path, "t.py::a")

    def inside(old: Baseline | None) -> Baseline:
        with pytest.raises(BaselineError, match=r"locked by another session for 0\.1 s"):
            change_baseline(path, adding("t.py::b"), lock_seconds=0.1)  # type: ignore[arg-type]
        assert old is not None
        return old

    assert change_baseline(path, inside) is False


def test_windows_style_line_ends_are_read(path: Path) -> None:
    add(path, "t.py::a")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert set(load_baseline(path).entries) == {("t.py", "a")}


def test_a_missing_baseline_names_those_of_other_environments(path: Path) -> None:
    add(path, "t.py::a")
    other = path.with_name("darwin-arm64-cp3.12-resident.txt")
    with pytest.raises(
        BaselineMissing, match=r"There is one for linux-x86_64-gnu-cp3.11-resident.txt.*--memory-save"
    ):
        load_baseline(other)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "x" * 101, "naïve"])
def test_a_name_that_is_no_directory_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BaselineError, match="baseline name"):
        baseline_path(tmp_path, name, HERE)


def test_only_baselines_are_listed(path: Path) -> None:
    add(path, "t.py::a")
    path.with_name("notes.txt").write_text("mine")
    assert [(stored.name, stored.path) for stored in list_baselines(path.parents[1])] == [("main", path)]
