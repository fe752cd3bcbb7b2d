"""What memory this process may really use: its control groups first, then the machine.

psutil and /proc/meminfo speak of the machine: in a group of 96 MB they said
24,105 MB. The group's place comes from /proc/self/cgroup and
/proc/self/mountinfo, for version 1 and 2; every group above counts as well,
since the tightest one wins.

Finding the groups costs 1.4 ms and is done once per process; reading their
numbers 60 us a group.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Version 1 writes "no limit" as the largest count of pages it can hold
# (PAGE_COUNTER_MAX, about 2**63 bytes); nothing real comes near 2**60.
_NO_LIMIT_BYTES = 2**60


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableMemory:
    """The memory there is, and how much of it is left.

    limit_bytes: the most this process and its neighbours may hold together.
    limit_of: what sets it: "cgroup v2 /app", "cgroup v1 /app", "machine".
    used_bytes: held of it now, page cache that can be dropped left out.
    available_bytes: what is left before the tightest of group and machine is full.
    machine_bytes: the machine's memory.
    """

    limit_bytes: int
    limit_of: str
    used_bytes: int
    available_bytes: int
    machine_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGroup:
    """A control group that may limit this process; version is 1 or 2."""

    version: int
    name: str
    folder: Path

    def limit_bytes(self) -> int | None:
        """Return the group's own limit, None where it has none or is gone."""
        limit = _read_number(self.folder / ("memory.max" if self.version == 2 else "memory.limit_in_bytes"))
        return None if limit is None or limit >= _NO_LIMIT_BYTES else limit

    def used_bytes(self) -> int:
        """Return what the group holds, without file pages that the kernel drops first."""
        usage = _read_number(
            self.folder / ("memory.current" if self.version == 2 else "memory.usage_in_bytes")
        )
        droppable = _read_field(
            self.folder / "memory.stat", "inactive_file" if self.version == 2 else "total_inactive_file"
        )
        return max(0, (usage or 0) - (droppable or 0))


def available_memory(root: str | os.PathLike[str] = "/", pid: int | None = None) -> AvailableMemory:
    """Return what a process may use, by the tightest of its groups and the machine.

    root: where /proc and /sys are; tests pass a recorded tree.
    pid: this process when left out.
    """
    machine_bytes, machine_left_bytes = _machine(Path(root))
    limit_bytes, limit_of, used_bytes = machine_bytes, "machine", machine_bytes - machine_left_bytes
    left_bytes = machine_left_bytes
    for group in memory_groups(os.fspath(root)) if pid is None else _groups(Path(root), pid):
        group_limit_bytes = group.limit_bytes()
        if group_limit_bytes is None:
            continue
        group_used_bytes = group.used_bytes()
        left_bytes = min(left_bytes, max(0, group_limit_bytes - group_used_bytes))
        if group_limit_bytes < limit_bytes:
            limit_bytes, used_bytes = group_limit_bytes, group_used_bytes
            limit_of = f"cgroup v{group.version} {group.name}"
    return AvailableMemory(
        limit_bytes=limit_bytes,
        limit_of=limit_of,
        used_bytes=used_bytes,
        available_bytes=left_bytes,
        machine_bytes=machine_bytes,
    )


@lru_cache(maxsize=8)
def memory_groups(root: str = "/") -> tuple[MemoryGroup, ...]:
    """Return this process's memory groups, the innermost first; () where there are none.

    Remembered: a process that is moved to another group calls
    `memory_groups.cache_clear()`.
    """
    return _groups(Path(root), "self")


def _groups(root: Path, pid: int | str) -> tuple[MemoryGroup, ...]:
    groups: list[MemoryGroup] = []
    for version, path in _own_paths(root, pid):
        for mount_root, mount_point in _mounts(root, version):
            groups += _nested(root, version, path, mount_root, mount_point)
    return tuple(groups)


def _own_paths(root: Path, pid: int | str) -> list[tuple[int, str]]:
    """Return (version, path in its hierarchy) from /proc/<pid>/cgroup."""
    found = []
    for line in _read_text(root / f"proc/{pid}/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            found.append((1, path))
        elif not controllers:
            found.append((2, path))
    return found


def _mounts(root: Path, version: int) -> list[tuple[str, str]]:
    """Return (root within the hierarchy, mount point) of each mount of that version."""
    found = []
    for line in _read_text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if len(left) < 5 or len(right) < 3:
            continue
        is_memory = right[0] == "cgroup" and "memory" in right[2].split(",")
        if is_memory if version == 1 else right[0] == "cgroup2":
            found.append((_unescape(left[3]), _unescape(left[4])))
    return found


def _nested(root: Path, version: int, path: str, mount_root: str, mount_point: str) -> list[MemoryGroup]:
    """Return the group at `path` and all above it that the mount shows."""
    if mount_root != "/" and (path == mount_root or path.startswith(mount_root + "/")):
        path = path[len(mount_root) :]
    parts = [part for part in path.split("/") if part]
    if ".." in parts:  # the mount belongs to another namespace: only its top can be ours
        parts = []
    top = root / mount_point.lstrip("/")
    groups = []
    for depth in range(len(parts), -1, -1):
        folder = top.joinpath(*parts[:depth])
        if folder.is_dir():
            groups.append(MemoryGroup(version=version, name="/" + "/".join(parts[:depth]), folder=folder))
    return groups


def _machine(root: Path) -> tuple[int, int]:
    """Return (memory of the machine, left of it) in bytes."""
    meminfo = root / "proc/meminfo"
    total, left = _read_field(meminfo, "MemTotal:"), _read_field(meminfo, "MemAvailable:")
    if total is not None and left is not None:
        return total * 1024, left * 1024
    from snapshot_engine.memory.elsewhere import machine_memory

    return machine_memory()


def _unescape(text: str) -> str:
    """Undo the octal escapes of mountinfo (a space is \\040)."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _read_number(path: Path) -> int | None:
    text = _read_text(path).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _read_field(path: Path, name: str) -> int | None:
    for line in _read_text(path).splitlines():
        field, _, rest = line.partition(" ")
        if field == name:
            return int(rest.split()[0])
    return None
