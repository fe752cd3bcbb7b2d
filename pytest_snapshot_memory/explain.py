"""The text of a test over its limit: at most 15 lines, numbers first, then where they come from."""

from __future__ import annotations

from pytest_snapshot_memory.markers import LimitRequest
from pytest_snapshot_memory.rerun import Rerun
from pytest_snapshot_memory.verdicts import Interval, describe_terms
from snapshot_engine.memory.units import format_size

MOST_LINES = 15


def breach_text(
    limit: LimitRequest, interval: Interval, decided_by: str, rerun: Rerun | None, why_no_rerun: str = ""
) -> str:
    """Return what the user reads when a test passed its limit."""
    excess = interval.low_bytes - limit.limit_bytes
    lines = [
        f"memory limit exceeded: {format_size(interval.low_bytes)} of {format_size(limit.limit_bytes)},"
        f" {format_size(excess)} too much",
        f"  counted: {describe_terms(limit)}, {interval.gauge} gauge",
    ]
    if decided_by:
        lines.append(f"  decided by: {decided_by}")
    if rerun is None or rerun.problem:
        why = rerun.problem if rerun is not None else why_no_rerun
        if why:
            lines.append(f"  no allocation sites: {why}")
        return "\n".join(lines)
    lines.append(
        f"  largest allocations at the peak, from a second run in a child process"
        f" ({rerun.gauge} gauge, {format_size(rerun.growth_bytes)}):"
    )
    lines += [f"  {format_size(site.size_bytes):>10}  {site.describe()}" for site in rerun.largest_sites]
    if rerun.flame_graph:
        lines.append(f"  flame graph: {rerun.flame_graph}")
    return "\n".join(lines[:MOST_LINES])
