"""How soon a watchdog has to look again, and how its thread gets to look then.

A thread that wakes is not yet one that runs: on a machine with more to do than
cores the body went on for 5 to 30 ms meanwhile (14 to 46 MiB past its limit).
So the thread moves to the core of the body, where it loses a core only when the
body does, and takes real-time priority where the system allows it (as root, or
under an RLIMIT_RTPRIO). Most past the limit, load 6: neither 46 MiB, the core
alone 6.0, the priority alone 5.0, both 0.9. Without the priority a core of its
own is better while one is free (2.5 MiB against 6.1), so it moves only where
more wants to run than there are cores.

Turned down: a shorter slice of the scheduler (sched_setattr), which changed
nothing; tying the body to one core, which its children would inherit.
"""

from __future__ import annotations

import os

# A core touches fresh pages at up to 2.5 MiB a millisecond.
_FASTEST_BYTES_PER_SECOND = 4 * 2**30
_SHORTEST_SECONDS = 0.0001
_LONGEST_SECONDS = 0.02
# How late a look comes after its pause on a machine that is not overloaded.
_LATE_SECONDS = 0.0003
_STILL_SECONDS = 0.0005
_STILL_LOOKS = 20
_STILL_BYTES = 64 * 1024


class Pace:
    """How long nobody can reach a limit, from 0.1 to 20 ms; 0.5 at least while nothing grows."""

    def __init__(self) -> None:
        self._highest_bytes = 0
        self._still_looks = 0

    def pause_seconds(self, room_bytes: int, resident_bytes: int) -> float:
        """Return the seconds until the next look; room_bytes: how far the nearest limit is."""
        if resident_bytes > self._highest_bytes + _STILL_BYTES:
            self._highest_bytes, self._still_looks = resident_bytes, 0
        else:
            self._highest_bytes = min(self._highest_bytes, resident_bytes + _STILL_BYTES)
            self._still_looks += 1
        # A body that stays near its limit is not slowed down by a look every 0.1 ms.
        shortest_seconds = _STILL_SECONDS if self._still_looks > _STILL_LOOKS else _SHORTEST_SECONDS
        unreachable_seconds = room_bytes / _FASTEST_BYTES_PER_SECOND - _LATE_SECONDS
        return min(_LONGEST_SECONDS, max(shortest_seconds, unreachable_seconds))


class Precedence:
    """Lets the thread that makes it look in time, until that thread ends."""

    def __init__(self) -> None:
        self._core = -1
        self._cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        self.real_time = False
        if hasattr(os, "sched_setscheduler"):
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
                self.real_time = True
            except OSError:  # not allowed: the usual case outside containers run as root
                pass

    def follow(self, native_id: int) -> None:
        """Move to the core that the thread `native_id` of this process ran on last."""
        if not self._cores:
            return
        try:
            if not self.real_time and not _is_crowded(len(self._cores)):
                if self._core >= 0:
                    os.sched_setaffinity(0, self._cores)
                    self._core = -1
                return
            with open(f"/proc/self/task/{native_id}/stat", "rb", buffering=0) as file:
                core = int(file.read().rpartition(b")")[2].split()[36])
            if core != self._core:
                os.sched_setaffinity(0, {core})
                self._core = core
        except (OSError, ValueError, IndexError):  # it has ended, or the core is not ours any more
            return


def _is_crowded(cores: int) -> bool:
    """Return whether more threads want to run now than there are cores."""
    with open("/proc/loadavg", "rb", buffering=0) as file:
        return int(file.read().split()[3].partition(b"/")[0]) > cores
