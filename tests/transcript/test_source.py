"""StreamingVTTReader: paths, streams, gzip, standard input, errors, statistics."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from snapshot_engine import BrokenBlock, NotWebVTT, StreamingVTTReader, TranscriptError
from snapshot_engine.transcript.unpack import unpacked

DATA = b"WEBVTT\n\n" + b"".join(
    b"%d\n00:00:%02d.000 --> 00:00:%02d.500\nAnn: words %d\n\n" % (n, n % 60, n % 60, n) for n in range(500)
)


def packed_gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def texts(source: Any, **options: Any) -> list[str]:
    return [cue.text for cue in StreamingVTTReader(**options).read_streaming(source)]


WORDS = [f"words {n}" for n in range(500)]


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.vtt"
    path.write_bytes(DATA)
    return path


def test_a_path_may_be_text_or_path(talk: Path) -> None:
    assert texts(str(talk)) == texts(talk) == WORDS


def test_a_binary_stream_is_read_and_left_open() -> None:
    stream = io.BytesIO(DATA)
    assert texts(stream) == WORDS
    assert not stream.closed


def test_a_stream_that_gives_one_byte_at_a_time_gives_the_same() -> None:
    class Trickle(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.data = io.BytesIO(data)

        def read(self, size: int = -1) -> bytes:
            return self.data.read(1)

    assert texts(Trickle(DATA)) == WORDS
    assert texts(Trickle(packed_gzip(DATA))) == WORDS


@pytest.mark.parametrize("read_block_bytes", [1, 100, 1 << 20])
def test_the_read_size_changes_nothing(talk: Path, read_block_bytes: int) -> None:
    assert texts(talk, read_block_bytes=read_block_bytes) == WORDS


def test_standard_input_is_a_dash() -> None:
    code = (
        "from snapshot_engine import StreamingVTTReader as R; print(sum(1 for _ in R().read_streaming('-')))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=DATA, capture_output=True, check=True)
    assert done.stdout.split() == [b"500"]


def test_a_pipe_gives_its_first_cue_before_its_last_byte() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream, os.fdopen(write_end, "wb", buffering=0) as writer:
        writer.write(DATA[:200])
        cues = StreamingVTTReader().read_streaming(stream)
        assert next(cues).text == "words 0"


def test_the_first_cue_takes_one_read_of_64_kib() -> None:
    stream = io.BytesIO(DATA * 40)
    next(StreamingVTTReader().read_streaming(stream))
    assert stream.tell() <= 1 << 16


@pytest.mark.parametrize(
    "packed",
    [
        packed_gzip(DATA),
        packed_gzip(DATA[:1000]) + packed_gzip(DATA[1000:]),
        packed_gzip(DATA) + b"\0" * 512,
        packed_gzip(DATA) + packed_gzip(b""),
    ],
    ids=["one member", "two members", "padded", "an empty member behind"],
)
def test_gzip_is_recognised_by_its_bytes(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "named-like-text.vtt"
    path.write_bytes(packed)
    assert texts(path) == texts(path, read_block_bytes=7) == WORDS


def test_gzip_that_blows_up_is_unpacked_piece_by_piece() -> None:
    packed = packed_gzip(b"WEBVTT\n\nNOTE " + b"x" * 32_000_000 + b"\n")
    assert len(packed) < 1 << 17
    largest = 0
    for piece in unpacked(iter([packed]), 1 << 14):
        largest = max(largest, len(piece))
    assert largest <= 1 << 14
    assert texts(io.BytesIO(packed)) == []


def test_gzip_that_ends_early_gives_what_it_held_and_says_so() -> None:
    reader = StreamingVTTReader()
    cues = list(reader.read_streaming(io.BytesIO(packed_gzip(DATA)[:-400])))
    assert 0 < len(cues) < 500
    ((line, reason),) = reader.statistics.problems
    assert line > 100
    assert reason.startswith("damaged gzip data near byte ")


def test_gzip_with_a_wrong_checksum_is_reported() -> None:
    packed = bytearray(packed_gzip(DATA * 9))
    packed[-8] ^= 1
    reader = StreamingVTTReader()
    # The last piece is lost with the checksum that stands in it.
    assert len(list(reader.read_streaming(io.BytesIO(packed)))) > 8 * 500 // 2
    assert "incorrect data check" in reader.statistics.problems[0][1]


@pytest.mark.parametrize(
    "packed", [packed_gzip(DATA)[:20], b"\x1f\x8bnot gzip at all" * 9], ids=["cut short", "no gzip"]
)
def test_gzip_that_gives_nothing_is_an_error(packed: bytes) -> None:
    with pytest.raises(TranscriptError, match="Fetch the file again"):
        texts(io.BytesIO(packed))


def test_strict_refuses_damaged_gzip_after_its_cues() -> None:
    cues = StreamingVTTReader(strict=True).read_streaming(io.BytesIO(packed_gzip(DATA)[:-400]))
    assert next(cues).text == "words 0"
    with pytest.raises(TranscriptError, match="damaged gzip data"):
        list(cues)


def test_a_missing_file_is_the_usual_error_before_any_iteration(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        StreamingVTTReader().read_streaming(tmp_path / "none.vtt")


def test_a_folder_is_the_usual_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        StreamingVTTReader().read_streaming(tmp_path)


def test_a_text_stream_is_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match="open it in binary mode"):
        texts(io.StringIO("WEBVTT"))


@pytest.mark.parametrize("source", [DATA, None, 3], ids=["bytes", "nothing", "a number"])
def test_what_is_neither_path_nor_stream_is_refused_at_once(source: Any) -> None:
    with pytest.raises(TypeError, match="takes a path or a binary stream"):
        StreamingVTTReader().read_streaming(source)


def test_another_format_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\nhi\n")
    with pytest.raises(NotWebVTT, match="SubRip") as caught:
        texts(path)
    assert caught.value.source == str(path)


def test_strict_yields_the_cues_before_the_fault_then_raises() -> None:
    cues = StreamingVTTReader(strict=True).read_streaming(io.BytesIO(DATA + b"stray\n\n"))
    assert [next(cues).text for _ in range(500)] == WORDS
    with pytest.raises(BrokenBlock, match="<stream> line 2003: text without a timing line"):
        next(cues)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
@pytest.mark.parametrize("cues_taken", [0, 1])
def test_a_reader_that_is_dropped_closes_its_file(talk: Path, cues_taken: int) -> None:
    def open_here() -> list[str]:
        entries = [Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd")]
        return [str(talk) for entry in entries if entry.is_symlink() and os.readlink(entry) == str(talk)]

    cues = StreamingVTTReader().read_streaming(talk)
    for _ in range(cues_taken):
        next(cues)
    assert open_here()
    cast("Any", cues).close()
    assert not open_here()


def test_statistics_say_what_was_met_also_on_the_way() -> None:
    data = DATA + b"stray\n\n0:0:3.90 --> 0:0:4.10\nAnn: late\n\n"
    reader = StreamingVTTReader()
    assert reader.statistics.bytes_read == 0
    cues = reader.read_streaming(io.BytesIO(data))
    next(cues)
    assert 0 < reader.statistics.bytes_read <= len(data)
    assert [cue.start_ms for cue in cues][-1] == 3090
    statistics = reader.statistics
    assert statistics.bytes_read == len(data)
    assert (statistics.cues, statistics.blocks_skipped, statistics.times_recovered) == (501, 1, 1)
    assert statistics.problems == ((2003, "text without a timing line"),)
    assert statistics.producer == "Zoom"


def test_a_reader_begins_anew_with_each_file() -> None:
    reader = StreamingVTTReader()
    list(reader.read_streaming(io.BytesIO(DATA + b"stray\n\n")))
    assert len(list(reader.read_streaming(io.BytesIO(DATA)))) == 500
    assert reader.statistics.blocks_skipped == 0
    assert reader.statistics.bytes_read == len(DATA)


def test_reading_loads_nothing_heavy() -> None:
    """What a reader of plain transcripts must not pay for, seen in a fresh interpreter."""
    code = (
        "import sys, io; before = set(sys.modules); from snapshot_engine import StreamingVTTReader;"
        f"n = sum(1 for _ in StreamingVTTReader().read_streaming(io.BytesIO({DATA[:2000]!r})));"
        "print(n, *sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, *loaded = done.stdout.split()
    assert int(count) > 10
    heavy = {
        "html",
        "html.entities",
        "inspect",
        "dataclasses",
        "zlib",
        "gzip",
        "logging",
        "spacy",
        "numpy",
        "pytest",
    }
    assert heavy.isdisjoint(loaded)
