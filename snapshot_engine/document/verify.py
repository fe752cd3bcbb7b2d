"""Prove a JSON snapshot against its transcript: every sentence, where and by whom it was said.

Takes the decoded JSON and the transcript's cues, gives a VerificationResult.
A sentence must begin in the cue whose line and time it states, and run on
through the following cues of the same speaker, letter by letter. Holds the
document's claims and one utterance; the transcript streams by.

Proven: sentences, speakers, times, lines, amounts, owners, due dates, replies,
first mentions of names, words and talk time of speakers, cues and words read.
Not proven, since it takes the annotator: how often a name was mentioned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from snapshot_engine.document.claims import Claims, read_claims
from snapshot_engine.document.matching import ClaimMatcher, Failure, same_speaker
from snapshot_engine.insight.people import TalkClock
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.utterance import Utterance
from snapshot_engine.transcript.utterances import join_cues

__all__ = ["Failure", "VerificationResult", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResult:
    """What was checked and what failed; `ok` where nothing failed."""

    sentences_checked: int
    figures_checked: int
    failures: tuple[Failure, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.failures


def verify(snapshot_json: dict[str, Any], cues: Iterable[Cue]) -> VerificationResult:
    """Check every claim of a snapshot against the transcript's cues.

    snapshot_json: what `render(snapshot, "json")` decodes to.
    cues: of the same transcript, from its beginning, in file order.
    A snapshot that is not of the known schema fails; it does not raise.
    """
    claims = read_claims(snapshot_json)
    matcher = ClaimMatcher(claims)
    totals = _Totals(claims)
    for utterance in join_cues(_watched(cues, matcher, totals)):
        totals.add(utterance)
    failures = [Failure(where=where, what=what) for where, what in claims.mistakes]
    failures += matcher.finish()
    failures += _wrong_numbers(claims, totals)
    return VerificationResult(
        sentences_checked=claims.sentences, figures_checked=claims.figures, failures=tuple(failures)
    )


def _watched(cues: Iterable[Cue], matcher: ClaimMatcher, totals: _Totals) -> Iterator[Cue]:
    """Yield the cues unchanged; on the way, hold the claims against each of them."""
    for cue in cues:
        totals.cues += 1
        matcher.read(cue)
        yield cue


class _Totals:
    """Words of all, and words and talk time of the speakers that the document lists."""

    def __init__(self, claims: Claims) -> None:
        self.cues = 0
        self.words = 0
        self.speaker_words = {row.name: 0 for row in claims.speakers}
        self.speaker_talk_ms = {row.name: 0 for row in claims.speakers}
        self._cut_names = [name for name in self.speaker_words if name.endswith("…")]
        self._clock = TalkClock()

    def add(self, utterance: Utterance) -> None:
        """Count one utterance."""
        words = len(utterance.text.split())
        self.words += words
        talk_ms = self._clock.talk_ms(utterance)
        name = utterance.speaker
        if name not in self.speaker_words:
            name = next((cut for cut in self._cut_names if same_speaker(cut, name)), name)
        if name in self.speaker_words:
            self.speaker_words[name] += words
            self.speaker_talk_ms[name] += talk_ms


def _wrong_numbers(claims: Claims, read: _Totals) -> Iterator[Failure]:
    """Compare the counts of the document with those of the transcript."""
    totals = {"cues_read": read.cues, "words": read.words}
    for key, actual in totals.items():
        stated = claims.coverage.get(key)
        if stated != actual:
            yield Failure(where=f"coverage.{key}", what=f"states {stated}, the transcript has {actual}")
    exact = claims.words_error == 0
    for row in claims.speakers:
        words = read.speaker_words[row.name]
        if not (row.words <= words <= row.words + claims.words_error):
            yield Failure(
                where=row.where, what=f"{row.name!r}: states {row.words} words, the transcript has {words}"
            )
        talk_ms = read.speaker_talk_ms[row.name]
        if exact and row.talk_ms != talk_ms:
            yield Failure(
                where=row.where,
                what=f"{row.name!r}: states {row.talk_ms} ms of talk, the transcript has {talk_ms}",
            )
        share = round(row.words / read.words, 4) if read.words else 0.0
        if row.share != share:
            yield Failure(where=row.where, what=f"{row.name!r}: states a share of {row.share}, it is {share}")
