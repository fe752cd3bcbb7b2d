"""The results file: JSON lines, first where it was taken, then one line per finished run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.case import Outcome, Scalar
from benchmarks.summary import Summary, summarize


class Results:
    """All runs of one machine. Looked up by chapter, label and facts.

    Where a case was run again at a later commit, the file simply holds more
    rounds of it; `Store.forget` removes the old ones before a rerun.
    """

    def __init__(self, outcomes: Iterable[Outcome], environment: Mapping[str, Any]) -> None:
        self.outcomes = list(outcomes)
        self.environment = dict(environment)
        self._by_key: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in self.outcomes:
            self._by_key[outcome.key].append(outcome)

    def runs_of(self, key: str) -> list[Outcome]:
        return self._by_key.get(key, [])

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
        outcomes = []
        if self.path.exists():
            for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
                try:
                    entry = json.loads(line)
                except ValueError:
                    raise ValueError(f"{self.path} line {number}: not JSON; remove the line") from None
                if "environment" in entry:
                    environment = entry["environment"]
                else:
                    outcomes.append(Outcome.decode(entry["outcome"]))
        return Results(outcomes, environment)

    def begin(self, environment: Mapping[str, Any]) -> None:
        """Write the first line of a new file; the latest environment line of a file counts."""
        self._append(json.dumps({"environment": environment}, sort_keys=True))

    def add(self, outcome: Outcome) -> None:
        self._append(outcome.encode())

    def forget(self, chapters: Iterable[str]) -> None:
        """Drop the runs of these chapters: they are to be measured anew."""
        if not self.path.exists():
            return
        wanted = set(chapters)
        kept = [
            line
            for line in self.path.read_text(encoding="utf-8").splitlines()
            if json.loads(line).get("outcome", {}).get("chapter") not in wanted
        ]
        self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def _append(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as out:
            out.write(line + "\n")
