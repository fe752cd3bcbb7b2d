"""What the plugin costs, by two measures that a busy machine does not move.

CPU time of whole runs varies by a tenth and more on a shared machine. So the price of a
test is taken from blocks of the same tests, with and without the measuring hooks,
turn about in one process; and whole runs are counted in instructions by valgrind's callgrind,
which repeats within 0.01 % whatever else runs (the kernel's share is not in it).

This module is a pytest plugin, too: the run that takes the turns.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.child import Job
from benchmarks.workloads import plugin

if TYPE_CHECKING:
    import pytest

_ORDER: Final = "BENCHMARK_BLOCKS"
_HOOKS: Final = "snapshot_memory_plain"
_ROOT: Final = Path(__file__).resolve().parents[2]
_COLLECTED: Final = re.compile(r"Collected : (\d+)")


def per_test(job: Job) -> dict[str, Any]:
    """Return CPU seconds of blocks of empty tests in turns: [plain, with our hooks], and [plain, with a bare window]."""
    tests, pairs = int(job.parameters["tests"]), int(job.parameters["pairs"])
    with job.timed(), tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        text = "".join(f"def test_{number}(): pass\n" for number in range(tests + 1))
        Path(scratch, "test_empty.py").write_text(text)
        out = Path(scratch, "blocks.json")
        order = json.dumps({"tests": tests, "pairs": pairs, "out": str(out)})
        command = [
            *plugin.pytest_command("ours, --memory-report", scratch),
            "-p",
            "benchmarks.workloads.plugin_cost",
        ]
        environment = {**os.environ, _ORDER: order, "PYTHONPATH": str(_ROOT)}
        subprocess.run(command, cwd=scratch, env=environment, capture_output=True, check=True)
        return {"tests": tests, **json.loads(out.read_text())}


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run the same tests again and again, every second time measured: by our hooks, then by a bare window."""
    # not above: this module is also the workload, which needs no pytest
    from benchmarks.workloads.bare_window import BareWindow

    order = json.loads(os.environ[_ORDER])
    block, after = session.items[: order["tests"]], session.items[order["tests"]]
    plugins, protocol = session.config.pluginmanager, session.config.hook.pytest_runtest_protocol
    hooks = plugins.get_plugin(_HOOKS)
    if hooks is None:
        raise RuntimeError("the plugin does not measure these tests by its cheap hooks")

    def seconds() -> float:
        begun = time.process_time()
        for item, following in zip(block, [*block[1:], after], strict=True):
            protocol(item=item, nextitem=following)
        return time.process_time() - begun

    def pair(measuring: object, name: str) -> list[float]:
        plain = seconds()
        plugins.register(measuring, name)
        try:
            return [plain, seconds()]
        finally:
            plugins.unregister(measuring)

    seconds()
    plugins.unregister(hooks)
    # one after the other: a third kind of block between them leaves colder caches to both
    found = {"block_seconds": [pair(hooks, _HOOKS) for _ in range(order["pairs"])]}
    bare = BareWindow()
    found["bare_block_seconds"] = [pair(bare, "bare_window") for _ in range(order["pairs"] // 2)]
    plugins.register(hooks, _HOOKS)
    Path(order["out"]).write_text(json.dumps(found))
    return True


def instructions(job: Job) -> dict[str, Any]:
    """Return how many instructions one pytest run takes, its children left out; or why nobody could count."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return {"unavailable": "valgrind is not installed"}
    folder, way = str(job.parameters["folder"]), str(job.parameters["way"])
    command = plugin.pytest_command(way, folder)
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    with job.timed(), tempfile.TemporaryDirectory(prefix="benchmark-") as scratch:
        # once without: what is compiled at the first start is not counted
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
        log = Path(scratch, "log")
        counting = [valgrind, "--tool=callgrind", f"--log-file={log}", f"--callgrind-out-file={scratch}/out"]
        run = subprocess.run(
            [*counting, *command], cwd=folder, env=environment, capture_output=True, text=True
        )
        counted = _COLLECTED.findall(log.read_text())
    if not counted:
        return {"unavailable": f"valgrind ended with {run.returncode} and no count"}
    version = subprocess.run([valgrind, "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "instructions": int(counted[-1]),
        "tests": run.stdout.strip().splitlines()[-1],
        "by": version.strip(),
    }
