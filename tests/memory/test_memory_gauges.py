"""The gauges beside the default one: what each sees, what it must not see, and how it refuses."""

from __future__ import annotations

import sys
import tracemalloc

import pytest
from hypothesis import given, strategies as st

from snapshot_engine.memory import proctree
from snapshot_engine.memory.counters import allocated_blocks, count_heap
from snapshot_engine.memory.gauge import GaugeUnavailable
from snapshot_engine.memory.measure import measure
from snapshot_engine.memory.python_gauge import PythonGauge
from snapshot_engine.memory.slope import theil_sen

MIB = 2**20
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


# python -----------------------------------------------------------------------


def test_python_objects_are_exact_in_reused_memory_too():
    def work():
        return len([bytes(1000) for _ in range(10_000)])

    for _ in range(2):  # the second time nothing new becomes resident
        with measure(PythonGauge()) as span:
            work()
        assert span.peak_growth_bytes == pytest.approx(10_000 * (1000 + 33 + 8), rel=0.02)
        assert span.peak_growth_upper_bytes == span.peak_growth_bytes
        assert span.retained_bytes < 20_000
    assert span.measurement.exact


def test_nested_python_windows_keep_their_own_peaks_and_stop_tracing_with_the_last():
    assert not tracemalloc.is_tracing()
    with measure(PythonGauge()) as outer:
        bytearray(5 * MIB)
        with measure(PythonGauge()) as inner:
            bytearray(2 * MIB)
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()
    assert outer.peak_growth_bytes == pytest.approx(5 * MIB, rel=0.01)
    assert inner.peak_growth_bytes == pytest.approx(2 * MIB, rel=0.01)


def test_tracing_that_somebody_else_began_goes_on():
    tracemalloc.start(5)
    try:
        with measure(PythonGauge()) as span:
            bytearray(MIB)
        assert tracemalloc.is_tracing()
        assert tracemalloc.get_traceback_limit() == 5
        assert span.peak_growth_bytes == pytest.approx(MIB, rel=0.01)
    finally:
        tracemalloc.stop()


def test_tracing_stopped_by_the_body_is_said():
    with measure(PythonGauge()) as span:
        tracemalloc.stop()
    assert not span.measurement.exact
    assert "stopped tracemalloc" in span.measurement.problem


# allocated --------------------------------------------------------------------


@pytest.fixture
def allocated_gauge():
    pytest.importorskip("memray")
    from snapshot_engine.memory.allocated_gauge import AllocatedGauge

    return AllocatedGauge


def test_allocated_counts_untouched_memory_and_what_is_held(fresh, allocated_gauge):
    peak_mib, held_mib, exact = fresh("""
        from snapshot_engine.memory.allocated_gauge import AllocatedGauge
        from snapshot_engine.memory.measure import measure
        with measure(AllocatedGauge()) as span:
            untouched = bytearray(50 * MIB)
            del untouched
            kept = bytearray(7 * MIB)
        answer([span.peak_growth_bytes / MIB, span.retained_bytes / MIB, span.measurement.exact])
    """)
    assert peak_mib == pytest.approx(50, abs=0.2)
    assert held_mib == pytest.approx(7, abs=0.2)
    assert exact


def test_a_second_tracker_is_a_gauge_that_cannot_look(fresh, allocated_gauge):
    said = fresh("""
        import memray, tempfile
        from snapshot_engine.memory.allocated_gauge import AllocatedGauge
        from snapshot_engine.memory.gauge import GaugeUnavailable
        with memray.Tracker(tempfile.mkdtemp() + "/theirs.bin"):
            try:
                AllocatedGauge().open()
            except GaugeUnavailable as refused:
                said = str(refused)
        AllocatedGauge().open().close()  # and after it ended there is room again
        answer(said)
    """)
    assert said.startswith("memray cannot track here: ")


@linux
def test_a_file_cut_short_is_a_problem_not_a_small_number(fresh, allocated_gauge):
    """A full disk, by way of a limit on file sizes: memray writes what fits and raises nothing."""
    _peak, exact, problem = fresh("""
        import resource
        from snapshot_engine.memory.allocated_gauge import AllocatedGauge
        from snapshot_engine.memory.measure import measure
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
        with measure(AllocatedGauge()) as span:
            kept = []
            for number in range(1000):
                scope = {}
                exec(compile(f"def f(): return bytes({1000 + number})", f"file{number}.py", "exec"), scope)
                kept.append(scope["f"]())
        m = span.measurement
        answer([m.peak_bytes, m.exact, m.problem])
    """)
    assert not exact
    assert "cut short" in problem or "cannot be read" in problem


def test_an_open_allocated_window_has_no_figures_yet(fresh, allocated_gauge):
    said = fresh("""
        from snapshot_engine.memory.allocated_gauge import AllocatedGauge
        window = AllocatedGauge().open()
        try:
            window.read()
        except RuntimeError as refused:
            said = str(refused)
        window.close()
        window.close()
        answer([said, window.read().peak_bytes > 0])
    """)
    assert said == ["the allocated gauge knows its figures when the window is closed", True]


def test_the_file_is_kept_where_asked_and_never_overwritten(tmp_path, fresh, allocated_gauge):
    path = tmp_path / "run.bin"
    said = fresh(f"""
        from snapshot_engine.memory.allocated_gauge import AllocatedGauge
        from snapshot_engine.memory.gauge import GaugeUnavailable
        AllocatedGauge(keep={str(path)!r}).open().close()
        try:
            AllocatedGauge(keep={str(path)!r}).open()
            answer("overwritten")
        except GaugeUnavailable:
            answer("refused")
    """)
    assert said == "refused"
    assert path.stat().st_size > 0


# tree -------------------------------------------------------------------------

TREE = """
    import multiprocessing, subprocess
    from snapshot_engine.memory.measure import measure
    from snapshot_engine.memory.testing import known_spike, touch_pages
    from snapshot_engine.memory.tree_gauge import TreeGauge
    # Held long enough to be looked at on a busy machine: what a child touches
    # in its last moments is beyond this gauge, as its traits say.
    touch = ("import mmap, time; m = mmap.mmap(-1, 50 * 2**20); "
             "[m.__setitem__(i, 1) for i in range(0, len(m), 4096)]; time.sleep(.3)")
    def touch_and_hold():
        held = touch_pages(50 * MIB)
        time.sleep(.3)
    def grown(body):
        with measure(TreeGauge()) as span:
            body()
        return [span.peak_growth_bytes / MIB, span.measurement.problem]
"""


@linux
@pytest.mark.parametrize(
    ("body", "expected_mib", "slack_mib"),
    [
        ("lambda: known_spike(50 * MIB)", 50, 2),
        ("lambda: subprocess.run([sys.executable, '-ISc', touch], check=True)", 59, 4),
        # a shell in between: a grandchild
        (
            "lambda: subprocess.run(['sh', '-c', f'{sys.executable} -ISc \"{touch}\"; true'], check=True)",
            60,
            5,
        ),
        ("lambda: subprocess.run([sys.executable, '-ISc', 'pass'], check=True)", 8, 5),
        ("lambda: None", 0, 2),
    ],
    ids=["itself", "exec", "grandchild", "exec of nothing", "nothing"],
)
def test_the_tree_finds_what_is_started(fresh, body, expected_mib, slack_mib):
    grown_mib, _ = fresh(TREE + f"    answer(grown({body}))\n")
    assert grown_mib == pytest.approx(expected_mib, abs=slack_mib)


@linux
def test_a_large_process_is_not_counted_again_while_a_child_of_it_starts(fresh):
    """Between vfork() and exec() the child runs on its parent's memory."""
    grown_mib, _ = fresh(
        TREE
        + """
    held = touch_pages(200 * MIB)
    def start_many():
        for _ in range(30): subprocess.run([sys.executable, "-ISc", "pass"], check=True)
    answer(grown(start_many))
"""
    )
    assert grown_mib < 40


@linux
def test_forked_children_are_charged_their_own_growth_only(fresh):
    spike, copied, quiet = fresh(
        TREE
        + """
    held = touch_pages(60 * MIB)
    def write_all():
        for offset in range(0, len(held), 4096): held[offset] = 2
        time.sleep(.3)
    def forked(target, *args):
        process = multiprocessing.get_context("fork").Process(target=target, args=args)
        process.start(); process.join()
    answer([grown(lambda: forked(touch_and_hold)), grown(lambda: forked(write_all)),
            grown(lambda: forked(time.sleep, .3))])
"""
    )
    # The interpreter writes reference counts: 1.7 MiB are copied, 3.6 where the child was first seen late.
    assert 49 <= spike[0] <= 56
    assert copied[0] == pytest.approx(60, abs=5)  # copied on write: no gauge of one process shows it
    assert quiet[0] < 6


@linux
def test_a_forked_grandchild_is_found(fresh):
    grown_mib, _ = fresh(
        TREE
        + """
    def child():
        process = multiprocessing.get_context("fork").Process(target=touch_and_hold)
        process.start(); process.join()
    def body():
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start(); process.join()
    answer(grown(body))
"""
    )
    # Two interpreters write reference counts and load modules of their own: 1.5 to 3.5 MiB each.
    assert 49 <= grown_mib <= 59


@linux
def test_the_tree_gauge_leaves_no_thread_and_says_when_it_could_not_look(fresh):
    threads, problem = fresh(
        TREE
        + """
    import ctypes
    def hold_the_lock():
        child = subprocess.Popen(["sleep", "2"])
        time.sleep(.1)
        ctypes.PyDLL(None).usleep(600_000)  # PyDLL keeps the interpreter lock
        child.kill(); child.wait()
    problem = grown(hold_the_lock)[1]
    answer([threading.active_count(), problem])
"""
    )
    assert threads == 1
    assert "nobody could look for 0." in problem


@linux
def test_where_children_are_not_listed_the_gauge_refuses(monkeypatch):
    from snapshot_engine.memory.tree_gauge import TreeGauge

    monkeypatch.setattr(proctree, "can_list_children", lambda: False)
    with pytest.raises(GaugeUnavailable, match="task/<tid>/children"):
        TreeGauge().open()


@linux
def test_a_process_with_a_hostile_name_is_parsed(tmp_path):
    (tmp_path / "7").mkdir()
    fields = " ".join(str(number) for number in range(4, 60))
    (tmp_path / "7/stat").write_text(f"7 (a) R 1 (x y) S {fields}\n")
    about = proctree.facts(7, root=str(tmp_path))
    assert about is not None
    assert about.started == 22
    assert about.resident_bytes == 24 * 4096
    assert about.image == (28, 48, 49, 50, 51)


def test_a_process_that_is_gone_is_none(tmp_path):
    assert proctree.facts(1, root=str(tmp_path)) is None
    assert proctree.peak_bytes(1, root=str(tmp_path)) is None
    assert proctree.private_bytes(1, root=str(tmp_path)) is None
    assert proctree.descendants(1, root=str(tmp_path)) == []


# counters and slope -----------------------------------------------------------


def test_blocks_count_a_leak_and_its_quiet_twin():
    leak, kept = [], []
    for store in (kept, leak):
        before = allocated_blocks()
        for _ in range(500):
            block = bytes(256)
            if store is leak:
                store.append(block)
        grown = allocated_blocks() - before
        assert (480 <= grown <= 520) if store is leak else abs(grown) < 20


@linux
def test_live_bytes_count_what_is_allocated_not_what_is_resident():
    before = count_heap().live_bytes
    untouched = bytearray(20 * MIB)
    assert count_heap().live_bytes - before == pytest.approx(20 * MIB, abs=100_000)
    del untouched
    assert count_heap().live_bytes - before == pytest.approx(0, abs=100_000)


@pytest.mark.parametrize(
    ("values", "slope"),
    [
        ([], 0),
        ([5], 0),
        ([1, 3, 5, 7], 2),
        ([10, 10, 10, 90, 10, 10, 10], 0),  # one spike
        ([0, 0, 0, 0, 0, 0, 100], 0),  # last-minus-first would say 16
        ([0, 50, 90, 100, 100, 100, 100, 100, 100, 100, 100, 100], 0),  # a cache that fills and stops
        ([3, 2, 1], -1),
    ],
)
def test_the_slope_is_the_trend_not_the_accidents(values, slope):
    assert theil_sen(values) == slope


def test_slope_over_given_positions_and_equal_ones():
    assert theil_sen([1, 2, 4], [0, 10, 30]) == pytest.approx(0.1)
    assert theil_sen([1, 2], [3, 3]) == 0
    with pytest.raises(ValueError, match="2 values at 1 positions"):
        theil_sen([1, 2], [3])


@given(st.integers(2, 1500), st.integers(-1000, 1000))
def test_a_straight_line_of_any_length_has_its_slope(length, step):
    assert theil_sen([step * index for index in range(length)]) == step
