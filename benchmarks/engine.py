"""The real command line as a case: `snapshot-engine process FILE -f json`, and what it says of itself."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import inputs
from benchmarks.case import Case, Scalar
from benchmarks.launch import Launched


def command() -> str:
    """Return the console script of this interpreter's environment, else the one on PATH.

    Raises FileNotFoundError with what to type when there is none.
    """
    beside = Path(sys.executable).with_name("snapshot-engine")
    if beside.exists():
        return str(beside)
    found = shutil.which("snapshot-engine")
    if found is None:
        raise FileNotFoundError("snapshot-engine is not installed here. Type: pip install '.[engine]'")
    return found


# the CLI's closing line: "...; strategy; annotator; peak 58.1 MiB (whole process ..."
_CLOSING = re.compile(r"words/s\); ([^;]+); ([^;]+); peak ([\d.]+) MiB")


def said(stderr: str) -> dict[str, Any]:
    """Return strategy, annotator and the peak that the process knows of itself.

    Its gauges may reset the kernel's mark, so that the one seen from outside can be too low.
    """
    found = _CLOSING.search(stderr)
    if found is None:
        return {}
    return {"strategy": found[1], "annotator": found[2], "said_peak_mib": float(found[3])}


def document_facts(path: Path) -> dict[str, Any]:
    """Return what a finished JSON document's coverage counts, and the document's digest."""
    data = path.read_bytes()
    coverage = json.loads(data)["coverage"]
    return {
        "cues": int(coverage["cues_read"]),
        "words": int(coverage["words"]),
        "document_sha256": hashlib.sha256(data).hexdigest(),
    }


def process_case(
    chapter: str,
    label: str,
    transcript: Path,
    facts: Mapping[str, Scalar],
    *,
    arguments: Sequence[str] = (),
    rounds: int = 1,
    most_rounds: int = 1,
    **limits: Any,
) -> Case:
    """Return the case that runs the real engine on `transcript` and reads the document it wrote.

    limits: data_limit_bytes, cgroup_limit_bytes, timeout_seconds, may_fail, as in Case.
    """
    document = inputs.folder() / f"{chapter}-{label}-{os.getpid()}.json".replace(" ", "-")

    def collect(launched: Launched) -> dict[str, Any]:
        try:
            return {**document_facts(document), **said(launched.stderr)}
        finally:
            document.unlink(missing_ok=True)

    return Case(
        chapter=chapter,
        label=label,
        facts=facts,
        command=(
            *(command(), "process", str(transcript), "-f", "json", "-o", str(document), "-v"),
            *arguments,
        ),
        rounds=rounds,
        most_rounds=most_rounds,
        input_path=str(transcript),
        collect=collect,
        **limits,
    )
