"""Tallies and pools keep to their capacity and say how far they can be off."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings, strategies as st

from snapshot_engine.insight.best import BestK
from snapshot_engine.insight.people import SpeakerTally
from snapshot_engine.insight.tally import BoundedTally


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=2), max_size=300), st.integers(1, 10))
def test_a_count_is_too_low_by_at_most_the_stated_error(keys: list[str], capacity: int) -> None:
    tally, true = BoundedTally(capacity), Counter(keys)
    for key in keys:
        tally.add(key)
        assert len(tally) <= 2 * capacity
    for key, count in true.items():
        assert tally.get(key) <= count <= tally.get(key) + tally.error
    assert tally.error <= len(keys) / (capacity + 1)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=2), max_size=200), st.randoms())
def test_batches_in_any_order_give_the_same_tally(keys: list[str], shuffler: object) -> None:
    batches = [keys[at : at + 20] for at in range(0, len(keys), 20)]
    first, second = BoundedTally(4), BoundedTally(4)
    for batch in batches:
        first.update(batch)
        second.update(sorted(batch, reverse=True))
    assert first.items() == second.items()
    assert first.error == second.error


def test_nothing_is_lost_while_everything_fits() -> None:
    tally = BoundedTally(2)
    tally.update(["a", "b", "a", "c", "d"])
    assert tally.items() == [("a", 2), ("b", 1), ("c", 1), ("d", 1)]
    assert (tally.error, tally.evicted) == (0, 0)
    tally.add("e")
    assert (tally.items(), tally.error, tally.evicted) == ([("a", 1)], 1, 4)


def test_a_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity 0: must be at least 1 counter"):
        BoundedTally(0)
    with pytest.raises(ValueError, match="k 0"):
        BestK(0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), max_size=100), st.integers(1, 8))
def test_the_best_are_kept_and_ties_keep_the_earlier(scores: list[int], k: int) -> None:
    pool: BestK[int] = BestK(k)
    for order, score in enumerate(scores):
        pool.offer(score, order, f"key {order}", order)
    expected = sorted(range(len(scores)), key=lambda at: (-scores[at], at))[:k]
    assert list(pool) == expected


def test_a_sentence_said_again_and_again_takes_one_place() -> None:
    pool: BestK[str] = BestK(3)
    for order in range(1_000):
        pool.offer(9, order, "same", f"copy {order}")
    assert list(pool) == ["copy 0"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, 50), st.integers(0, 9_000)), max_size=200))
def test_talk_is_never_lost_only_its_speaker(turns: list[tuple[str, int, int]]) -> None:
    tally = SpeakerTally(3)
    for at, (name, words, talk_ms) in enumerate(turns):
        tally.add(name, words, talk_ms, at, at + 1)
        assert len(tally) <= 6
    total = sum(words for _, words, _ in turns)
    speakers = tally.finish(total)
    assert sum(speaker.words for speaker in speakers) + tally.other_words == total
    assert sum(s.talk_ms for s in speakers) + tally.other_talk_ms == sum(talk_ms for _, _, talk_ms in turns)
    true: Counter[str] = Counter()
    for name, words, _ in turns:
        true[name] += words or 1
    for speaker in speakers:
        assert true[speaker.name] <= speaker.words + tally.error + sum(
            1 for n, w, _ in turns if n == speaker.name and not w
        )
