"""What the fold over a transcript yields: facts only, every one with its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An amount inside a sentence.

    text: a slice of the sentence. kind: "money", "percent", "quantity" or "date".
    """

    text: str
    kind: str
    start_char: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Who does an action and until when, as far as the sentence says.

    owner: a name in the sentence, or the speaker where the sentence says "I";
        "" where neither is said. owner_from: "speaker", "name" or "".
    due: a slice of the sentence, or "".
    """

    owner: str
    owner_from: str
    due: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence, verbatim: a slice of one utterance's text.

    start_ms, cue_line: of the cue in which it begins (line of the timing line).
    order: running number of the sentence in the transcript, from 0.
    tags: {tag: strength}; strength >= 2 means that a cue phrase for the tag was found.
    score: how much it says, from the words of the whole transcript; for ranking only.
    reply_by, reply_ms: for a question, the next other speaker and when; else "" and -1.
    """

    text: str
    speaker: str
    start_ms: int
    cue_line: int
    order: int
    tags: dict[str, int]
    score: int
    figures: tuple[Figure, ...] = ()
    task: Task | None = None
    reply_by: str = ""
    reply_ms: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """What one speaker said in total; "" is talk to which no name was given.

    talk_ms: sum of the speaker's cue durations. share: of all words, 0.0 to 1.0.
    """

    name: str
    words: int
    talk_ms: int
    utterances: int
    share: float
    first_ms: int
    first_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A person, organisation, place ... that was mentioned.

    text: the commonest spelling. variants: other spellings counted with it.
    mentions: at least this many; at most `mentions + Insights.names_error`.
    first_ms, first_line: the cue in which the spelling `text` was first counted.
    """

    text: str
    label: str
    variants: tuple[str, ...]
    mentions: int
    first_ms: int
    first_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights:
    """Everything that one transcript gave, bounded by InsightBounds.

    candidates: {tag: sentences, best first}; a sentence may stand under several tags.
    tagged: {tag: number of sentences that carried it}, exact.
    speakers: by words, most first. speakers_dropped: how many admissions were evicted;
        their talk is in other_words and other_talk_ms.
    names: by label, most mentioned first. names_error: the most by which any
        mention count can be too low (0 as long as every spelling fitted).
    words_error: the same for the word counts behind the scores.
    """

    words: int
    utterances: int
    sentences: int
    first_ms: int
    last_ms: int
    candidates: dict[str, tuple[Sentence, ...]]
    tagged: dict[str, int]
    speakers: tuple[Speaker, ...]
    speakers_error: int
    speakers_dropped: int
    other_words: int
    other_talk_ms: int
    names: dict[str, tuple[Name, ...]]
    names_error: int
    names_dropped: int
    words_error: int
    entity_counts: dict[str, int]
