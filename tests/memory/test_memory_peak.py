"""The broker of the kernel's peak: folding, threads, forks, foreign resets and what it says when refused."""

from __future__ import annotations

import errno
import os
import sys
import threading

import pytest

from snapshot_engine.memory.peak import PeakBroker, broker, open_peak_window
from snapshot_engine.memory.procfs import ProcSelf, peak_error_bound_bytes
from snapshot_engine.memory.resident_gauge import ResidentGauge
from snapshot_engine.memory.testing import known_spike

MIB = 2**20
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
# What a window may be off: the kernel's counters, plus what the interpreter
# itself touches between two looks.
SLACK_BYTES = peak_error_bound_bytes() + MIB if sys.platform == "linux" else 4 * MIB


class ScriptedProcess:
    """A process whose memory the test sets; its peak obeys the kernel's rules."""

    def __init__(self, resident_bytes):
        self._resident_bytes = self.mark = resident_bytes
        self.resets = 0

    def grow(self, by_bytes):
        self._resident_bytes += by_bytes
        self.mark = max(self.mark, self._resident_bytes)

    def spike(self, by_bytes):
        self.grow(by_bytes)
        self.grow(-by_bytes)

    def resident_bytes(self):
        return self._resident_bytes

    def resident_and_peak_bytes(self):
        return self._resident_bytes, self.mark

    def mark_bytes(self):
        return self.mark

    def reset_peak(self):
        self.resets += 1
        self.mark = self._resident_bytes


@pytest.fixture
def process():
    return ScriptedProcess(100 * MIB)


def test_a_window_knows_its_start_and_its_peak(process):
    window = PeakBroker(process).open()
    process.spike(30 * MIB)
    assert (window.start_bytes, window.peak_bytes()) == (100 * MIB, 130 * MIB)
    assert window.read().current_bytes == 100 * MIB
    assert window.problem == ""


def test_what_happened_before_a_window_is_not_its_peak(process):
    process.spike(500 * MIB)
    assert PeakBroker(process).open().peak_bytes() == 100 * MIB


def test_an_inner_window_does_not_erase_the_outer_ones_peak(process):
    owner = PeakBroker(process)
    outer = owner.open()
    process.spike(50 * MIB)
    with owner.open() as inner:
        process.spike(20 * MIB)
        assert inner.peak_bytes() == 120 * MIB
    assert outer.peak_bytes() == 150 * MIB


def test_windows_that_overlap_without_nesting_keep_their_own(process):
    owner = PeakBroker(process)
    first = owner.open()
    process.spike(10 * MIB)
    second = owner.open()
    process.spike(40 * MIB)
    first.close()
    process.spike(60 * MIB)
    assert first.peak_bytes() == 140 * MIB
    assert second.peak_bytes() == 160 * MIB


def test_a_closed_window_repeats_its_last_look(process):
    window = PeakBroker(process).open()
    process.grow(5 * MIB)
    window.close()
    process.grow(95 * MIB)
    window.close()
    assert window.read() == (105 * MIB, 105 * MIB)


def test_a_foreign_reset_is_noticed_and_said(process):
    window = PeakBroker(process).open()
    process.spike(50 * MIB)
    assert window.peak_bytes() == 150 * MIB
    process.reset_peak()  # pytest-something, or a shell
    assert window.peak_bytes() == 150 * MIB
    assert "reset the kernel's peak" in window.problem


def test_our_own_resets_are_no_foreign_ones(process):
    owner = PeakBroker(process)
    outer = owner.open()
    process.spike(50 * MIB)
    owner.open().close()
    outer.peak_bytes()
    assert outer.problem == ""


def test_without_a_reset_the_mark_counts_where_it_rose_inside_the_window(process):
    window = PeakBroker(process, reason="read-only /proc").open()
    assert "read-only /proc" in window.problem
    process.spike(64 * MIB)
    assert window.peak_bytes() == 164 * MIB
    assert window.problem == ""  # the mark rose: it is this window's peak
    window.close()
    assert process.resets == 0


def test_without_a_reset_an_old_mark_is_not_taken_for_a_peak(process):
    process.spike(500 * MIB)
    window = PeakBroker(process, reason="read-only /proc").open()
    process.grow(10 * MIB)
    assert window.peak_bytes() == 110 * MIB
    assert "sampled every 5 ms" in window.problem
    window.close()


def test_without_a_reset_a_thread_samples_while_a_window_is_open(process):
    process.spike(500 * MIB)
    owner = PeakBroker(process, reason="no /proc")
    before = set(threading.enumerate())
    window = owner.open()
    assert [thread.name for thread in set(threading.enumerate()) - before] == ["memory peak sampler"]
    process.grow(20 * MIB)
    deadline = threading.Event()
    for _ in range(400):
        if window._folded_bytes == 120 * MIB:
            break
        deadline.wait(0.01)
    process.grow(-20 * MIB)
    window.close()
    assert window.peak_bytes() == 120 * MIB


def test_many_threads_open_read_and_close_without_losing_a_peak(process):
    owner = PeakBroker(process)
    outer = owner.open()
    wrong = []

    def work():
        for _ in range(200):
            with owner.open() as window:
                if window.peak_bytes() < window.start_bytes:
                    wrong.append(window)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    process.spike(30 * MIB)
    for thread in threads:
        thread.join()
    assert wrong == []
    assert outer.peak_bytes() == 130 * MIB


@pytest.mark.parametrize(
    ("cpus", "release", "expected_bytes"),
    [
        (2, "6.18.44-generic", 32 * 2 * 4096),
        (64, "6.2.0", 128 * 64 * 4096),
        (4, "5.15.0-91-generic", 64 * 4 * 4096),
        (4, "strange", 64 * 4 * 4096),
    ],
)
def test_the_error_bound_follows_the_kernels_batching(cpus, release, expected_bytes):
    assert peak_error_bound_bytes(cpus, release) == expected_bytes * (os.sysconf("SC_PAGE_SIZE") // 4096)


@linux
@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
def test_a_refused_reset_names_the_file_and_the_reason(monkeypatch, error):
    def refuse(*_args, **_kwargs):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr("builtins.open", refuse)
    said = ProcSelf().why_no_reset()
    assert said == f"/proc/self/clear_refs: {os.strerror(error)}"


@linux
def test_a_spike_between_two_looks_is_seen_by_the_kernel():
    with open_peak_window() as window:
        known_spike(64 * MIB)
        growth_bytes = window.peak_bytes() - window.start_bytes
    assert abs(growth_bytes - 64 * MIB) <= SLACK_BYTES
    assert broker().exact


@linux
def test_the_quiet_twin_grows_by_nothing():
    with open_peak_window() as window:
        pass
    assert window.peak_bytes() - window.start_bytes <= SLACK_BYTES


@linux
def test_nested_real_windows(fresh):
    outer_mib, inner_mib, second_mib = fresh("""
        from snapshot_engine.memory.peak import open_peak_window
        from snapshot_engine.memory.testing import known_spike
        outer = open_peak_window()
        known_spike(80 * MIB)
        with open_peak_window() as inner:
            known_spike(20 * MIB)
        with open_peak_window() as second:
            pass
        answer([(w.peak_bytes() - w.start_bytes) / MIB for w in (outer, inner, second)])
    """)
    assert outer_mib == pytest.approx(80, abs=1.5)
    assert inner_mib == pytest.approx(20, abs=1.5)
    assert second_mib < 1.5


@linux
def test_a_forked_child_reads_itself_and_leaves_the_parents_peak_alone(fresh):
    """A kept descriptor of /proc/self points at the parent; a reset through it would wipe the parent."""
    child_mib, parent_mib = fresh("""
        from snapshot_engine.memory.peak import open_peak_window
        from snapshot_engine.memory.testing import known_spike
        parent = open_peak_window()
        known_spike(70 * MIB)
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            with open_peak_window() as window:
                known_spike(30 * MIB)
            os.write(write_end, str(window.peak_bytes() - window.start_bytes).encode())
            os._exit(0)
        os.waitpid(pid, 0)
        child = int(os.read(read_end, 100))
        answer([child / MIB, (parent.peak_bytes() - parent.start_bytes) / MIB])
    """)
    assert child_mib == pytest.approx(30, abs=1.5)
    assert parent_mib == pytest.approx(70, abs=1.5)


@linux
def test_descriptors_closed_and_given_away_are_never_written_to(fresh):
    """A daemon closes every descriptor; the next file gets our number, and must not get our "5"."""
    content, growth_mib = fresh("""
        import tempfile
        from snapshot_engine.memory.peak import open_peak_window
        from snapshot_engine.memory.testing import known_spike
        open_peak_window().close()
        os.closerange(3, 100)
        files = [tempfile.TemporaryFile(buffering=0) for _ in range(20)]
        with open_peak_window() as window:
            known_spike(20 * MIB)
        content = ""
        for file in files:
            file.seek(0)
            content += file.read().decode()
        answer([content, (window.peak_bytes() - window.start_bytes) / MIB])
    """)
    assert content == ""
    assert growth_mib == pytest.approx(20, abs=1.5)


@linux
def test_a_process_that_may_not_reset_says_so_and_still_sees_a_new_height(fresh):
    """dumpable=0 makes /proc/self belong to root: clear_refs is refused with EACCES (not to root itself)."""
    reason, exact, growth_mib, problem = fresh("""
        import errno
        import snapshot_engine.memory.procfs as procfs
        def refused(self): return "/proc/self/clear_refs: Permission denied"
        procfs.ProcSelf.why_no_reset = refused
        from snapshot_engine.memory.measure import measure
        from snapshot_engine.memory.peak import broker
        from snapshot_engine.memory.testing import known_spike
        with measure() as span:
            known_spike(50 * MIB)
        answer([broker().reason, span.measurement.exact, span.peak_growth_bytes / MIB, span.measurement.problem])
    """)
    assert "Permission denied" in reason
    assert not exact
    assert growth_mib == pytest.approx(50, abs=1.5)
    assert problem == ""


@linux
def test_importing_the_instrument_loads_nothing_heavy(fresh):
    loaded = fresh("""
        import snapshot_engine.memory.measure, snapshot_engine.memory.budget
        heavy = "ctypes psutil memray tracemalloc numpy spacy asyncio multiprocessing subprocess logging".split()
        answer([name for name in heavy if name in sys.modules])
    """)
    assert loaded == []


def test_the_gauge_says_what_it_counts_and_how_well():
    traits = ResidentGauge().traits
    assert traits.name == "resident"
    assert traits.reuse_hides
    assert traits.exact == broker().exact
    assert traits.error_bound_bytes >= 0


def test_rolling_returns_the_peak_and_begins_again(process):
    owner = PeakBroker(process)
    outer, window = owner.open(), owner.open()
    process.spike(40 * MIB)
    assert window.roll() == (140 * MIB, 100 * MIB)
    process.spike(10 * MIB)
    assert window.roll() == (110 * MIB, 100 * MIB)
    assert outer.peak_bytes() == 140 * MIB


def test_rolling_without_a_reset_does_not_repeat_an_old_peak(process):
    window = PeakBroker(process, reason="no /proc").open()
    process.spike(40 * MIB)
    assert window.roll() == (140 * MIB, 100 * MIB)
    assert window.roll() == (100 * MIB, 100 * MIB)
    window.close()


def test_looking_and_starting_again(process):
    owner = PeakBroker(process)
    outer, window = owner.open(), owner.open()
    process.spike(40 * MIB)
    assert window.look() == (140 * MIB, 100 * MIB)
    assert window.restart() == 100 * MIB
    assert window.look() == (100 * MIB, 100 * MIB)
    assert outer.look() == (140 * MIB, 100 * MIB)
    assert owner.process_peak_bytes() == 140 * MIB


def test_a_closed_window_does_not_roll(process):
    window = PeakBroker(process).open()
    window.close()
    with pytest.raises(ValueError, match="open a new one"):
        window.roll()


def test_the_peak_of_a_whole_life_survives_our_own_resets(process):
    owner = PeakBroker(process, life_peak_bytes=300 * MIB)
    owner.open().close()
    assert owner.process_peak_bytes() == 300 * MIB
    with owner.open():
        process.spike(400 * MIB)
    owner.open().close()
    assert owner.process_peak_bytes() == 500 * MIB
    assert owner.resident_bytes() == 100 * MIB


@linux
def test_the_real_peak_of_a_life(fresh):
    before, life, resident = fresh("""
        from snapshot_engine.memory.testing import known_spike
        known_spike(120 * MIB)
        from snapshot_engine.memory.peak import open_peak_window, process_peak_bytes, resident_bytes
        with open_peak_window() as window:
            known_spike(20 * MIB)
        answer([window.peak_bytes() / MIB, process_peak_bytes() / MIB, resident_bytes() / MIB])
    """)
    assert life - resident == pytest.approx(120, abs=5)
    assert before - resident == pytest.approx(20, abs=2)


@linux
def test_a_peak_inherited_over_exec_is_not_taken_for_ours(fresh):
    """getrusage's maximum is kept over exec: the small child of a large parent reads the parent's."""
    growth_mib, start_mib, rusage_mib = fresh("""
        from snapshot_engine.memory.testing import touch_pages
        held = touch_pages(200 * MIB)
        code = '''
        import resource, json
        from snapshot_engine.memory.measure import measure
        from snapshot_engine.memory.testing import known_spike
        with measure() as span:
            known_spike(30 * 2**20)
        figures = span.peak_growth_bytes, span.start_bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print("ANSWER" + json.dumps([figure / 2**20 for figure in figures]))
        '''
        import textwrap
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", textwrap.dedent(code)])
        os.wait()
    """)
    assert rusage_mib > 190
    assert start_mib < 60
    assert growth_mib == pytest.approx(30, abs=1.5)
