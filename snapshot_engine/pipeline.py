"""The stages joined: cues in, insights and counts out; one pass, nothing kept.

    cues -> utterances -> annotations -> insights

Each stage holds what its own docstring states; this module holds the running
counts and nothing else. It reads no file, no clock and no setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from snapshot_engine.insight.insights import InsightBounds, Insights, InsightsBuilder
from snapshot_engine.language.annotation import AnnotatedUtterance, Annotator
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.utterance import Utterance
from snapshot_engine.transcript.utterances import join_cues


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far a pass has come; one object, updated in place, read by whoever shows it."""

    cues: int = 0
    utterances: int = 0
    words: int = 0
    first_ms: int | None = None
    last_ms: int = 0

    @property
    def duration_ms(self) -> int:
        """From the first cue's start to the latest end; 0 without cues."""
        return max(0, self.last_ms - (self.first_ms or 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineBounds:
    """What the stages behind the reader may hold at most."""

    max_utterance_chars: int = 20_000
    insight: InsightBounds = field(default_factory=InsightBounds)


def fold_cues(
    cues: Iterable[Cue],
    annotator: Annotator,
    bounds: PipelineBounds,
    *,
    progress: Progress,
    on_utterance: Callable[[], None] | None = None,
) -> Insights:
    """Run every stage over `cues` and return what the document is made from.

    progress: counted into while the pass runs.
    on_utterance: called after each utterance (progress bars, clean-up).
    """
    builder = InsightsBuilder(bounds.insight)
    utterances = join_cues(_count_cues(cues, progress), max_utterance_chars=bounds.max_utterance_chars)
    for annotated in annotator.annotate(_count_utterances(utterances, progress)):
        builder.add(annotated)
        if on_utterance is not None:
            on_utterance()
    return builder.finish()


def _count_cues(cues: Iterable[Cue], progress: Progress) -> Iterator[Cue]:
    for cue in cues:
        progress.cues += 1
        if progress.first_ms is None or cue.start_ms < progress.first_ms:
            progress.first_ms = cue.start_ms
        if cue.end_ms > progress.last_ms:
            progress.last_ms = cue.end_ms
        yield cue


def _count_utterances(utterances: Iterable[Utterance], progress: Progress) -> Iterator[Utterance]:
    for utterance in utterances:
        progress.utterances += 1
        progress.words += len(utterance.text.split())
        yield utterance


__all__ = ["AnnotatedUtterance", "PipelineBounds", "Progress", "fold_cues"]
