"""MemoryTracker: the owner's names and keys, exact peaks between looks, spikes, growth, advice, bounds."""

from __future__ import annotations

import dataclasses
import io
import os
import sys

import pytest

from snapshot_engine import MemoryMetrics, MemoryTracker
from snapshot_engine.memory.machine import ProcMachine
from snapshot_engine.memory.peak import PeakBroker, open_peak_window
from snapshot_engine.memory.testing import known_spike, touch_pages
from snapshot_engine.memory.trend import judge_trend, recommend

MIB = 2**20


class Process:
    """Scripted memory; see the broker's tests."""

    def __init__(self):
        self.now = self.mark = 100 * MIB

    def grow(self, mib):
        self.now += int(mib * MIB)
        self.mark = max(self.mark, self.now)

    def resident_bytes(self):
        return self.now

    def resident_and_peak_bytes(self):
        return self.now, self.mark

    def mark_bytes(self):
        return self.mark

    def reset_peak(self):
        self.mark = self.now


class Machine:
    total_bytes = 1000 * MIB
    left_mib = 700

    def available_bytes(self):
        return self.left_mib * MIB

    def virtual_and_swap_bytes(self):
        return 300 * MIB, 5 * MIB


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def tracker(process):
    with MemoryTracker(source=PeakBroker(process), machine=Machine()) as tracker:
        yield tracker


def test_a_look_has_the_documented_fields(tracker):
    metrics = tracker.take_snapshot("here")
    assert isinstance(metrics, MemoryMetrics)
    documented = {"timestamp", "rss_mb", "vms_mb", "percent", "available_mb", "swap_used_mb", "gc_objects"}
    assert documented <= {field.name for field in dataclasses.fields(metrics)}
    assert (metrics.rss_mb, metrics.vms_mb, metrics.swap_used_mb, metrics.available_mb) == (100, 300, 5, 700)
    assert metrics.percent == 10
    assert metrics.gc_objects == pytest.approx(sys.getallocatedblocks(), rel=0.1)
    assert tracker.snapshots == [{"label": "here", "metrics": metrics, "delta_from_baseline": 0.0}]


def test_the_analysis_has_the_documented_keys(tracker, process):
    tracker.set_baseline()
    for label in ("a", "b"):
        process.grow(10)
        tracker.take_snapshot(label)
    analysis = tracker.analyze_memory_usage()
    documented = [
        "snapshots_count",
        "baseline_memory_mb",
        "current_memory_mb",
        "peak_memory_mb",
        "average_memory_mb",
        "memory_growth_rate_mb",
        "memory_spikes",
        "gc_objects_current",
        "analysis_timestamp",
    ]
    assert set(documented) <= set(analysis)
    assert analysis["snapshots_count"] == 2
    assert analysis["baseline_memory_mb"] == 100
    assert analysis["current_memory_mb"] == analysis["peak_memory_mb"] == 120
    assert analysis["average_memory_mb"] == 115
    assert analysis["memory_growth_rate_mb"] == 10
    assert analysis["peak_exact"]


@pytest.mark.parametrize("looks", [0, 1])
def test_fewer_than_two_looks_are_said_to_be_too_few(tracker, looks):
    for _ in range(looks):
        tracker.take_snapshot("only")
    assert tracker.analyze_memory_usage() == {"error": "Insufficient snapshots for analysis"}


def test_a_spike_between_two_looks_is_seen_with_label_and_size(tracker, process):
    tracker.set_baseline()
    tracker.take_snapshot("a")
    process.grow(400)
    process.grow(-400)
    tracker.take_snapshot("b")
    analysis = tracker.analyze_memory_usage()
    assert analysis["memory_spikes"] == 1
    assert analysis["spikes"] == [{"label": "b", "size_mb": 400, "peak_mb": 500}]
    assert analysis["peak_memory_mb"] == tracker.get_peak_memory() == 500
    assert analysis["peak_label"] == "b"
    assert "before snapshot 'b'" in analysis["recommendations"][0]


def test_a_plateau_and_a_steady_climb_are_no_spikes(tracker, process):
    tracker.take_snapshot("low")
    process.grow(900)
    for _ in range(3):
        tracker.take_snapshot("high")
    for _ in range(5):
        process.grow(30)
        tracker.take_snapshot("climb")
    assert tracker.analyze_memory_usage()["memory_spikes"] == 0


def test_the_peak_is_counted_from_the_baseline(tracker, process):
    process.grow(800)
    process.grow(-800)
    tracker.set_baseline()
    assert tracker.get_peak_memory() == 100
    process.grow(7)
    assert tracker.get_memory_growth() == 7
    assert tracker.get_peak_memory() == 107


def test_without_a_baseline_nothing_has_grown(tracker):
    assert tracker.get_memory_growth() == 0.0


def test_a_span_looks_before_and_after_and_also_when_its_block_fails(tracker):
    with pytest.raises(KeyError), tracker.span("load"):
        raise KeyError
    assert [shot["label"] for shot in tracker.snapshots] == ["load start", "load end"]


def test_the_newest_thousand_looks_are_kept(tracker):
    for number in range(1_005):
        tracker.take_snapshot(str(number))
    assert len(tracker.snapshots) == 1_000
    assert tracker.snapshots[0]["label"] == "5"
    with pytest.raises(ValueError, match="max_snapshots=1"):
        MemoryTracker(max_snapshots=1)


def test_the_report_names_peak_spike_and_advice(tracker, process, capsys):
    tracker.take_snapshot("start")
    process.grow(200)
    process.grow(-200)
    tracker.take_snapshot("parsed")
    out = io.StringIO()
    tracker.print_memory_report(out)
    assert "300.0 MiB" in out.getvalue()
    assert "spike of 200.0 MiB before 'parsed'" in out.getvalue()
    tracker.print_memory_report()
    assert capsys.readouterr().out == out.getvalue()


def test_the_report_of_nothing_says_so(tracker):
    out = io.StringIO()
    tracker.print_memory_report(out)
    assert "Insufficient snapshots" in out.getvalue()


def test_a_tracker_a_second_one_and_a_window_do_not_erase_each_other(process):
    owner = PeakBroker(process)
    first, second = (MemoryTracker(source=owner, machine=Machine()) for _ in range(2))
    window = owner.open()
    process.grow(50)
    process.grow(-50)
    second.take_snapshot()
    process.grow(20)
    process.grow(-20)
    assert first.get_peak_memory() == 150
    assert second.get_peak_memory() == 150
    assert window.peak_bytes() == 150 * MIB
    second.set_baseline()
    assert second.get_peak_memory() == 100
    assert first.get_peak_memory() == 150


def test_a_tracker_that_is_dropped_gives_its_window_back(process):
    owner = PeakBroker(process)
    tracker = MemoryTracker(source=owner, machine=Machine())
    assert len(owner._windows) == 1
    del tracker
    assert owner._windows == []


# judgement --------------------------------------------------------------------


def judged(resident, peak=None, seconds=None):
    labels = [f"look {number}" for number in range(len(resident))]
    return judge_trend(
        labels=labels,
        seconds=seconds or [2.0 * number for number in range(len(resident))],
        resident_mb=resident,
        peak_mb=peak or resident,
    )


def test_growth_is_the_trend_per_look_and_per_second():
    trend = judged([100, 102, 104, 500, 108, 110])
    assert trend.growth_mb_per_snapshot == 2
    assert trend.growth_mb_per_second == 1


def test_advice_names_the_snapshot_with_the_steepest_step():
    sentences = recommend(judged([100, 101, 150, 152, 154, 156]), available_mb=9_000)
    assert len(sentences) == 1
    assert "'look 2' (+49.0 MiB)" in sentences[0]


def test_little_memory_left_is_said_with_the_place_of_the_peak():
    sentences = recommend(judged([100, 300, 100]), available_mb=120)
    assert any("only 120 MiB were left" in sentence and "'look 1'" in sentence for sentence in sentences)


def test_a_quiet_series_gets_no_advice():
    assert recommend(judged([100] * 20), available_mb=9_000) == []
    assert recommend(judged([]), available_mb=1) == []


@pytest.mark.parametrize(("size_mb", "found"), [(10.0, 0), (10.1, 1)])
def test_a_spike_begins_above_ten_mebibytes(size_mb, found):
    assert len(judged([50, 50], peak=[50, 50 + size_mb]).spikes) == found


@pytest.mark.parametrize(("size_mb", "found"), [(100.0, 0), (101.0, 1)])
def test_and_above_a_tenth_of_what_is_held(size_mb, found):
    assert len(judged([1000, 1000], peak=[1000, 1000 + size_mb]).spikes) == found


# for real ---------------------------------------------------------------------

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_a_real_spike_of_200_mib_between_two_looks(fresh):
    seen, spikes, growth = fresh("""
        from snapshot_engine import MemoryTracker
        from snapshot_engine.memory.testing import known_spike
        tracker = MemoryTracker()
        tracker.set_baseline()
        tracker.take_snapshot("a")
        known_spike(200 * MIB)
        tracker.take_snapshot("b")
        analysis = tracker.analyze_memory_usage()
        answer([analysis["peak_memory_mb"] - analysis["baseline_memory_mb"], analysis["spikes"],
                tracker.get_memory_growth()])
    """)
    assert seen == pytest.approx(200, abs=2)
    assert [spike["label"] for spike in spikes] == ["b"]
    assert growth < 2


@linux
def test_a_real_look_agrees_with_the_machine():
    pages = touch_pages(30 * MIB)
    with MemoryTracker() as tracker, open_peak_window() as window:
        metrics = tracker.take_snapshot("now")
        known_spike(MIB)
    assert metrics.rss_mb == pytest.approx(window.start_bytes / MIB, abs=3)
    assert metrics.vms_mb > metrics.rss_mb > 30
    assert 0 < metrics.percent < 100
    assert metrics.available_mb > 0
    pages.close()


@linux
def test_a_tracker_goes_on_in_a_forked_child(fresh):
    grown = fresh("""
        from snapshot_engine import MemoryTracker
        from snapshot_engine.memory.testing import touch_pages
        tracker = MemoryTracker()
        tracker.take_snapshot("parent")
        held = touch_pages(100 * MIB)
        read_end, write_end = os.pipe()
        if os.fork() == 0:
            held.close()
            vms = tracker.take_snapshot("child").vms_mb
            os.write(write_end, str(vms).encode())
            os._exit(0)
        os.wait()
        answer(tracker.take_snapshot("again").vms_mb - float(os.read(read_end, 100)))
    """)
    assert grown == pytest.approx(100, abs=10)


def test_recorded_machine_figures(tmp_path):
    (tmp_path / "self").mkdir()
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemFree: 1 kB\nMemAvailable: 3000 kB\n")
    (tmp_path / "self/statm").write_text("500 100 0 0 0 0 0\n")
    (tmp_path / "self/status").write_text("Name:\tx\nVmSwap:\t 70 kB\n")
    clock = [0.0]
    machine = ProcMachine(root=str(tmp_path), clock=lambda: clock[0])
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    assert machine.total_bytes == 4000 * 1024
    assert machine.available_bytes() == 3000 * 1024
    assert machine.virtual_and_swap_bytes() == (500 * page_bytes, 70 * 1024)
    (tmp_path / "self/status").write_text("Name:\tx\n")  # a kernel without swap accounting
    clock[0] = 0.05
    assert machine.virtual_and_swap_bytes()[1] == 70 * 1024
    clock[0] = 0.2
    assert machine.virtual_and_swap_bytes()[1] == 0
