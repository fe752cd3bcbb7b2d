"""The gate's verdict as lines for a terminal.

In: a GateResult and the policy it was made with. Out: lines, the worst first, no
colours, no control characters whatever a test is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from snapshot_engine.memory.units import format_size

from .regression import Comparison, Verdict
from .text_safety import one_line

if TYPE_CHECKING:
    from .gate import GatePolicy, GateResult

MOST_LINES_PER_VERDICT: Final = 20
# of what could not be compared and fails nothing: a large suite has hundreds that say the same
_MOST_EXAMPLES: Final = 3
_ORDER: Final = (Verdict.REGRESSED, Verdict.INCOMPARABLE, Verdict.VANISHED, Verdict.NEW, Verdict.IMPROVED)


def gate_lines(result: GateResult, policy: GatePolicy) -> Iterator[str]:
    """Yield one line per test worth a line, at most MOST_LINES_PER_VERDICT of a kind, then the sum."""
    yield from result.problems
    changed = [c for c in result.comparisons if c.verdict is not Verdict.UNCHANGED]
    for verdict in _ORDER:
        shown = [c for c in changed if c.verdict is verdict and _worth_a_line(c, policy)]
        shown.sort(key=lambda c: -abs(c.change_bytes))
        passes = verdict is Verdict.INCOMPARABLE and policy.incomparable != "fail"
        most = _MOST_EXAMPLES if passes else MOST_LINES_PER_VERDICT
        for comparison in shown[:most]:
            yield describe(comparison)
            yield from (f"  {one_line(line)}" for line in comparison.site_changes)
        if len(shown) > most:
            yield f"{verdict.value}: {len(shown) - most} more, all in the JSON report"
    for comparison in result.comparisons:
        renamed = comparison.renamed_from and policy.renamed != "ignore"
        if comparison.verdict is Verdict.UNCHANGED and (renamed or comparison.site_changes):
            yield describe(comparison)
            yield from (f"  {one_line(line)}" for line in comparison.site_changes)
    found = Counter(comparison.verdict.value for comparison in result.comparisons)
    counts = ", ".join(
        f"{found[verdict.value]} {verdict.value}" for verdict in Verdict if found[verdict.value]
    )
    yield f"memory gate {'failed' if result.failed else 'passed'}: {counts or 'no tests'}"


def _worth_a_line(comparison: Comparison, policy: GatePolicy) -> bool:
    return comparison.verdict is Verdict.IMPROVED or policy.of(comparison) != "ignore"


def describe(comparison: Comparison) -> str:
    """Return one line: verdict, test, numbers, allowance and what decided."""
    parts = [f"{comparison.verdict.value}: {one_line(comparison.nodeid)}"]
    if comparison.renamed_from:
        parts.append(f"(was {one_line(comparison.renamed_from)})")
    if comparison.old_bytes is not None and comparison.new_bytes is not None:
        old, new = format_size(comparison.old_bytes), format_size(comparison.new_bytes)
        parts.append(f"{comparison.metric} {old} -> {new}, {comparison.change_text}")
        since = " since the anchor" if comparison.against == "anchor" else ""
        parts.append(f"[allowed +{format_size(comparison.allowed_bytes)}{since}]")
    elif comparison.new_bytes is not None:
        parts.append(format_size(comparison.new_bytes))
    elif comparison.old_bytes is not None:
        parts.append(f"was {format_size(comparison.old_bytes)}")
    notes = "; ".join(note for note in (comparison.decided_by, one_line(comparison.reason)) if note)
    return " ".join(parts) + (f" ({notes})" if notes else "")
