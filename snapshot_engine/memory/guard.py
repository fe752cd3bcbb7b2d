"""One limit in force around one body: arms kernel limit and watchdog, and says afterwards what happened.

A Guard is a context manager. It turns what stopped the body (its own shot,
the kernel's refusal) into MemoryLimitExceeded, leaves every other exception
as it is, and puts the process back as it was. A body that finished although
its peak passed the limit has exceeded it too.
"""

from __future__ import annotations

import errno
import sys
import threading
import time
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Literal

from snapshot_engine.errors import MemoryLimitExceeded
from snapshot_engine.memory.kernel_limit import kernel_limit
from snapshot_engine.memory.measure import Measurement, Span, measure
from snapshot_engine.memory.peak import resident_bytes
from snapshot_engine.memory.units import MIB
from snapshot_engine.memory.watchdog import raise_in_thread, watchdog

Of = Literal["process", "growth"]

# A body that was shot is left alone to clean up, unless it goes on growing.
_CLEANUP_SECONDS = 0.25
_STILL_GROWING_BYTES = 256 * 1024
_STACK_BYTES = 8 * MIB


class StoppedForMemory(BaseException):
    """What a body that swallows MemoryLimitExceeded is stopped with; never leaves a Guard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """A limit as written at a function.

    of: "process" (all that is resident) or "growth" (above the start).
    enforce: stop the body while it runs; otherwise its peak is checked after.
    threads: how many threads the body starts; each may map 8 MiB for its stack.
    name: what to call the body in messages.
    """

    limit_bytes: int
    of: Of
    enforce: bool
    threads: int = 0
    name: str = ""


class Guard:
    """A LimitRule in force; enter, run the body, leave. May be entered again: growth counts from the first time.

    suspends: the body is a coroutine and waits with the guard in force.
    """

    def __init__(self, rule: LimitRule, *, suspends: bool = False) -> None:
        self.rule = rule
        self.limit_bytes = -1  # resident bytes of the process that must not be passed
        self.thread_id = self.native_id = 0
        self.measurement: Measurement | None = None
        self._suspends = suspends
        self._frame: FrameType | None = None
        self._span: Span | None = None
        self._task: Any = None
        self._armed = False
        self._shots = 0
        self._shot_at = 0.0
        self._shot_bytes = 0
        self._cancelled = False

    def __enter__(self) -> Guard:
        return self.arm(sys._getframe(1))

    def arm(self, frame: FrameType) -> Guard:
        """Put the limit in force for the body below `frame`. Raises MemoryLimitExceeded when it is passed already."""
        self._span = measure()
        start_bytes = self._span.start_bytes
        if self.limit_bytes < 0:
            growth = self.rule.of == "growth"
            self.limit_bytes = start_bytes + self.rule.limit_bytes if growth else self.rule.limit_bytes
        if start_bytes > self.limit_bytes:
            self._refuse()
        self._frame, self.thread_id, self.native_id = frame, threading.get_ident(), threading.get_native_id()
        self._shots, self._cancelled = 0, False
        if self.rule.enforce:
            self._armed = True
            if self._suspends:
                self._task = _current_task()
            watchdog.watch(self)
            self._first_slide()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disarm()
        assert self.measurement is not None
        used_bytes = self.measurement.peak_bytes
        if error is not None and self._is_ours(error):
            raise self._exceeded("watchdog", used_bytes).with_traceback(trace) from None
        if error is not None and self._is_refusal(error):
            raise self._exceeded("kernel limit", used_bytes).with_traceback(trace) from error
        if error is None and used_bytes > self.limit_bytes:
            raise self._exceeded("watchdog" if self._shots else "gate", used_bytes)

    def disarm(self) -> None:
        """Put the process back as it was. Again: nothing. A shot that arrives meanwhile is dropped."""
        while True:
            try:
                self._disarm_once()
                return
            except (MemoryLimitExceeded, StoppedForMemory) as late:
                if not self._is_ours(late):
                    raise

    def _disarm_once(self) -> None:
        was_armed, self._armed = self._armed, False
        if was_armed or self._frame is not None:
            watchdog.leave(self)
            kernel_limit.let_go(self)
            if self._shots and self.thread_id == threading.get_ident():
                raise_in_thread(self.thread_id, None)
        self._frame = self._task = None
        if self._span is not None:
            self.measurement = self._span.finish()
            self._span = None

    # What the watchdog asks -----------------------------------------------

    def due(self, resident_bytes: int) -> bool:
        """Return whether to shoot: over the limit, and not just shot and cleaning up."""
        if not self._armed or resident_bytes <= self.limit_bytes:
            return False
        grown_bytes = resident_bytes - self._shot_bytes
        waited_seconds = time.monotonic() - self._shot_at
        return not self._shots or grown_bytes > _STILL_GROWING_BYTES or waited_seconds > _CLEANUP_SECONDS

    def is_running_in(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame is self._frame:
                return True
            frame = frame.f_back
        return False

    def would_lose(self, frame: FrameType | None) -> bool:
        """Return whether a shot would be lost: raised in a destructor it is printed and forgotten."""
        while frame is not None and frame is not self._frame:
            if frame.f_code.co_name == "__del__":
                return True
            frame = frame.f_back
        return False

    def shot(self) -> BaseException:
        return self._shot_class()()

    def shoot_thread(self) -> None:
        if self._suspends:
            # Raising in the thread could hit its event loop: cancel at the next wait.
            self.wake()
        elif self._armed:
            raise_in_thread(self.thread_id, self._shot_class())

    def wake(self) -> None:
        """End the wait of a suspended coroutine by cancelling its task, once."""
        if self._task is not None and not self._cancelled:
            self._cancelled = True
            self._shots += 1
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def slide(self, resident_bytes: int, mapped_bytes: int | None) -> None:
        # Over the limit nothing more is allowed: sliding on would add the margin each time.
        if self._armed and mapped_bytes is not None and resident_bytes <= self.limit_bytes:
            room_bytes = self.limit_bytes - resident_bytes + self.rule.threads * _STACK_BYTES
            kernel_limit.allow(self, mapped_bytes, room_bytes)

    # ----------------------------------------------------------------------

    def _first_slide(self) -> None:
        from snapshot_engine.memory.peak import broker

        self.slide(*broker().resident_and_mapped_bytes())

    def _shot_class(self) -> type[BaseException]:
        """Return an exception class of this guard that needs no arguments, as raising in a thread demands."""
        guard, now_bytes = self, resident_bytes()
        swallowed = self._shots > 2 or (
            self._shots > 0 and now_bytes > self._shot_bytes + _STILL_GROWING_BYTES
        )
        self._shots += 1
        self._shot_at, self._shot_bytes = time.monotonic(), now_bytes
        if swallowed:
            return type("StoppedForMemory", (StoppedForMemory,), {"guard": guard})

        class Shot(MemoryLimitExceeded):
            def __init__(self) -> None:
                text = guard._sentence("watchdog", guard._shot_bytes)
                super().__init__(text, **guard._figures("watchdog", guard._shot_bytes))
                self.guard = guard

        Shot.__name__ = Shot.__qualname__ = "MemoryLimitExceeded"
        return Shot

    def _is_ours(self, error: BaseException) -> bool:
        if getattr(error, "guard", None) is self:
            return True
        if self._cancelled and type(error).__name__ == "CancelledError":
            task = _current_task()
            if hasattr(task, "uncancel"):
                task.uncancel()
            return True
        return False

    def _is_refusal(self, error: BaseException) -> bool:
        """Return whether the kernel's refusal is what the body failed of, not an error of its own making."""
        if not self.rule.enforce or isinstance(error, MemoryLimitExceeded):
            return False
        if isinstance(error, OSError):
            return error.errno == errno.ENOMEM
        # The interpreter raises MemoryError without a text, NumPy a class of
        # its own; MemoryError("...") was written by somebody.
        return isinstance(error, MemoryError) and (type(error) is not MemoryError or not error.args)

    def _refuse(self) -> None:
        """Raise, unless free heap given back brings the process under its limit."""
        from snapshot_engine.memory.settle import settle

        assert self._span is not None
        settle()
        now_bytes = resident_bytes()
        if now_bytes <= self.limit_bytes:
            self._span.finish()
            self._span = measure()
            return
        self.measurement, self._span = self._span.finish(), None
        raise self._exceeded("refused", now_bytes)

    def _exceeded(self, cause: str, used_bytes: int) -> MemoryLimitExceeded:
        error = MemoryLimitExceeded(self._sentence(cause, used_bytes), **self._figures(cause, used_bytes))
        error.measurement = self.measurement
        return error

    def _figures(self, cause: str, used_bytes: int) -> dict[str, Any]:
        base_bytes = self.limit_bytes - self.rule.limit_bytes
        return {
            "limit_bytes": self.rule.limit_bytes,
            "used_bytes": used_bytes - base_bytes,
            "of": self.rule.of,
            "cause": cause,
        }

    def _sentence(self, cause: str, used_bytes: int) -> str:
        base_bytes = self.limit_bytes - self.rule.limit_bytes
        used, limit = (used_bytes - base_bytes) / MIB, self.rule.limit_bytes / MIB
        what = "resident memory of the process" if self.rule.of == "process" else "growth since its start"
        over = f"exceeded memory limit: {used:.1f} MB > {limit:.1f} MB ({what})"
        if cause == "refused":
            return f"{self.rule.name} not started, the process already {over}. Raise the limit or free memory first."
        if cause == "kernel limit" and used <= limit:
            return (
                f"{self.rule.name} would have exceeded memory limit: the kernel refused it an allocation"
                f" at {used:.1f} MB of {limit:.1f} MB ({what})"
            )
        return f"{self.rule.name} {over}; {'seen when it ended' if cause == 'gate' else 'it was stopped'}"


def _current_task() -> Any:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
