"""What our own watching costs: the same work with and without it, in turns, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from benchmarks.child import Job
from benchmarks.workloads.end_to_end import annotator
from benchmarks.workloads.texts import documents

# one look for this many cues: about a tenth of a second of the engine's work
CUES_PER_LOOK = 500
Work = Callable[[list[str]], int]


@contextmanager
def _monitored() -> Iterator[None]:
    from snapshot_engine import Config, start_memory_monitoring, stop_memory_monitoring

    start_memory_monitoring(Config(), interval=1)
    try:
        yield
    finally:
        stop_memory_monitoring()


def _tracked(work: Work) -> Work:
    from snapshot_engine import MemoryTracker

    tracker = MemoryTracker()
    tracker.set_baseline()

    def one(cues: list[str]) -> int:
        found = work(cues)
        tracker.take_snapshot("batch")
        return found

    return one


def _profiled(work: Work) -> Work:
    from snapshot_engine import memory_profile

    profiled: Work = memory_profile(work)
    return profiled


def ratio(job: Job) -> dict[str, Any]:
    """Return, for each pair of turns, CPU time with watching over CPU time without.

    Turns alternate which goes first, so that a drift of the machine cancels.
    """
    way, pairs = job.parameters["way"], int(job.parameters["pairs"])
    (cues,) = documents(job.parameters["path"])
    engine = annotator()

    def work(batch: list[str]) -> int:
        return sum(1 for _ in engine.stream_text(text + " " for text in batch))

    watched = {"tracker": _tracked, "profile": _profiled}.get(way, lambda plain: plain)(work)
    around: Callable[[], AbstractContextManager[None]] = _monitored if way == "monitoring" else nullcontext
    batches = [cues[at : at + CUES_PER_LOOK] for at in range(0, len(cues), CUES_PER_LOOK)]

    def turn(one: Work) -> float:
        began = time.process_time()
        for batch in batches:
            one(batch)
        return time.process_time() - began

    def turn_watched() -> float:
        with around():
            return turn(watched)

    turn(work)
    ratios = []
    with job.timed():
        for at in range(pairs):
            if at % 2:
                on, off = turn_watched(), turn(work)
            else:
                off, on = turn(work), turn_watched()
            ratios.append(on / off)
    return {"ratios": ratios, "looks": len(batches)}


def direct(job: Job) -> dict[str, Any]:
    """Return the share of CPU time that watching takes, from what one look costs and how often it comes.

    A ratio of two turns is as unsure as the machine is busy; a look's own cost is not.
    """
    way, path = job.parameters["way"], job.parameters["path"]
    if way == "monitoring":
        seconds = float(job.parameters["seconds"])
        with _monitored():
            time.sleep(1.5)
            with job.timed():
                time.sleep(seconds)
        return {"share": job.figures["work_cpu_seconds"] / seconds}
    (cues,) = documents(path)
    engine = annotator()
    list(engine.stream_text(text + " " for text in cues[:CUES_PER_LOOK]))
    began = time.process_time()
    list(engine.stream_text(text + " " for text in cues))
    work_seconds = (time.process_time() - began) / (len(cues) / CUES_PER_LOOK)
    look = {"tracker": _tracked, "profile": _profiled}[way](len)
    looks = 1000
    with job.timed():
        for _ in range(looks):
            look(cues)
    cost_seconds = job.figures["work_cpu_seconds"] / looks
    return {"share": cost_seconds / work_seconds, "look_seconds": cost_seconds}
