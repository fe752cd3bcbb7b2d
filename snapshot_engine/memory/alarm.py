"""A timer that interrupts the main thread, beside SIGALRM and not in place of it.

A POSIX timer sends a real-time signal that nobody uses to the main thread.
Its handler runs between two bytecodes there, so it needs no interpreter lock
of its own: a Python thread that wakes beside a busy main thread waits for the
lock 5 ms and more. SIGALRM is left to others (test timeouts live on it).
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_CLOCK_MONOTONIC = 1
_SIGEV_THREAD_ID = 4
_INTERVAL_NANOSECONDS = 5_000_000


class _SigEvent(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal_number", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread_id", ctypes.c_int),
        ("padding", ctypes.c_char * 44),
    )


class _Timer(ctypes.Structure):
    """struct itimerspec: the interval of later shots, then the time to the first."""

    _fields_ = (
        ("interval_seconds", ctypes.c_long),
        ("interval_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


def _library() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    for name in (None, "librt.so.1"):  # in libc itself since glibc 2.34
        try:
            library = ctypes.CDLL(name, use_errno=True)
            library.timer_create, library.timer_settime, library.timer_delete  # noqa: B018
        except (OSError, AttributeError):
            continue
        return library
    return None


_LIBRARY = _library()


def free_signal() -> int | None:
    """Return a real-time signal without a handler, the highest first; None where there is none."""
    if not hasattr(signal, "SIGRTMAX"):
        return None
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    for number in range(signal.SIGRTMAX - 1, signal.SIGRTMIN, -1):
        if signal.getsignal(number) is signal.SIG_DFL and number not in blocked:
            return number
    return None


class Alarm:
    """One timer with its signal and handler. Make, set and close it in the main thread."""

    def __init__(self, handler: Callable[[int, FrameType | None], None]) -> None:
        """Raises OSError where there is no timer or no free signal."""
        number = free_signal()
        if _LIBRARY is None or number is None:
            raise OSError("no POSIX timer here")
        self.signal_number = number
        self._timer = ctypes.c_void_p()
        # Not main_thread().native_id: in a forked child that is still the parent's.
        event = _SigEvent(signal_number=number, notify=_SIGEV_THREAD_ID, thread_id=threading.get_native_id())
        signal.signal(number, handler)
        if _LIBRARY.timer_create(_CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)):
            signal.signal(number, signal.SIG_DFL)
            raise OSError(ctypes.get_errno(), "timer_create")

    def set(self, seconds: float) -> None:
        """Fire after `seconds`, then every 5 ms until set again: a handler that fails must not be the last."""
        whole, part = divmod(int(seconds * 1e9), 10**9)
        spec = _Timer(interval_nanoseconds=_INTERVAL_NANOSECONDS, seconds=whole, nanoseconds=part)
        _LIBRARY.timer_settime(self._timer, 0, ctypes.byref(spec), None)

    def close(self) -> None:
        """Delete the timer and leave the signal as it was."""
        _LIBRARY.timer_delete(self._timer)
        # A shot may be on its way; by default a real-time signal ends the
        # process. Ignoring it first throws a pending one away.
        signal.signal(self.signal_number, signal.SIG_IGN)
        signal.signal(self.signal_number, signal.SIG_DFL)
