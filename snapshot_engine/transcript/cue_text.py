"""Cue text to plain text and voices, by the standard's tokenizer and tree rules.

In: a cue's payload. Out: events in document order (what the standard's tree
would hold), from which the plain text and the words of each voice are read. No
tree is kept: 80,000 nested tags would overflow a recursive walk, and nobody
needs the nodes.
Source: W3C WebVTT, "cue text parsing rules" (#cue-text-parsing-rules).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from snapshot_engine.transcript.character_references import resolve
from snapshot_engine.transcript.timestamps import WHITESPACE, parse_timestamp

_TAGS = frozenset(("c", "i", "b", "u", "ruby", "rt", "v", "lang"))
# After "<": the tag's name, its classes, and whatever annotation is left.
_START_TAG = re.compile(r"([^ \t\n\f.]*)((?:\.[^ \t\n\f.]*)*)(.*)", re.DOTALL)
_ANY_TAG = re.compile(r"<[^>]*>?")
_BLANKS = re.compile(r"[ \t\n\f\r]+")


class Event(NamedTuple):
    """One step of the standard's tree: kind is "open", "close", "text" or "time".

    value: the tag's name, the text, or "" (close, time).
    classes, annotation: of a start tag; time_ms: of a timestamp tag.
    """

    kind: str
    value: str = ""
    classes: tuple[str, ...] = ()
    annotation: str = ""
    time_ms: int = 0


def plain_text(raw_text: str) -> str:
    """Return the text of a cue without tags, character references resolved."""
    if "<" not in raw_text:
        return resolve(raw_text)
    # The tree never drops text, so that leaving out the tags gives its text; a
    # reference cut in two by a tag is none.
    if "&" not in raw_text:
        return _ANY_TAG.sub("", raw_text)
    return "".join([resolve(text) for text in _ANY_TAG.split(raw_text)])


def voice_spans(raw_text: str) -> list[tuple[str, str]]:
    """Return (voice, text) runs in order; the voice is "" outside any voice tag.

    Neighbouring runs of one voice are joined; "-" ("someone" to some producers) is "".
    """
    voices = [""]
    spans: list[tuple[str, str]] = []
    for event in events(raw_text):
        if event.kind == "open":
            voices.append(_voice_name(event) if event.value == "v" else voices[-1])
        elif event.kind == "close":
            voices.pop()
        elif event.kind == "text":
            if spans and spans[-1][0] == voices[-1]:
                spans[-1] = (voices[-1], spans[-1][1] + event.value)
            else:
                spans.append((voices[-1], event.value))
    return spans


def first_voice(raw_text: str) -> str:
    """Return the first voice that a cue names, "" for none; it need not say anything."""
    names = (_voice_name(event) for event in events(raw_text) if event.kind == "open" and event.value == "v")
    return next(filter(None, names), "")


def events(raw_text: str) -> Iterator[Event]:
    """Yield the tree of a cue's text as events; tags that the standard ignores are left out."""
    open_tags: list[str] = []
    for token in _tokens(raw_text):
        if token.kind == "open":
            if token.value in _TAGS and (token.value != "rt" or open_tags[-1:] == ["ruby"]):
                open_tags.append(token.value)
                yield token
        elif token.kind == "close":
            # </ruby> closes an open <rt> with it.
            closing = 2 if token.value == "ruby" and open_tags[-1:] == ["rt"] else 1
            if closing == 2 or open_tags[-1:] == [token.value]:
                for _ in range(closing):
                    open_tags.pop()
                    yield Event("close")
        else:
            yield token


def _tokens(raw_text: str) -> Iterator[Event]:
    position = 0
    while position < len(raw_text):
        if raw_text[position] != "<":
            end = raw_text.find("<", position)
            end = len(raw_text) if end < 0 else end
            yield Event("text", resolve(raw_text[position:end]))
            position = end
            continue
        end = raw_text.find(">", position)
        end = len(raw_text) if end < 0 else end
        tag = raw_text[position + 1 : end]
        position = end + 1
        if tag[:1] == "/":
            yield Event("close", tag[1:])
        elif tag[:1].isascii() and tag[:1].isdigit():
            time = parse_timestamp(tag, 0)
            if time is not None and time[1] == len(tag):
                yield Event("time", time_ms=time[0])
        else:
            yield _start_tag(tag)


def _start_tag(tag: str) -> Event:
    match = _START_TAG.fullmatch(tag)
    if match is None:
        raise AssertionError(f"the start tag pattern matches any text, but not {tag[:80]!r}")
    name, classes, annotation = match.groups()
    annotation = _BLANKS.sub(" ", resolve(annotation).strip(WHITESPACE))
    return Event("open", name, tuple([one for one in classes.split(".") if one]), annotation)


def _voice_name(event: Event) -> str:
    return "" if event.annotation in ("-", "–") else event.annotation
