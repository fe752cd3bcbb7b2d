"""What is to be run, and what came out: plain facts, to and from JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.launch import Launched

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command to be run in a fresh process, some times over.

    chapter, label, facts: what it is called in tables ("reading", "webvtt-py", {"size_mib": 10});
    together they identify it, so a second run of the program can skip it.
    command: the words to execute (may hold paths: never stored).
    rounds, most_rounds: at least so often, and at most, while the spread is too large.
    data_limit_bytes / cgroup_limit_bytes: memory the process may have, by rlimit or control group.
    input_path: the file it reads, for the progress line.
    collect: what to take from the finished process; None: the last line of stdout, as JSON.
    may_fail: a failure is a result (a peer out of memory), not a broken run.
    """

    chapter: str
    label: str
    facts: Mapping[str, Scalar]
    command: tuple[str, ...]
    rounds: int = 3
    most_rounds: int = 7
    data_limit_bytes: int | None = None
    cgroup_limit_bytes: int | None = None
    timeout_seconds: float = 3600.0
    input_path: str = ""
    collect: Callable[[Launched], dict[str, Any]] | None = None
    may_fail: bool = False

    @property
    def key(self) -> str:
        return json.dumps([self.chapter, self.label, dict(self.facts)], sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run of a case.

    cpu_seconds, wall_seconds, peak_bytes: the whole process, interpreter included, by the kernel.
    work: what the workload measured and found itself (work_cpu_seconds, counts, digests ...).
    failure: "" or why it did not end well, in a line.
    environment: which environment line of the results file it was taken under.
    taken: date and minute, UTC. load_average: of the machine's last minute when it ended, this run included.
    """

    chapter: str
    label: str
    facts: dict[str, Scalar]
    round: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    exit_code: int | None
    signal: int | None
    work: dict[str, Any] = field(default_factory=dict)
    failure: str = ""
    commit: str = ""
    taken: str = ""
    environment: str = ""
    load_average: float | None = None

    @property
    def key(self) -> str:
        return json.dumps([self.chapter, self.label, self.facts], sort_keys=True)

    def encode(self) -> str:
        return json.dumps({"outcome": asdict(self)}, sort_keys=True)

    @classmethod
    def decode(cls, values: Mapping[str, Any]) -> Outcome:
        return cls(**values)


def workload(name: str, **parameters: Scalar) -> tuple[str, ...]:
    """Return the command that runs benchmarks.workloads.<module>:<function> in a fresh interpreter."""
    return (sys.executable, "-m", "benchmarks.child", name, json.dumps(parameters, sort_keys=True))


def bare_interpreter() -> tuple[str, ...]:
    """Return the command that reads its own high-water mark and does nothing else: what all stand on."""
    code = (
        "for line in open('/proc/self/status'):\n"
        " if line.startswith('VmHWM'): print('{\"self_peak_bytes\": %d}' % (int(line.split()[1]) * 1024))"
    )
    return (sys.executable, "-c", code)
