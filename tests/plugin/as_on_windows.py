"""Runs pytest as it would find itself on Windows; started as a script by test_plugin_elsewhere.py.

No fork, no /proc, none of the POSIX modules, no libc by ctypes, no memray, and a psutil
that answers as Windows' does. The interpreter stays a Linux one, so this shows
what we import and call, not what Windows answers.
"""

from __future__ import annotations

import asyncio  # noqa: F401  the standard library looks at the platform when it is imported
import builtins
import ctypes
import io
import multiprocessing  # noqa: F401
import os
import signal
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401
import types
import uuid  # noqa: F401
from typing import Any

import pytest

POSIX_MODULES = ("fcntl", "resource", "grp", "pwd", "termios", "memray")
POSIX_CALLS = (
    *("fork", "forkpty", "wait4", "WNOHANG", "killpg", "setpgid", "register_at_fork"),
    *("getuid", "uname", "sysconf", "pread", "memfd_create", "sched_setaffinity", "sched_getaffinity"),
)
SIGNALS = ("SIGALRM", "setitimer", "SIGKILL", "pthread_kill")

statm, page_bytes, pread = os.open("/proc/self/statm", os.O_RDONLY), os.sysconf("SC_PAGE_SIZE"), os.pread
# Not getrusage: a process inherits its parent's ru_maxrss over exec.
status = os.open("/proc/self/status", os.O_RDONLY)


class Process:
    """psutil.Process as far as it is asked, with Windows' field peak_wset."""

    def __init__(self, pid: int | None = None) -> None:
        self.pid = os.getpid()

    def memory_info(self) -> Any:
        resident = int(pread(statm, 200, 0).split()[1]) * page_bytes
        peak = int(pread(status, 4096, 0).split(b"VmHWM:")[1].split()[0]) * 1024
        return types.SimpleNamespace(rss=resident, vms=resident, peak_wset=peak)


def hidden(opener: Any) -> Any:
    """Return `opener` without /proc and /sys."""

    def opened(path: Any, *args: Any, **kwargs: Any) -> Any:
        if str(path).startswith(("/proc", "/sys")):
            raise FileNotFoundError(2, "No such file", path)
        return opener(path, *args, **kwargs)

    return opened


class Library(ctypes.CDLL):
    """ctypes.CDLL that refuses None, as it does on Windows."""

    def __init__(self, name: Any, *args: Any, **kwargs: Any) -> None:
        if name is None:
            raise TypeError("bad argument type for built-in operation")
        super().__init__(name, *args, **kwargs)


if __name__ == "__main__":
    machine = types.SimpleNamespace(total=2**33, available=2**32, percent=50.0)
    swap = types.SimpleNamespace(used=0, total=0, percent=0.0)
    sys.modules["psutil"] = types.SimpleNamespace(  # type: ignore[assignment]
        Process=Process, virtual_memory=lambda: machine, swap_memory=lambda: swap
    )
    for name in POSIX_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    builtins.open = io.open = hidden(builtins.open)
    os.open = hidden(os.open)
    for name in POSIX_CALLS:
        delattr(os, name)
    for name in SIGNALS:
        delattr(signal, name)
    ctypes.CDLL = Library  # type: ignore[misc]
    io._WindowsConsoleIO = type("Console", (), {})  # type: ignore[attr-defined]
    sys.platform = "win32"
    sys.exit(pytest.main(sys.argv[1:]))
