"""Entities by patterns alone: what runs where no model is installed. Needs nothing.

Finds money, percentages, dates, times, ordinals and capitalised names; labels
are spaCy's. It knows no context: a name is an ORG where its last word says so
("Inc", "Bank"), a PERSON after a title or as two or three capitalised words,
and it is left out at the start of a sentence where every word is capitalised.
Holds `_REACH_CHARS` characters on both sides of the place it is at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from snapshot_engine.language.annotation import AnnotatedUtterance, Entity
from snapshot_engine.language.utterance_queue import annotate_with
from snapshot_engine.transcript.utterance import Utterance

# No match is longer (all repetitions below are counted), so a match that ends
# this far from the end of the held text cannot change.
_REACH_CHARS = 512
_SLICE_CHARS = 8192

_NUMBER = r"\d{1,15}(?:[.,]\d{1,15}){0,8}"
_SCALE = r"(?:thousand|million|billion|trillion|[kKmMbB]n?)"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_PERIOD = r"(?:day|week|month|quarter|year)"
_NAME_WORD = r"[A-Z][a-z]{1,20}(?:-[A-Z][a-z]{1,20})?"
_ORG_END = (
    r"(?:Inc|Corp|Ltd|LLC|PLC|GmbH|AG|Group|Bank|University|Institute|Company|Holdings|Partners|"
    r"Technologies|Systems|Foundation|Association)"
)
_LABELLED = {
    "MONEY": rf"(?:US|C|A)?[$€£¥]\s?{_NUMBER}(?:\s?{_SCALE}\b)?"
    rf"|\b{_NUMBER}(?:\s{_SCALE})?\s(?:dollars|euros|pounds|cents)\b",
    "PERCENT": rf"(?<![\w.,]){_NUMBER}\s?(?:%|percent\b|per\scent\b)",
    "TIME": r"(?<![\w.,:])\d{1,2}(?::\d\d)?\s?(?:[ap]\.m\.|[ap]m\b)|(?<![\w.,:])\d{1,2}:\d\d\b",
    "DATE": rf"\b(?:{_DAY},?\s)?{_MONTH}\.?\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?\b"
    rf"|\b{_MONTH}\s\d{{4}}\b|\b{_DAY}\b|\b(?:19|20)\d\d\b|\bQ[1-4](?:\s(?:19|20)\d\d)?\b"
    rf"|\b(?:yesterday|today|tomorrow)\b|\b(?:last|next|this)\s{_PERIOD}\b|\b\d{{1,4}}\s{_PERIOD}s\b",
    "ORG": rf"\b(?:{_NAME_WORD}\s){{1,4}}{_ORG_END}\b",
    "PERSON": rf"(?<=Mr\.\s){_NAME_WORD}|(?<=Ms\.\s){_NAME_WORD}|(?<=Dr\.\s){_NAME_WORD}|(?<=Mrs\.\s){_NAME_WORD}"
    rf"|(?<![.!?:]\s)(?<!^)\b{_NAME_WORD}(?:\s{_NAME_WORD}){{1,2}}\b",
    "ORDINAL": r"(?<![\w.,])\d{1,6}(?:st|nd|rd|th)\b",
}
_PATTERN = re.compile("|".join(f"(?P<{label}>{pattern})" for label, pattern in _LABELLED.items()))


class RulesAnnotator:
    """Patterns for money, percentages, dates, times and names."""

    def __init__(self, reason: str) -> None:
        """reason: why no model runs, for the report."""
        self._reason = reason

    @property
    def description(self) -> str:
        """What ran, and why no model did."""
        return f"patterns only, no language model ({self._reason})"

    def annotate(self, utterances: Iterable[Utterance]) -> Iterator[AnnotatedUtterance]:
        """Yield each utterance once, in order, with its entities."""
        return annotate_with(_PatternStream(), utterances)

    def stream_text(self, pieces: Iterable[str]) -> Iterator[Entity]:
        """Yield the entities of the concatenation of `pieces`, in order."""
        stream = _PatternStream()
        for piece in pieces:
            yield from stream.feed(piece)
        yield from stream.finish()


class _PatternStream:
    def __init__(self) -> None:
        self._text = ""
        self._text_start = 0
        self._at = 0  # in the held text; what lies before it is left context

    @property
    def settled_char(self) -> int:
        """All entities that start before this character have been given out."""
        return self._text_start + self._at

    def feed(self, text: str) -> list[Entity]:
        """Take the next piece; return the entities that are now certain."""
        found: list[Entity] = []
        for at in range(0, len(text), _SLICE_CHARS):
            self._text += text[at : at + _SLICE_CHARS]
            if len(self._text) - self._at > 2 * _REACH_CHARS:
                found += self._find(len(self._text) - _REACH_CHARS)
        return found

    def finish(self) -> list[Entity]:
        """Return the remaining entities; the text is over."""
        return self._find(len(self._text))

    def _find(self, certain: int) -> list[Entity]:
        """Return the matches that start before `certain`: nothing that follows can change them."""
        found = []
        while self._at < certain:
            match = _PATTERN.search(self._text, self._at)
            if match is None or match.start() >= certain:
                self._at = certain
                break
            start, end = match.span()
            found.append(
                Entity(
                    text=match.group(),
                    label=match.lastgroup or "",
                    start_char=self._text_start + start,
                    end_char=self._text_start + end,
                )
            )
            self._at = end
        drop = max(0, min(self._at, len(self._text)) - _REACH_CHARS)
        self._text = self._text[drop:]
        self._text_start += drop
        self._at -= drop
        return found
