"""MemoryOptimizer: pieces that cut nothing, maps that do not grow, caches with a budget, tuning that ends."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from snapshot_engine import Config, MemoryOptimizer
from snapshot_engine.memory.cache import ByteBoundCache, weigh
from snapshot_engine.memory.pieces import file_text, mapped_chunks, text_pieces
from snapshot_engine.memory.testing import known_spike

MIB = 2**20
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture
def optimizer():
    made = MemoryOptimizer()
    yield made
    made.restore_defaults()
    made.tracker.close()


# pieces -----------------------------------------------------------------------


@given(st.text(alphabet="ab \n\tß", max_size=200), st.integers(1, 30))
def test_pieces_of_text_join_to_the_text_and_cut_no_word(text, size):
    pieces = list(text_pieces(text, size))
    assert "".join(pieces) == text
    assert all(pieces)
    for before, after in pairwise(pieces):
        assert before[-1].isspace() or after[0].isspace()
    longest_word = max((len(word) for word in text.split()), default=0)
    assert all(len(piece) <= size + longest_word for piece in pieces)


def test_a_word_longer_than_a_piece_stays_whole():
    assert list(text_pieces("a " + "x" * 50 + " b", 10)) == ["a ", "x" * 50, " b"]


@given(st.text(max_size=100), st.integers(1, 7))
def test_pieces_of_a_file_cut_no_character(tmp_path_factory, text, size):
    path = tmp_path_factory.getbasetemp() / "pieces.txt"
    path.write_bytes(text.encode())
    assert "".join(file_text(path, size)) == text


def test_bytes_that_are_no_text_are_replaced(tmp_path):
    (tmp_path / "x").write_bytes(b"ab\xff\xc3")
    assert "".join(file_text(tmp_path / "x")) == "ab��"


@given(st.binary(max_size=20_000), st.integers(1, 9_000))
def test_mapped_pieces_join_to_the_file_at_any_size(tmp_path_factory, data, size):
    path = tmp_path_factory.getbasetemp() / "mapped.bin"
    path.write_bytes(data)
    pieces = list(mapped_chunks(path, size))
    assert b"".join(pieces) == data
    assert all(len(piece) == size for piece in pieces[:-1])


def test_mapped_pieces_stay_valid_after_the_loop_and_after_the_file_is_gone(tmp_path, optimizer):
    path = tmp_path / "huge.vtt"
    path.write_bytes(b"a" * 5000 + b"b" * 5000)
    kept = list(optimizer.get_mmap_reader(path, 5000))
    path.unlink()
    assert kept == [b"a" * 5000, b"b" * 5000]


def test_a_file_that_shrinks_meanwhile_ends_early(tmp_path):
    path = tmp_path / "shrinking"
    path.write_bytes(bytes(30_000))
    pieces = mapped_chunks(path, 10_000)
    next(pieces)
    path.write_bytes(bytes(15_000))
    assert [len(piece) for piece in pieces] == [5_000]


@linux
def test_mapping_a_file_of_200_mib_adds_two_pieces(tmp_path, fresh):
    path = tmp_path / "huge.vtt"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b"x" * MIB)
    read, grown = fresh(f"""
        from snapshot_engine import MemoryOptimizer
        from snapshot_engine.memory.measure import measure
        optimizer = MemoryOptimizer()
        with measure() as span:
            read = sum(len(chunk) for chunk in optimizer.get_mmap_reader({str(path)!r}))
        answer([read, span.peak_growth_bytes])
    """)
    path.unlink()
    assert read == 200 * MIB
    assert grown < 4 * MIB


@pytest.mark.parametrize("reader", [file_text, mapped_chunks])
def test_a_missing_file_and_an_absurd_size_are_told(tmp_path, reader):
    with pytest.raises(FileNotFoundError):
        list(reader(tmp_path / "none"))
    with pytest.raises(ValueError, match="chunk_size=0"):
        list(reader(tmp_path / "none", 0))
    with pytest.raises(ValueError, match="chunk_size=-1"):
        list(text_pieces("x", -1))


def test_an_empty_file_has_no_pieces(tmp_path):
    (tmp_path / "empty").touch()
    assert list(file_text(tmp_path / "empty")) == list(mapped_chunks(tmp_path / "empty")) == []


# gc frequency -----------------------------------------------------------------


@pytest.mark.parametrize(("frequency", "collections"), [(0, 0), (1, 10), (4, 2), (1000, 0)])
def test_garbage_is_collected_after_every_so_many_pieces(monkeypatch, frequency, collections):
    config = Config()
    config.gc_frequency = frequency
    optimizer = MemoryOptimizer(config)
    collected = []
    monkeypatch.setattr(optimizer, "force_garbage_collection", lambda: collected.append(1))
    assert len(list(optimizer.stream_process_large_text("word " * 10, 5))) == 10
    assert len(collected) == collections


def test_collecting_returns_how_many_objects_it_found(optimizer):
    optimizer.force_garbage_collection()
    for _ in range(50):
        cycle = []
        cycle.append(cycle)
    del cycle
    assert optimizer.force_garbage_collection() >= 50


# caches -----------------------------------------------------------------------


def test_an_operation_is_computed_once_per_key_whatever_its_function(optimizer):
    calls = []
    for _ in range(3):
        assert optimizer.cached_operation("key", lambda: calls.append(1) or "value") == "value"
    assert calls == [1]


def test_none_is_a_value_worth_keeping(optimizer):
    calls = []
    for _ in range(2):
        assert optimizer.cached_operation("key", lambda: calls.append(1)) is None
    assert calls == [1]


def test_the_cache_keeps_to_its_bytes_and_drops_what_was_used_least_recently():
    cache = ByteBoundCache(35_000)
    for key in "abc":
        cache.get(key, lambda: bytes(10_000))
    cache.get("a", lambda: b"")
    cache.get("d", lambda: bytes(10_000))
    assert cache.held_bytes <= 35_000
    assert cache.get("a", lambda: "computed anew") == bytes(10_000)
    assert cache.get("b", lambda: "computed anew") == "computed anew"


def test_forty_results_of_ten_megabytes_stay_within_the_budget():
    optimizer = MemoryOptimizer(cache_budget_bytes=32 * MIB)
    for number in range(40):
        optimizer.cached_operation(number, lambda: bytes(10 * MIB))
    assert 2 <= len(optimizer._cache) <= 3
    assert optimizer._cache.held_bytes <= 32 * MIB


def test_a_value_heavier_than_the_budget_is_returned_and_not_kept():
    cache = ByteBoundCache(100)
    assert cache.get("x", lambda: bytes(1000)) == bytes(1000)
    assert (len(cache), cache.held_bytes) == (0, 0)
    with pytest.raises(ValueError, match="must not be negative"):
        ByteBoundCache(-1)


def test_an_operation_that_fails_is_not_kept(optimizer):
    with pytest.raises(ZeroDivisionError):
        optimizer.cached_operation("x", lambda: 1 / 0)
    assert optimizer.cached_operation("x", lambda: 5) == 5


def test_threads_share_the_cache_without_losing_count():
    cache = ByteBoundCache(50_000)

    def work(seed):
        for number in range(300):
            cache.get((seed * number) % 37, lambda: bytes(3_000))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 <= cache.held_bytes <= 50_000
    cache.clear()
    assert cache.held_bytes == 0


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (bytes(10_000), 10_000, 10_100),
        ([bytes(1_000) for _ in range(10)], 10_000, 11_000),
        ([bytes(1_000)] * 10, 1_000, 1_300),
        ({"a": {"b": [bytes(5_000)]}}, 5_000, 6_500),
        (SimpleNamespace(data=bytes(2_000)), 2_000, 3_000),
        ([[number] for number in range(300_000)], 18_000_000, 50_000_000),
    ],
    ids=["bytes", "list", "shared", "nested", "attributes", "more than is counted"],
)
def test_what_a_value_weighs(value, least, most):
    assert least <= weigh(value) <= most


def test_registered_caches_are_cleared_and_one_that_fails_stops_no_other(optimizer, caplog):
    cleared = []
    optimizer.register_cache("broken", lambda: 1 / 0)
    optimizer.register_cache("mine", lambda: cleared.append("mine"))
    optimizer.cached_operation("x", lambda: bytes(1000))
    with caplog.at_level(logging.ERROR):
        assert optimizer.clear_caches() == 5
    assert cleared == ["mine"]
    assert len(optimizer._cache) == 0
    assert "'broken'" in caplog.text


def test_spacys_tokenizers_are_flushed_when_it_is_loaded(fresh):
    pytest.importorskip("spacy")
    flushed = fresh("""
        import spacy
        from snapshot_engine import MemoryOptimizer
        nlp = spacy.blank("en")
        set_to = []
        class Tokenizer:
            def __init__(self, inner): self.inner = inner
            @property
            def url_match(self): return self.inner.url_match
            @url_match.setter
            def url_match(self, value): set_to.append(value is self.inner.url_match); self.inner.url_match = value
        real, nlp.tokenizer = nlp.tokenizer, Tokenizer(nlp.tokenizer)
        MemoryOptimizer().clear_caches()
        answer([set_to, [token.text for token in real("it's fine: http://x.org")]])
    """)
    assert flushed == [[True], ["it", "'s", "fine", ":", "http://x.org"]]


def test_clearing_does_not_import_spacy(fresh):
    assert fresh("""
        from snapshot_engine import MemoryOptimizer
        MemoryOptimizer().clear_caches()
        answer("spacy" in sys.modules)
    """) is False  # fmt: skip


# large files ------------------------------------------------------------------


def test_tuning_ends_with_its_block():
    before, frozen = (gc.get_threshold(), gc.isenabled()), gc.get_freeze_count()
    with MemoryOptimizer().optimize_for_large_files():
        assert gc.get_freeze_count() > frozen + 1000
    assert gc.get_freeze_count() <= frozen  # 3.12 starts with a few, which a thaw takes along
    assert (gc.get_threshold(), gc.isenabled()) == before


def test_a_heap_that_somebody_froze_before_stays_frozen(fresh):
    before, inside, after = fresh("""
        from snapshot_engine import MemoryOptimizer
        optimizer = MemoryOptimizer()
        gc.freeze()
        before = gc.get_freeze_count()
        kept = [[number] for number in range(5000)]
        with optimizer.optimize_for_large_files():
            inside = gc.get_freeze_count()
        answer([before, inside, gc.get_freeze_count()])
    """)
    assert before == inside == after > 2_000


def test_tuning_by_a_plain_call_ends_when_told(optimizer):
    frozen = gc.get_freeze_count()
    mode = optimizer.optimize_for_large_files()
    assert optimizer.optimize_for_large_files() is mode
    optimizer.restore_defaults()
    optimizer.restore_defaults()
    assert gc.get_freeze_count() <= frozen
    assert optimizer.optimize_for_large_files() is not mode


@linux
def test_tuning_gives_memory_back_that_would_stay(fresh):
    """Large buffers of changing sizes beside small survivors: glibc's adapting thresholds keep the heap."""
    kept = [
        fresh(f"""
            import random
            from snapshot_engine import MemoryOptimizer
            from snapshot_engine.memory.peak import resident_bytes
            optimizer, rng, small = MemoryOptimizer(), random.Random(1), []
            if {tuned}: optimizer.optimize_for_large_files()
            start = resident_bytes()
            for _ in range(120):
                large = [bytearray(rng.randrange(100_000, 2_000_000)) for _ in range(10)]
                small.append(bytes(rng.randrange(600, 3000)))
                del large
            answer(resident_bytes() - start)
        """)
        for tuned in (False, True)
    ]
    assert kept[1] < kept[0] / 3


# as the document shows it -----------------------------------------------------


def test_a_custom_optimizer_as_documented():
    class CustomOptimizer(MemoryOptimizer):
        def optimize_for_batch_processing(self):
            self.force_garbage_collection()
            self.clear_caches()
            return "ready"

    assert CustomOptimizer().optimize_for_batch_processing() == "ready"


def test_monitoring_a_block_measures_remembers_and_logs(optimizer, caplog):
    with caplog.at_level(logging.INFO, logger="snapshot_engine"), optimizer.memory_monitoring("load") as span:
        known_spike(20 * MIB)
    assert [shot["label"] for shot in optimizer.tracker.snapshots] == ["load start", "load end"]
    assert "load: grew by" in caplog.text
    if sys.platform.startswith("linux"):
        assert span.peak_growth_bytes == pytest.approx(20 * MIB, abs=2 * MIB)


def test_monitoring_tells_of_a_block_that_fails(optimizer, caplog):
    with caplog.at_level(logging.INFO), pytest.raises(KeyError), optimizer.memory_monitoring("load"):
        raise KeyError
    assert "load: grew by" in caplog.text
    assert len(optimizer.tracker.snapshots) == 2
