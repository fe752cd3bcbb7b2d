"""What a customer solution snapshot holds: facts, before any format.

Every statement is an Item: a sentence verbatim from the transcript, with the
speaker and the time and line of the cue in which it begins. Whatever else is
said (counts, shares, times) is arithmetic on the transcript.
"""

from __future__ import annotations

from dataclasses import dataclass

from snapshot_engine.insight.facts import Figure

SCHEMA_NAME = "customer-solution-snapshot"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was read to make the snapshot, and with what.

    problems: (line_number, reason) of the first blocks that were skipped.
    strategy: the processing strategy, for the caller's report. No format prints
        it: every strategy must give the same document.
    """

    source_name: str
    bytes_read: int = 0
    cues_read: int = 0
    blocks_skipped: int = 0
    problems: tuple[tuple[int, str], ...] = ()
    words: int = 0
    utterances: int = 0
    duration_ms: int = 0
    annotator: str = ""
    strategy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyBounds:
    """How far the document's counts can be off: 0 everywhere unless a tally overflowed.

    speaker_words, name_mentions: the most by which such a count is too low.
    unlisted_words, unlisted_talk_ms: talk of speakers that lost their row.
    """

    speaker_words: int = 0
    name_mentions: int = 0
    unlisted_words: int = 0
    unlisted_talk_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One sentence of the transcript.

    text: verbatim. start_ms, cue_line: of the cue in which it begins.
    figures: amounts in it that the group is about. owner, due: of an action;
    owner_from says whether the owner is the speaker ("I will") or named.
    reply_by, reply_ms: after a question, who spoke next and when ("" and -1: nobody).
    """

    text: str
    speaker: str
    start_ms: int
    cue_line: int
    figures: tuple[Figure, ...] = ()
    owner: str = ""
    owner_from: str = ""
    due: str = ""
    reply_by: str = ""
    reply_ms: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerRow:
    """One speaker's talk; share of all words, 0.0 to 1.0; first_*: where they first speak."""

    name: str
    words: int
    talk_ms: int
    turns: int
    share: float
    first_ms: int
    first_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRow:
    """A name that was mentioned, how often, and in which cue first."""

    name: str
    mentions: int
    also: tuple[str, ...]
    first_ms: int
    first_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Part of a section: rows of one kind under one heading.

    kind: "sentences", "quotes", "figures", "dates", "actions", "questions"
        (all of them in `items`), "contrasts" (`pairs`), "speakers" or "names".
    found: how many there were; more than are shown means the best were chosen.
    """

    key: str
    title: str
    kind: str
    found: int = 0
    items: tuple[Item, ...] = ()
    pairs: tuple[tuple[Item, ...], ...] = ()
    speakers: tuple[SpeakerRow, ...] = ()
    names: tuple[NameRow, ...] = ()

    @property
    def shown(self) -> int:
        """How many rows the group shows."""
        return len(self.items) + len(self.pairs) + len(self.speakers) + len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading of the document; `empty` is what stands there when nothing was found."""

    key: str
    title: str
    groups: tuple[Group, ...]
    empty: str

    @property
    def shown(self) -> int:
        """How many rows the section shows over all groups."""
        return sum(group.shown for group in self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """One number for the top of the page."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSnapshot:
    """The whole document."""

    title: str
    glances: tuple[Glance, ...]
    sections: tuple[Section, ...]
    coverage: Coverage
    bounds: TallyBounds
