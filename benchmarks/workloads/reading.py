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


def read(job: Job) -> dict[str, Any]:
    """Read a whole file with one reader and count its cues; imports are not part of the work."""
    load, _ = PEERS[job.parameters["peer"]]()
    path = job.parameters["path"]
    cues = 0
    with job.timed():
        for _ in load(path):
            cues += 1
    return {"cues": cues}


def lines(job: Job) -> dict[str, Any]:
    """The floor: Python going through the lines, looking at none."""
    count = 0
    with job.timed(), open(job.parameters["path"], "rb") as file:
        for _ in file:
            count += 1
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


def standard_cases(job: Job) -> dict[str, Any]:
    """Count the W3C cases that a reader gets fully right.

    File parsing: times and identifiers of every cue, or a refusal where the file
    is not WebVTT. Cue text: the plain text. Ours is fed at six block sizes.
    """
    import json
    from pathlib import Path

    folder = Path(job.parameters["folder"])
    wanted = json.loads((folder / "expectations.json").read_text(encoding="utf-8"))
    peer = job.parameters["peer"]
    parse = _parse_ours if peer == "ours" else _parse_webvtt_py
    files = texts = texts_right = 0
    right = []
    for name, expected in wanted["file_parsing"].items():
        data = (folder / "file-parsing" / f"{name}.vtt").read_bytes()
        rows = [(c["start"], c["end"], c["id"]) for c in expected["cues"]] if expected["valid"] else []
        files += 1
        if all([row[:3] for row in found] == rows for found in parse(data)):
            right.append(name)
    for name, cases in wanted["cue_text"].items():
        found = next(iter(parse((folder / "cue-text" / f"{name}.vtt").read_bytes())))
        plain = [row[3] for row in found]
        texts += len(cases)
        texts_right += sum(got == case["plain"] for got, case in zip(plain, cases, strict=False))
    return {"files": files, "files_right": len(right), "texts": texts, "texts_right": texts_right}


def _parse_ours(data: bytes) -> Iterable[list[tuple[int, int, str, str]]]:
    from snapshot_engine import NotWebVTT, WebVTTParser

    for size in (1 << 20, 1, 2, 3, 7, 64):
        parser = WebVTTParser()
        cues = []
        try:
            for at in range(0, len(data), size):
                cues += parser.feed(data[at : at + size])
            cues += parser.close()
        except NotWebVTT:
            cues = []
        yield [(c.start_ms, c.end_ms, c.identifier, c.text) for c in cues]


def _parse_webvtt_py(data: bytes) -> Iterable[list[tuple[int, int, str, str]]]:
    import webvtt

    try:
        captions = list(webvtt.from_string(data.decode("utf-8", "replace")))
    except Exception:  # a peer's own errors mean: refused
        captions = []
    yield [
        (_clock_ms(str(c.start_time)), _clock_ms(str(c.end_time)), c.identifier or "", c.text)
        for c in captions
    ]
