"""Run a function in a forked child that may die, and say what it died of.

The result, or the exception, comes back through a pipe. A child that ends
without an answer is told apart by its exit status and by the control group's
count of OOM kills: nothing else tells the kernel's OOM kill from `kill -9`.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from snapshot_engine.errors import MemoryLimitExceeded, SnapshotEngineError
from snapshot_engine.memory.container import MemoryGroup, memory_groups


class ChildDied(SnapshotEngineError, RuntimeError):
    """An isolated function's process ended without an answer; `cause` says how, `exit_status` as os.wait() gave it.

    peak_bytes: the most that the child held, its parent's pages included.
    """

    def __init__(self, message: str, *, cause: str, exit_status: int, peak_bytes: int) -> None:
        super().__init__(message)
        self.cause = cause
        self.exit_status = exit_status
        self.peak_bytes = peak_bytes


class RaisedInChild(SnapshotEngineError, RuntimeError):
    """An isolated function raised something that cannot be sent; the text is its traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended: its answer, or what it died of.

    answer: ("returned", value) | ("raised", exception) | ("limit", figures) | None.
    """

    answer: tuple[str, Any] | None
    exit_status: int
    peak_bytes: int
    oom_killed: bool


def run_isolated(body: Callable[[], Any], *, name: str) -> Any:
    """Run `body` in a forked child; return what it returns, raise what it raises.

    Raises ChildDied when it ended without an answer, MemoryLimitExceeded when
    the kernel killed it for memory, RaisedInChild for exceptions that cannot
    be sent. What the body changes in memory stays in the child.
    """
    if not hasattr(os, "fork"):
        raise SnapshotEngineError(f"{name}: isolating needs fork(), which {sys.platform} has not")
    ended = fork_and_wait(body)
    if ended.answer is None:
        raise _death(ended, name)
    kind, value = ended.answer
    if kind == "returned":
        return value
    if kind == "limit":
        text, figures = value
        raise MemoryLimitExceeded(text, **figures)
    raise value


def fork_and_wait(body: Callable[[], Any]) -> Ended:
    """Fork, run `body` in the child, wait for its end and return how that was."""
    sys.stdout.flush()
    sys.stderr.flush()
    groups = memory_groups()
    kills_before = _oom_kills(groups)
    read_end, write_end = os.pipe()
    with warnings.catch_warnings():
        # The child runs one function and exits; what other threads held locked
        # at the fork is the caller's risk, told in the documentation.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(read_end)
        _run_child(body, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        data = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    return Ended(
        answer=_decode(data),
        exit_status=status,
        peak_bytes=usage.ru_maxrss * 1024,
        oom_killed=_oom_kills(groups) > kills_before,
    )


def _run_child(body: Callable[[], Any], write_end: int) -> None:
    """Run the body, send its answer, and leave without the parent's exit handlers."""
    status = 0
    try:
        _prefer_for_oom()
        try:
            answer: tuple[str, Any] = ("returned", body())
        except MemoryLimitExceeded as error:
            figures = {key: getattr(error, key) for key in ("limit_bytes", "used_bytes", "of", "cause")}
            answer = ("limit", (str(error), figures))
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
            raise
        except BaseException as error:
            answer = ("raised", error)
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(_encode(answer))
    except BaseException:
        status = status or 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                continue
        os._exit(status & 0xFF)


def _prefer_for_oom() -> None:
    """Let the kernel take this child first when memory runs out; needs no privilege."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        return


def _encode(answer: tuple[str, Any]) -> bytes:
    kind, value = answer
    try:
        data = pickle.dumps(answer)
        if kind == "raised":
            pickle.loads(data)  # many exceptions go in and don't come out
        return data
    except Exception as unsendable:
        if kind == "raised":
            return pickle.dumps(("raised", RaisedInChild("".join(traceback.format_exception(value)))))
        text = f"the result, a {type(value).__name__}, cannot be sent from an isolated process: {unsendable}"
        return pickle.dumps(("raised", RaisedInChild(text)))


def _decode(data: bytes) -> tuple[str, Any] | None:
    """Return the child's answer; None where it ended before it was whole."""
    if not data:
        return None
    try:
        kind, value = pickle.loads(data)
    except (pickle.UnpicklingError, EOFError):
        return None
    return kind, value


def _death(ended: Ended, name: str) -> SnapshotEngineError:
    cause = _cause(ended)
    if ended.oom_killed and os.WIFSIGNALED(ended.exit_status):
        limit = min((group.limit_bytes() or 0 for group in memory_groups() if group.limit_bytes()), default=0)
        return MemoryLimitExceeded(
            f"{name} was killed: {cause}", limit_bytes=limit, used_bytes=ended.peak_bytes, cause="oom kill"
        )
    return ChildDied(
        f"{name} ended in its own process without an answer: {cause}",
        cause=cause,
        exit_status=ended.exit_status,
        peak_bytes=ended.peak_bytes,
    )


def _cause(ended: Ended) -> str:
    if os.WIFSIGNALED(ended.exit_status):
        number = os.WTERMSIG(ended.exit_status)
        if ended.oom_killed:
            return "killed by the kernel's OOM killer (the control group's count rose)"
        try:
            named = signal.Signals(number).name
        except ValueError:
            named = "a real-time signal"
        aside = "; the control group counts no OOM kill" if number == signal.SIGKILL else ""
        return f"killed by signal {number} ({named}){aside}"
    return f"exit status {os.WEXITSTATUS(ended.exit_status)}"


def _oom_kills(groups: tuple[MemoryGroup, ...]) -> int:
    """Return how often the kernel has killed in these groups, all of them added up."""
    total = 0
    for group in groups:
        file = group.folder / ("memory.events" if group.version == 2 else "memory.oom_control")
        try:
            lines = file.read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return total
