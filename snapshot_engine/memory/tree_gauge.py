"""This process and all it starts: children by fork, spawn and exec, and theirs.

Resident bytes summed over the tree. A thread looks every 5 ms; between two
looks nothing is lost for processes that still live, since each keeps its own
peak: this one's is rolled at every look, a child's VmHWM is read. Missed is
what a child touches in the last 5 ms before it ends, and children that live
shorter; `error_bound_bytes` says how much that may be.

A child by fork() shares its parent's pages: only its own growth counts, and
pages that it copied on write (which VmRSS does not show) by smaps_rollup, as
often as a tenth of the time allows. A child by vfork() runs on its parent's
memory until it calls exec() and has nothing of its own: 47.7 MiB in a
subprocess read as 84.7 while that was counted twice.

Turned down: RUSAGE_CHILDREN, whose maximum starts at the parent's own size
(it is inherited over fork and exec).
"""

from __future__ import annotations

import os
import threading
import time

from snapshot_engine.memory import proctree
from snapshot_engine.memory.gauge import GaugeTraits, GaugeUnavailable, Reading
from snapshot_engine.memory.pace import Precedence
from snapshot_engine.memory.peak import open_peak_window

_INTERVAL_SECONDS = 0.005
_GAP_SECONDS = 0.25
# Children that touched 64 MiB and ended at once, load 6: 2.9 MiB unseen in the
# median of 240, 11.0 at most. Where real-time priority is refused: 16.9 of 480.
_UNSEEN_BYTES = 12 * 2**20


class TreeGauge:
    """Resident memory of this process and of all processes below it. Linux.

    root: where /proc is. Raises GaugeUnavailable where children are not listed.
    """

    traits = GaugeTraits(
        name="tree",
        counts="resident memory of this process and all it started",
        exact=True,
        error_bound_bytes=_UNSEEN_BYTES,
        children=True,
        reuse_hides=True,
    )

    def open(self) -> TreeWindow:
        if not proctree.can_list_children():
            raise GaugeUnavailable("the tree gauge needs /proc/<pid>/task/<tid>/children (Linux)")
        return TreeWindow()


class TreeWindow:
    """A window on the tree below this process; a thread looks while it is open."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._own = open_peak_window()
        self._members: dict[tuple[int, int], _Member] = {}
        own = proctree.facts(self._pid)
        self._own_image = own.image if own else ()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._last_look = time.monotonic()
        self._peak_bytes = 0
        self._current_bytes = 0
        self.problem = ""
        self._look()
        self._peak_bytes = self.start_bytes = self._current_bytes
        self._thread = threading.Thread(target=self._run, name="memory tree gauge", daemon=True)
        self._thread.start()

    def read(self) -> Reading:
        """Return the sum now and the highest sum since the opening; a closed window repeats its last."""
        if not self._stop.is_set() and os.getpid() == self._pid:
            self._look()
        return Reading(current_bytes=self._current_bytes, peak_bytes=self._peak_bytes)

    def close(self) -> None:
        if self._stop.is_set() or os.getpid() != self._pid:
            return
        self._look()
        self._stop.set()
        self._thread.join()
        self._own.close()

    def _run(self) -> None:
        Precedence()
        while not self._stop.wait(_INTERVAL_SECONDS):
            self._look()

    def _look(self) -> None:
        with self._lock:
            if self._stop.is_set():
                return
            now = time.monotonic()
            if now - self._last_look > _GAP_SECONDS and self._members:
                self.problem = (
                    f"nobody could look for {now - self._last_look:.1f} s (code that holds the interpreter lock):"
                    " children that ended meanwhile are not counted"
                )
            self._last_look = now
            high_bytes, current_bytes = self._own.roll()
            for member in self._living():
                member_high_bytes, member_bytes = member.look(now)
                high_bytes += member_high_bytes
                current_bytes += member_bytes
            self._current_bytes = current_bytes
            self._peak_bytes = max(self._peak_bytes, high_bytes)

    def _living(self) -> list[_Member]:
        """Return all members of the tree that live; orphans that were seen before stay in it."""
        pids = proctree.descendants(self._pid)
        listed = set(pids)
        for pid, _ in list(self._members):
            if pid not in listed:
                pids += [pid, *(child for child in proctree.descendants(pid) if child not in listed)]
        living: dict[tuple[int, int], _Member] = {}
        counted: list[_Member] = []
        images = {self._pid: self._own_image}
        for pid in pids:
            about = proctree.facts(pid)
            if about is None:
                continue
            key = (pid, about.started)
            member = self._members.get(key) or _Member(about)
            member.about, images[pid] = about, about.image
            if about.parent in images:
                member.forked = about.image == images[about.parent]
            if not (member.forked and member.borrows()):
                counted.append(member)
            living[key] = member
        self._members = living
        return counted


class _Member:
    """One process of the tree, and what it held when it was first seen."""

    __slots__ = (
        "_mark_bytes",
        "_owns",
        "_private_bytes",
        "_private_due",
        "_was_seen",
        "about",
        "base_bytes",
        "forked",
    )

    def __init__(self, about: proctree.ProcessFacts) -> None:
        self.about = about
        self.forked = False
        self.base_bytes = about.resident_bytes
        self._owns = self._was_seen = False
        self._mark_bytes = 0
        self._private_bytes = 0
        self._private_due = 0.0

    def borrows(self) -> bool:
        """Say whether this child still runs on its parent's memory, between vfork() and exec()."""
        if not self._owns:
            shared = proctree.shares_memory(self.about.pid, self.about.parent)
            # Where nobody tells: most have called exec() by the second look.
            self._owns = self._was_seen if shared is None else not shared
            self._was_seen = True
        return not self._owns

    def look(self, now: float) -> tuple[int, int]:
        """Return (the most since the last look, held now), both of what is its own."""
        mark_bytes = proctree.peak_bytes(self.about.pid) or self.about.resident_bytes
        rose = mark_bytes > self._mark_bytes
        self._mark_bytes = mark_bytes
        if not self.forked:
            return (mark_bytes if rose else self.about.resident_bytes), self.about.resident_bytes
        self.base_bytes = min(self.base_bytes, self.about.resident_bytes)
        held_bytes = max(self.about.resident_bytes - self.base_bytes, self._private(now))
        return max(held_bytes, mark_bytes - self.base_bytes if rose else 0), held_bytes

    def _private(self, now: float) -> int:
        """Return what only this process maps, asked for at most a tenth of the time."""
        if now >= self._private_due:
            begun = time.monotonic()
            self._private_bytes = proctree.private_bytes(self.about.pid) or 0
            self._private_due = now + 10 * (time.monotonic() - begun)
        return self._private_bytes
