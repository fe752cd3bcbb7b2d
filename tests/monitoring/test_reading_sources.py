"""Where readings come from: this process, another one, recorded /proc trees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scripted_readings import MIB

from snapshot_engine.memory.container import AvailableMemory
from snapshot_engine.monitoring import surroundings
from snapshot_engine.monitoring.other_process import OtherProcess
from snapshot_engine.monitoring.own_process import OwnProcess
from snapshot_engine.monitoring.process_files import process_started_ticks, read_process_memory
from snapshot_engine.monitoring.reading import MemoryLimit, ProcessGone, choose_limit
from snapshot_engine.monitoring.surroundings import SurroundingsReader, parse_pressure, pressure_percent

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
GIB = 2**30


@pytest.mark.parametrize(
    ("configured_mb", "container", "wanted"),
    [
        (512, 1 * GIB, MemoryLimit(limit_bytes=512 * MIB, of="MEMORY_LIMIT_MB")),
        (None, 1 * GIB, MemoryLimit(limit_bytes=1 * GIB, of="container")),
        (None, None, MemoryLimit(limit_bytes=16 * GIB, of="machine")),
        (None, 64 * GIB, MemoryLimit(limit_bytes=16 * GIB, of="machine")),
    ],
)
def test_percent_is_of_the_setting_else_the_container_else_the_machine(configured_mb, container, wanted):
    chosen = choose_limit(configured_mb=configured_mb, container_bytes=container, machine_bytes=16 * GIB)
    assert chosen == wanted


STATUS = "Name:\tpython\nState:\tS (sleeping)\nVmSize:\t  20000 kB\nVmHWM:\t   9000 kB\nVmRSS:\t   8000 kB\n"


def recorded(root: Path, pid: int, status: str, stat: str = "") -> str:
    folder = root / str(pid)
    folder.mkdir(parents=True)
    (root / "self").mkdir(exist_ok=True)
    (folder / "status").write_text(status)
    (folder / "stat").write_text(stat)
    return str(root)


def test_a_recorded_process_is_read(tmp_path):
    memory = read_process_memory(7, recorded(tmp_path, 7, STATUS + "VmSwap:\t 5 kB\n"))
    sizes = (memory.resident_bytes, memory.mark_bytes, memory.virtual_bytes, memory.swap_bytes)
    assert sizes == (8000 * 1024, 9000 * 1024, 20000 * 1024, 5 * 1024)


def test_a_kernel_without_swap_accounting_says_no_swap(tmp_path):
    assert read_process_memory(7, recorded(tmp_path, 7, STATUS)).swap_bytes == 0


def test_zombies_kernel_threads_and_strangers_are_gone(tmp_path):
    proc = recorded(tmp_path, 7, "Name:\tx\nState:\tZ (zombie)\n")
    for pid in (7, 8):
        with pytest.raises(ProcessGone, match=f"process {pid} is not running"):
            read_process_memory(pid, proc)


def test_a_process_name_may_hold_parentheses_and_blanks(tmp_path):
    fields = " ".join(str(number) for number in range(3, 30))
    proc = recorded(tmp_path, 7, STATUS, stat=f"7 (a) b (c) {fields}\n")
    assert process_started_ticks(7, proc) == 22
    assert process_started_ticks(8, proc) is None


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        (
            b"some avg10=12.34 avg60=1.00 avg300=0.00 total=5\nfull avg10=3.00 avg60=0 avg300=0 total=1\n",
            12.34,
        ),
        (b"full avg10=3.00 avg60=0.00 avg300=0.00 total=1\n", None),
        (b"", None),
        (b"some total=5\n", None),
    ],
)
def test_pressure_is_read_from_the_line_of_some(text, percent):
    assert parse_pressure(text) == percent


def test_a_kernel_without_pressure_says_nothing(tmp_path):
    assert pressure_percent(str(tmp_path / "none")) is None


class Group:
    """A control group as memory.container finds it."""

    def __init__(self, limit: int | None, used: int, version: int = 2, folder: Path = Path("/none")) -> None:
        self.limit, self.used, self.version, self.folder = limit, used, version, folder

    def limit_bytes(self) -> int | None:
        return self.limit

    def used_bytes(self) -> int:
        return self.used


def look_around(monkeypatch, *groups: Group):
    monkeypatch.setattr(surroundings, "memory_groups", lambda: groups)
    monkeypatch.setattr(surroundings, "_machine", lambda: (16 * GIB, 8 * GIB))
    return SurroundingsReader().read()


def test_the_tightest_group_is_the_container(monkeypatch):
    around = look_around(
        monkeypatch, Group(2 * GIB, GIB), Group(None, 3 * GIB), Group(1 * GIB, 600 * MIB), Group(64 * GIB, 0)
    )
    assert (around.container_limit_bytes, around.container_used_bytes) == (1 * GIB, 600 * MIB)
    assert around.available_bytes == 424 * MIB
    assert around.total_bytes == 1 * GIB


def test_an_outer_group_that_is_nearly_full_leaves_little(monkeypatch):
    around = look_around(monkeypatch, Group(1 * GIB, 0), Group(4 * GIB, 4 * GIB - 10 * MIB))
    assert around.container_limit_bytes == 1 * GIB
    assert around.available_bytes == 10 * MIB


def test_pressure_is_the_groups_own_where_the_kernel_tells_it(monkeypatch, tmp_path):
    (tmp_path / "memory.pressure").write_text("some avg10=7.50 avg60=0 avg300=0 total=0\n")
    monkeypatch.setattr(surroundings, "pressure_percent", pressure_percent)
    monkeypatch.setattr(surroundings, "PRESSURE_PATH", str(tmp_path / "none"))
    groups = (Group(None, 0, version=1, folder=tmp_path), Group(None, 0, version=2, folder=tmp_path))
    assert look_around(monkeypatch, *groups).pressure_percent == 7.5
    assert look_around(monkeypatch, groups[0]).pressure_percent is None


def test_without_a_limit_there_is_only_the_machine(monkeypatch):
    around = look_around(monkeypatch, Group(None, GIB))
    assert (around.container_limit_bytes, around.total_bytes) == (None, 16 * GIB)
    assert around.available_bytes == 8 * GIB


def test_another_containers_process_is_not_judged_by_our_limits(monkeypatch, tmp_path):
    """The same groups are ours; hidden ones leave the machine; visible ones are its own."""
    for pid, group in (
        ("self", "0::/ours"),
        ("7", "0::/../theirs"),
        ("8", "0::/ours"),
        ("9", "0::/docker/x"),
    ):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cgroup").write_text(group)
    monkeypatch.setattr(surroundings, "memory_groups", lambda: (Group(64 * MIB, 60 * MIB),))
    assert SurroundingsReader(7, str(tmp_path)).read().container_limit_bytes is None
    assert SurroundingsReader(8, str(tmp_path)).read().container_limit_bytes == 64 * MIB
    theirs = AvailableMemory(
        limit_bytes=32 * MIB, limit_of="cgroup v2 /docker/x", used_bytes=30 * MIB,
        available_bytes=2 * MIB, machine_bytes=16 * GIB,
    )  # fmt: skip
    monkeypatch.setattr(surroundings, "available_memory", lambda pid: {9: theirs}[pid])
    around = SurroundingsReader(9, str(tmp_path)).read()
    assert (around.container_limit_bytes, around.container_used_bytes) == (32 * MIB, 30 * MIB)


def test_under_a_containers_limit_usage_is_the_containers(monkeypatch):
    """Its kill looks at the sum of all its processes: 100 MiB here beside 800 elsewhere is nearly full."""
    monkeypatch.setattr(surroundings, "memory_groups", lambda: (Group(1 * GIB, 900 * MIB),))
    for limit_mb, of, enough in ((None, "container", True), (4096, "MEMORY_LIMIT_MB", False)):
        source = OwnProcess(limit_mb)
        try:
            reading = source.read()
        finally:
            source.close()
        assert source.limit.of == of
        assert (reading.used_bytes == 900 * MIB) == enough


@linux
def test_own_and_other_agree_on_a_process():
    own = OwnProcess()
    mine = own.read()
    seen = OtherProcess(own.pid).read()
    own.close()
    # 1 MiB: the interpreter allocates between the two looks.
    assert seen.resident_bytes == pytest.approx(mine.resident_bytes, abs=MIB)
    assert seen.total_bytes == mine.total_bytes


@linux
def test_another_processs_peak_is_the_kernels_mark():
    code = (
        "b = bytearray(b'1') * (96 << 20); del b\n"
        "print('freed', flush=True); input()\n"
        "b = bytearray(b'1') * (160 << 20); del b\n"
        "print('again', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        source = OtherProcess(child.pid)
        first = source.read()
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        second, third = source.read(), source.read()
        child.stdin.write("\n")
        child.stdin.flush()
        child.wait()
        with pytest.raises(ProcessGone):
            source.read()
    assert 96 * MIB < first.peak_bytes < 130 * MIB
    assert 160 * MIB < second.recent_peak_bytes == second.peak_bytes == third.peak_bytes
    assert third.recent_peak_bytes < 96 * MIB
    assert not source.peak_is_exact


@linux
def test_a_process_that_is_not_there_is_refused_at_once():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(ProcessGone, match=f"process {child.pid} is not running"):
        OtherProcess(child.pid)


def test_without_proc_psutil_is_asked(tmp_path):
    """What macOS and Windows take, run here."""
    import os

    pytest.importorskip("psutil")
    memory = read_process_memory(os.getpid(), str(tmp_path))
    assert memory.resident_bytes > 5 * MIB
    assert memory.mark_bytes >= memory.resident_bytes
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with pytest.raises(ProcessGone):
        read_process_memory(child.pid, str(tmp_path))
