"""Reading WebVTT: each reader as a user would call it, and the check that all saw the same cues."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.child import Job

# (start in ms, end in ms, the payload in one line)
Row = tuple[int, int, str]
Load = Callable[[str], Iterable[Any]]
ToRow = Callable[[Any], Row]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _ours() -> tuple[Load, ToRow]:
    from snapshot_engine import StreamingVTTReader

    def load(path: str) -> Iterable[Any]:
        return StreamingVTTReader().read_streaming(path)

    return load, lambda cue: (cue.start_ms, cue.end_ms, _one_line(cue.raw_text))


def _webvtt_py() -> tuple[Load, ToRow]:
    import webvtt

    def row(caption: Any) -> Row:
        start, end = caption.start_time, caption.end_time
        return _clock_ms(str(start)), _clock_ms(str(end)), _one_line(caption.raw_text)

    return webvtt.read, row


def _clock_ms(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    whole, _, ms = seconds.partition(".")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(whole)) * 1000 + int(ms)


def _pysubs2() -> tuple[Load, ToRow]:
    import pysubs2

    def load(path: str) -> Iterable[Any]:
        found: Iterable[Any] = pysubs2.load(path, encoding="utf-8", format_="vtt")
        return found

    return load, lambda event: (event.start, event.end, _one_line(event.text.replace("\\N", " ")))


def _pycaption() -> tuple[Load, ToRow]:
    from pycaption import WebVTTReader

    def load(path: str) -> Iterable[Any]:
        with open(path, encoding="utf-8") as file:
            captions = WebVTTReader(ignore_timing_errors=True).read(file.read())
        found: Iterable[Any] = captions.get_captions(captions.get_languages()[0])
        return found

    return load, lambda c: (c.start // 1000, c.end // 1000, _one_line(c.get_text()))


def _yt_dlp() -> tuple[Load, ToRow]:
    from yt_dlp import webvtt

    def load(path: str) -> Iterable[Any]:
        with open(path, "rb") as file:
            blocks = webvtt.parse_fragment(file.read())
            return [block for block in blocks if isinstance(block, webvtt.CueBlock)]

    return load, lambda block: (block.start // 90, block.end // 90, _one_line(block.text))


def _vtt_builder() -> tuple[Load, ToRow]:
    from vtt_builder import parse_vtt_file

    def load(path: str) -> Iterable[Any]:
        found: Iterable[Any] = parse_vtt_file(path)
        return found

    def row(segment: Any) -> Row:
        return round(segment["start"] * 1000), round(segment["end"] * 1000), _one_line(segment["text"])

    return load, row


_TIMING = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})")


def _naive() -> tuple[Load, ToRow]:
    """What one writes in ten minutes: lines, one regular expression, a blank line ends a cue."""

    def load(path: str) -> Iterable[Row]:
        times: tuple[int, int] | None = None
        text: list[str] = []
        with open(path, encoding="utf-8") as file:
            for line in file:
                line = line.rstrip("\n")
                if times is None:
                    found = _TIMING.match(line)
                    if found:
                        h, m, s, ms, h2, m2, s2, ms2 = map(int, found.groups())
                        times = (((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2)
                elif line:
                    text.append(line)
                else:
                    yield (*times, "\n".join(text))
                    times, text = None, []
        if times is not None:
            yield (*times, "\n".join(text))

    return load, lambda row: (row[0], row[1], _one_line(row[2]))


PEERS: dict[str, Callable[[], tuple[Load, ToRow]]] = {
    "ours": _ours,
    "webvtt-py": _webvtt_py,
    "pysubs2": _pysubs2,
    "pycaption": _pycaption,
    "yt-dlp": _yt_dlp,
    "vtt-builder": _vtt_builder,
    "naive lines": _naive,
}


# the least CPU time that a speed is told from
LEAST_SECONDS = 0.5


def read(job: Job) -> dict[str, Any]:
    """Read a whole file with one reader and count its cues; imports are not part of the work."""
    load, _ = PEERS[job.parameters["peer"]]()
    path = job.parameters["path"]
    cues = 0

    def once() -> None:
        nonlocal cues
        cues = 0
        for _ in load(path):
            cues += 1

    job.timed_until(once, seconds=LEAST_SECONDS)
    return {"cues": cues}


def lines(job: Job) -> dict[str, Any]:
    """The floor: Python going through the lines, looking at none."""
    count = 0

    def once() -> None:
        nonlocal count
        count = 0
        with open(job.parameters["path"], "rb") as file:
            for _ in file:
                count += 1

    job.timed_until(once, seconds=LEAST_SECONDS)
    return {"lines": count}


def compare(job: Job) -> dict[str, Any]:
    """Read with a peer and with ours; count what either has that the other has not."""
    import hashlib

    path, peer = job.parameters["path"], job.parameters["peer"]
    seen = []
    for name in ("ours", peer):
        load, row = PEERS[name]()
        seen.append(Counter(map(row, load(path))))
    ours, theirs = seen
    digest = hashlib.sha256(repr(sorted(ours)).encode()).hexdigest()
    return {
        "cues": theirs.total(),
        "lost": (ours - theirs).total(),
        "other": (theirs - ours).total(),
        "ours_sha256": digest,
    }


def first_cue(job: Job) -> dict[str, Any]:
    """How many bytes our reader takes from a stream before it gives its first cue."""
    from snapshot_engine import StreamingVTTReader

    taken = 0

    class Counting:
        name = "counted"

        def __init__(self, path: str) -> None:
            self.file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed with the process

        def read(self, size: int = -1) -> bytes:
            nonlocal taken
            data = self.file.read(size)
            taken += len(data)
            return data

    with job.timed():
        cue = next(iter(StreamingVTTReader().read_streaming(Counting(job.parameters["path"]))))  # type: ignore[arg-type]
    return {"bytes_before_first_cue": taken, "first_text": cue.text}


# what a peer gives as an identifier (None: it has none, and none is asked) and as text without markup
Id = Callable[[Any], str]
Plain = Callable[[Any], str]
STANDARD: dict[str, tuple[Id | None, Plain]] = {
    "webvtt-py": (lambda caption: caption.identifier or "", lambda caption: str(caption.text)),
    "pysubs2": (None, lambda event: str(event.plaintext)),
    "pycaption": (None, lambda caption: str(caption.get_text())),
    "yt-dlp": (lambda block: block.id or "", lambda block: str(block.text).removesuffix("\n")),
    "vtt-builder": (None, lambda segment: str(segment["text"])),
    "naive lines": (None, lambda row: str(row[2])),
}
BLOCK_SIZES = (1 << 20, 1, 2, 3, 7, 64)
# start, end, identifier or None, payload in one line, text without markup
Seen = tuple[int, int, "str | None", str, str]


def standard_cases(job: Job) -> dict[str, Any]:
    """Count the W3C cases that a reader gets right; ours at every block size.

    File parsing: times, identifier and payload of every cue, or no cue where the
    file is not WebVTT. A reader without identifiers is not asked for them, and
    blanks in a payload are not told apart. Cue text: the text without markup.
    """
    import json
    from pathlib import Path

    folder = Path(job.parameters["folder"])
    wanted = json.loads((folder / "expectations.json").read_text(encoding="utf-8"))
    peer = job.parameters["peer"]
    files_right = texts = texts_right = 0
    for name, expected in wanted["file_parsing"].items():
        path = folder / "file-parsing" / f"{name}.vtt"
        cues = expected["cues"] if expected["valid"] else []
        rows = [(c["start"], c["end"], c["id"], _one_line(c["text"])) for c in cues]
        files_right += all(_same(rows, seen) for seen in _seen(peer, str(path)))
    for name, cases in wanted["cue_text"].items():
        texts += len(cases)
        # found by their times, so that a reader that drops one cue loses one
        ways = [
            {one[0]: one[4] for one in seen} for seen in _seen(peer, str(folder / "cue-text" / f"{name}.vtt"))
        ]
        texts_right += sum(all(way.get(c["start"]) == c["plain"] for way in ways) for c in cases)
    files = len(wanted["file_parsing"])
    return {"files": files, "files_right": files_right, "texts": texts, "texts_right": texts_right}


def _same(rows: list[tuple[int, int, str, str]], seen: list[Seen]) -> bool:
    """Say whether what was seen is what was wanted; an identifier that nobody gave is not compared."""
    return len(rows) == len(seen) and all(
        row[:2] == one[:2] and one[2] in (None, row[2]) and row[3] == one[3]
        for row, one in zip(rows, seen, strict=True)
    )


def _seen(peer: str, path: str) -> Iterable[list[Seen]]:
    """Return what a reader makes of a file, once for each way of reading it."""
    if peer == "ours":
        return _seen_by_ours(path)
    load, row = PEERS[peer]()
    identifier, plain = STANDARD[peer]
    try:
        return [
            [
                (*row(cue)[:2], identifier(cue) if identifier else None, row(cue)[2], plain(cue))
                for cue in load(path)
            ]
        ]
    except Exception:  # a peer's own errors mean: refused
        return [[]]


def _seen_by_ours(path: str) -> Iterable[list[Seen]]:
    from pathlib import Path

    from snapshot_engine import NotWebVTT, WebVTTParser

    data = Path(path).read_bytes()
    for size in BLOCK_SIZES:
        parser = WebVTTParser()
        cues = []
        try:
            for at in range(0, len(data), size):
                cues += parser.feed(data[at : at + size])
            cues += parser.close()
        except NotWebVTT:
            cues = []
        yield [(c.start_ms, c.end_ms, c.identifier, _one_line(c.raw_text), c.text) for c in cues]
