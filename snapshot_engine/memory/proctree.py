"""Who this process has started, and what each of them holds: read from /proc, no state.

Used by the tree gauge. A process that ends while it is read is simply not
there: every reader here answers None for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from snapshot_engine.memory.procfs import PAGE_BYTES

# kcmp(2)
_KCMP_NUMBERS = {"x86_64": 312, "aarch64": 272, "riscv64": 272, "ppc64le": 354, "s390x": 343}
_KCMP_VM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """One process at one moment.

    started: clock ticks since boot; with the pid it names a process for good.
    image: changes with exec() and is inherited over fork() (where stack,
        arguments and environment lie).
    """

    pid: int
    parent: int
    started: int
    image: tuple[int, ...]
    resident_bytes: int


def descendants(pid: int, root: str = "/proc") -> list[int]:
    """Return the processes below `pid`, each after its parent."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop(), root)
        found += children
        waiting += children
    return found


def _children(pid: int, root: str) -> list[int]:
    """Return the children of every thread of `pid`; [] when it is gone."""
    found: list[int] = []
    try:
        threads = os.listdir(f"{root}/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"{root}/{pid}/task/{thread}/children", "rb") as file:
                found += [int(child) for child in file.read().split()]
        except OSError:
            continue
    return found


def can_list_children(root: str = "/proc") -> bool:
    """Return whether this kernel lists children (CONFIG_PROC_CHILDREN; all distributions have it)."""
    pid = os.getpid()
    return Path(f"{root}/{pid}/task/{pid}/children").exists()


def facts(pid: int, root: str = "/proc") -> ProcessFacts | None:
    """Return what `pid` is and holds now; None when it is gone or only its exit status is left."""
    text = _read(f"{root}/{pid}/stat")
    # The name is in parentheses and may hold anything; fields count from behind it.
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 49 or fields[0] in (b"Z", b"X"):
        return None
    image = tuple(int(fields[number]) for number in (25, 45, 46, 47, 48))  # startstack, arg_start .. env_end
    return ProcessFacts(
        pid=pid,
        parent=int(fields[1]),
        started=int(fields[19]),
        image=image,
        resident_bytes=int(fields[21]) * PAGE_BYTES,
    )


def peak_bytes(pid: int, root: str = "/proc") -> int | None:
    """Return the most that `pid` held since its start or exec (VmHWM)."""
    text = _read(f"{root}/{pid}/status")
    start = text.find(b"\nVmHWM:")
    return None if start < 0 else int(text[start + 7 : text.index(b"kB", start)]) * 1024


def private_bytes(pid: int, root: str = "/proc") -> int | None:
    """Return what only `pid` maps, copied-on-write pages included; 0.8 ms at 100 MB."""
    text = _read(f"{root}/{pid}/smaps_rollup")
    if not text:
        return None
    lines = text.splitlines()
    return (
        sum(int(line.split()[1]) for line in lines if line.startswith((b"Private_Clean:", b"Private_Dirty:")))
        * 1024
    )


def shares_memory(pid: int, other: int) -> bool | None:
    """Return whether two processes run on the same memory, as vfork() leaves them until exec().

    None where the kernel does not tell (CONFIG_KCMP off, not permitted, another architecture).
    """
    number = _KCMP_NUMBERS.get(os.uname().machine)
    if number is None:
        return None
    import ctypes

    answer = ctypes.CDLL(None).syscall(number, pid, other, _KCMP_VM, 0, 0)
    return None if answer < 0 else answer == 0


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(8192)
    except OSError:
        return b""
