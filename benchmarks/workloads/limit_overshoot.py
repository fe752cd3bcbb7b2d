"""How far a runaway gets past memory_limit where the kernel cannot help: on a heap full of free memory."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.child import Job

MIB = 2**20
LIMIT_MIB = 32
FREE_MIB = 200
# Below and above the sizes at which malloc maps a block of its own.
CHUNK_BYTES = (700, 60_000, MIB)


@contextmanager
def _busy_loops(number: int) -> Iterator[None]:
    """Keep `number` processes busy beside this one."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _refuse_real_time() -> None:
    """Have this process be one that may not take real-time priority, as most may not."""

    def refuse(*_: object) -> None:
        raise PermissionError

    os.sched_setscheduler = refuse


def _free_memory() -> list[bytes]:
    """Fill the calling thread's heap, free it again, give its pages back; return what keeps it from shrinking.

    The pages come back one by one as they are touched; nothing is mapped anew, so
    the kernel's limit does not see it.
    """
    rng = random.Random(1)
    blocks = [bytes(rng.randrange(100, 20_000)) for _ in range(24_000)]
    return blocks[::37]


def _grow(chunk_bytes: int) -> list[bytes]:
    held: list[bytes] = []
    while len(held) * chunk_bytes < 2 * FREE_MIB * MIB:
        held.append(b"x" * chunk_bytes)
    return held


def overshoot(job: Job) -> dict[str, Any]:
    """Return, for each run, by how much the kernel's peak passed the limit, and what stopped it."""
    from snapshot_engine import MemoryLimitExceeded, memory_limit
    from snapshot_engine.memory import libc
    from snapshot_engine.memory.peak import open_peak_window

    in_main = bool(job.parameters["main"])
    if not job.parameters["real_time"]:
        _refuse_real_time()
    runaway = memory_limit(LIMIT_MIB, of="growth")(_grow)
    over_mib: list[float] = []
    causes: dict[str, int] = {}
    kept: list[bytes] = []

    def one(chunk_bytes: int) -> None:
        window = open_peak_window()
        try:
            runaway(chunk_bytes)
            cause = "not stopped"
        except MemoryLimitExceeded as stopped:
            cause = stopped.cause
        over_mib.append(round((window.peak_bytes() - window.start_bytes) / MIB - LIMIT_MIB, 3))
        causes[cause] = causes.get(cause, 0) + 1
        window.close()

    def in_place(function: Any, *arguments: Any) -> None:
        if in_main:
            function(*arguments)
            return
        # The next thread takes over the heap of the last.
        thread = threading.Thread(target=function, args=arguments)
        thread.start()
        thread.join()

    in_place(lambda: kept.extend(_free_memory()))
    free_mib = []
    with _busy_loops(int(job.parameters["busy"])), job.timed():
        for number in range(int(job.parameters["runs"])):
            gc.collect()
            libc.trim()
            heap = libc.heap_state()
            free_mib.append(heap.free_bytes / MIB if heap else 0.0)
            in_place(one, CHUNK_BYTES[number % len(CHUNK_BYTES)])
            time.sleep(0.002)
    return {"over_mib": over_mib, "causes": causes, "least_free_mib": round(min(free_mib), 1)}
