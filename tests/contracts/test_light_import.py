"""What each entry point imports, and how much resident memory that costs, in fresh interpreters."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "spacy",
    "thinc",
    "numpy",
    "jinja2",
    "rich",
    "memray",
    "psutil",
    "prometheus_client",
    "opentelemetry",
    "apprise",
)

LEDGER = """
import json, sys
def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
before = set(sys.modules); start = resident_kib()
{statement}
print(json.dumps({{"kib": resident_kib() - start, "modules": sorted(set(sys.modules) - before)}}))
"""

# (statement, most MiB it may add to a bare interpreter). Measured on Python 3.11
# and rounded up by about 1 MiB, so that a growth of 1 MiB fails.
ENTRY_POINTS = [
    ("import snapshot_engine", 1.0),
    ("import snapshot_engine.cli; snapshot_engine.cli.build_parser()", 4.9),
    ("from snapshot_engine import StreamingVTTReader", 3.2),
    ("from snapshot_engine import memory_limit, MemoryTracker", 6.9),
    ("import pytest_snapshot_memory", 2.0),
]


def ledger(statement: str) -> dict[str, object]:
    """Run one statement in a fresh interpreter and return what it added."""
    done = subprocess.run(
        [sys.executable, "-c", LEDGER.format(statement=statement)], capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
@pytest.mark.parametrize(("statement", "most_mib"), ENTRY_POINTS)
def test_an_entry_point_stays_light(statement: str, most_mib: float) -> None:
    added = ledger(statement)
    modules = added["modules"]
    assert isinstance(modules, list)
    roots = {name.partition(".")[0] for name in modules}
    assert not roots & set(HEAVY), f"{statement} loads {sorted(roots & set(HEAVY))}"
    kib = added["kib"]
    assert isinstance(kib, int)
    assert kib / 1024 <= most_mib, f"{statement} adds {kib / 1024:.2f} MiB"


def test_the_plugin_adds_nothing_heavy_to_pytest() -> None:
    added = ledger("import pytest, pytest_snapshot_memory.plugin")
    modules = added["modules"]
    assert isinstance(modules, list)
    roots = {name.partition(".")[0] for name in modules}
    assert not roots & set(HEAVY), f"the plugin loads {sorted(roots & set(HEAVY))}"
