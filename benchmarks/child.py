"""Run one workload in this process and print one JSON line: `python -m benchmarks.child MODULE:FUNCTION PARAMS`.

The peak is this process's own high-water mark, read from /proc/self/status as
its last act: nothing else ever ran in here. Workloads import what they measure
inside their functions, so that a peer's peak holds no line of ours but these.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def status_bytes(field: str) -> int | None:
    """Return VmHWM, VmRSS ... of this process in bytes; None where there is no /proc."""
    try:
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(field.encode() + b":"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


class Job:
    """A workload's parameters, and where it says which part of it is the work."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters
        self.figures: dict[str, Any] = {}

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure CPU and wall seconds of the enclosed lines: the work, without imports and checks."""
        self.figures["before_bytes"] = status_bytes("VmHWM")
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.figures["work_cpu_seconds"] = time.process_time() - cpu
        self.figures["work_wall_seconds"] = time.perf_counter() - wall
        self.figures["work_peak_bytes"] = status_bytes("VmHWM")

    def timed_until(self, work: Callable[[], object], *, seconds: float) -> None:
        """Measure one turn of `work`; where that is short, take more turns and keep their mean.

        A clock that ticks in hundredths says nothing about a hundredth of a second:
        turns go on until `seconds` of CPU time are spent. The peak is the first turn's.
        """
        with self.timed():
            work()
        self.figures["self_peak_bytes"] = status_bytes("VmHWM")
        if self.figures["work_cpu_seconds"] >= seconds:
            return
        turns, began, wall = 0, time.process_time(), time.perf_counter()
        while (spent := time.process_time() - began) < seconds:
            work()
            turns += 1
        self.figures["first_cpu_seconds"] = self.figures["work_cpu_seconds"]
        self.figures["work_cpu_seconds"] = spent / turns
        self.figures["work_wall_seconds"] = (time.perf_counter() - wall) / turns
        self.figures["turns"] = turns


def main() -> None:
    module, _, function = sys.argv[1].partition(":")
    job = Job(json.loads(sys.argv[2]))
    found = getattr(importlib.import_module(f"benchmarks.workloads.{module}"), function)(job)
    job.figures.update(found or {})
    job.figures.setdefault("self_peak_bytes", status_bytes("VmHWM"))
    print(json.dumps(job.figures))


if __name__ == "__main__":
    main()
