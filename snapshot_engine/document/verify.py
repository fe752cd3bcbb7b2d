"""Prove a JSON snapshot against its transcript: every sentence, where and by whom it was said.

Takes the decoded JSON and the transcript's cues, gives a VerificationResult.
The sentences are looked for in the cues as the reader gives them, not in what
the engine made of them: a sentence must begin in the cue whose line and time
it states, and run on through the following cues of the same speaker, letter
by letter. Holds the document's claims and one cue; the transcript streams by.

Proven: sentences, speakers, times, lines, amounts, owners, due dates, replies,
first mentions of names, words and talk time of speakers, cues and words read.
Not proven, since it takes the annotator: how often a name was mentioned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from snapshot_engine.document.claims import Claim, Claims, read_claims
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.utterances import join_cues


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that the transcript does not bear out.

    where: the place in the JSON, such as "sections.quotes.quotes.items[2]".
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResult:
    """What was checked and what failed; `ok` only where nothing failed and something was checked."""

    sentences_checked: int
    figures_checked: int
    failures: tuple[Failure, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.failures


@dataclass(slots=True)
class _Open:
    """A claim whose first part was found: `rest` holds what may still have to follow."""

    claim: Claim
    rest: frozenset[str]


@dataclass(slots=True)
class _Reading:
    """What has been seen of the transcript so far."""

    cues: int = 0
    words: int = 0
    last_speaker: str = ""
    last_lines: tuple[str, ...] = ()
    open: list[_Open] = field(default_factory=list)
    speaker_words: dict[str, int] = field(default_factory=dict)
    speaker_talk_ms: dict[str, int] = field(default_factory=dict)


def verify(snapshot_json: dict[str, Any], cues: Iterable[Cue]) -> VerificationResult:
    """Check every claim of a snapshot against the transcript's cues.

    snapshot_json: what `render(snapshot, "json")` decodes to.
    cues: of the same transcript, from its beginning, in file order.
    A snapshot that is not of the known schema fails; it does not raise.
    """
    claims = read_claims(snapshot_json)
    failures = [Failure(where=where, what=what) for where, what in claims.mistakes]
    reading = _Reading()
    claimed = {row.name for row in claims.speakers}
    for utterance in join_cues(_watched(cues, claims, reading, failures)):
        words = len(utterance.text.split())
        reading.words += words
        name = _as_claimed(utterance.speaker, claimed)
        if name is not None:
            talk_ms = max(0, sum(utterance.cue_end_ms) - sum(utterance.cue_start_ms))
            reading.speaker_words[name] = reading.speaker_words.get(name, 0) + words
            reading.speaker_talk_ms[name] = reading.speaker_talk_ms.get(name, 0) + talk_ms
    failures += [_failed(left.claim, "the transcript ends before the sentence does") for left in reading.open]
    for waiting in claims.by_line.values():
        failures += [
            _failed(claim, f"the transcript has no cue on line {claim.cue_line}") for claim in waiting
        ]
    for moment, speaker, where in sorted(claims.replies):
        failures.append(Failure(where=where, what=f"no cue of {speaker!r} begins at {moment} ms"))
    failures += _wrong_numbers(claims, reading)
    return VerificationResult(
        sentences_checked=claims.sentences, figures_checked=claims.figures, failures=tuple(failures)
    )


def _watched(
    cues: Iterable[Cue], claims: Claims, reading: _Reading, failures: list[Failure]
) -> Iterator[Cue]:
    """Yield the cues unchanged; on the way, hold the claims against each of them."""
    for cue in cues:
        reading.cues += 1
        lines = tuple(" ".join(line.split()) for line in cue.text.split("\n"))
        lines = tuple(line for line in lines if line)
        if claims.replies:
            claims.replies = {
                r for r in claims.replies if not (r[0] == cue.start_ms and _same(r[1], cue.speaker))
            }
        if lines:
            if reading.open:
                reading.open = list(_carried_on(reading, cue, lines, failures))
            for claim in claims.by_line.pop(cue.line_number, ()):
                _begin(claim, reading, cue, lines, failures)
            reading.last_lines = lines
            reading.last_speaker = cue.speaker or reading.last_speaker
        else:
            empty = claims.by_line.pop(cue.line_number, ())
            failures += [_failed(claim, f"the cue on line {claim.cue_line} is empty") for claim in empty]
        yield cue


def _begin(
    claim: Claim, reading: _Reading, cue: Cue, lines: tuple[str, ...], failures: list[Failure]
) -> None:
    """Look for the beginning of a claim in the cue that it names."""
    if cue.start_ms != claim.start_ms:
        failures.append(
            _failed(
                claim,
                f"the cue on line {claim.cue_line} begins at {cue.start_ms} ms, not {claim.start_ms} ms",
            )
        )
        return
    if not _spoken_by(claim, cue, reading):
        failures.append(
            _failed(claim, f"line {claim.cue_line} was said by {cue.speaker!r}, not {claim.speaker!r}")
        )
        return
    text = " ".join(lines)
    if claim.text in text:
        return
    # Every end of the cue that the sentence begins with; the next cue must go on from there.
    rest = frozenset(
        claim.text[size + 1 :]
        for size in range(1, min(len(text), len(claim.text) - 1) + 1)
        if claim.text[size] == " " and text.endswith(claim.text[:size])
    )
    if rest:
        reading.open.append(_Open(claim, rest))
    else:
        failures.append(_failed(claim, f"not in the cue on line {claim.cue_line}"))


def _carried_on(
    reading: _Reading, cue: Cue, lines: tuple[str, ...], failures: list[Failure]
) -> Iterator[_Open]:
    """Follow the open claims through the next cue; yield those that go on past it."""
    # Captions that roll repeat their last lines: what is new may be the cue
    # without its first lines, or nothing at all.
    additions = {" ".join(lines)}
    for index, line in enumerate(lines):
        if line not in reading.last_lines:
            break
        additions.add(" ".join(lines[index + 1 :]))
    for pending in reading.open:
        claim = pending.claim
        if not _spoken_by(claim, cue, reading):
            failures.append(
                _failed(claim, f"{cue.speaker!r} speaks on line {cue.line_number} before it ends")
            )
            continue
        rest: set[str] = set()
        done = False
        for wanted in pending.rest:
            for added in additions:
                if not added:
                    rest.add(wanted)
                elif added.startswith(wanted):
                    done = True
                elif wanted.startswith(added + " "):
                    rest.add(wanted[len(added) + 1 :])
        if done:
            continue
        if rest:
            yield _Open(claim, frozenset(rest))
        else:
            failures.append(_failed(claim, f"goes on differently in the cue on line {cue.line_number}"))


def _spoken_by(claim: Claim, cue: Cue, reading: _Reading) -> bool:
    """Say whether the cue is the claimed speaker's; names of things are claimed without a speaker."""
    if claim.speaker is None or _same(claim.speaker, cue.speaker):
        return True
    return not cue.speaker and _same(claim.speaker, reading.last_speaker)


def _same(claimed: str, actual: str) -> bool:
    """Compare speakers; a very long name is cut in the document and ends in "…"."""
    return claimed == actual or (len(claimed) > 1 and claimed[-1] == "…" and actual.startswith(claimed[:-1]))


def _as_claimed(speaker: str, claimed: set[str]) -> str | None:
    if speaker in claimed:
        return speaker
    return (
        next((name for name in sorted(claimed) if _same(name, speaker)), None) if len(speaker) > 60 else None
    )


def _failed(claim: Claim, why: str) -> Failure:
    text = claim.text if len(claim.text) <= 80 else claim.text[:79] + "…"
    return Failure(where=claim.where, what=f"{text!r}: {why}")


def _wrong_numbers(claims: Claims, reading: _Reading) -> Iterator[Failure]:
    """Compare the counts of the document with those of the transcript."""
    totals = {"cues_read": reading.cues, "words": reading.words}
    for key, actual in totals.items():
        stated = claims.coverage.get(key)
        if stated != actual:
            yield Failure(where=f"coverage.{key}", what=f"states {stated}, the transcript has {actual}")
    exact = claims.words_error == 0
    for row in claims.speakers:
        words = reading.speaker_words.get(row.name, 0)
        if not (row.words <= words <= row.words + claims.words_error):
            yield Failure(
                where=row.where, what=f"{row.name!r}: states {row.words} words, the transcript has {words}"
            )
        talk_ms = reading.speaker_talk_ms.get(row.name, 0)
        if exact and row.talk_ms != talk_ms:
            yield Failure(
                where=row.where,
                what=f"{row.name!r}: states {row.talk_ms} ms of talk, the transcript has {talk_ms}",
            )
        share = round(row.words / reading.words, 4) if reading.words else 0.0
        if row.share != share:
            yield Failure(where=row.where, what=f"{row.name!r}: states a share of {row.share}, it is {share}")
