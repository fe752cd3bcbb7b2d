"""The shapes in which meeting tools and speech recognizers write WebVTT.

A producer takes `Fragment`s (what fits one cue) and yields finished cue blocks
as text. Shapes were read off real exports; texts are generated.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Fragment(NamedTuple):
    """The words of one cue, on a clock in milliseconds (a tuple: millions are made per file)."""

    start_ms: int
    end_ms: int
    speaker: str
    text: str


class Producer(NamedTuple):
    """header: what the file starts with; cue_chars: how long one cue's text gets, in characters."""

    header: str
    cue_chars: int
    blocks: Callable[[Iterable[Fragment]], Iterator[str]]


_MINUTES = tuple(f"{m:02d}:{s:02d}" for m in range(60) for s in range(60))
_MILLIS = tuple(f"{ms:03d}" for ms in range(1000))


def clock(ms: int) -> str:
    """Return HH:MM:SS.mmm."""
    seconds, ms = divmod(ms, 1000)
    hours, seconds = divmod(seconds, 3600)
    return f"{hours:02d}:{_MINUTES[seconds]}.{_MILLIS[ms]}"


def _short_clock(ms: int) -> str:
    """Return MM:SS.mmm below one hour, as Whisper does."""
    return clock(ms)[3:] if ms < 3_600_000 else clock(ms)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _zoom(fragments: Iterable[Fragment]) -> Iterator[str]:
    """Numeric ids, CRLF, "Name: text"; 1 cue in 64 has no name, as in the real exports (1-3 %)."""
    for number, (start, end, speaker, text) in enumerate(fragments, 1):
        name = "" if number % 64 == 63 else f"{speaker}: "
        yield f"{number}\r\n{clock(start)} --> {clock(end)}\r\n{name}{text}\r\n\r\n"


def _teams(fragments: Iterable[Fragment]) -> Iterator[str]:
    """GUID ids with a counter, closed voice tags, long text over two lines, overlapping cues."""
    for number, (start, end, speaker, text) in enumerate(fragments):
        half = text.find(" ", len(text) // 2) if len(text) > 60 else -1
        if half > 0:
            text = f"{text[:half]}\n{text[half + 1 :]}"
        guid = f"{zlib.crc32(speaker.encode()):08x}-4e1b-4c53-9a0f-5d2b7c1e8f60"
        if number % 50 == 7:
            end += 900  # two people at once
        yield f"{guid}/{number}-0\n{clock(start)} --> {clock(end)}\n<v {speaker}>{_escaped(text)}</v>\n\n"


def _webex(fragments: Iterable[Fragment]) -> Iterator[str]:
    """The speaker is in the cue id: 12 "Last, First" (1838608384)."""
    for number, (start, end, speaker, text) in enumerate(fragments, 1):
        first, _, last = speaker.partition(" ")
        who = f'"{last}, {first}" ({zlib.crc32(speaker.encode())})'
        yield f"{number} {who}\n{clock(start)} --> {clock(end)}\n{text}\n\n"


def _whisper(fragments: Iterable[Fragment]) -> Iterator[str]:
    """No ids, no speakers, no hours below one hour."""
    for start, end, _, text in fragments:
        yield f"{_short_clock(start)} --> {_short_clock(end)}\n{text}\n\n"


def _voice(fragments: Iterable[Fragment]) -> Iterator[str]:
    """Voice tags without a closing tag, no ids (podcasts)."""
    for start, end, speaker, text in fragments:
        yield f"{clock(start)} --> {clock(end)}\n<v {speaker}>{_escaped(text)}\n\n"


def _stream(fragments: Iterable[Fragment]) -> Iterator[str]:
    """Microsoft Stream: a NOTE with the confidence before each cue, GUID ids, no speakers."""
    for number, (start, end, _, text) in enumerate(fragments):
        confidence = 0.70 + number * 37 % 290 / 1000
        guid = f"{number:08x}-7f0a-42c2-b6c5-13b8b2f0a9d1"
        yield f"NOTE Confidence: {confidence:.3f}\n\n{guid}\n{clock(start)} --> {clock(end)}\n{text}\n\n"


def _youtube(fragments: Iterable[Fragment]) -> Iterator[str]:
    """Automatic captions: each cue repeats the line before; a 10 ms cue echoes each line."""
    before, speaking = " ", ""
    for start, end, speaker, text in fragments:
        if speaker != speaking:
            text, speaking = f">> {text}", speaker
        words = _escaped(text).split(" ")
        step = (end - start) // (len(words) + 1)
        timed = words[0] + "".join(
            f"<{clock(start + step * n)}><c> {word}</c>" for n, word in enumerate(words[1:], 1)
        )
        line, last = " ".join(words), max(start, end - 10)
        look = "align:start position:0%"
        yield f"{clock(start)} --> {clock(last)} {look}\n{before}\n{timed}\n\n"
        yield f"{clock(last)} --> {clock(end)} {look}\n{line}\n \n\n"
        before = line


PRODUCERS: dict[str, Producer] = {
    "zoom": Producer("WEBVTT\r\n\r\n", 190, _zoom),
    "teams": Producer("WEBVTT\n\n", 120, _teams),
    "webex": Producer("WEBVTT\n\n", 150, _webex),
    "whisper": Producer("WEBVTT\n\n", 80, _whisper),
    "youtube": Producer("WEBVTT\nKind: captions\nLanguage: en\n\n", 40, _youtube),
    "voice": Producer("WEBVTT\n\n", 70, _voice),
    "stream": Producer("\ufeffWEBVTT\n\nNOTE language:en-us\n\nNOTE duration:\"01:00:00\"\n\n", 90, _stream),
}  # fmt: skip
