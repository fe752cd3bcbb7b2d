"""How much the fold over a transcript may hold: every capacity is an argument."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightBounds:
    """Capacities of the fold; with the defaults it holds about 5 MiB at most.

    speakers, names, words: counters kept of each (twice as many between two
        clean-ups). candidates: sentences kept per tag. sentence_chars: a longer
        sentence is cut. name_chars: a longer speaker name is cut, ending in "…".
    waiting_questions: questions that wait for the next other speaker.
    """

    speakers: int = 200
    names: int = 600
    words: int = 6_000
    candidates: int = 40
    sentence_chars: int = 600
    name_chars: int = 120
    waiting_questions: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise ValueError(f"{field.name} {value}: must be at least 1")
