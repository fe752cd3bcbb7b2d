"""What `snapshot-engine analyze` shows: one pass's counts as JSON values or as a table's rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snapshot_engine.processor import Analysis


def analysis_json(analysis: Analysis, *, top: int) -> dict[str, Any]:
    """Return the counts as JSON values; `top` names per entity label, all speakers that were kept."""
    insights, statistics, progress = analysis.insights, analysis.statistics, analysis.progress
    return {
        "source": analysis.source_name,
        "bytes_read": statistics.bytes_read,
        "cues": progress.cues,
        "producer": statistics.producer,
        "blocks_skipped": statistics.blocks_skipped,
        "times_recovered": statistics.times_recovered,
        "problems": [{"line": line, "reason": reason} for line, reason in statistics.problems],
        "utterances": insights.utterances,
        "sentences": insights.sentences,
        "words": insights.words,
        "duration_ms": progress.duration_ms,
        "strategy": analysis.strategy.name,
        "annotator": analysis.annotator,
        "speakers": [
            {
                "name": s.name,
                "words": s.words,
                "share": round(s.share, 4),
                "talk_ms": s.talk_ms,
                "utterances": s.utterances,
            }
            for s in insights.speakers
        ],
        "other_speakers": {"words": insights.other_words, "talk_ms": insights.other_talk_ms},
        "entity_counts": insights.entity_counts,
        "names": {
            label: [
                {"text": n.text, "mentions": n.mentions, "variants": list(n.variants)} for n in names[:top]
            ]
            for label, names in insights.names.items()
        },
        "names_error": insights.names_error,
        "tagged_sentences": insights.tagged,
    }


def analysis_table(analysis: Analysis, *, top: int) -> Iterator[str]:
    """Yield the rows of the tables for a terminal."""
    insights, progress = analysis.insights, analysis.progress
    yield (
        f"{analysis.source_name}: {progress.cues:,} cues, {insights.utterances:,} utterances, "
        f"{insights.words:,} words, {clock(progress.duration_ms)}; "
        f"{analysis.statistics.blocks_skipped:,} blocks skipped, {analysis.statistics.times_recovered:,} times recovered"
    )
    yield f"read by: {analysis.strategy.name} ({analysis.strategy.reason}); entities by: {analysis.annotator}"
    yield ""
    yield from _table(
        (("speaker", "<"), ("words", ">"), ("share", ">"), ("talk time", ">"), ("utterances", ">")),
        [
            (s.name or "(no name)", f"{s.words:,}", f"{s.share:.1%}", clock(s.talk_ms), f"{s.utterances:,}")
            for s in insights.speakers[:top]
        ],
    )
    yield ""
    yield from _table(
        (("label", "<"), ("mentions", ">"), ("most mentioned", "<")),
        [
            (
                label,
                f"{count:,}",
                ", ".join(f"{n.text} ({n.mentions})" for n in insights.names.get(label, ())[:5]),
            )
            for label, count in sorted(insights.entity_counts.items(), key=lambda item: (-item[1], item[0]))[
                :top
            ]
        ],
    )
    if insights.names_error:
        yield f"(mention counts of single names may be too low by up to {insights.names_error})"


def clock(milliseconds: int) -> str:
    """Return h:mm:ss."""
    seconds = milliseconds // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _table(columns: Sequence[tuple[str, str]], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows under headers, each column as wide as its widest cell; a column is (header, "<" or ">")."""
    if not rows:
        yield f"{columns[0][0]}: none"
        return
    cells = [tuple(header for header, _ in columns), *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        aligned = (
            f"{cell:{side}{width}}" for cell, width, (_, side) in zip(row, widths, columns, strict=True)
        )
        yield "  ".join(aligned).rstrip()
