"""Follow claimed sentences through the cues, letter by letter.

Holds the claims, the sentences that run over the end of a cue, and the lines
of one cue. Works on cues as the reader gives them and shares no code with the
joining of utterances, so that a mistake there cannot prove itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from snapshot_engine.document.claims import Claim, Claims
from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.speakers import voices


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One thing that the transcript does not bear out.

    where: the place in the JSON, such as "sections.quotes.quotes.items[2]".
    """

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class _Open:
    """A claim whose first part was found; one text of `rest` must follow."""

    claim: Claim
    rest: frozenset[str]


@dataclass(slots=True)
class ClaimMatcher:
    """Takes every cue once, in file order; collects what does not hold."""

    claims: Claims
    failures: list[Failure] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _last_speaker: str = ""
    _last_lines: tuple[str, ...] = ()

    def read(self, cue: Cue) -> None:
        """Hold the claims against the next cue."""
        starting = self.claims.by_line.pop(cue.line_number, [])
        for claim in [claim for claim in starting if claim.start_ms != cue.start_ms]:
            starting.remove(claim)
            self._fail(
                claim,
                f"the cue on line {claim.cue_line} begins at {cue.start_ms} ms, not {claim.start_ms} ms",
            )
        speakers = []
        for speaker, lines in _fragments(cue):
            speakers.append(speaker)
            self._strike_replies(cue.start_ms, speaker)
            if self._open:
                self._open = list(self._carried_on(speaker, lines, cue.line_number))
            starting = [claim for claim in starting if not self._begins(claim, speaker, lines)]
            self._last_lines = lines
            self._last_speaker = speaker or self._last_speaker
        for claim in starting:
            by = " and ".join(map(repr, speakers)) or "nobody"
            self._fail(
                claim, f"not said by {claim.speaker!r} in the cue on line {claim.cue_line}, which is {by}'s"
            )

    def finish(self) -> list[Failure]:
        """Return all failures, those of claims that the transcript never reached included."""
        for pending in self._open:
            self._fail(pending.claim, "the transcript ends before the sentence does")
        for waiting in self.claims.by_line.values():
            for claim in waiting:
                self._fail(claim, f"the transcript has no cue on line {claim.cue_line}")
        for moment, speaker, where in sorted(self.claims.replies):
            self.failures.append(Failure(where=where, what=f"no cue of {speaker!r} begins at {moment} ms"))
        return self.failures

    def _strike_replies(self, start_ms: int, speaker: str) -> None:
        replies = self.claims.replies
        if replies:
            self.claims.replies = {r for r in replies if r[0] != start_ms or not self._is(r[1], speaker)}

    def _begins(self, claim: Claim, speaker: str, lines: tuple[str, ...]) -> bool:
        """Say whether the claim begins in this run of words; open it if it goes on past the end."""
        if claim.speaker is not None and not self._is(claim.speaker, speaker):
            return False
        text = " ".join(lines)
        if claim.text in text:
            return True
        # Every end of the run that the sentence begins with: what follows must go on from one of them.
        rest = frozenset(
            claim.text[size + 1 :]
            for size in range(1, min(len(text), len(claim.text) - 1) + 1)
            if claim.text[size] == " " and text.endswith(claim.text[:size])
        )
        if rest:
            self._open.append(_Open(claim, rest))
        return bool(rest)

    def _carried_on(self, speaker: str, lines: tuple[str, ...], line_number: int) -> Iterator[_Open]:
        """Follow the open claims through the next run of words; yield those that go on past it."""
        additions = _additions(lines, self._last_lines)
        for pending in self._open:
            claim = pending.claim
            if claim.speaker is not None and not self._is(claim.speaker, speaker):
                self._fail(claim, f"{speaker!r} speaks on line {line_number} before it ends")
                continue
            if any(added.startswith(wanted) for wanted in pending.rest for added in additions):
                continue
            rest = frozenset(
                wanted[len(added) + 1 :] if added else wanted
                for wanted in pending.rest
                for added in additions
                if not added or wanted.startswith(added + " ")
            )
            if rest:
                yield _Open(claim, rest)
            else:
                self._fail(claim, f"goes on differently in the cue on line {line_number}")

    def _is(self, claimed: str, speaker: str) -> bool:
        """Say whether the run is the claimed speaker's; a cue without a name may go on with the last one's."""
        return same_speaker(claimed, speaker) or (not speaker and same_speaker(claimed, self._last_speaker))

    def _fail(self, claim: Claim, why: str) -> None:
        text = claim.text if len(claim.text) <= 80 else claim.text[:79] + "…"
        self.failures.append(Failure(where=claim.where, what=f"{text!r}: {why}"))


def same_speaker(claimed: str, actual: str) -> bool:
    """Compare names; a very long one is cut in the document and ends in "…"."""
    return claimed == actual or (len(claimed) > 1 and claimed[-1] == "…" and actual.startswith(claimed[:-1]))


def _fragments(cue: Cue) -> list[tuple[str, tuple[str, ...]]]:
    """Return the (speaker, lines) runs of a cue that hold words; more than one where voices change in it."""
    spans = [(cue.speaker, cue.text)]
    if cue.raw_text.count("<v") > 1:
        several = voices(cue.raw_text)
        if len({speaker for speaker, _ in several}) > 1:
            spans = several
    runs = [
        (speaker, tuple(filter(None, (" ".join(line.split()) for line in text.split("\n")))))
        for speaker, text in spans
    ]
    return [run for run in runs if run[1]]


def _additions(lines: tuple[str, ...], before: tuple[str, ...]) -> set[str]:
    """Return what a cue can add to the one before: all of it, or, where captions roll, what is not repeated."""
    additions = {" ".join(lines)}
    for index, line in enumerate(lines):
        if line not in before:
            break
        additions.add(" ".join(lines[index + 1 :]))
    return additions
