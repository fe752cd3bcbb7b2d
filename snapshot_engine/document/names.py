"""Which mentioned names a document lists, and under which heading."""

from __future__ import annotations

from collections.abc import Iterable

from snapshot_engine.document.snapshot import Group, NameRow
from snapshot_engine.insight.facts import Insights, Name

_MOST = 14
_MOST_VARIANTS = 3
_GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("ORG", "Organisations mentioned", ("ORG",)),
    ("PERSON", "People mentioned", ("PERSON",)),
    ("PLACE", "Places mentioned", ("GPE", "LOC", "FAC")),
    ("PRODUCT", "Products mentioned", ("PRODUCT",)),
)


def name_groups(insights: Insights) -> list[Group]:
    """Return the groups of names; a name that is also a speaker's is left to the table of speakers."""
    speaking = {word for speaker in insights.speakers for word in _forms(speaker.name)}
    groups = []
    for key, title, labels in _GROUPS:
        names = [name for label in labels for name in insights.names.get(label, ())]
        names = [name for name in names if name.text.casefold() not in speaking]
        names.sort(key=lambda name: (-name.mentions, name.first_ms, name.text))
        shown = worth_listing(names)
        groups.append(
            Group(
                key=f"names_{key}",
                title=title,
                kind="names",
                found=len(names),
                names=tuple(
                    NameRow(
                        name=name.text,
                        mentions=name.mentions,
                        also=name.variants[:_MOST_VARIANTS],
                        first_ms=name.first_ms,
                        first_line=name.first_line,
                    )
                    for name in shown
                ),
            )
        )
    return groups


def worth_listing(names: list[Name]) -> list[Name]:
    """Return the names to show: those said twice, and single ones only where there are few.

    A name found once is wrong about every second time; one found twice seldom is.
    """
    repeated = [name for name in names if name.mentions > 1]
    if len(repeated) >= 4:
        return repeated[:_MOST]
    return names[: max(len(repeated), 6)]


def _forms(speaker: str) -> Iterable[str]:
    """Return a speaker's name whole and by its words, for comparison."""
    folded = speaker.casefold()
    return (folded, *folded.split())
