"""One module per table. Each says which cases it needs and what their results mean."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from benchmarks.case import Case
from benchmarks.results import Results
from benchmarks.table import Page

# in the order in which they are shown
NAMES: tuple[str, ...] = (
    "tiers", "reading", "end_to_end", "ner", "watching", "plugin", "gate", "growth", "limits", "overshoot",
)  # fmt: skip


class Chapter(Protocol):
    """What a module in here offers."""

    NAME: str

    def cases(self, scale: str) -> list[Case]:
        """Return what is to be run at a scale: "quick", "default" or "full"."""
        ...

    def page(self, results: Results) -> Page:
        """Return the chapter as far as there are results for it."""
        ...


def chapter(name: str) -> Chapter:
    """Import one chapter; raises KeyError for a name that is none."""
    if name not in NAMES:
        raise KeyError(f"no chapter {name!r}; there are {', '.join(NAMES)}")
    return cast(Chapter, importlib.import_module(f"benchmarks.chapters.{name}"))
