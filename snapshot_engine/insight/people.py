"""Talk per speaker in a fixed number of rows, whoever else turns up."""

from __future__ import annotations

from snapshot_engine.insight.facts import Speaker
from snapshot_engine.insight.tally import BoundedTally
from snapshot_engine.transcript.utterance import Utterance

_WORDS, _TALK_MS, _UTTERANCES, _FIRST_MS, _FIRST_LINE = range(5)


class TalkClock:
    """Talk time of utterance after utterance: the sum of the cues' durations.

    A long turn is split into utterances, maybe inside a cue; that cue counts
    once, so that the sum does not depend on where turns are split.
    """

    def __init__(self) -> None:
        self._speaker = ""
        self._line = -1

    def talk_ms(self, utterance: Utterance) -> int:
        """Return how long the cues of the next utterance last, without one that was counted before."""
        starts, ends, lines = utterance.cue_start_ms, utterance.cue_end_ms, utterance.cue_lines
        # A cue may end before it starts, as in the file: it then lasts no time.
        talk_ms = sum([end - start for start, end in zip(starts, ends, strict=True) if end > start])
        if lines[0] == self._line and utterance.speaker == self._speaker:
            talk_ms -= max(0, ends[0] - starts[0])
        self._line, self._speaker = lines[-1], utterance.speaker
        return talk_ms


class SpeakerTally:
    """Words, talk time and turns of each speaker; holds at most 2 * capacity + 1 rows.

    Past that, the speakers with the fewest words lose their rows: their talk
    moves to `other_words` and `other_talk_ms`, so that the sums stay exact.
    """

    def __init__(self, capacity: int) -> None:
        self._kept = BoundedTally(capacity)
        self._rows: dict[str, list[int]] = {}
        self.other_words = 0
        self.other_talk_ms = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def error(self) -> int:
        """The most words by which a kept speaker's count can be too low."""
        return self._kept.error

    @property
    def evicted(self) -> int:
        """How often a speaker lost a row."""
        return self._kept.evicted

    def add(self, name: str, words: int, talk_ms: int, first_ms: int, first_line: int) -> None:
        """Count one utterance."""
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = [0, 0, 0, first_ms, first_line]
        row[_WORDS] += words
        row[_TALK_MS] += talk_ms
        row[_UTTERANCES] += 1
        # A wordless utterance still needs a weight, else its row could not be evicted.
        if self._kept.add(name, words or 1):
            self._drop_evicted()

    def _drop_evicted(self) -> None:
        for name in [name for name in self._rows if name not in self._kept]:
            row = self._rows.pop(name)
            self.other_words += row[_WORDS]
            self.other_talk_ms += row[_TALK_MS]

    def finish(self, total_words: int) -> tuple[Speaker, ...]:
        """Return the kept speakers, most words first, ties in order of name."""
        ordered = sorted(self._rows.items(), key=lambda item: (-item[1][_WORDS], item[0]))
        return tuple(
            Speaker(
                name=name,
                words=row[_WORDS],
                talk_ms=row[_TALK_MS],
                utterances=row[_UTTERANCES],
                share=row[_WORDS] / total_words if total_words else 0.0,
                first_ms=row[_FIRST_MS],
                first_line=row[_FIRST_LINE],
            )
            for name, row in ordered
        )
