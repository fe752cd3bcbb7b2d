"""A pytest process that another pytest run of ours starts to measure single tests again.

It must not compare, save or write reports, whatever the project's ini or addopts
ask for: the run that started it does. The order travels in an environment
variable, the sites of explained tests in a JSON file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_snapshot_memory.rerun import Rerun, Reruns

# {"explain": "growth" | "retained" | "", "target": path of the file to write}
VARIABLE: Final = "PYTEST_SNAPSHOT_MEMORY_INNER_RUN"


def order_text(explain: str = "", target: str = "") -> str:
    """Return the value of VARIABLE. explain: what tests shall be run with stacks for, "" for nothing."""
    return json.dumps({"explain": explain, "target": target})


def measures_only(text: str) -> bool:
    """Say whether the order asks for numbers and nothing else."""
    return not json.loads(text)["explain"]


def obey(text: str, reruns: Reruns | None, nodeids: Sequence[str]) -> None:
    """Do what the order says, in the inner run, when its tests have ended."""
    order = json.loads(text)
    if not order["explain"] or reruns is None:
        return
    found = reruns.explain_nodeids(nodeids, order["explain"])
    plain = {nodeid: _to_plain(run) for nodeid, run in found.items()}
    Path(order["target"]).write_text(json.dumps(plain), "utf-8")


def read_explained(path: Path) -> Mapping[str, Rerun]:
    """Return what the inner run wrote; empty where it died before."""
    from pytest_snapshot_memory.record import AllocationSite
    from pytest_snapshot_memory.rerun import Rerun

    try:
        plain = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {
        nodeid: Rerun(**{**run, "sites": tuple(AllocationSite(**site) for site in run["sites"])})
        for nodeid, run in plain.items()
    }


def _to_plain(run: Rerun) -> dict[str, Any]:
    return {
        "sites": [site._asdict() for site in run.sites],
        "gauge": run.gauge,
        "growth_bytes": run.growth_bytes,
        "problem": run.problem,
    }
