from __future__ import annotations

import random
import subprocess
import sys

import pytest

pytest.importorskip("numpy")

from hypothesis import given, strategies as st
from ner_fixtures import MODEL, lean_entities, lean_runtime, needs_model

from snapshot_engine.language.chunks import MAX_CHUNK_CHARS, ChunkCutter
from snapshot_engine.language.streaming import EntityStream


def cut(pieces):
    """All chunks of `pieces` and whether a blank follows each; the carry is checked on the way."""
    cutter = ChunkCutter()
    chunks, blanks = [], []
    for piece in pieces:
        more, more_blanks = cutter.feed(piece)
        chunks += more
        blanks += [True] * len(more) if more_blanks is None else more_blanks
    more, more_blanks = cutter.finish()
    chunks += more
    blanks += [True] * len(more) if more_blanks is None else more_blanks
    return chunks, blanks, cutter.cut_chunks


def joined(chunks, blanks):
    return "".join(chunk + " " * blank for chunk, blank in zip(chunks, blanks, strict=True))


@given(st.lists(st.text(alphabet="ab .\n\t\u00a0\u2003", max_size=8)))
def test_chunks_are_the_text_and_do_not_depend_on_the_cuts(pieces):
    text = "".join(pieces)
    chunks, blanks, cuts = cut(pieces)
    assert joined(chunks, blanks) == text
    assert (chunks, blanks, cuts) == cut([text])
    assert not cuts


@pytest.mark.parametrize("filler", ["a", "\n", "é", "\u3000"])
@pytest.mark.parametrize("size", [1, 1000, 10**6])
def test_an_endless_run_is_cut_at_the_same_places_however_it_comes(filler, size):
    text = "x y" + filler * (3 * MAX_CHUNK_CHARS + 10) + " b \n c"
    chunks, blanks, cuts = cut(text[at : at + size] for at in range(0, len(text), size))
    assert joined(chunks, blanks) == text
    assert max(map(len, chunks)) == MAX_CHUNK_CHARS
    assert cuts == 3


@given(
    st.sampled_from([MAX_CHUNK_CHARS - 1, MAX_CHUNK_CHARS, MAX_CHUNK_CHARS + 1]), st.sampled_from(["a", "\n"])
)
def test_the_longest_chunk_is_the_last_one_that_stays_whole(length, filler):
    _, _, cuts = cut([f"b{' ' if filler == 'a' else ''}", filler * length, "c" if filler == "\n" else " c"])
    assert cuts == (length > MAX_CHUNK_CHARS)


@needs_model
def test_an_endless_word_takes_bounded_memory_and_is_reported():
    code = f"""
import resource
from snapshot_engine.language.lean_runtime import LeanRuntime
from snapshot_engine.language.model_files import find_model
from snapshot_engine.language.streaming import EntityStream
stream = EntityStream(LeanRuntime(find_model({MODEL!r})))
found = stream.feed("Angela Merkel met us in Berlin. " * 400)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(640):
    stream.feed("a" * 16384)
stream.finish()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, stream.cuts, [e.text for e in found][:2])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    grown_kib, cuts, texts = out.split(maxsplit=2)
    assert int(cuts) == 640 * 16384 // MAX_CHUNK_CHARS - 1
    assert texts.strip() == "['Angela Merkel', 'Berlin']"
    # 10 MiB of text in pieces; the first batch's buffers take about 8 MiB
    assert int(grown_kib) < 16 * 1024


@needs_model
def test_a_hundred_thousand_new_words_leave_the_tables_within_their_bounds():
    rng = random.Random(4)
    stream = EntityStream(lean_runtime())
    for _ in range(200):
        words = ("".join(rng.choices("abcdefghijklmnop", k=rng.randint(3, 12))) for _ in range(500))
        stream.feed(" ".join(words) + " ")
        codes = lean_runtime().codes
        assert len(codes) <= 8192
        assert lean_runtime().table.free_rows >= 0
    stream.finish()


@needs_model
def test_an_entity_without_end_is_cut_and_counted(monkeypatch):
    from snapshot_engine.language import decoder

    monkeypatch.setattr(decoder, "MAX_ENTITY_TOKENS", 2)
    stream = EntityStream(lean_runtime())
    found = stream.feed("She paid five hundred and twenty thousand dollars for it.") + stream.finish()
    assert found[0].text == "five hundred"
    assert stream.cuts >= 1


@needs_model
def test_a_bracket_storm_ends():
    """Each round strips one bracket and looks at the rest again: bounded by the longest chunk."""
    assert lean_entities(["(" * 3000 + " in Berlin"])[-1][2] == "GPE"
