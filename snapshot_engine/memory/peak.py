"""One owner per process of the kernel's peak, shared by everyone who wants a window on it.

Two users of /proc/self/clear_refs in one process erase each other's peaks.
Here every window is opened through one broker: before it resets, it folds the
peak so far into every window that is open. Tracker, monitor, limits and plugin
can all be on at once.

Where the peak cannot be reset (no /proc, a read-only one, a process that is
not dumpable), the broker says so in `traits.note` and keeps the best peak
there is: the kernel's high-water mark where it rose inside the window, which
is then right, else the most that a sampling thread saw.

Turned down: a thread that polls. It saw 0 of 64 MiB in 20 of 20 runs while C
code held the interpreter lock.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

from snapshot_engine.memory.gauge import Reading
from snapshot_engine.memory.procfs import NoFilePages, ProcSelf, peak_error_bound_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLING_SECONDS = 0.005


class PeakSource(Protocol):
    """Where bytes come from; the real one is /proc/self."""

    def resident_bytes(self) -> int: ...

    def resident_and_peak_bytes(self) -> tuple[int, int]: ...

    def mark_bytes(self) -> int: ...

    def reset_peak(self) -> None: ...


class PeakWindow:
    """The peak of this process between its opening and now (or its closing).

    start_bytes: resident when it opened.
    problem: "" or why the peak may be off.
    """

    __slots__ = (
        "_broker",
        "_current_bytes",
        "_folded_bytes",
        "_mark_bytes",
        "_open",
        "problem",
        "start_bytes",
    )

    def __init__(self, broker: PeakBroker, start_bytes: int, mark_bytes: int) -> None:
        self._broker = broker
        self._open = True
        self._folded_bytes = self._current_bytes = start_bytes
        self._mark_bytes = mark_bytes  # the high-water mark at the opening; only without a reset
        self.start_bytes = start_bytes
        self.problem = ""

    def read(self) -> Reading:
        """Return resident bytes now and the peak since the opening; a closed window repeats its last."""
        current_bytes, peak_bytes = self._broker.read(self)
        return Reading(current_bytes=current_bytes, peak_bytes=peak_bytes)

    def peak_bytes(self) -> int:
        """Return the most that was resident since the opening."""
        return self._broker.read(self)[1]

    def look(self) -> tuple[int, int]:
        """Return (peak since the opening, resident now)."""
        current_bytes, peak_bytes = self._broker.read(self)
        return peak_bytes, current_bytes

    def restart(self) -> int:
        """Begin again from now and return what is resident; other windows keep their peaks."""
        return self._broker.roll(self)[1]

    def roll(self) -> tuple[int, int]:
        """Return (peak since the opening, resident now) and begin again from now, in one go; 8 us."""
        return self._broker.roll(self)

    def close(self) -> None:
        """Look a last time and end the window. Closing twice is closing once."""
        self._broker.close(self)

    def __enter__(self) -> PeakWindow:
        return self

    def __exit__(self, *_: object) -> None:
        self._broker.close(self)


class PeakBroker:
    """Owns one resettable peak of this process. Thread-safe; survives fork.

    The kernel's belongs to `broker()`: take that one, don't make your own.

    source: where to read; reason: "" or why its peak cannot be reset;
    life_peak_bytes: the most before the first reset; error_bound_bytes: how
    far the source's peak may be off; knows_resident: False where the source
    has nothing but the mark. file_pages: what the last look left to be asked
    about pages of mapped files.
    Holds at most one entry per open window.
    """

    def __init__(
        self,
        source: PeakSource,
        reason: str = "",
        *,
        life_peak_bytes: int = 0,
        error_bound_bytes: int = 0,
        knows_resident: bool = True,
    ) -> None:
        self.reason = reason
        self._knows_resident = knows_resident
        self._source = source
        self.file_pages = source if isinstance(source, ProcSelf) else NoFilePages()
        # One call where the source has it, at a fifth of the cost of its three parts.
        self._mark_and_begin: Callable[[], tuple[int, int]] = (
            source.begin_again
            if isinstance(source, ProcSelf) and source.begins_at_once
            else self._step_by_step
        )
        self._windows: list[PeakWindow] = []
        self._highest_bytes = 0  # highest mark seen since our last reset
        self._life_peak_bytes = life_peak_bytes
        self.error_bound_bytes = error_bound_bytes
        # Reentrant: a signal handler or a finalizer may open a window while
        # this thread is inside; the steps below stand an interruption.
        self._lock = threading.RLock()
        self._sampler: _Sampler | None = None

    @property
    def exact(self) -> bool:
        return not self.reason

    def open(self) -> PeakWindow:
        """Open a window; 8 us."""
        with self._lock:
            if self.reason:
                return self._open_without_reset()
            start_bytes = self._begin_again()
            window = PeakWindow(self, start_bytes, 0)
            self._windows.append(window)
            return window

    def _begin_again(self) -> int:
        """Fold the peak so far into all windows, reset it, and return what is resident then."""
        mark_bytes, start_bytes = self._mark_and_begin()
        self._fold(mark_bytes)
        self._highest_bytes = start_bytes
        return start_bytes

    def _step_by_step(self) -> tuple[int, int]:
        source = self._source
        mark_bytes = source.mark_bytes()
        source.reset_peak()
        return mark_bytes, source.resident_bytes()

    def roll(self, window: PeakWindow) -> tuple[int, int]:
        """Return the window's peak and what is resident now; the window starts anew."""
        with self._lock:
            if not window._open:
                raise ValueError("a closed peak window cannot begin again: open a new one")
            if self.reason:
                resident_bytes, peak_bytes = self.read(window)
                window._mark_bytes = max(window._mark_bytes, peak_bytes)
                window.problem = self._sampled()
            else:
                resident_bytes = self._begin_again()
                peak_bytes = window._folded_bytes
            window.start_bytes = window._folded_bytes = window._current_bytes = resident_bytes
            return peak_bytes, resident_bytes

    def laps(self, window: PeakWindow) -> Callable[[], tuple[int, int]]:
        """Return a function that does what roll(window) does; 3 us where no other window is open.

        Where nothing has moved since its last call it returns the same tuple, so `is` tells.
        """
        windows, mark_and_begin = self._windows, self._mark_and_begin
        last = (0, 0)
        if self.reason:
            return window.roll

        def lap() -> tuple[int, int]:
            nonlocal last
            with self._lock:
                seen = mark_and_begin()
                # Whoever folded a mark in since then has looked, too, and made the source forget.
                if seen is last:
                    return seen
                last = seen
                mark_bytes, resident_bytes = seen
                if mark_bytes < self._highest_bytes or len(windows) != 1:
                    self._fold(mark_bytes)
                elif mark_bytes > self._life_peak_bytes:
                    self._life_peak_bytes = mark_bytes
                peak_bytes = window._folded_bytes
                self._highest_bytes = window._folded_bytes = resident_bytes
                return seen if peak_bytes <= mark_bytes else (peak_bytes, resident_bytes)

        return lap

    def resident_bytes(self) -> int:
        """Return what is resident now."""
        with self._lock:
            return self._source.resident_bytes()

    def resident_and_mapped_bytes(self) -> tuple[int, int | None]:
        """Return what is resident and what private memory is mapped; None where nobody says."""
        with self._lock:
            source = self._source
            if isinstance(source, ProcSelf):
                return source.resident_and_mapped_bytes()
            return source.resident_bytes(), None

    def process_peak_bytes(self) -> int:
        """Return the most this process has ever held, resets of ours notwithstanding."""
        with self._lock:
            _, mark_bytes = self._source.resident_and_peak_bytes()
            if not self.reason:
                self._fold(mark_bytes)
            return max(self._life_peak_bytes, mark_bytes)

    def read(self, window: PeakWindow) -> tuple[int, int]:
        """Return (resident now, peak of the window); 10 us."""
        with self._lock:
            if window._open:
                window._current_bytes, mark_bytes = self._source.resident_and_peak_bytes()
                if self.reason:
                    self._note_sample(window._current_bytes, mark_bytes)
                    self._sample_in_background()
                else:
                    self._fold(mark_bytes)
            return window._current_bytes, window._folded_bytes

    def close(self, window: PeakWindow) -> None:
        with self._lock:
            if not window._open:
                return
            self.read(window)
            window._open = False
            self._windows.remove(window)
            if self._sampler is not None and not self._windows:
                self._sampler.stop()
                self._sampler = None

    def _fold(self, mark_bytes: int) -> None:
        """Give every open window its share of the peak so far."""
        # The mark never falls between two resets of ours: if it did, somebody
        # else reset it, and what happened before is lost to us.
        if mark_bytes < self._highest_bytes - self.error_bound_bytes:
            for window in self._windows:
                window.problem = "something else in this process reset the kernel's peak meanwhile"
        self._highest_bytes = mark_bytes
        if mark_bytes > self._life_peak_bytes:
            self._life_peak_bytes = mark_bytes
        for window in self._windows:
            if mark_bytes > window._folded_bytes:
                window._folded_bytes = mark_bytes

    # Without a reset ------------------------------------------------------

    def _open_without_reset(self) -> PeakWindow:
        start_bytes, mark_bytes = self._source.resident_and_peak_bytes()
        window = PeakWindow(self, start_bytes, mark_bytes)
        window.problem = self._sampled()
        self._windows.append(window)
        self._sample_in_background()
        return window

    def _sampled(self) -> str:
        return f"sampled every {_SAMPLING_SECONDS * 1000:g} ms ({self.reason})"

    def _sample_in_background(self) -> None:
        if self._sampler is None:
            self._sampler = _Sampler(self)

    def _note_sample(self, current_bytes: int, mark_bytes: int) -> None:
        for window in self._windows:
            if mark_bytes > window._mark_bytes:
                # The high-water mark of the whole life rose inside this window,
                # so it is this window's peak.
                window._folded_bytes = max(window._folded_bytes, mark_bytes)
                if self._knows_resident:  # else the start was a mark too, and growth is at least this
                    window.problem = ""
            elif current_bytes > window._folded_bytes:
                window._folded_bytes = current_bytes

    def sample(self) -> None:
        """Look once for all open windows; the sampling thread's step."""
        with self._lock:
            self._note_sample(*self._source.resident_and_peak_bytes())

    def after_fork_in_child(self) -> None:
        """Start with a fresh lock; inherited windows go on in the child, whose peak begins as the parent's."""
        self._lock = threading.RLock()
        self._sampler = None  # its thread stayed in the parent; the next read starts another


class _Sampler:
    """A thread that looks while windows are open, where the kernel keeps no peak for us."""

    def __init__(self, broker: PeakBroker) -> None:
        self._stop = threading.Event()
        self._broker = broker
        self._thread = threading.Thread(target=self._run, name="memory peak sampler", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(_SAMPLING_SECONDS):
            self._broker.sample()

    def stop(self) -> None:
        self._stop.set()


_broker: PeakBroker | None = None
_broker_lock = threading.Lock()


def broker() -> PeakBroker:
    """Return this process's one broker; the first call probes what the kernel allows."""
    if _broker is None:
        with _broker_lock:
            if _broker is None:
                _install(_probe())
    assert _broker is not None
    return _broker


def open_peak_window() -> PeakWindow:
    """Open a window on this process's peak: `.start_bytes`, `.peak_bytes()`, `.close()`."""
    return (_broker or broker()).open()


def process_peak_bytes() -> int:
    """Return the most that was resident in this process's life.

    The kernel's own figure (VmHWM) forgets at each reset; the broker does not.
    """
    return (_broker or broker()).process_peak_bytes()


def resident_bytes() -> int:
    """Return what is resident in this process now; 3 us."""
    return (_broker or broker()).resident_bytes()


def _probe() -> PeakBroker:
    source = ProcSelf()
    try:
        _, mark_bytes = source.resident_and_peak_bytes()
    except (OSError, ValueError):
        from snapshot_engine.memory.elsewhere import MarkOnlySelf, self_without_proc

        elsewhere, reason = self_without_proc()
        return PeakBroker(elsewhere, reason, knows_resident=not isinstance(elsewhere, MarkOnlySelf))
    return PeakBroker(
        source,
        source.why_no_reset(),
        life_peak_bytes=mark_bytes,
        error_bound_bytes=peak_error_bound_bytes(),
    )


def _install(new: PeakBroker) -> None:
    global _broker
    _broker = new
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=new.after_fork_in_child)
