"""Dockerfile and compose.yaml, read as a builder would: names that exist, commands that parse.

They cannot be built where there is no Docker; what can be wrong without
building (a variable that nothing reads, a health check with a wrong option, a
file that is not there) is looked up here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from snapshot_engine.monitoring import dashboard_cli, health_cli
from snapshot_engine.settings import Config, settings

# The source tree: the image is built from it, also where the tests run beside an installed wheel.
ROOT = Path(os.environ.get("SNAPSHOT_REPOSITORY") or Path(__file__).resolve().parents[2])
pytestmark = pytest.mark.skipif(not (ROOT / "Dockerfile").exists(), reason="not in a source tree")
# Read by Python or glibc, not by us.
FOREIGN = {"MALLOC_ARENA_MAX", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, its text) with continuation lines joined and comments dropped."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            found.append((name, " ".join(rest.split())))
    return found


def environment() -> dict[str, str]:
    words = [word for name, rest in instructions() if name == "ENV" for word in shlex.split(rest)]
    return dict(word.split("=", 1) for word in words)


def parses(command: list[str]) -> argparse.Namespace:
    """Parse a command of ours the way the command line does."""
    assert command[0] == "snapshot-engine"
    parser = {"health": health_cli, "dashboard": dashboard_cli}[command[1]].build_parser()
    return parser.parse_args(command[2:])


def test_every_variable_is_one_that_the_engine_reads():
    variables = {setting.variable for setting in settings().values()}
    assert set(environment()) - FOREIGN <= variables


def test_the_documented_variables_are_set_to_the_documented_values():
    told = environment()
    assert told["ENABLE_MEMORY_MONITORING"] == "true"
    assert told["MEMORY_LIMIT_MB"] == "1024"
    assert told["STREAMING_THRESHOLD_MB"] == "5"
    assert int(told["MALLOC_ARENA_MAX"]) > 0


def test_the_values_are_ones_that_the_engine_accepts():
    config = Config.from_env(environment())
    assert (config.memory_limit_mb, config.streaming_threshold_mb) == (1024, 5)


def test_the_health_check_parses_and_looks_at_process_1():
    (check,) = [rest for name, rest in instructions() if name == "HEALTHCHECK"]
    options, _, command = check.partition("CMD ")
    assert {"--interval", "--timeout", "--retries"} <= {word.partition("=")[0] for word in options.split()}
    assert parses(json.loads(command)).pid == 1


def test_the_documented_health_check_script_runs(tmp_path):
    """`python /usr/local/bin/healthcheck.py`: the script that the image makes, run here against this process."""
    (made,) = [
        rest for name, rest in instructions() if "/usr/local/bin/healthcheck.py" in rest and name == "RUN"
    ]
    script = tmp_path / "healthcheck.py"
    script.write_text(shlex.split(made)[1])
    command = [sys.executable, str(script)]
    mine = subprocess.run(
        [*command, "--live", "--pid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    assert (mine.returncode, mine.stdout[:5]) == (0, "pass:")
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "process 1 " in first.stdout


def test_the_image_is_slim_and_does_not_run_as_root():
    found = instructions()
    bases = [rest for name, rest in found if name == "FROM"]
    assert all(base.split()[0].endswith("-slim") for base in bases)
    (user,) = [rest for name, rest in found if name == "USER"]
    assert user not in {"root", "0"}
    assert any(name == "RUN" and "useradd" in rest and user in rest for name, rest in found)
    order = [name for name, _ in found]
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_process_1_is_the_engine_itself():
    """A shell as process 1 would be what the health check looks at."""
    (entry,) = [rest for name, rest in instructions() if name == "ENTRYPOINT"]
    assert json.loads(entry) == ["snapshot-engine"]


def test_every_copied_file_is_there_and_is_let_through():
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    for source in (name for names in copied for name in names):
        assert (ROOT / source).exists(), source
        assert source in let_through


@pytest.fixture
def compose():
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def mib(size: str) -> float:
    return int(size[:-1]) * {"m": 1, "g": 1024}[size[-1]]


def test_compose_limits_memory_above_the_alerts(compose):
    for service in compose.values():
        assert mib(service["mem_limit"]) == mib(service["memswap_limit"])
    engine = compose["engine"]
    assert engine["mem_limit"] == "2g"
    config = Config.from_env(engine["environment"])
    assert config.memory_limit_mb < mib(engine["mem_limit"])


def test_compose_names_only_variables_that_are_read(compose):
    variables = {setting.variable for setting in settings().values()}
    for service in compose.values():
        assert set(service["environment"]) <= variables


def test_compose_commands_parse_and_publish_on_loopback_only(compose):
    dashboard = compose["dashboard"]
    options = parses(["snapshot-engine", *dashboard["command"]])
    assert (options.pid, options.port) == (1, 8750)
    assert dashboard["ports"] == ["127.0.0.1:8750:8750"]
    check = dashboard["healthcheck"]["test"]
    assert check[0] == "CMD"
    assert parses(check[1:]).url == "http://127.0.0.1:8750"
