"""Cut an utterance's text into sentences without losing or changing a character.

Takes a text, gives (start, end) pairs: slices of the text, in order, which
leave out nothing but the white space between them. Rules instead of a parser:
a statistical splitter costs more than all other work on a sentence together,
and transcripts carry their punctuation. Text without punctuation (automatic
captions) is cut at cue starts, else at blanks, once it passes `max_chars`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from snapshot_engine.insight.word_sets import word_set

# Never the end of a sentence: a name or a number follows.
_TITLES = word_set(
    """
    mr mrs ms mx dr prof st sr jr gen col capt lt sgt rev hon gov sen rep pres vs e.g i.e cf approx fig figs
    eq ca messrs mt ft pp vol jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur fri
    """
)
# May end a sentence; they do when the next word is one that opens sentences.
_MAYBE_END = word_set(
    """
    inc corp ltd co llc plc bros assn dept univ est etc u.s u.k u.n e.u d.c a.m p.m ph.d b.sc m.sc no al min
    max hrs sec ave blvd rd
    """
)
_OPENERS = word_set(
    """
    a after again all also although an and another any are as at because before both but by can could did do
    does during each even every finally first for from given had has have he her here his how however i i'd
    i'll i'm i've if in is it it's its let let's many maybe more most my next no not now of oh okay on once
    one or our overall please right second she should since so some still such thank thanks that that's the
    their then there there's therefore these they they're third this those though thus to today under until
    very was we we'll we're we've well were what when where which while who why will with would yeah yes yet
    you you're your
    """
)
_LOWER_OPENERS = word_set(
    "i i'm i'll i've i'd we we're we'll we've you you're they they're he she it it's let's lemme there's that's"
)
_CLOSERS = "\"'”’»)]"
_BOUNDARY = re.compile(rf"[.!?…]+[{re.escape(_CLOSERS)}]*\s+|[。！？]+[”’」』）]*\s*")
_ODD_BEYOND_ASCII = ("”", "»", "’ ", "\u00a0", "。", "！", "？")
_MARKS = (". ", "? ", "! ", "… ")


def split_sentences(
    text: str, *, cue_offsets: Sequence[int] = (), max_chars: int = 600
) -> list[tuple[int, int]]:
    """Return the sentences of `text` as (start, end) pairs, in order.

    cue_offsets: where cues begin in `text`, ascending: the first choice for
    cutting a sentence longer than `max_chars`.
    """
    length = len(text)
    spans: list[tuple[int, int]] = []
    start = 0
    for stop, following in _boundaries(text):
        if following < length and stop > start and _ends(text, start, stop, following):
            spans.append((start, stop))
            start = following
    tail = len(text.rstrip())
    if tail > start:
        spans.append((start, tail))
    if spans and text[spans[0][0]].isspace():
        begin = length - len(text.lstrip())
        spans[0] = (begin, spans[0][1])
        if begin >= spans[0][1]:
            del spans[0]
    if length > max_chars and any(end - begin > max_chars for begin, end in spans):
        return _cut_long(text, spans, cue_offsets, max_chars)
    return spans


def _boundaries(text: str) -> list[tuple[int, int]]:
    """Return (end of the mark, start of the next word) of every possible boundary."""
    if _is_odd(text):
        return [
            (match.start() + len(match.group().rstrip()), match.end()) for match in _BOUNDARY.finditer(text)
        ]
    # Ordinary text: four searches for fixed strings take a third of the time
    # of the expression (70 against 210 ns a word) and find the same places.
    places: list[tuple[int, int]] = []
    for mark in _MARKS:
        at = text.find(mark)
        while at >= 0:
            places.append((at + 1, at + 2))
            at = text.find(mark, at + 2)
    places.sort()
    return places


def _is_odd(text: str) -> bool:
    """Say whether a boundary can be more than one mark and one blank (a chain of tests: no loop, for speed)."""
    if (
        '"' in text
        or ")" in text
        or "]" in text
        or "' " in text
        or "  " in text
        or "\n" in text
        or "\t" in text
    ):
        return True
    if text.isascii():
        return False
    return any(odd in text for odd in _ODD_BEYOND_ASCII)


def _ends(text: str, start: int, stop: int, following: int) -> bool:
    """Judge one possible boundary: text[start:stop] would be the sentence."""
    mark = stop - 1
    while text[mark] in _CLOSERS and mark > start:
        mark -= 1
    if text[mark] in "?!。！？":
        return True
    after = text[following]
    if after.islower():
        return _opens_in_lower_case(text, start, mark, following)
    if text[mark] == "…" or text[mark - 1 : mark] == ".":
        return True
    word_at = text.rfind(" ", start, mark) + 1 or start
    word = text[word_at:mark].lstrip("\"'“‘([")
    low = word.lower()
    if low in _TITLES:
        return False
    if low in _MAYBE_END or "." in word or (len(word) == 1 and word.isalpha() and word != "I"):
        if low == "no":
            return not after.isdigit()
        return text[following : following + 12].partition(" ")[0].rstrip(",.…").lower() in _OPENERS
    # "1. First": the number of a list entry belongs to what follows.
    return not (word_at == start and word.isdigit() and len(word) < 3)


def _opens_in_lower_case(text: str, start: int, mark: int, following: int) -> bool:
    """Speech recognition writes "... in 2020. we're excited": a full stop after a whole word ends even so."""
    if text[mark] != "." or text[mark - 1 : mark] == ".":
        return False
    word = text[text.rfind(" ", start, mark) + 1 : mark].lower()
    if "." in word or len(word) < 2 or word in _TITLES or word in _MAYBE_END:
        return False
    return text[following : following + 12].partition(" ")[0] in _LOWER_OPENERS


def _cut_long(
    text: str, spans: list[tuple[int, int]], cue_offsets: Sequence[int], max_chars: int
) -> list[tuple[int, int]]:
    """Cut every span longer than `max_chars` at a cue start, else a blank, else anywhere."""
    pieces: list[tuple[int, int]] = []
    for begin, end in spans:
        while end - begin > max_chars:
            cut = _cut_place(text, begin, begin + max_chars, cue_offsets)
            stop = cut
            while stop > begin and text[stop - 1].isspace():
                stop -= 1
            if stop > begin:
                pieces.append((begin, stop))
            begin = cut
            while begin < end and text[begin].isspace():
                begin += 1
        if end > begin:
            pieces.append((begin, end))
    return pieces


def _cut_place(text: str, begin: int, limit: int, cue_offsets: Sequence[int]) -> int:
    """Return where to cut in (begin, limit]: prefers the last cue start in the second half."""
    index = bisect_right(cue_offsets, limit) - 1
    if index >= 0 and cue_offsets[index] > begin + (limit - begin) // 2:
        return cue_offsets[index]
    blank = text.rfind(" ", begin + 1, limit + 1)
    return blank if blank > begin else limit
