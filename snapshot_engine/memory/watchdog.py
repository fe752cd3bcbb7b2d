"""Looks at resident memory while limited functions run, and stops those that pass their limit.

In the main thread a timer interrupts (alarm.py); elsewhere a thread looks and
raises in the running thread. Both look the more often the nearer the limit
is (pace.py), and fire again until the function has ended: an exception raised from
outside is lost in `except Exception`, in a destructor, in a callback. After
some lost ones it comes as a BaseException.

What this cannot do is interrupt C code that holds the interpreter lock; the
kernel's limit (kernel_limit.py) refuses such code its memory.
"""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType
from typing import Protocol

from snapshot_engine.memory.kernel_limit import kernel_limit
from snapshot_engine.memory.pace import Pace, Precedence
from snapshot_engine.memory.peak import broker

_FIRST_SECONDS = 0.0005
_SWITCH_SECONDS = 0.0005
_SWITCH_SECONDS_NEAR = 0.00005
_NEAR_BYTES = 8 * 2**20
_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Watched(Protocol):
    """A running limit, as the watchdog sees it."""

    thread_id: int
    native_id: int
    limit_bytes: int

    def due(self, resident_bytes: int) -> bool:
        """Return whether the body has to be interrupted now."""
        ...

    def is_running_in(self, frame: FrameType | None) -> bool:
        """Return whether the body is what this stack executes."""
        ...

    def would_lose(self, frame: FrameType | None) -> bool:
        """Return whether an exception raised there would not reach the body."""
        ...

    def shot(self) -> BaseException:
        """Return the exception to raise in the body; counted as one attempt."""
        ...

    def shoot_thread(self) -> None:
        """Raise in the body's thread, from another one."""
        ...

    def wake(self) -> None:
        """End a wait of the body that is suspended (a coroutine)."""
        ...

    def slide(self, resident_bytes: int, mapped_bytes: int | None) -> None:
        """Take what was mapped without being touched off the kernel's limit."""
        ...


class Watchdog:
    """All limits in force in this process. The timer, the thread and the signal live only as long as these."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._main: list[Watched] = []
        self._others: list[Watched] = []
        self._alarm: _Settable | None = None
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._switch_before = 0.0
        self._looking = False
        self._main_pace, self._others_pace = Pace(), Pace()

    def watch(self, watched: Watched) -> None:
        """Begin to look after `watched`, outermost limits first."""
        in_main = watched.thread_id == threading.main_thread().ident
        with self._lock:
            if in_main and (self._alarm is not None or self._start_alarm()):
                self._main.append(watched)
                assert self._alarm is not None
                self._alarm.set(_FIRST_SECONDS)
                return
            self._others.append(watched)
            if self._thread is None:
                self._start_thread()
        self._wake.set()

    def leave(self, watched: Watched) -> None:
        """Stop looking after `watched`; with the last one everything is as before. Again: nothing."""
        with self._lock:
            if watched in self._main:
                self._main.remove(watched)
                if not self._main and self._alarm is not None:
                    alarm, self._alarm = self._alarm, None
                    alarm.close()
                return
            if watched not in self._others:
                return
            self._others.remove(watched)
            thread = None if self._others else self._thread
            if thread is not None:
                self._thread = None
                sys.setswitchinterval(self._switch_before)
                self._wake.set()
        if thread is not None:
            thread.join()

    # In the main thread ---------------------------------------------------

    def _start_alarm(self) -> bool:
        from snapshot_engine.memory.alarm import Alarm

        try:
            self._alarm = Alarm(self._on_alarm)
        except (OSError, ValueError):  # no timers, or not the main interpreter
            return False
        return True

    def _on_alarm(self, _number: int, frame: FrameType | None) -> None:
        if self._looking:  # a late shot inside this very handler
            return
        self._looking = True
        pause_seconds, shot = _FIRST_SECONDS, None
        try:
            pause_seconds, shot = self._next_shot(frame)
        finally:
            self._looking = False
            # Last of all: one that rings in here is lost, and the next comes 5 ms later.
            if self._alarm is not None:
                self._alarm.set(pause_seconds)
        if shot is not None:
            raise shot

    def _next_shot(self, frame: FrameType | None) -> tuple[float, BaseException | None]:
        """Look once; return the seconds until the next look, and what to raise."""
        with self._lock:
            resident_bytes, mapped_bytes = broker().resident_and_mapped_bytes()
            pause_seconds = self._main_pace.pause_seconds(
                _room_bytes(self._main, resident_bytes), resident_bytes
            )
            for watched in list(self._main):
                watched.slide(resident_bytes, mapped_bytes)
                if not watched.due(resident_bytes):
                    continue
                if not watched.is_running_in(frame):
                    watched.wake()
                # Not inside our own bookkeeping either: a millisecond later is as good.
                elif not _is_ours(frame) and not watched.would_lose(frame):
                    return pause_seconds, watched.shot()
        return pause_seconds, None

    # Elsewhere ------------------------------------------------------------

    def _start_thread(self) -> None:
        # The thread must get the interpreter lock soon after it asks.
        self._switch_before = sys.getswitchinterval()
        sys.setswitchinterval(min(_SWITCH_SECONDS, self._switch_before))
        self._wake.clear()
        self._thread = threading.Thread(target=self._look_after_threads, name="memory limit", daemon=True)
        # A thread that gets no memory while it starts leaves start() waiting for ever.
        with kernel_limit.lifted():
            self._thread.start()

    def _look_after_threads(self) -> None:
        me, precedence = threading.current_thread(), Precedence()
        while self._thread is me:
            self._wake.wait(self._look_once(precedence))
            self._wake.clear()

    def _look_once(self, precedence: Precedence) -> float:
        """Look at all limits of other threads; return the seconds until the next look."""
        with self._lock:
            resident_bytes, mapped_bytes = broker().resident_and_mapped_bytes()
            for watched in self._others:
                watched.slide(resident_bytes, mapped_bytes)
                # Not while it leaves the limit: the shot would come out beside what stopped it.
                if watched.due(resident_bytes) and not _is_ours(sys._current_frames().get(watched.thread_id)):
                    watched.shoot_thread()
            room_bytes = _room_bytes(self._others, resident_bytes)
            if self._others:
                near = room_bytes < _NEAR_BYTES
                if near:
                    precedence.follow(min(self._others, key=lambda one: one.limit_bytes).native_id)
                seconds = _SWITCH_SECONDS_NEAR if near else _SWITCH_SECONDS
                sys.setswitchinterval(min(seconds, self._switch_before))
            return self._others_pace.pause_seconds(room_bytes, resident_bytes)

    def after_fork_in_child(self) -> None:
        """Timers and threads stayed with the parent: a child runs on under the kernel's limit alone."""
        self._lock = threading.RLock()
        self._main, self._others, self._thread = [], [], None
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.close()


class _Settable(Protocol):
    def set(self, seconds: float) -> None: ...

    def close(self) -> None: ...


def _is_ours(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.startswith(_PACKAGE)


def _room_bytes(watched: list[Watched], resident_bytes: int) -> int:
    """Return how far the nearest limit is; 0 without any."""
    return min((one.limit_bytes - resident_bytes for one in watched), default=0)


def raise_in_thread(thread_id: int, error: type[BaseException] | None) -> None:
    """Raise `error` in another thread at its next bytecode; None takes a pending one back."""
    import ctypes

    exception = ctypes.py_object(error) if error is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), exception)


watchdog = Watchdog()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=watchdog.after_fork_in_child)
