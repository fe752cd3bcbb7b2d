"""Endless talk: meetings with a cast, turns with a speaker, sentences with fillers and corrections.

Comes in: a function returning floats in [0, 1) (`random.Random.random`, the one
method whose sequence Python promises to keep between versions). Goes out:
`Turn`s, without end. Holds one meeting's cast and the bounded vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from snapshot_engine.synthetic import lexicon as lx, vocabulary as vo
from snapshot_engine.synthetic.figures import figure_slots

Random = Callable[[], float]
Draw = Callable[[], str]


class Turn(NamedTuple):
    """What one person says before somebody else does (a tuple: millions are made per file)."""

    speaker: str
    text: str


# words of talk per meeting: two hours at the rate of the real Zoom exports
MEETING_WORDS = 15_000
_SLOT = re.compile(r"\{(\w+)\}")
_UNITS = ("days", "weeks", "months", "hours", "minutes", "years", "quarters")
_SPANS = ("day", "week", "month", "quarter", "year")


def _skewed(random: Random, words: Sequence[str]) -> Draw:
    """Return a function drawing from `words`, the first ones far more often than the last."""
    size = len(words)

    def say() -> str:
        draw = random()
        return words[int(draw * draw * size)]

    return say


class Dialogue:
    """Speaks. All state is the vocabulary and the cast in the room."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._vocabulary = vo.Vocabulary(random)
        self._cast: list[str] = []
        slots = self._slots()
        self._short = _compile(random, lx.SHORT, slots)
        self._clauses = _compile(random, lx.CLAUSES, slots)
        self._questions = _compile(random, lx.QUESTIONS, slots)
        self._facts = _compile(random, lx.FACTS, slots)
        self._corrections = _compile(random, lx.CORRECTIONS, slots)

    def turns(self) -> Iterator[Turn]:
        """Yield turns for ever; the cast changes from meeting to meeting."""
        random, vocabulary = self._random, self._vocabulary
        meeting_ends, speaker = 0, ""
        while True:
            if vocabulary.words >= meeting_ends:
                meeting_ends = vocabulary.words + MEETING_WORDS
                self._meet()
            previous = speaker
            while speaker == previous:
                draw = random()
                # the square: one or two people hold most meetings
                speaker = self._cast[int(draw * draw * len(self._cast))]
            text = self._turn_text()
            vocabulary.spoken(text.count(" ") + 1)
            yield Turn(speaker, text)

    def _meet(self) -> None:
        """Fill the room: four to twelve people, most of them met before."""
        wanted = 4 + int(self._random() * 9)
        stayed = self._cast[: wanted // 2]
        people = dict.fromkeys(stayed)
        while len(people) < wanted:
            people[f"{self._first()} {self._surname()}"] = None
        self._cast = list(people)

    def _slots(self) -> dict[str, Draw]:
        random, slot = self._random, self._vocabulary.slot
        pools = {
            "noun": lx.NOUNS, "adjective": lx.ADJECTIVES, "verb": lx.VERBS, "gerund": lx.GERUNDS,
            "adverb": lx.ADVERBS, "role": lx.ROLES, "team": lx.TEAMS, "month": lx.MONTHS,
            "weekday": lx.WEEKDAYS, "count": lx.COUNTS, "ordinal": lx.ORDINALS, "unit": _UNITS,
            "span": _SPANS, "first": lx.FIRST_NAMES,
        }  # fmt: skip
        slots = {name: _skewed(random, words) for name, words in pools.items()}
        self._first = slots["first"]
        self._surname = slot(lx.SURNAMES, vo.surname)
        heads, tails = slot(lx.COMPANY_HEADS, vo.company), _skewed(random, lx.COMPANY_TAILS)
        slots["person"] = lambda: f"{self._first()} {self._surname()}"
        slots["company"] = lambda: heads() if random() < 0.4 else f"{heads()} {tails()}"
        slots["place"] = slot(lx.PLACES, vo.place)
        slots["product"] = slot(lx.PRODUCTS, vo.product)
        slots["term"] = slot(lx.TERMS, vo.term)
        return slots | figure_slots(random)

    def _turn_text(self) -> str:
        """Return one to a dozen sentences; half of all turns are a word or two."""
        random = self._random
        if random() < 0.3:
            return self._short()
        sentences = [self._sentence()]
        while random() < 0.82 and len(sentences) < 14:
            sentences.append(self._sentence())
        return _with_an(" ".join(sentences))

    def _sentence(self) -> str:
        random = self._random
        kind = random()
        if kind < 0.17:
            text = self._facts()
        elif kind < 0.26:
            return _opened(random, self._questions()) + "?"
        elif kind < 0.3:
            return self._short()
        else:
            text = self._clauses()
            while random() < 0.42:
                text += f"{_one(random, lx.JOINS)} {self._clauses()}"
        flaw = random()
        if flaw < 0.25:
            text = _stumbled(random, text, flaw)
        elif flaw < 0.28:
            text += f", {self._corrections()}"
        return _opened(random, text) + ("." if flaw < 0.96 else "…")


def _compile(random: Random, phrases: Sequence[str], slots: dict[str, Draw]) -> Draw:
    """Return a function that says one of `phrases` with its slots filled.

    The phrases become %-formats once, so that saying one costs no parsing.
    """
    ready = tuple(
        (_SLOT.sub("%s", phrase.replace("%", "%%")), tuple(slots[name] for name in _SLOT.findall(phrase)))
        for phrase in phrases
    )
    size = len(ready)

    def say() -> str:
        form, fill = ready[int(random() * size)]
        return form % tuple([one() for one in fill])

    return say


def _opened(random: Random, text: str) -> str:
    """Put a filler in front now and then, and begin with a capital letter."""
    if random() < 0.5:
        return f"{_one(random, lx.FILLERS)} {text}"
    return text[0].upper() + text[1:]


def _stumbled(random: Random, text: str, flaw: float) -> str:
    """Break the sentence at one word: an "uh" between commas, or the word said twice."""
    at = text.find(" ", int(random() * len(text)))
    if at < 0:
        return text
    if flaw < 0.17:
        return f"{text[:at]}, {_one(random, lx.ASIDES)},{text[at:]}"
    word = text[text.rfind(" ", 0, at) + 1 : at]
    return f"{text[:at]}… {word}{text[at:]}"


def _with_an(text: str) -> str:
    """Turn "a invoice" into "an invoice"; words in u are left, since "a user" is right."""
    for vowel in "aeio":
        text = text.replace(f" a {vowel}", f" an {vowel}")
    return text


def _one(random: Random, words: Sequence[str]) -> str:
    return words[int(random() * len(words))]
