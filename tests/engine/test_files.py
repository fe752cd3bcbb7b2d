"""Writing documents: all or nothing, whatever happens in between."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapshot_engine.files import default_output, file_size_bytes, source_name, write_atomically


def test_all_pieces_are_written_as_utf8(tmp_path: Path) -> None:
    target = tmp_path / "a.md"
    assert write_atomically(target, ["é", "\n", "x"]) == 4
    assert target.read_bytes() == b"\xc3\xa9\nx"
    assert os.listdir(tmp_path) == ["a.md"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_older_document_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "a.md"
    target.write_text("older")

    def pieces() -> Iterator[str]:
        yield "half of a newer one"
        raise error

    with pytest.raises(error):
        write_atomically(target, pieces())
    assert target.read_text() == "older"
    assert os.listdir(tmp_path) == ["a.md"]


def test_an_existing_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "a.md"
    target.write_text("x")
    target.chmod(0o640)
    write_atomically(target, ["y"])
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_new_file_gets_what_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a.md", ["y"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.md").stat().st_mode) == 0o640


def test_a_device_is_written_to_directly() -> None:
    write_atomically(Path(os.devnull), ["x"])
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("talk.vtt", "talk_processed.md"),
        ("calls/talk.vtt.gz", "calls/talk_processed.md"),
        ("talk.2024.vtt", "talk.2024_processed.md"),
        ("talk", "talk_processed.md"),
        ("-", "transcript_processed.md"),
        (io.BytesIO(), "transcript_processed.md"),
    ],
)
def test_the_default_output_lies_beside_the_input(source: object, expected: str) -> None:
    assert default_output(source, ".md") == Path(expected)  # type: ignore[arg-type]


def test_names_of_inputs(tmp_path: Path) -> None:
    assert source_name("a/b.vtt") == "b.vtt"
    assert source_name("-") == "<stdin>"
    assert source_name(io.BytesIO()) == "<stream>"
    with open(tmp_path / "c.vtt", "wb") as stream:
        assert source_name(stream) == "c.vtt"


def test_sizes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert file_size_bytes(tmp_path / "a") == 5
    assert file_size_bytes("-") is None
    with pytest.raises(FileNotFoundError):
        file_size_bytes(tmp_path / "none")
    with pytest.raises(IsADirectoryError, match="name a transcript file"):
        file_size_bytes(tmp_path)
