"""Who does an action, and until when: only what the sentence itself says."""

from __future__ import annotations

import re
from collections.abc import Iterable

from snapshot_engine.insight.facts import Figure, Task
from snapshot_engine.insight.figures import find_due
from snapshot_engine.insight.word_sets import word_set

_FIRST_PERSON = re.compile(
    r"\b(?:I'll|I’ll|I will|I'm going to|I’m going to|I am going to|I'm gonna|I need to|I have to|I should|I must|I can|I could|let me)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b((?:[A-Z][\w'’-]+)(?: [A-Z][\w'’-]+){0,2})(?:,? (?:will|is going to|needs to|has to|should|must|can|could you|can you|would you|please|to)\b|, please\b)"
)
_ADDRESSED = re.compile(
    r"\b(?i:can|could|would|will) you(?: please)?,? ([A-Z][\w'’-]+)\b|(?:^|[,.] )([A-Z][\w'’-]+), (?:can|could|would|will|please)\b"
)
_NOT_A_NAME = word_set(
    """
    i we you he she it they this that these those there and but so or if then now also because what which
    who how when where why the a an our your my his her their its please maybe let here people someone
    somebody everyone everybody anyone anybody nobody yeah yes no okay ok all each every both well just
    """
)


def find_task(sentence: str, speaker: str, people: Iterable[str], figures: Iterable[Figure]) -> Task:
    """Return owner and due date of the action in `sentence`; "" where it does not say.

    people: persons that the annotator found in this sentence.
    """
    owner, owner_from = _owner(sentence, speaker, tuple(people))
    return Task(owner=owner, owner_from=owner_from, due=find_due(sentence, figures))


def _owner(sentence: str, speaker: str, people: tuple[str, ...]) -> tuple[str, str]:
    first = _FIRST_PERSON.search(sentence)
    for match in _NAMED.finditer(sentence):
        name = match.group(1)
        known = name in people or any(name in person.split() for person in people)
        if known and (first is None or match.start() < first.start()):
            return name, "name"
    addressed = _ADDRESSED.search(sentence)
    if addressed:
        name = addressed.group(1) or addressed.group(2)
        if name.lower() not in _NOT_A_NAME and (name in people or addressed.group(1)):
            return name, "name"
    if first is not None and speaker:
        return speaker, "speaker"
    return "", ""
