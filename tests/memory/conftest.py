"""Run a snippet in a fresh interpreter: a peak is a workload's own only where nothing else ran."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def fresh():
    """Return run(code) -> what the snippet handed to answer(...), from a new process."""

    def run(code, *, timeout_seconds=120, expect_exit=0, environment=None):
        script = (
            "import json, sys, os, gc, threading, time\n"
            "MIB = 2**20\n"
            "def answer(value): print('ANSWER' + json.dumps(value), flush=True)\n" + textwrap.dedent(code)
        )
        import os

        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        assert done.returncode == expect_exit, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        for line in reversed(done.stdout.splitlines()):
            if line.startswith("ANSWER"):
                return json.loads(line[len("ANSWER") :])
        raise AssertionError(f"no answer\n{done.stdout}\n{done.stderr}")

    return run
