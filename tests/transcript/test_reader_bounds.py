"""Hostile input: memory keeps to the limit and work to the length of the input."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from snapshot_engine import WebVTTParser

MIB = 1 << 20
LIMIT = 1 << 12
READ = 1 << 11
SIZE = 1 << 15
T = b"00:00:01.000 --> 00:00:02.000\n"

Pieces = Callable[[int], Iterator[bytes]]


def endless(head: bytes, body: bytes) -> Pieces:
    """Return a maker of input: `head`, then `body` over and over, in reads of 2 KiB."""
    block = (body * (READ // len(body) + 1))[: READ // len(body) * len(body)]
    return lambda size: chain([b"WEBVTT\n\n" + head], repeat(block, size // len(block)))


HOSTILE = {
    "a line without end": endless(T, b"x"),
    "a cue without an empty line": endless(T, b"more words\n"),
    "a cue of empty-looking lines": endless(T, b" \n"),
    "digits in the hours": endless(b"", b"9"),
    "digits in the milliseconds": endless(b"00:00:00.", b"9"),
    "an identifier without end": endless(b"", b"id "),
    "blank lines": endless(T + b"a", b"\n"),
    "a comment without end": endless(b"NOTE ", b"x\n"),
    "a comment of one line": endless(b"NOTE ", b"x"),
    "a style sheet without end": endless(b"STYLE\n", b"x{}\n"),
    "a region without end": endless(b"REGION\n", b"id:r width:40%\n"),
    "regions": endless(b"", b"REGION\nid:r\n\n"),
    "timing lines": endless(b"", T),
    "settings": endless(b"00:00:01.000 --> 00:00:02.000", b" line:1"),
    "tags": endless(T, b"<b><v a>"),
    "ampersands": endless(T, b"&amp"),
    "arrows": endless(b"", b"-->\n"),
    "carriage returns": endless(T, b"\r"),
    "nul": endless(T, b"\0"),
    "half characters": endless(T, b"\xe4\xb8"),
    "broken blocks": endless(b"", b"stray\n\n"),
}


def read_through(pieces: Iterator[bytes]) -> WebVTTParser:
    parser = WebVTTParser(max_block_bytes=LIMIT, recover_times=True)
    for piece in pieces:
        parser.feed(piece)
    parser.close()
    return parser


def peak_bytes(pieces: Iterator[bytes]) -> int:
    """Return by how much reading raised what Python has allocated, at its highest."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        read_through(pieces)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not was_tracing:
            tracemalloc.stop()


@pytest.mark.parametrize("name", HOSTILE)
def test_peak_does_not_grow_with_hostile_input(name: str) -> None:
    """Twice the limit once: the pending bytes and one copy; plus what one read's cues take."""
    small, large = peak_bytes(HOSTILE[name](SIZE)), peak_bytes(HOSTILE[name](10 * SIZE))
    assert large <= small + 64 * 1024
    assert large <= 4 * LIMIT + 60 * READ


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_no_faster_than_hostile_input(name: str) -> None:
    """Ten times the input may take ten times as long; a quadratic reader takes a hundred."""

    def seconds(size: int) -> float:
        begin = time.process_time()
        read_through(HOSTILE[name](size))
        return time.process_time() - begin

    small, large = min(seconds(SIZE) for _ in range(3)), seconds(10 * SIZE)
    assert large <= 30 * max(small, 0.002)


@pytest.mark.parametrize("size", [1, 64])
def test_an_endless_line_fed_in_crumbs_is_linear_too(size: int) -> None:
    def seconds(length: int) -> float:
        parser = WebVTTParser(max_block_bytes=1 << 20)
        begin = time.process_time()
        parser.feed(b"WEBVTT\n\n")
        for _ in range(length // size):
            parser.feed(b"x" * size)
        parser.close()
        return time.process_time() - begin

    step = 10_000 * size
    assert seconds(10 * step) <= 30 * max(seconds(step), 0.002)


@pytest.mark.parametrize(
    ("name", "line"),
    [("a line without end", 3), ("a cue without an empty line", 3), ("digits in the hours", 3), ("tags", 3)],
)
def test_the_overflow_is_reported_once_with_its_line(name: str, line: int) -> None:
    parser = read_through(HOSTILE[name](10 * SIZE))
    assert parser.problems == ((line, f"a block passed {LIMIT:,} bytes with no blank line"),)


def test_reading_goes_on_behind_the_overflow() -> None:
    parser = WebVTTParser(max_block_bytes=LIMIT)
    for piece in HOSTILE["a line without end"](10 * SIZE):
        assert parser.feed(piece) == []
    cues = parser.feed(b"\nstill the same block\n\n2\n" + T + b"Ann: back\n\n")
    assert [(cue.speaker, cue.text, cue.line_number) for cue in cues] == [("Ann", "back", 8)]


def test_a_long_comment_is_no_overflow() -> None:
    assert read_through(HOSTILE["a comment without end"](10 * SIZE)).blocks_skipped == 0


def test_regions_are_bounded_and_the_rest_reported() -> None:
    parser = WebVTTParser()
    parser.feed(b"WEBVTT\n\n" + b"".join(b"REGION\nid:r%d\n\n" % n for n in range(300)))
    assert parser.blocks_skipped == 300 - 256
    assert parser.problems[0][1] == "more than 256 regions"


def test_labels_that_never_repeat_are_forgotten() -> None:
    def names(count: int) -> Iterator[bytes]:
        yield b"WEBVTT\n\n"
        for first in range(0, count, 100):
            yield b"".join(T + b"Ann B%d: hello\n\n" % n for n in range(first, first + 100))

    assert peak_bytes(names(12_000)) <= peak_bytes(names(4_000)) + 64 * 1024


CHILD = """
import sys
from snapshot_engine import StreamingVTTReader

class Stream:
    def __init__(self, size_bytes):
        self.left = size_bytes
        cue = "%d\\r\\n00:%02d:%02d.000 --> 00:%02d:%02d.900\\r\\nSpeaker %d: these are the words of cue %d\\r\\n\\r\\n"
        made = "".join(cue % (n, n // 60 % 60, n % 60, n // 60 % 60, n % 60, n % 7, n) for n in range(700))
        self.block = made.encode()
        self.head = b"WEBVTT\\r\\n\\r\\n"
    def read(self, size):
        if self.left <= 0:
            return b""
        self.left -= len(self.block)
        data, self.head = self.head + self.block, b""
        return data

count = 0
for cue in StreamingVTTReader().read_streaming(Stream(int(sys.argv[1]))):
    count += len(cue.text) > 0
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(count, peak)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the kernel's peak from /proc")
def test_ten_times_the_input_has_the_same_whole_process_peak() -> None:
    """Fresh processes; 512 KiB is what two runs of one input differ by at most, four times over."""

    def run(size: int) -> tuple[int, int]:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(size)], capture_output=True, text=True, check=True
        )
        count, peak_kib = done.stdout.split()
        return int(count), int(peak_kib)

    few, small_kib = run(2 * MIB)
    many, large_kib = run(20 * MIB)
    assert many > 9 * few
    assert large_kib <= small_kib + 512
