"""Each rule of the table once for real: touched pages, a real control group, real waiting for memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from snapshot_engine import Config, MemoryMonitoringService
from snapshot_engine.memory.testing import touch_pages
from snapshot_engine.monitoring.alert_rules import PRESSURE
from snapshot_engine.monitoring.surroundings import PRESSURE_PATH, pressure_percent

MIB = 2**20
GROUPS = Path("/sys/fs/cgroup/memory")

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")


class Told:
    """Events of one rule, as (kind, severity)."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.events: list[tuple[str, str]] = []

    def __call__(self, event) -> None:
        if event.alert.rule == self.rule:
            self.events.append((event.kind, event.alert.severity))


def rules_without_waiting():
    """The documented table, with ends told at once instead of after ten seconds."""
    from dataclasses import replace

    from snapshot_engine.monitoring.alert_rules import default_rules

    return [replace(rule, clear_seconds=0) for rule in default_rules(64 * 2**30)]


def test_usage_over_80_and_90_percent():
    told = Told("memory_usage")
    config = Config()
    with MemoryMonitoringService(config) as probe:
        now_mb = probe.status()["current_memory_mb"]
    # So large that the interpreter's own breathing is less than a percent.
    config.memory_limit_mb = 4 * now_mb + 400
    service = MemoryMonitoringService(config, 3600, sinks=[told], rules=rules_without_waiting())
    with service, ExitStack() as held:
        for percent in (75, 85, 95):
            used_mb = service.look().resident_bytes / MIB
            wanted_mb = percent / 100 * config.memory_limit_mb
            held.callback(touch_pages(int((wanted_mb - used_mb) * MIB)).close)
            service.look()
        held.close()
        service.look()
    assert told.events == [("fired", "warning"), ("escalated", "critical"), ("resolved", "critical")]


def test_growth_over_100_and_500_mb():
    told = Told("memory_growth")
    service = MemoryMonitoringService(Config(), 3600, sinks=[told], rules=rules_without_waiting())
    with service, ExitStack() as held:
        for size_mb in (95, 15, 405):
            held.callback(touch_pages(size_mb * MIB).close)
            service.look()
        held.close()
        service.look()
    assert told.events == [("fired", "warning"), ("escalated", "critical"), ("resolved", "critical")]


@pytest.fixture
def group():
    """A memory control group of one's own: needs version 1 and the right to make one."""
    folder = GROUPS / f"snapshot-engine-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as refused:
        pytest.skip(f"cannot make a control group of version 1 here: {refused}")
    if not (folder / "memory.limit_in_bytes").exists():
        folder.rmdir()
        pytest.skip("control groups of version 1 do not limit memory here")
    yield folder
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            folder.rmdir()
            return
        except OSError:  # the kernel is still letting go of the last process
            time.sleep(0.05)


IN_GROUP = """
import json, os, sys
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
from snapshot_engine import Config, MemoryMonitoringService
from snapshot_engine.memory.testing import touch_pages
told = []
service = MemoryMonitoringService(Config(), 3600, sinks=[told.append])
held = []
with service:
    for size_mb in (550, 80, 300):
        held.append(touch_pages(size_mb << 20))
        service.look()
    status = service.status()
events = [(event.alert.rule, event.kind, event.alert.severity) for event in told]
print(json.dumps([events, status["limit_of"], status["limit_mb"], status["available_memory_mb"]]))
"""


def test_available_below_500_and_200_mb_in_a_container_of_1100(group):
    (group / "memory.limit_in_bytes").write_text(str(1100 * MIB))
    command = [sys.executable, "-c", IN_GROUP, str(group)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    events, limit_of, limit_mb, available_mb = json.loads(ran.stdout)
    assert (limit_of, limit_mb) == ("container", 1100)
    assert available_mb < 200
    available = [tuple(event[1:]) for event in events if event[0] == "system_available"]
    assert available == [("fired", "warning"), ("escalated", "critical")]


THRASH = """
import mmap, os, sys, time
open(sys.argv[1] + "/cgroup.procs", "w").write(str(os.getpid()))
with open(sys.argv[2], "rb") as file:
    pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    number, end = os.getpid() * 997, time.monotonic() + 60
    while time.monotonic() < end:
        pages[number * 37 * 4096 % len(pages)]
        number += 1
"""


@pytest.mark.skipif(
    pressure_percent(PRESSURE_PATH) is None, reason="the kernel does not tell memory pressure (PSI)"
)
def test_waiting_for_memory_is_pressure(group, tmp_path):
    """Four processes read a file of 160 MB through 48 MB of memory: most of their time is waiting."""
    (group / "memory.limit_in_bytes").write_text(str(48 * MIB))
    path = tmp_path / "pages"
    with path.open("wb") as file:
        for _ in range(160):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    told = Told("memory_pressure")
    service = MemoryMonitoringService(Config(), 0.25, sinks=[told], rules=[PRESSURE])
    command = [sys.executable, "-c", THRASH, str(group), str(path)]
    with service:
        thrashing = [subprocess.Popen(command) for _ in range(4)]
        try:
            deadline = time.monotonic() + 40
            while not told.events and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            for process in thrashing:
                process.kill()
                process.wait()
            path.unlink()
    if not told.events and is_fast_or_ram(tmp_path):
        pytest.skip("the file lies in memory here: nobody waits for it")
    assert told.events[0] == ("fired", "warning")


def is_fast_or_ram(path: Path) -> bool:
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(path)], capture_output=True, text=True, check=False)
    return kind.stdout.strip() in {"tmpfs", "ramfs"}
