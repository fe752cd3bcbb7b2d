"""The results file: JSON lines, first where it was taken, then one line per finished run."""

from __future__ import annotations

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.case import Outcome, Scalar
from benchmarks.summary import Summary, summarize


def identity(environment: Mapping[str, Any]) -> str:
    """Return the name that a run gives the environment it was taken under."""
    return hashlib.sha256(json.dumps(environment, sort_keys=True).encode()).hexdigest()[:8]


class Results:
    """All runs of a file. Looked up by chapter, label and facts.

    Where a case was run again at a later commit, the file simply holds more
    rounds of it; `Store.forget` removes the old ones before a rerun.
    environment: the latest of the file, for runs that name none.
    """

    def __init__(
        self,
        outcomes: Iterable[Outcome],
        environment: Mapping[str, Any],
        environments: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.outcomes = list(outcomes)
        self.environment = dict(environment)
        self.environments = dict(environments or {})
        self._by_key: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            self._by_key[outcome.key].append(outcome)

    def runs_of(self, key: str) -> list[Outcome]:
        return self._by_key.get(key, [])

    def of_chapter(self, chapter: str) -> list[Outcome]:
        return [o for o in self.outcomes if o.chapter == chapter]

    def environment_of(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return machine, Python and versions that a run was taken with."""
        return self.environments.get(outcome.environment, self.environment)

    def find(self, chapter: str, label: str, **facts: Scalar) -> list[Outcome]:
        """Return the runs of a label whose facts include `facts`, in the order they were made."""
        return [
            o
            for o in self.outcomes
            if o.chapter == chapter
            and o.label == label
            and all(o.facts.get(name) == value for name, value in facts.items())
        ]

    def figure(
        self, chapter: str, label: str, take: Callable[[Outcome], float | None], **facts: Scalar
    ) -> Summary | None:
        """Return the summary of `take` over the runs that ended well, or None when there are none."""
        values = [take(o) for o in self.find(chapter, label, **facts) if not o.failure]
        known = [value for value in values if value is not None]
        return summarize(known) if known else None


class Store:
    """A results file that grows by whole lines, so that an interrupted run goes on where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Results:
        environment: dict[str, Any] = {}
        environments: dict[str, dict[str, Any]] = {}
        outcomes = []
        if self.path.exists():
            for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
                try:
                    entry = json.loads(line)
                except ValueError:
                    raise ValueError(f"{self.path} line {number}: not JSON; remove the line") from None
                if "environment" in entry:
                    environment = entry["environment"]
                    environments[identity(environment)] = environment
                else:
                    outcome = Outcome.decode(entry["outcome"])
                    if not outcome.environment and environment:
                        outcome = replace(outcome, environment=identity(environment))
                    outcomes.append(outcome)
        return Results(outcomes, environment, environments)

    def begin(self, environment: Mapping[str, Any]) -> str:
        """Write where the next runs are taken, unless the file says so already; return its name."""
        name = identity(environment)
        if name not in self.load().environments:
            self._append(json.dumps({"environment": environment}, sort_keys=True))
        return name

    def add(self, outcome: Outcome) -> None:
        self._append(outcome.encode())

    def forget(self, chapters: Iterable[str]) -> None:
        """Drop the runs of these chapters: they are to be measured anew."""
        if not self.path.exists():
            return
        wanted = set(chapters)
        lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        kept = [line for line in lines if line.get("outcome", {}).get("chapter") not in wanted]
        if not any("outcome" in line for line in kept):
            kept = []
        text = "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in kept)
        self.path.write_text(text, encoding="utf-8")

    def _append(self, line: str) -> None:
        """Add a line in one write, so that two runs may share a file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, (line + "\n").encode())
        finally:
            os.close(descriptor)
