"""Cues to utterances: runs of one speaker joined, rolling captions said once.

In: cues in file order. Out: Utterance values. Holds one utterance of at most
`max_utterance_chars`, and one cue.

Rules:
- A cue with several voice tags is taken apart at them.
- In a file with `Name: text` labels, a cue without a name goes on with the
  speaker before it, if it begins within 30 seconds of that speaker's last word
  (Zoom breaks long turns so). After a longer silence nobody is named.
- ">>" and "- " at the start of a line mark a change of speaker: they begin a new
  utterance and are left out; so are the blanks at line ends.
- An utterance that grows too long is split after a sentence, else between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from snapshot_engine.transcript.cue import Cue
from snapshot_engine.transcript.rolling import RollingCaptions, tidy_lines
from snapshot_engine.transcript.speakers import voices
from snapshot_engine.transcript.utterance import Utterance

DEFAULT_MAX_UTTERANCE_CHARS = 4000
CONTINUATION_GAP_MS = 30_000

_TURN_MARK = re.compile(r"(?:>{2,3}|[-–—](?=\s))\s*")
_FIRST_OF_MARKS = frozenset(("", " ", ">", "-", "–", "—"))
_SENTENCE_END = re.compile(r"[.!?…]['\")\]’”]*\s|[。！？]")


def join_cues(
    cues: Iterable[Cue], *, max_utterance_chars: int = DEFAULT_MAX_UTTERANCE_CHARS
) -> Iterator[Utterance]:
    """Yield the utterances of `cues`; no word is lost, none is said twice."""
    if max_utterance_chars < 1:
        raise ValueError(f"max_utterance_chars is {max_utterance_chars}; it must be at least 1")
    turn = _Turn()
    rolling = RollingCaptions()
    continuation = _Continuation()
    for cue in cues:
        for speaker, text in _fragments(cue, rolling):
            name = speaker or continuation.speaker_of(cue)
            for begins, words in _marked(text):
                if (begins or name != turn.speaker) and turn.chars:
                    yield turn.end()
                turn.speaker = name
                if words:
                    turn.add(words, cue)
                while turn.chars > max_utterance_chars:
                    yield turn.split(max_utterance_chars)
        continuation.note(cue)
    if turn.chars:
        yield turn.end()


class _Continuation:
    """Remembers whose turn it is in a file with labels."""

    def __init__(self) -> None:
        self._speaker = ""
        self._end_ms = 0

    def speaker_of(self, cue: Cue) -> str:
        """Return whose words a cue without a name carries, "" for nobody's."""
        return self._speaker if cue.start_ms - self._end_ms <= CONTINUATION_GAP_MS else ""

    def note(self, cue: Cue) -> None:
        if cue.speaker:
            # A voice tag or a Webex identifier stands in every cue; only labels are left out.
            labelled = "<" not in cue.raw_text[:1] and '"' not in cue.identifier
            self._speaker = cue.speaker if labelled else ""
        elif self.speaker_of(cue) == "":
            self._speaker = ""
        self._end_ms = cue.end_ms


class _Turn:
    """The utterance in the making: (text, cue) pieces of one speaker, `chars` long in all."""

    def __init__(self) -> None:
        self.speaker = ""
        self.chars = 0
        self._pieces: list[tuple[str, Cue]] = []

    def add(self, text: str, cue: Cue) -> None:
        """Add a cue's words, of which there must be some."""
        self.chars += len(text) + bool(self._pieces)
        self._pieces.append((text, cue))

    def end(self) -> Utterance:
        """Return the utterance and begin anew."""
        pieces, self._pieces, self.chars = self._pieces, [], 0
        return _utterance(self.speaker, pieces)

    def split(self, max_chars: int) -> Utterance:
        """Cut off the longest head that ends a sentence, else a word, else fits."""
        text = " ".join(piece for piece, _ in self._pieces)
        cut = _cut_before(text, max_chars)
        head: list[tuple[str, Cue]] = []
        rest: list[tuple[str, Cue]] = []
        begins = 0
        for piece, cue in self._pieces:
            at = max(0, min(len(piece), cut - begins))
            if words := piece[:at].rstrip():
                head.append((words, cue))
            if words := piece[at:].lstrip():
                rest.append((words, cue))
            begins += len(piece) + 1
        self._pieces = rest
        self.chars = sum(len(piece) for piece, _ in rest) + max(0, len(rest) - 1)
        return _utterance(self.speaker, head)


def _cut_before(text: str, max_chars: int) -> int:
    """Return where to cut `text`, longer than max_chars: at most there, never 0."""
    window = text[: max_chars + 1]
    cut = 0
    for match in _SENTENCE_END.finditer(window):
        end = match.start() + len(match.group().rstrip())
        cut = end if end <= max_chars else cut
    if cut > max_chars // 4:
        return cut
    # The blank may stand right behind the last character that fits.
    space = window.rfind(" ")
    return space if space > 0 else max_chars


def _fragments(cue: Cue, rolling: RollingCaptions) -> list[tuple[str, str]]:
    """Return the (speaker, text) runs of a cue; line breaks kept."""
    if cue.raw_text.count("<v") > 1:
        spans = voices(cue.raw_text)
        if len({speaker for speaker, _ in spans}) > 1:
            return [(speaker, "\n".join(tidy_lines(text))) for speaker, text in spans]
    return [(cue.speaker, "\n".join(rolling.fresh_lines(cue)))]


def _marked(text: str) -> Iterable[tuple[bool, str]]:
    """Return (whether a new turn begins, words) of a cue's text, split where a line begins a turn."""
    if "\n" in text or text[:1] in _FIRST_OF_MARKS:
        return _split_at_marks(text)
    return ((False, text),)


def _split_at_marks(text: str) -> Iterator[tuple[bool, str]]:
    words: list[str] = []
    begins = False
    for line in text.split("\n"):
        line = line.strip()
        mark = _TURN_MARK.match(line)
        if mark is not None:
            yield begins, " ".join(" ".join(words).split())
            words, begins = [], True
            line = line[mark.end() :]
        words.append(line)
    yield begins, " ".join(" ".join(words).split())


def _utterance(speaker: str, pieces: list[tuple[str, Cue]]) -> Utterance:
    offsets: list[int] = []
    position = 0
    for text, _ in pieces:
        offsets.append(position)
        position += len(text) + 1
    # Tuples of lists, not of generators: such a tuple is made too long and cut, so that CPython, which
    # keeps up to 2,000 freed tuples of each length for the next of that length, never uses one again.
    return Utterance(
        speaker=speaker,
        start_ms=pieces[0][1].start_ms,
        end_ms=max(cue.end_ms for _, cue in pieces),
        text=" ".join(text for text, _ in pieces),
        cue_offsets=tuple(offsets),
        cue_start_ms=tuple([cue.start_ms for _, cue in pieces]),
        cue_end_ms=tuple([cue.end_ms for _, cue in pieces]),
        cue_lines=tuple([cue.line_number for _, cue in pieces]),
    )
