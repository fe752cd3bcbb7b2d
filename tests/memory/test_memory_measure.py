"""Measurements as intervals, verdicts on them, and how much free memory can be reused unseen."""

from __future__ import annotations

import sys

import pytest

from snapshot_engine.memory.budget import Budget, Exceeded, Unmeasured, Within, judge
from snapshot_engine.memory.gauge import GaugeTraits
from snapshot_engine.memory.measure import Measurement, measure
from snapshot_engine.memory.settle import settle
from snapshot_engine.memory.testing import ScriptedGauge, known_spike, touch_pages

MIB = 2**20
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc and glibc")


def measured(*, start=100, peak=100, end=100, reusable=0, exact=True, problem=""):
    return Measurement(
        gauge="scripted",
        start_bytes=start,
        peak_bytes=peak,
        end_bytes=end,
        reusable_at_start_bytes=reusable,
        error_bound_bytes=0,
        exact=exact,
        seconds=0.0,
        problem=problem,
    )


def test_a_span_under_a_scripted_gauge():
    with measure(ScriptedGauge([100, 180, 130])) as span:
        assert span.peak_growth_bytes == 80
    measurement = span.measurement
    assert (measurement.start_bytes, measurement.peak_bytes, measurement.end_bytes) == (100, 180, 130)
    assert measurement.retained_bytes == 30
    assert measurement.peak_growth_upper_bytes == 80
    assert measurement.seconds > 0
    assert span.finish() is measurement


def test_a_span_closes_its_window_when_the_body_fails():
    gauge = ScriptedGauge([1])
    with pytest.raises(ZeroDivisionError), measure(gauge):
        1 / 0  # noqa: B018
    assert gauge.windows_open == 0


def test_a_gauges_problem_makes_a_measurement_inexact():
    with measure(ScriptedGauge([1], problem="the disk was full")) as span:
        pass
    assert not span.measurement.exact
    assert span.measurement.problem == "the disk was full"


def test_a_gauge_that_sees_every_allocation_has_nothing_hidden():
    traits = GaugeTraits(name="scripted", counts="all", exact=True, error_bound_bytes=0, reuse_hides=False)
    with measure(ScriptedGauge([5, 9], traits=traits)) as span:
        pass
    assert span.peak_growth_upper_bytes == span.peak_growth_bytes == 4


@pytest.mark.parametrize(
    ("measurement", "budget", "verdict"),
    [
        (measured(peak=150), Budget(limit_bytes=50), Within(spare_bytes=0)),
        (measured(peak=151), Budget(limit_bytes=50), Exceeded(excess_bytes=1)),
        (measured(peak=90), Budget(limit_bytes=0), Within(spare_bytes=0)),
        (measured(peak=150), Budget(limit_bytes=150, of="peak"), Within(spare_bytes=0)),
        (measured(peak=151), Budget(limit_bytes=150, of="peak"), Exceeded(excess_bytes=1)),
        (measured(peak=900, end=110), Budget(limit_bytes=10, of="retained"), Within(spare_bytes=0)),
        (measured(peak=900, end=111), Budget(limit_bytes=10, of="retained"), Exceeded(excess_bytes=1)),
        (measured(peak=130, reusable=20), Budget(limit_bytes=50), Within(spare_bytes=0)),
        # What was seen is a lower bound: past the limit it is certain in any case.
        (measured(peak=151, exact=False), Budget(limit_bytes=50), Exceeded(excess_bytes=1)),
        (measured(peak=151, reusable=None), Budget(limit_bytes=50), Exceeded(excess_bytes=1)),
    ],
)
def test_verdicts_at_and_around_the_limit(measurement, budget, verdict):
    assert judge(measurement, budget) == verdict


@pytest.mark.parametrize(
    ("measurement", "undecided", "words"),
    [
        (None, False, "nothing was measured"),
        (measured(exact=False, problem="sampled every 5 ms"), False, "sampled every 5 ms"),
        (measured(reusable=None), True, "does not say"),
        (measured(peak=130, reusable=21), True, "free at the start"),
    ],
)
def test_what_cannot_be_known_is_not_a_pass(measurement, undecided, words):
    verdict = judge(measurement, Budget(limit_bytes=50))
    assert isinstance(verdict, Unmeasured)
    assert verdict.undecided is undecided
    assert words in verdict.reason


@linux
def test_a_real_spike_is_measured_exactly():
    with measure() as span:
        known_spike(64 * MIB)
    assert span.peak_growth_bytes == pytest.approx(64 * MIB, abs=MIB + span.measurement.error_bound_bytes)
    assert span.retained_bytes < 2 * MIB


@linux
def test_held_pages_are_retained_until_they_are_given_back():
    with measure() as span:
        pages = touch_pages(32 * MIB)
    # Above by the pages of libraries that the kernel had taken from a cold process and reads back.
    assert 31 * MIB <= span.retained_bytes <= 37 * MIB
    pages.close()


@linux
@pytest.mark.parametrize("size_bytes", [100, 3000], ids=["pymalloc", "malloc"])
def test_memory_reused_unseen_lies_inside_the_interval(fresh, size_bytes):
    """The same work, second time: nothing is seen, and the interval says that it could be there."""
    seen, upper, true = fresh(f"""
        from snapshot_engine.memory.measure import measure
        def work():
            junk = [bytes({size_bytes}) for _ in range({40 * MIB // size_bytes})]
            return junk[::500]
        with measure() as first:
            kept = work()
        with measure() as second:
            kept += work()
        answer([second.peak_growth_bytes, second.peak_growth_upper_bytes, first.peak_growth_bytes])
    """)
    assert true > 38 * MIB
    assert seen < 0.5 * true
    assert upper >= true * 0.95


@linux
def test_settling_narrows_the_interval(fresh):
    loose, tight, seen_after = fresh("""
        from snapshot_engine.memory.measure import measure
        def work():
            junk = [bytes(3000) for _ in range(14_000)]
            return junk[::500]
        kept = work()
        with measure() as loose:
            pass
        with measure(settle=True) as tight:
            kept += work()
        answer([loose.measurement.reusable_at_start_bytes, tight.measurement.reusable_at_start_bytes,
                tight.peak_growth_bytes])
    """)
    assert loose > 30 * MIB
    assert tight < 5 * MIB
    assert seen_after > 38 * MIB


@linux
def test_the_quick_answer_is_an_upper_bound_of_the_full_one(fresh):
    """Between two full looks the answer may only be too large, whatever is freed or taken."""
    short = fresh("""
        import random
        from snapshot_engine.memory import libc
        from snapshot_engine.memory.reuse import Reusable
        from snapshot_engine.memory.procfs import ProcSelf
        process, quick, held, short = ProcSelf(), Reusable(), [], 0
        rng = random.Random(7)
        for _ in range(300):
            if rng.random() < .5:
                held += [bytes(rng.choice((50, 400, 5000))) for _ in range(rng.randrange(3000))]
            else:
                del held[:rng.randrange(3000)]
            said = quick.bytes(process.resident_bytes())
            true = libc.heap_state().free_bytes + libc.free_arena_bytes()
            short = max(short, true - said)
        answer(short)
    """)
    assert short <= 2 * MIB


@linux
def test_objects_from_malloc_are_counted_as_heap(fresh):
    arenas, heap = fresh(
        """
        from snapshot_engine.memory import libc
        junk = [bytes(100) for _ in range(300_000)]; junk = junk[::1000]
        answer([libc.free_arena_bytes(), libc.heap_state().free_bytes])
        """,
        environment={"PYTHONMALLOC": "malloc"},
    )
    assert arenas == 0
    assert heap > 30 * MIB


@linux
def test_what_was_freed_is_not_used_again_once_it_is_taken(fresh):
    """13 MiB of free blocks hide an 8 MiB list of equal blocks; taken, they hide none of it."""
    hidden, seen, taken = fresh("""
        from snapshot_engine.memory import libc
        from snapshot_engine.memory.measure import measure
        holes = [bytes(100) for _ in range(200_000)]
        del holes[::2]
        with measure() as before:
            bytes_again = [bytes(100) for _ in range(60_000)]
        del bytes_again
        taken = libc.take_free_blocks()
        with measure() as after:
            bytes_again = [bytes(100) for _ in range(60_000)]
        answer([before.peak_growth_bytes, after.peak_growth_bytes, taken])
    """)
    assert hidden < 2 * MIB
    assert seen > 8 * MIB
    assert 12 * MIB < taken < 24 * MIB


@linux
def test_settle_says_what_it_did():
    settled = settle(collect=False)
    assert settled.trimmed
    assert settled.reusable_bytes is not None
    assert settled.reusable_bytes >= 0
    assert settled.seconds > 0


@linux
def test_the_helper_that_touches_pages_makes_exactly_that_much_resident():
    with measure() as span:
        touch_pages(16 * MIB).close()
    assert span.peak_growth_bytes == pytest.approx(16 * MIB, abs=MIB)


def test_the_scripted_gauge_repeats_its_last_reading():
    window = ScriptedGauge([10, 30]).open()
    assert [window.read(), window.read()] == [(30, 30), (30, 30)]
