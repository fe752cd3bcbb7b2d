"""Made-up transcripts of any size: seeded, streamed, and statistically like real ones.

`generate` yields the bytes of a WebVTT file, `write` puts them in a file. The
same seed gives the same bytes on every Python (only `Random.random`, whose
sequence Python promises to keep, is drawn from). Memory does not grow with the
size. Standard library only.

How it compares with the five real transcripts of more than 5,000 words (two Zoom
exports, three earnings calls; 68,568 words in all):

                                  real                     generated (Zoom shape)
    distinct words after 1,000    384-423                  382
      after 5,000 / 10,000        1,074-1,189 / 1,585-1,651  1,038 / 1,535
      after 20,000 / 50,000       2,549 / 4,675            2,342 / 4,477
      law beyond                  6.0 * words ** 0.61      within 17 % of it up to 5 M words
    words said only once          46-53 % of the distinct  54 %
    ten most frequent words       23-28 % of the text      30 %
    hundred most frequent         58-62 %                  63 %
    word length, letters          4.3-4.8                  4.4
    words / bytes of text a cue   12-17 / 66-92 (median)   15 / 82
    file bytes per word           7.9-9.2 (Zoom)           9.1
    words with digits             0-3.1 %                  1.2 %
    money, percent per 1,000      0-22, 0-8                2.9, 3.2
    yeah, okay, so, like, uh, um  1.0-5.9 %                3.3 %
    words said twice per 1,000    0.7-17                   4.3
    entities per 1,000 words      31-57 (en_core_web_sm)   66
    hours of a 60 KB Zoom file    1                        0.7

So it holds more names and figures than a meeting does, on purpose: that is what
is counted. Sense is what it has not: sentences are drawn, not thought.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from snapshot_engine.synthetic.dialogue import Dialogue, Turn
from snapshot_engine.synthetic.producers import PRODUCERS, Fragment

__all__ = ["PRODUCER_NAMES", "generate", "write"]

PRODUCER_NAMES: tuple[str, ...] = tuple(PRODUCERS)

MIB = 2**20
_BLOCK_BYTES = 64 * 1024

# A real Zoom meeting is 59-65 KB an hour. Some readers take two digits of hours and no
# more, so a file longer than that is spoken faster instead of past hour 99.
_BYTES_PER_HOUR = 62_000
_MOST_HOURS = 95


def generate(size_bytes: int, *, seed: int = 0, producer: str = "zoom") -> Iterator[bytes]:
    """Yield a WebVTT file of at most `size_bytes` bytes: as many whole cues as fit.

    producer: one of PRODUCER_NAMES, the shape of the file.
    Blocks are about 64 KiB; nothing else is held but the bounded vocabulary.
    Raises ValueError on an unknown producer, or when not even the header fits.
    """
    shape = PRODUCERS.get(producer)
    if shape is None:
        raise ValueError(f"producer {producer!r} is unknown; there are {', '.join(PRODUCERS)}")
    header = shape.header.encode()
    if size_bytes < len(header):
        raise ValueError(f"{size_bytes} bytes are too few: the header alone takes {len(header)}")
    random = Random(seed).random
    hours = size_bytes / _BYTES_PER_HOUR
    pace = min(1.0, _MOST_HOURS / hours) if hours else 1.0
    pieces = _fragments(Dialogue(random).turns(), shape.cue_chars, pace, random)
    return _blocks(header, shape.blocks(pieces), size_bytes)


def write(path: str | os.PathLike[str], *, size_mb: float, seed: int = 0, producer: str = "zoom") -> int:
    """Write a transcript of at most `size_mb` MiB to `path`, atomically; return its bytes.

    A target that exists and is no regular file (a pipe, /dev/stdout) is written directly.
    """
    target = Path(os.path.realpath(path))
    blocks = generate(int(size_mb * MIB), seed=seed, producer=producer)
    if target.exists() and not target.is_file():
        with open(target, "wb") as out:
            return sum(out.write(block) for block in blocks)
    descriptor, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as out:
            written = sum(out.write(block) for block in blocks)
        os.chmod(part, 0o644)  # mkstemp makes it 0600; a transcript is an ordinary file
        os.replace(part, target)
    except BaseException:
        os.unlink(part)
        raise
    return written


def _fragments(
    turns: Iterator[Turn], cue_chars: int, pace: float, random: Callable[[], float]
) -> Iterator[Fragment]:
    """Cut turns into cues, at sentence ends where one is near, and put them on the clock.

    Holds one turn. Speech takes 62 ms a character; silences between turns last
    up to 12 s, mostly none. pace: 1.0 is natural; below, all times shrink.
    """
    now = 1_000.0
    for speaker, text in turns:
        left, length = 0, len(text)
        while left < length:
            right = _cue_end(text, left, left + int(cue_chars * (0.25 + 0.75 * random())))
            end = now + (right - left) * 62.0
            start_ms = int(now * pace)
            yield Fragment(start_ms, max(start_ms + 1, int(end * pace)), speaker, text[left:right])
            now, left = end, right + 1
        silence = random()
        now += 12_000.0 * (silence - 0.5) if silence > 0.6 else 40.0


def _cue_end(text: str, left: int, wanted: int) -> int:
    """Return where the cue starting at `left` ends: a sentence end near `wanted`, else a space."""
    if wanted >= len(text):
        return len(text)
    stop = text.find(". ", left + (wanted - left) // 2, wanted + 12)
    if stop > left:
        return stop + 1
    space = text.find(" ", wanted)
    return space if space > 0 else len(text)


def _blocks(header: bytes, cues: Iterator[str], size_bytes: int) -> Iterator[bytes]:
    """Join encoded cues into blocks and stop before the first that would not fit."""
    block, held, left = [header], len(header), size_bytes - len(header)
    for cue in cues:
        data = cue.encode()
        left -= len(data)
        if left < 0:
            break
        block.append(data)
        held += len(data)
        if held >= _BLOCK_BYTES:
            yield b"".join(block)
            block, held = [], 0
    yield b"".join(block)
