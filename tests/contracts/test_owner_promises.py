"""docs/owner-promises.md: each test it names exists, each block runs, and no promise of the document is left out."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from snapshot_engine import Config

ROOT = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])
PROMISES = ROOT / "docs" / "owner-promises.md"
# The design document itself lies beside the repository where it was written, and nowhere else.
DOCUMENT = Path(__file__).resolve().parents[2] / ".." / "shared" / "design" / "OWNER_DOCUMENT.md"
if not PROMISES.exists():
    pytest.skip("the documentation is not beside these tests", allow_module_level=True)
TEXT = PROMISES.read_text(encoding="utf-8")
BLOCKS = re.findall(r"### ([^\n]+)\n\n```python\n(.*?)```", TEXT, flags=re.S)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
# What tells users how to work promises nothing of ours.
ADVICE = ("Best Practices", "Contributing", "Support")

# What the document leaves to its reader.
OPEN_NAMES = """
import sys, types
import snapshot_engine
for name in ("customer_snapshot", "customer_snapshot.utils"):
    sys.modules[name] = types.ModuleType(name)
for name in ("memory_optimizer", "config"):
    sys.modules[f"customer_snapshot.utils.{name}"] = snapshot_engine
from snapshot_engine import *
from snapshot_engine import get_memory_status, MemoryOptimizer, stop_memory_monitoring, Config
config, large_text, taken = Config(), "Ada Lovelace paid $5 million to Apple in London. " * 500, []
process_subtitle = handle_entities = process_chunk = send_to_monitoring_system = taken.append
analyze_text = len
def process_large_data():
    held = []
    while len(held) < 1000:
        held.append(bytearray(b"x") * 2**20)
"""

# What the reader would look at afterwards, by block.
LOOKS = {
    "Memory tracking": "assert analysis['snapshots_count'] >= 2 and analysis['peak_memory_mb'] > 1",
    "Streaming file processing": "assert [cue.text for cue in taken] == ['Hello there.', 'Good morning.']",
    "Memory-efficient NLP": "assert sum(map(len, taken)) > 100, taken",
    "Profiling and limits": """
assert process_transcript("four") == 4
try:
    memory_limited_function()
except MemoryError as error:
    assert "500.0 MB" in str(error), error
else:
    raise AssertionError("not stopped")
""",
    "Background monitoring": "assert service.interval == 30 and not get_memory_status()['service_running']",
    "Configuration in code": (
        "assert (config.enable_memory_monitoring, config.memory_limit_mb, config.streaming_threshold_mb)"
        " == (True, 1024, 10)"
    ),
    "Custom optimizers": "CustomOptimizer().optimize_for_batch_processing()",
    "Memory-mapped files": "assert b''.join(taken) == open('huge_file.vtt', 'rb').read()",
    "Integration with external monitoring": "assert taken[0]['current_memory_mb'] > 1",
}
TRANSCRIPT = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello there.\n\n00:01.000 --> 00:02.000\nGood morning.\n"


@lru_cache
def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_row_names_a_test_that_exists_or_says_where_it_is_measured() -> None:
    assert len(ROWS) > 80
    for row in ROWS:
        named = re.findall(r"`((?:tests|benchmarks)/[\w/]+\.py)::(\w+)`", row)
        assert named or "| – | measured, not tested: " in row, row
        for path, name in named:
            assert name in functions_of(ROOT / path), f"{path} has no {name}"


@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_the_documents_code_runs_as_written(title: str, block: str, tmp_path: Path) -> None:
    if title == "Memory-efficient NLP":
        pytest.importorskip("numpy", reason="the engine extra is not installed")
    for name in ("large_file.vtt", "huge_file.vtt"):
        (tmp_path / name).write_text(TRANSCRIPT)
    program = tmp_path / "block.py"
    program.write_text(f"{OPEN_NAMES}\n{block}\n{LOOKS[title]}\n")
    ran = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("block", re.findall(r"```bash\n(.*?)```", TEXT, flags=re.S))
def test_the_documented_variables_are_accepted_as_written(block: str) -> None:
    lines = [line.partition("#")[0].strip() for line in block.splitlines()]
    environment = dict(line.split("=", 1) for line in lines)
    config = Config.from_env(environment)
    assert config.enable_memory_monitoring is True
    assert config.memory_limit_mb == float(environment["MEMORY_LIMIT_MB"])
    assert config.streaming_threshold_mb == float(environment["STREAMING_THRESHOLD_MB"])
    assert config.gc_frequency == int(environment["GC_FREQUENCY"])


def test_the_documented_command_runs_one_test() -> None:
    code = (
        "from test_memory_optimization import MemoryOptimizationTester; t = MemoryOptimizationTester();"
        " print(t.test_streaming_vtt_reader())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "tests", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "'success': True" in ran.stdout


def test_the_documented_dashboard_command_writes_its_page(tmp_path: Path) -> None:
    script = ROOT / "performance_dashboard.py"
    if not script.exists():
        pytest.skip("the script is not beside these tests")
    command = [sys.executable, str(script), "--mode", "comprehensive", "--own", "--seconds", "0"]
    ran = subprocess.run(
        [*command, "--output", "page.html"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for heading in ("Alerts", "Memory over time", "Recommendations", "Tests: history"):
        assert f">{heading}</h2>" in page


def plain(text: str) -> str:
    return " ".join(re.sub(r"[`*|·]", " ", text).split())


def test_no_promise_of_the_document_is_left_out() -> None:
    if not DOCUMENT.exists():
        pytest.skip("the design document is not beside the repository")
    document = DOCUMENT.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", document, flags=re.S)
    assert [block for _, block in BLOCKS] == blocks
    told = {plain(row.split(" | `")[0].split(" | – |")[0]) for row in ROWS}
    missing = []
    for section in re.split(r"^## ", document, flags=re.M)[1:]:
        if section.startswith(ADVICE):
            continue
        prose = re.sub(r"```.*?```", "", section, flags=re.S)
        promised = re.findall(r"^ *- (.+)$", prose, flags=re.M)
        promised += [row for row in re.findall(r"^\|(.+)\|$", prose, flags=re.M) if re.search(r"\d", row)]
        missing += [text for text in promised if plain(text) not in told]
    assert missing == []
