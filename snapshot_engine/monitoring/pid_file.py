"""The PID file: how another process finds the one whose memory is watched.

First line the process id, second line when that process began (clock ticks
since boot): ids are given away again, and a health check must not praise a
stranger. Written whole and renamed into place.
"""

from __future__ import annotations

import os
from pathlib import Path

from snapshot_engine.errors import SnapshotEngineError
from snapshot_engine.monitoring.process_files import process_started_ticks, read_process_memory
from snapshot_engine.monitoring.reading import ProcessGone


class PidFileProblem(SnapshotEngineError, OSError):
    """A PID file is missing, cannot be written, holds no process id, or names a process that is not there."""


def default_pid_path() -> Path:
    """Return where a PID file is looked for unless one is named: the user's runtime folder, else the temporary one."""
    folder = os.environ.get("XDG_RUNTIME_DIR")
    if folder:
        return Path(folder) / "snapshot-engine.pid"
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(os.environ.get("TMPDIR", "/tmp")) / f"snapshot-engine-{user}.pid"


def write_pid_file(path: Path, pid: int | None = None) -> None:
    """Write this process's (or `pid`'s) file. Raises PidFileProblem when another live process holds it."""
    pid = os.getpid() if pid is None else pid
    holder = _live_holder(path)
    if holder is not None and holder != pid:
        raise PidFileProblem(f"PID file {path} belongs to process {holder}, which is running")
    temporary = path.with_name(f"{path.name}.{pid}")
    try:
        # O_EXCL: in a shared temporary folder nobody can lay a link in our way.
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{pid}\n{process_started_ticks(pid) or 0}\n")
        os.replace(temporary, path)
    except OSError as refused:
        raise PidFileProblem(f"cannot write PID file {path}: {refused.strerror}") from None


def read_pid_file(path: Path) -> int:
    """Return the id of the live process that a PID file names. Raises PidFileProblem with the reason why not."""
    pid, ticks = _read(path)
    try:
        read_process_memory(pid)
    except ProcessGone:
        raise PidFileProblem(f"process {pid}, named by PID file {path}, is not running") from None
    if _is_other(pid, ticks):
        raise PidFileProblem(f"PID file {path} is stale: process {pid} is another one by now")
    return pid


def remove_pid_file(path: Path, pid: int | None = None) -> None:
    """Remove the file if it is still this process's (or `pid`'s); quiet otherwise."""
    try:
        if _read(path)[0] == (os.getpid() if pid is None else pid):
            path.unlink()
    except OSError:
        return


def _read(path: Path) -> tuple[int, int]:
    try:
        lines = path.read_text(encoding="ascii").split("\n")
        pid, ticks = int(lines[0]), int(lines[1]) if len(lines) > 1 and lines[1].strip() else 0
    except OSError as refused:
        raise PidFileProblem(f"PID file {path}: {refused.strerror}") from None
    except ValueError:
        raise PidFileProblem(f"PID file {path} holds no process id") from None
    if pid <= 0:
        raise PidFileProblem(f"PID file {path} holds no process id")
    return pid, ticks


def _is_other(pid: int, ticks: int) -> bool:
    started = process_started_ticks(pid)
    return bool(ticks) and started is not None and started != ticks


def _live_holder(path: Path) -> int | None:
    try:
        return read_pid_file(path)
    except PidFileProblem:
        return None
