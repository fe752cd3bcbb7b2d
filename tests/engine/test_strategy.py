"""The tier table: which strategy for which size, memory and settings."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from snapshot_engine import Config, ConfigError, choose_strategy
from snapshot_engine.strategy import STRATEGIES, STRATEGY_NAMES

MIB = 2**20
ROOMY = 64 * 1024 * MIB


@pytest.mark.parametrize(
    ("file_bytes", "name", "target_mib"),
    [
        (0, "standard loading", 100),
        (MIB - 1, "standard loading", 100),
        (MIB, "chunked", 200),
        (10 * MIB - 1, "chunked", 200),
        (10 * MIB, "streaming + chunks", 300),
        (50 * MIB - 1, "streaming + chunks", 300),
        (50 * MIB, "full streaming", 500),
        (2000 * MIB, "full streaming", 500),
        (None, "full streaming", 500),
    ],
)
def test_the_owners_tiers(file_bytes: int | None, name: str, target_mib: int) -> None:
    chosen = choose_strategy(file_bytes, ROOMY)
    assert (chosen.name, chosen.target_bytes) == (name, target_mib * MIB)
    assert chosen.reason


def test_the_streaming_threshold_moves_the_border() -> None:
    config = Config(streaming_threshold_mb=5)
    assert choose_strategy(6 * MIB, ROOMY, config).name == "streaming + chunks"
    assert "STREAMING_THRESHOLD_MB=5" in choose_strategy(6 * MIB, ROOMY, config).reason
    config = Config(streaming_threshold_mb=20)
    assert choose_strategy(15 * MIB, ROOMY, config).name == "chunked"
    assert choose_strategy(25 * MIB, ROOMY, config).name == "streaming + chunks"


def test_a_small_machine_takes_the_leanest() -> None:
    chosen = choose_strategy(5 * MIB, 150 * MIB)
    assert chosen.name == "full streaming"
    assert "150 MiB" in chosen.reason


def test_only_the_aggressive_one_collects_and_gc_frequency_says_how_often() -> None:
    config = Config(gc_frequency=250)
    assert [choose_strategy(None, ROOMY, config, name=n).collect_every for n in STRATEGY_NAMES] == [
        0,
        0,
        0,
        250,
    ]
    assert choose_strategy(None, ROOMY, Config(gc_frequency=0)).collect_every == 0


def test_chunk_size_is_the_window() -> None:
    assert choose_strategy(0, ROOMY, Config(chunk_size=123)).window_words == 123


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="standard, chunked, streaming, full"):
        choose_strategy(0, ROOMY, name="fast")


@given(a=st.integers(0, 200 * MIB), b=st.integers(0, 200 * MIB), available=st.integers(0, 4096 * MIB))
def test_a_larger_file_never_holds_more(a: int, b: int, available: int) -> None:
    small, large = sorted((a, b))
    order = [s.name for s in STRATEGIES]
    assert order.index(choose_strategy(small, available).name) <= order.index(
        choose_strategy(large, available).name
    )
