"""One process, seen from outside: its own peak and nobody else's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.case import bare_interpreter
from benchmarks.launch import launch

MIB = 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's mark is read from /proc")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", code)


@linux
def test_a_large_parent_does_not_show_in_a_small_child() -> None:
    held = bytearray(b"\1") * (300 * MIB)
    launched = launch(python("pass"))
    assert launched.ok
    assert launched.peak_bytes < 20 * MIB < len(held)


@linux
def test_the_runner_adds_nothing_to_what_it_measures() -> None:
    """Seen from outside, with a large runner, is what the process says of itself: memory and CPU time."""
    held = bytearray(b"\1") * (200 * MIB)
    code = (
        "import json, time\n"
        "b = bytearray(b'x') * (40 << 20)\n"
        "while time.process_time() < 0.4: pass\n"
        "mark = [line for line in open('/proc/self/status') if line.startswith('VmHWM')][0]\n"
        "print(json.dumps({'peak': int(mark.split()[1]) * 1024, 'cpu': time.process_time()}), flush=True)\n"
    )
    launched = launch(python(code))
    said = launched.last_json()
    assert len(held) == 200 * MIB
    assert abs(launched.peak_bytes - said["peak"]) <= 0.5 * MIB
    # what is left is the interpreter's own end
    assert 0 <= launched.cpu_seconds - said["cpu"] < 0.1


@linux
def test_memory_freed_long_before_the_end_is_in_the_peak() -> None:
    launched = launch(python("b = bytearray(b'x') * (80 << 20); del b"))
    assert 80 * MIB < launched.peak_bytes < 110 * MIB


@linux
def test_a_process_that_resets_its_own_mark_is_seen_all_the_same() -> None:
    code = (
        "import time\n"
        "b = bytearray(b'x') * (80 << 20); time.sleep(.2); del b\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
    )
    assert launch(python(code)).peak_bytes > 80 * MIB


def test_failures_are_results_with_their_last_line_and_no_path() -> None:
    launched = launch(python("raise SystemError('no such thing as /usr/lib/secret/place.py')"))
    assert not launched.ok
    assert launched.failure() == "exit 1: SystemError: no such thing as <path>"


def test_a_command_that_does_not_exist_is_a_failure_too() -> None:
    assert launch(("no-such-program-anywhere",)).failure().startswith("exit 127: FileNotFoundError")


def test_what_takes_too_long_is_stopped() -> None:
    launched = launch(python("import time; time.sleep(60)"), timeout_seconds=0.3)
    assert launched.timed_out
    assert launched.failure() == "stopped: took too long"


@linux
def test_a_data_limit_is_the_childs_alone() -> None:
    code = "b = bytearray(200 << 20)"
    assert "MemoryError" in launch(python(code), data_limit_bytes=100 * MIB).failure()
    assert launch(python(code)).ok


def test_progress_shows_how_far_the_input_is_read(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"x" * 1000)
    seen: list[float | None] = []
    code = f"import time; f = open({str(file)!r}, 'rb', buffering=0); f.read(500); time.sleep(1)"
    launch(python(code), input_path=str(file), on_sight=lambda sight: seen.append(sight.read_fraction))
    if sys.platform == "linux":
        assert 0.5 in seen


@linux
def test_the_bare_interpreter_says_its_own_peak() -> None:
    launched = launch(bare_interpreter())
    assert 4 * MIB < launched.last_json()["self_peak_bytes"] < 20 * MIB
