"""Tests that ask for nothing but their numbers: measured by the cheap hooks, beside tests with markers."""

from __future__ import annotations

import errno
import json
import mmap
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from pytest_snapshot_memory.journal import Journal, left_behind
from pytest_snapshot_memory.packed import OUTCOME_NUMBERS, lines_of, pack, quiet_numbers, text_of
from pytest_snapshot_memory.record import decode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the cheap hooks need the kernel's own peak")

MIB = 2**20
TOUCH = "def touch(mib): b = bytearray(mib << 20); b[::4096] = b'1' * len(b[::4096]); return b\n"


def measured(pytester: pytest.Pytester, run_project: Any, body: str, *options: str) -> dict[str, Any]:
    """Run the tests in `body` and return the JSON report's tests by their short name."""
    pytester.makepyfile("import os, subprocess, sys, pytest\n" + TOUCH + body)
    run_project("--memory-json=out.json", *options)
    report = json.loads((pytester.path / "out.json").read_text())
    return {test["nodeid"].split("::")[-1]: test for test in report["tests"]}


def growth(test: dict[str, Any], phase: str) -> int:
    """Return the growth of a phase in whole MiB."""
    found = [one for one in test["phases"] if one["phase"] == phase]
    return round((found[0]["peak_bytes"] - found[0]["start_bytes"]) / MIB)


PHASES = """
kept = []
@pytest.fixture
def own():
    touch(30)
    yield
    touch(50)
def test_phases(own):
    touch(40)
"""


def test_each_phase_has_its_own_growth(pytester: pytest.Pytester, run_project: Any) -> None:
    test = measured(pytester, run_project, PHASES)["test_phases"]
    assert [growth(test, phase) for phase in ("setup", "call", "teardown")] == [30, 40, 50]


WIDE = """
@pytest.fixture(scope="module")
def wide():
    return touch(60)
def test_first(wide):
    touch(20)
def test_second(wide):
    touch(20)
"""


def test_a_wide_fixture_is_charged_to_no_test(pytester: pytest.Pytester, run_project: Any) -> None:
    tests = measured(pytester, run_project, WIDE)
    assert growth(tests["test_first"], "fixture:wide") == 60
    assert growth(tests["test_first"], "setup") == 0
    assert [growth(tests[name], "call") for name in ("test_first", "test_second")] == [20, 20]


ENDS = """
import unittest
kept = {}
class TestOwn(unittest.TestCase):
    def test_instance(self):
        self.big = touch(30)
    def test_next(self):
        pass
@pytest.fixture(scope="module")
def wide():
    yield
    kept["wide"] = touch(40)
def test_takes_it(wide):
    pass
def test_quiet():
    pass
def test_last():
    pass
"""
# plugins with a hook of their own at the tear-down, which forbids to pass over any
OTHERS = ("rerunfailures", "cov", "xdist")


@pytest.mark.parametrize("conftest", [False, True])
def test_what_the_end_of_a_test_takes_is_measured_there(
    pytester: pytest.Pytester, run_project: Any, conftest: bool
) -> None:
    if conftest:
        pytester.makeconftest(
            TOUCH + "kept = []\n"
            "def pytest_runtest_teardown(item):\n"
            "    if item.name == 'test_quiet': kept.append(touch(20))\n"
        )
    tests = measured(pytester, run_project, ENDS, *(word for one in OTHERS for word in ("-p", f"no:{one}")))
    ends = {name: growth(test, "teardown") for name, test in tests.items()}
    assert ends == {
        "test_instance": 0,
        "test_next": 0,
        "test_takes_it": 0,
        "test_quiet": 20 * conftest,
        "test_last": 40,
    }
    kept = {
        phase["phase"]: round(phase["retained_bytes"] / MIB) for phase in tests["test_instance"]["phases"]
    }
    assert (kept["call"], kept["teardown"]) == (30, -30)
    assert not any(growth(test, "setup") for test in tests.values())


WAYS_TO_START_A_CHILD = """
import os, subprocess, sys, threading, time
def leave(): os._exit(0)
def test_fork_without_waiting():
    child = os.fork()
    if not child: os._exit(0)
    while os.waitpid(child, os.WNOHANG) == (0, 0): pass
def test_spawn():
    os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", ":"], {}), 0)
def test_command():
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
def test_in_a_thread():
    thread = threading.Thread(target=os.system, args=(":",))
    thread.start(); thread.join()
def test_none():
    pass
"""


def test_every_way_to_start_a_child_is_noticed(pytester: pytest.Pytester, run_project: Any) -> None:
    tests = measured(pytester, run_project, WAYS_TO_START_A_CHILD)
    told = [name for name, test in tests.items() if any("child processes ran" in n for n in test["notes"])]
    assert told == ["test_fork_without_waiting", "test_spawn", "test_command", "test_in_a_thread"]


MIXED = """
def test_plain_before():
    touch(20)
@pytest.mark.memory_limit("100 MB")
def test_limited():
    subprocess.run([sys.executable, "-c", ""])
    touch(30)
def test_plain_after():
    touch(40)
@pytest.mark.memory_limit("10 MB")
def test_over():
    touch(50)
def test_fails():
    touch(25)
    assert 0
def test_skips():
    pytest.skip("no")
@pytest.fixture
def breaks():
    raise ValueError
def test_breaks(breaks):
    pass
@pytest.mark.xfail
def test_xfails():
    assert 0
"""


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["one process", "xdist"])
def test_plain_and_marked_tests_take_turns(
    pytester: pytest.Pytester, run_project: Any, options: tuple[str, ...]
) -> None:
    tests = measured(pytester, run_project, MIXED, "--memory-no-rerun", *options)
    outcomes = {name: test["outcome"] for name, test in tests.items()}
    assert outcomes == {
        "test_plain_before": "passed",
        "test_limited": "passed",
        "test_plain_after": "passed",
        "test_over": "failed",
        "test_fails": "failed",
        "test_skips": "skipped",
        "test_breaks": "error",
        "test_xfails": "xfailed",
    }
    assert [growth(tests[name], "call") for name in ("test_plain_before", "test_plain_after")] == [20, 40]
    assert growth(tests["test_fails"], "call") == 25
    assert tests["test_limited"]["notes"], "its child process is not told of"
    assert not tests["test_plain_after"]["notes"], "the child of another test is told of here"


def test_the_short_report_counts_quiet_tests(pytester: pytest.Pytester, run_project: Any) -> None:
    pytester.makepyfile(
        TOUCH + "def test_quiet_1(): pass\ndef test_quiet_2(): pass\ndef test_loud(): touch(30)\n"
    )
    result = run_project("--memory-report")
    result.stdout.fnmatch_lines(
        ["*MiB*test_loud", "2 grew by no more*", "3 tests measured, gauge resident;*"]
    )
    assert "test_quiet" not in "\n".join(
        line for line in result.stdout.lines if "highest process peak" not in line
    )


def test_a_journal_holds_every_plain_test(pytester: pytest.Pytester, run_project: Any) -> None:
    pytester.makepyfile("import os\ndef test_a(): pass\ndef test_b(): pass\ndef test_c(): os._exit(3)\n")
    run_project("--memory-journal=kept.jsonl")
    records = [decode(line) for line in (pytester.path / "kept.jsonl").read_text().splitlines()]
    assert [(record.nodeid.split("::")[1], record.outcome) for record in records] == [
        ("test_a", "passed"),
        ("test_b", "passed"),
    ]
    assert [reading.phase for reading in records[0].phases] == ["setup", "call", "teardown"]


def test_junit_xml_carries_the_numbers(pytester: pytest.Pytester, run_project: Any) -> None:
    pytester.makepyfile(TOUCH + "def test_a(): touch(20)\n")
    run_project("--memory-report", "--junitxml=out.xml")
    text = (pytester.path / "out.xml").read_text()
    assert 'name="memory_growth_bytes"' in text
    assert 'name="memory_gauge" value="resident"' in text


def test_the_journal_of_a_run_that_died_is_announced_once(
    pytester: pytest.Pytester, run_project: Any
) -> None:
    pytester.makepyfile(
        "import os, pathlib\ndef test_a(): pass\ndef test_b():\n    pathlib.Path('x').exists() or die()\n"
        "def die():\n    pathlib.Path('x').touch(); os._exit(3)\n"
    )
    cache = ("-p", "cacheprovider")
    run_project("--memory-report", *cache)
    second = run_project("--memory-report", *cache)
    second.stdout.fnmatch_lines(["note: an earlier run died; what it had finished is in *died-*.jsonl"])
    kept = [path.read_text() for path in pytester.path.glob(".pytest_cache/d/memory/died-*.jsonl")]
    assert len(kept) == 1
    assert "test_a" in kept[0]
    run_project("--memory-report", *cache).stdout.no_fnmatch_line("*an earlier run died*")


def test_a_mapped_journal_outlives_sigkill_line_by_line(tmp_path: Path) -> None:
    """The run's own journal, across several of the steps in which it grows; a forked child leaves it alone."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom pytest_snapshot_memory.journal import Journal\n"
        "journal = Journal(Path(f'journal-{os.getpid()}.jsonl'), '', own=True)\n"
        "for n in range(3000):\n    journal.append(f'{n} ' + 'x' * (n % 700))\n"
        "    if n == 1000 and os.fork() == 0:\n        journal.append('child'); journal.close(remove=True)\n"
        "        os._exit(0)\n"
        "journal.append('y' * 300_000)\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    (path,) = tmp_path.iterdir()
    assert path.read_bytes().endswith(b"\0"), "nothing was set aside: the lines were not mapped"
    (kept,) = left_behind(tmp_path / "journal-0.jsonl")
    lines = kept.read_text().splitlines()
    assert lines == [f"{n} " + "x" * (n % 700) for n in range(3000)] + ["y" * 300_000]
    assert left_behind(tmp_path / "journal-0.jsonl") == []


def test_a_line_cut_short_by_the_death_of_a_run_is_dropped(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / f"journal-{ended.pid}.jsonl").write_bytes(b"whole\nhal" + bytes(5000))
    (kept,) = left_behind(tmp_path / "journal-0.jsonl")
    assert kept.read_bytes() == b"whole\n"


@pytest.mark.parametrize("fails", ["posix_fallocate", "mmap"])
def test_where_no_room_can_be_set_aside_lines_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = tmp_path / "own.jsonl"
    journal = Journal(path, "", own=True)
    journal.append("first")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mmap if fails == "mmap" else os, fails, refuse)
    long = "x" * 300_000
    journal.append(long)
    journal.append("last")
    assert journal.problem == ""
    assert path.read_text().splitlines() == ["first", long, "last"]
    journal.close(remove=False)


def test_a_disk_that_is_full_switches_a_mapped_journal_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "own.jsonl", "", own=True)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    monkeypatch.setattr(os, "write", refuse)
    journal.append("first")
    journal.append("second")
    assert "No space left" in journal.problem
    monkeypatch.undo()
    journal.close(remove=False)
    assert (tmp_path / "own.jsonl").read_bytes() == b""


@pytest.mark.parametrize("outcome", ["passed", "xfailed", "error"])
@pytest.mark.parametrize("worker", ["", "gw1"])
def test_packed_numbers_say_what_the_record_said(outcome: str, worker: str) -> None:
    nodeid = "tests/test_\u00e4.py::test_it[\udc80-\x07]"
    name = nodeid.encode("utf-8", "surrogatepass")
    # start, peak, end, reusable, seconds, slack
    phases = [(10, 30, 20, 5, 0.25, 1), (20, 10**12, 40, 5, 1e-6, 2), (40, 40, 0, 5, 3.5, 1)]
    spans = [number for *span, _, seconds, _ in phases for number in (*span, seconds)]
    packed = pack(len(name), OUTCOME_NUMBERS[outcome], 7, 99, 5, 1, 2, *spans)
    record = decode(text_of(nodeid, packed, worker))
    assert (record.nodeid, record.outcome, record.worker) == (nodeid, outcome, worker)
    assert (record.file, record.line) == ("tests/test_\u00e4.py", 7)
    assert [
        (one.start_bytes, one.peak_bytes, one.end_bytes, one.reusable_bytes, one.seconds, one.slack_bytes)
        for one in record.phases
    ] == phases
    assert {(one.gauge, one.error_bound_bytes, one.exact) for one in record.phases} == {
        ("resident", 99, True)
    }
    assert quiet_numbers(packed) is None, "it grew by 10**12 bytes"


@pytest.mark.parametrize("grown", [0, 64 * 1024, 64 * 1024 + 1])
@pytest.mark.parametrize("phase", [0, 1, 2])
def test_a_test_is_quiet_up_to_its_own_frames(grown: int, phase: int) -> None:
    spans = [[1000, 1000 + (grown if number == phase else 0), 0, 0.0] for number in range(3)]
    numbers = quiet_numbers(pack(1, 0, 1, 7, 50, 0, 0, *(number for span in spans for number in span)))
    if grown > 64 * 1024:
        assert numbers is None
    else:
        most = (grown if phase == 1 else 0) + 50 + 7
        assert numbers == (most, 50, 1000 + (grown if phase else 0), 64 * 1024)


@given(
    st.lists(
        st.one_of(st.text(st.characters(codec="utf-8", exclude_characters="\n\0\x01")), st.integers(0, 5000))
    ),
    st.data(),
)
def test_a_journal_is_read_up_to_where_a_death_cut_it(kept: list[str | int], data: st.DataObject) -> None:
    """Lines and packed tests in any order, room between them, cut anywhere: whole ones come back, in order."""
    written, ends, wanted = b"", [0], []
    for one in kept:
        if isinstance(one, int):
            name = f"t.py::test_{one}".encode()
            packed = pack(len(name), 0, one, 0, one, 0, 0, *([one, one, one, 0.0] * 3))
            written += bytes(data.draw(st.integers(0, 3))) + b"\x01" + packed[1:] + name + b"\n"
            wanted.append(text_of(name.decode(), packed))
        else:
            written += ("{" + one + "\n").encode()
            wanted.append("{" + one)
        ends.append(len(written))
    cut = data.draw(st.integers(0, len(written)))
    whole = sum(end <= cut for end in ends) - 1
    assert list(lines_of(written[:cut] + bytes(9))) == wanted[:whole]


def test_giving_free_heap_back_costs_a_run_few_page_faults(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each test frees 8 MiB that the next takes again: given back each time it would double the faults."""
    pytest.importorskip("resource")
    if not Path("/proc/self/statm").exists():
        pytest.skip("reads /proc")
    # else glibc itself gives the heap's top back, or does not, as it happens to lie
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1073741824")
    pytester.makeconftest(
        """
import resource
import snapshot_engine.memory.settle as module

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt * 4096

given, real, begun = [], module.settle, []

def counting(**options):
    before = resident()
    found = real(**options)
    given.append(before - resident())
    return found

module.settle = counting

def pytest_runtestloop(session):
    begun.append(faults())

def pytest_sessionfinish(session):
    print(f"\\nGIVEN {sum(given)} OF {faults() - begun[0]} IN {len(given)}")
"""
    )
    pytester.makepyfile(
        """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_takes_and_frees(number):
    kept = [bytes(1000) for _ in range(8192)]
"""
    )
    found = pytester.runpytest_subprocess("-p", "no:memray", "--memory-report", "-s")
    found.assert_outcomes(passed=40)
    (line,) = [line for line in found.outlines if line.startswith("GIVEN")]
    _, given, _, faulted, _, times = line.split()
    assert int(times) < 20
    assert int(given) <= int(faulted) / 16 + 40 * 2**20
