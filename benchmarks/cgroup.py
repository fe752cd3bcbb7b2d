"""A control group with a memory limit for one measured process, where this user may make one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_V1 = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")


def _files() -> tuple[Path, tuple[str, ...]] | None:
    """Return (where groups are made, the names of the limit's files): memory, then memory and swap."""
    if (_V1 / "memory.limit_in_bytes").exists():
        return _V1, ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    if "memory" in _text(_V2 / "cgroup.subtree_control").split():
        return _V2, ("memory.max", "memory.swap.max")
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def can_limit() -> bool:
    """Say whether a group with a limit can be made here (tried, not guessed)."""
    try:
        with memory_group(256 * 2**20) as procs:
            return procs is not None
    except OSError:
        return False


@contextmanager
def memory_group(limit_bytes: int | None) -> Iterator[str | None]:
    """Make a group that may hold `limit_bytes` of memory, page cache included; remove it afterwards.

    Yields the path that a process writes its id to, or None without a limit.
    Raises OSError where groups cannot be made: ask can_limit() first.
    """
    if limit_bytes is None:
        yield None
        return
    found = _files()
    if found is None:
        raise OSError("no writable memory control group on this machine")
    parent, (limit, with_swap) = found
    group = parent / f"benchmark-{os.getpid()}"
    group.mkdir()
    try:
        (group / limit).write_text(str(limit_bytes))
        with contextlib.suppress(OSError):  # absent where swap is not accounted
            (group / with_swap).write_text("0" if with_swap.endswith("max") else str(limit_bytes))
        yield str(group / "cgroup.procs")
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()
