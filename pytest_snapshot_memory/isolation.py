"""A clean parent: a process forked before the first test, from which single tests run in children.

What a child measures does not depend on the tests that ran before, and what
its second run does (a filled cache, a freed module global) is gone with it.
The parent asks over a socket; the clean parent forks, waits, and answers with
what the child wrote and how it ended. It exits when the socket closes, also
when this process was killed.

Turned down: forking from the test process itself. Its heap is what the second
measurement has to get away from: 37.8 MB read as 35 after gc and trim, and as
3.4 without.

The clean parent's heap, too, depends on which tests it was asked for and what
was imported: the same strings read 11.5 MiB in its children, or 12.6 where a run
had collected fewer tests. So it fixes malloc's thresholds and takes what is free
in its arenas: then both read 11.5.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from snapshot_engine.memory import libc
from snapshot_engine.memory.settle import fix_allocator, settle

Work = Callable[[dict[str, Any]], dict[str, Any]]
_LENGTH = struct.Struct("!Q")
_PR_SET_PDEATHSIG = 1


class IsolationLost(RuntimeError):
    """The clean parent is gone or cannot fork; tests can no longer be run in children of it."""


class Answer(NamedTuple):
    """How a child ended.

    result: what its work returned, or None where it died first.
    death: "" or the cause for people. peak_bytes: the highest resident memory
    of the child, kept by the kernel also for a child that was killed.
    start_bytes: resident memory at its start.
    """

    result: dict[str, Any] | None
    death: str
    peak_bytes: int
    start_bytes: int


class CleanParent:
    """The asking side. Raises IsolationLost where this platform has no fork."""

    def __init__(
        self,
        work: Work,
        *,
        before: Callable[[], None] | None = None,
        begin: Callable[[], None] | None = None,
    ) -> None:
        """work runs in each child; before runs once in the clean parent.

        begin: runs in each child before its memory counts.
        """
        if not hasattr(os, "fork"):
            raise IsolationLost(f"{sys.platform} has no fork")
        ours, theirs = socket.socketpair()
        self._pid = os.getpid()
        try:
            self.pid = fork_quietly()
        except OSError as error:
            raise IsolationLost(f"fork: {error.strerror}") from error
        if self.pid == 0:
            ours.close()
            _serve(theirs, work, before, begin)
        theirs.close()
        self._socket = ours

    def run(self, order: dict[str, Any], timeout_seconds: float | None = None) -> Answer:
        """Run work(order) in a child and wait for it. Raises IsolationLost."""
        try:
            _send(self._socket, pickle.dumps((order, timeout_seconds)))
            data = _receive(self._socket)
        except OSError as error:
            raise IsolationLost(f"the clean parent: {error.strerror}") from error
        if data is None:
            raise IsolationLost("the clean parent has ended")
        payload, death, peak_bytes, start_bytes = pickle.loads(data)
        result = pickle.loads(payload) if payload else None
        return Answer(result, death, peak_bytes, start_bytes)

    def stop(self) -> None:
        """End the clean parent. In a forked child of this process it only lets go of it."""
        # Shut down, not only closed: a process that a test left running may
        # hold a copy of this end.
        with contextlib.suppress(OSError):
            if os.getpid() == self._pid:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if os.getpid() == self._pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)


def fork_quietly() -> int:
    """Fork without 3.12's warning, which a suite that turns warnings into errors would stop at."""
    with warnings.catch_warnings():
        # 3.12 warns where threads run. The child uses none of their locks: it
        # talks over its own socket and leaves by os._exit.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _serve(
    link: socket.socket,
    work: Work,
    before: Callable[[], None] | None,
    begin: Callable[[], None] | None,
) -> NoReturn:
    """Answer orders until the asking side closes its end. Never returns to pytest."""
    status = 1
    try:
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        _die_with_parent()
        if before is not None:
            before()
        fix_allocator()
        settle()
        libc.take_free_blocks()
        gc.freeze()
        while (data := _receive(link)) is not None:
            order, timeout_seconds = pickle.loads(data)
            answer = _in_child(link, begin, work, order, timeout_seconds, interrupt)
            _send(link, pickle.dumps(answer))
        status = 0
    finally:
        os._exit(status)


def _die_with_parent() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _in_child(
    link: socket.socket,
    begin: Callable[[], None] | None,
    work: Work,
    order: dict[str, Any],
    timeout_seconds: float | None,
    interrupt: Any,
) -> tuple[bytes, str, int, int]:
    reading, writing = os.pipe()
    try:
        pid = fork_quietly()
    except OSError as error:
        os.close(reading)
        os.close(writing)
        return b"", f"could not be forked: {error.strerror}", 0, 0
    if pid == 0:
        _child(link, reading, writing, begin, work, order, interrupt)
    os.close(writing)
    data, status, peak_bytes, timed_out = _wait(link, pid, reading, timeout_seconds)
    os.close(reading)
    start_bytes, payload = _told(data)
    death = f"was stopped after {timeout_seconds:.0f} s" if timed_out else _cause(status, bool(payload))
    return (b"" if death else payload), death, peak_bytes, start_bytes


def _child(
    link: socket.socket,
    reading: int,
    writing: int,
    begin: Callable[[], None] | None,
    work: Work,
    order: dict[str, Any],
    interrupt: Any,
) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)
        _die_with_parent()
        signal.signal(signal.SIGINT, interrupt)
        link.close()
        os.close(reading)
        os.set_inheritable(writing, False)
        if begin is not None:
            begin()
        # Asked here: a child does not inherit all that its parent holds.
        os.write(writing, _LENGTH.pack(_resident_bytes()))
        data = pickle.dumps(work(order))
        view = memoryview(_LENGTH.pack(len(data)) + data)
        while view:
            view = view[os.write(writing, view) :]
        status = 0
    finally:
        os._exit(status)


def _wait(
    link: socket.socket, pid: int, reading: int, timeout_seconds: float | None
) -> tuple[bytearray, int, int, bool]:
    """Read what the child writes until it has ended; a grandchild may keep the pipe open."""
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    data = bytearray()
    timed_out = False
    while True:
        ready, _, _ = select.select([reading, link.fileno()], [], [], 0.02)
        if link.fileno() in ready:  # nothing is sent while an order runs: the asking side is gone
            os.killpg(pid, signal.SIGKILL)
            os._exit(0)
        if reading in ready:
            chunk = os.read(reading, 1 << 20)
            data += chunk
            if not chunk:
                _, status, usage = os.wait4(pid, 0)
                break
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            _drain(reading, data)
            break
        if deadline is not None and time.monotonic() > deadline:
            timed_out = True
            deadline = None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    return data, status, usage.ru_maxrss * 1024, timed_out


def _drain(reading: int, data: bytearray) -> None:
    while select.select([reading], [], [], 0)[0]:
        chunk = os.read(reading, 1 << 20)
        if not chunk:
            return
        data += chunk


def _told(data: bytearray) -> tuple[int, bytes]:
    """Return the child's resident memory at its start and its whole answer; 0 and nothing where it died first."""
    if len(data) < _LENGTH.size:
        return 0, b""
    (start_bytes,) = _LENGTH.unpack_from(data)
    if len(data) < 2 * _LENGTH.size:
        return start_bytes, b""
    (length,) = _LENGTH.unpack_from(data, _LENGTH.size)
    payload = bytes(data[2 * _LENGTH.size :])
    return start_bytes, payload if len(payload) == length else b""


def _cause(status: int, answered: bool) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = (
            signal.Signals(number).name if number in {s.value for s in signal.Signals} else f"signal {number}"
        )
        if number == signal.SIGKILL:
            return f"was killed by {name} (the kernel out of memory, or kill -9)"
        return f"was killed by {name}"
    if answered:
        return ""
    return f"left with status {os.WEXITSTATUS(status)} before the test had ended"


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _send(link: socket.socket, data: bytes) -> None:
    link.sendall(_LENGTH.pack(len(data)) + data)


def _receive(link: socket.socket) -> bytes | None:
    head = _receive_exactly(link, _LENGTH.size)
    return None if head is None else _receive_exactly(link, _LENGTH.unpack(head)[0])


def _receive_exactly(link: socket.socket, length: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        chunk = link.recv(min(1 << 20, length - len(parts)))
        if not chunk:
            return None
        parts += chunk
    return bytes(parts)
