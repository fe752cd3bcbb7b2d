"""Start one command through the launcher, watch it from outside, return what the kernel said."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cgroup import memory_group

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_ROOT = Path(__file__).resolve().parents[1]
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What one finished process left behind. stdout and stderr are text."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    exit_code: int | None
    signal: int | None
    stdout: str
    stderr: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.timed_out

    def last_json(self) -> dict[str, Any]:
        """Return the last line of stdout as JSON, or {} when it is none."""
        for line in reversed(self.stdout.splitlines()):
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                return value if isinstance(value, dict) else {}
        return {}

    def failure(self) -> str:
        """Return "" or why it failed in one line, without any path of this machine."""
        if self.ok:
            return ""
        if self.timed_out:
            return "stopped: took too long"
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        said = re.sub(r"(/[\w.+@-]+){2,}", "<path>", lines[-1])[:200] if lines else ""
        how = f"signal {self.signal}" if self.signal else f"exit {self.exit_code}"
        return f"{how}: {said}" if said else how


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A running process seen from outside: for progress lines only, never a result."""

    seconds: float
    rss_bytes: int
    read_fraction: float | None


def environment() -> dict[str, str]:
    """Return what every measured process gets: one BLAS thread, a fixed hash seed, this checkout.

    Compiled modules may be kept, as those of an installed package are: a process that had to
    compile every source file anew would show that in its CPU time and its peak.
    """
    one_thread = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        **dict.fromkeys(one_thread, "1"),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")])),
    }


def launch(
    command: tuple[str, ...],
    *,
    data_limit_bytes: int | None = None,
    cgroup_limit_bytes: int | None = None,
    timeout_seconds: float = 3600.0,
    input_path: str = "",
    on_sight: Callable[[Sight], None] | None = None,
) -> Launched:
    """Run `command` to its end; raise nothing on its failure, which is part of the result."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        spec: dict[str, Any] = {
            "argv": command,
            "stdout": str(folder / "out"),
            "stderr": str(folder / "err"),
            "data_limit_bytes": data_limit_bytes,
            "cgroup_procs": stack.enter_context(memory_group(cgroup_limit_bytes)),
        }
        launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", _LAUNCHER, json.dumps(spec)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        timed_out, figures = _watch(launcher, timeout_seconds, input_path, on_sight)
        return Launched(
            **figures,
            stdout=(folder / "out").read_text(errors="replace"),
            stderr=(folder / "err").read_text(errors="replace"),
            timed_out=timed_out,
        )


def _watch(
    launcher: subprocess.Popen[str],
    timeout_seconds: float,
    input_path: str,
    on_sight: Callable[[Sight], None] | None,
) -> tuple[bool, dict[str, Any]]:
    """Wait for the launcher, showing the process it started; end that one when its time is up."""
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())
    began, timed_out = time.monotonic(), False
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                launcher.wait(_LOOK_SECONDS)
                break
            seconds = time.monotonic() - began
            if on_sight is not None:
                on_sight(_look(pid, seconds, input_path))
            if seconds > timeout_seconds and not timed_out:
                timed_out = True
                os.kill(pid, signal.SIGKILL)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        launcher.wait()
        raise
    return timed_out, json.loads(launcher.stdout.read())


def _look(pid: int, seconds: float, input_path: str) -> Sight:
    rss_bytes, fraction = 0, None
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        rss_bytes = int(pages) * os.sysconf("SC_PAGE_SIZE")
        fraction = _read_fraction(pid, input_path) if input_path else None
    return Sight(seconds=seconds, rss_bytes=rss_bytes, read_fraction=fraction)


def _read_fraction(pid: int, input_path: str) -> float | None:
    """Return how far the process is in its input, from the file position the kernel shows."""
    wanted = os.path.realpath(input_path)
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        if os.path.realpath(f"/proc/{pid}/fd/{descriptor}") == wanted:
            position = int(Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().split()[1])
            return position / max(1, os.path.getsize(wanted))
    return None
