"""The best sentences under every tag, and which tags a sentence can still enter.

Holds at most k candidates per tag. Most sentences of a long transcript cannot
enter most pools any more; `open_tags` says so from the score alone, before
any phrase is looked for.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from snapshot_engine.insight.best import BestK
from snapshot_engine.insight.scoring import CUE_FIRST, SUMMARY
from snapshot_engine.insight.signals import BIT, TAGS


@dataclass(slots=True)
class Candidate:
    """A kept sentence while the fold runs.

    entities: (start, end, label) within `text`. reply_*: see facts.Sentence.
    """

    text: str
    speaker: str
    start_ms: int
    cue_line: int
    order: int
    entities: tuple[tuple[int, int, str], ...]
    reply_by: str = ""
    reply_ms: int = -1


class CandidatePools:
    """One BestK per tag and one for the summary."""

    def __init__(self, k: int) -> None:
        self._pools: dict[str, BestK[Candidate]] = {tag: BestK(k) for tag in (*TAGS, SUMMARY)}
        self._always = sum(BIT[tag] for tag in (*CUE_FIRST, "question"))
        # A score must pass this to enter the summary's pool.
        self.summary_floor = -1
        self._floors: list[int] = []
        self._masks: list[int] = []
        self._note_floors()

    def __len__(self) -> int:
        return sum(map(len, self._pools.values()))

    def __getitem__(self, tag: str) -> BestK[Candidate]:
        return self._pools[tag]

    def open_tags(self, highest: int) -> int:
        """Return the mask of the tags whose pool would take a score of `highest`.

        Tags chosen by cue, and questions, are always among them: they are counted.
        """
        return self._masks[bisect_left(self._floors, highest)]

    def offer(self, tag: str, score: int, order: int, key: str, candidate: Candidate) -> bool:
        """Take the candidate under `tag` if it is among the best so far."""
        pool = self._pools[tag]
        floor = pool.floor
        taken = pool.offer(score, order, key, candidate)
        if pool.floor != floor:
            self._note_floors()
        return taken

    def _note_floors(self) -> None:
        """Sort the floors; masks[i] is what is open to a score above the first i floors."""
        self.summary_floor = self._pools[SUMMARY].floor
        by_floor = sorted((self._pools[tag].floor, BIT[tag]) for tag in TAGS)
        self._floors = [floor for floor, _ in by_floor]
        mask = self._always
        self._masks = [mask]
        for _, bit in by_floor:
            mask |= bit
            self._masks.append(mask)
