"""Why did a test regress: the allocation sites of the baseline's run against those of now.

In: the sites that a save has kept beside its baseline (`<environment>.sites.jsonl`,
one line per test), and those of a run with stacks now. Out: lines for the report.
Sites are matched by file and function: line numbers move with each edit above
them. Only tests that grew by a mebibyte or more are kept, so that the file stays
small and is worth committing with the baseline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from snapshot_engine.memory.units import format_size

from .baseline_store import replace_text
from .record import AllocationSite, TestRecord
from .regression import Comparison, Verdict

if TYPE_CHECKING:
    from .rerun import Rerun

KIB: Final = 1024
LEAST_GROWTH_BYTES: Final = 1024 * KIB
MOST_SAVED: Final = 200
MOST_EXPLAINED: Final = 10
SHOWN_CHANGES: Final = 5
# A site that moved by less explains nothing.
LEAST_CHANGE_BYTES: Final = 64 * KIB
# A rise of resident memory within this can be the layout of the heap: the same lists and strings
# lay 5 to 8 % apart, in all runs of one day. (bytes, ratio), the larger one counts.
LAYOUT_BAND: Final = (1024 * KIB, 0.1)
MOST_CHECKED: Final = 50
_SAME_RATIO: Final = 0.05
_SAME_BYTES: Final = 256 * KIB

# node ids, "growth" or "retained" -> a run of each with stacks
Explain = Callable[[Sequence[str], str], "Mapping[str, Rerun]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSites:
    """What held the memory of one test at its peak when its baseline was saved.

    gauge: which gauge saw the sites. growth_bytes: the test's growth in that
    run by the baseline's gauge. sites: (file, function) -> bytes.
    """

    gauge: str
    growth_bytes: int
    sites: Mapping[tuple[str, str], int]


def sites_path(baseline: Path) -> Path:
    """Return where the sites of a baseline file are kept: beside it."""
    return baseline.with_suffix(".sites.jsonl")


def load_sites(baseline: Path) -> dict[str, SavedSites]:
    """Return the saved sites by node id; lines that cannot be read are left out, as is a missing file."""
    found: dict[str, SavedSites] = {}
    try:
        lines = sites_path(baseline).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return found
    for line in lines:
        try:
            plain = json.loads(line)
            found[str(plain["test"])] = SavedSites(
                gauge=str(plain["gauge"]),
                growth_bytes=int(plain["growth_kib"]) * KIB,
                sites={(str(f), str(name)): int(kib) * KIB for kib, f, name in plain["sites"]},
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # of a merge gone wrong: the numbers in the baseline decide, this only explains
    return found


def save_sites(
    baseline: Path,
    records: Iterable[TestRecord],
    gauge: str,
    explain: Explain,
    *,
    complete: bool,
    kept_bytes: Mapping[str, int],
) -> None:
    """Keep the sites of tests that grew by a mebibyte or more beside their baseline.

    A test whose growth is about what it was keeps its line, so that saving again
    changes nothing. complete: tests that are missing are gone. kept_bytes: the
    growth that the baseline keeps of each test, in fresh runs often more than in the
    suite, where others have warmed up what they share. Raises OSError.
    """
    saved = load_sites(baseline)
    measured = {record.nodeid: record.reading(gauge=gauge) for record in records}
    seen = {
        nodeid: max(reading.growth_bytes, kept_bytes.get(nodeid, 0))
        for nodeid, reading in measured.items()
        if reading is not None
    }
    growths = {nodeid: growth for nodeid, growth in seen.items() if growth >= LEAST_GROWTH_BYTES}
    kept = {n: old for n, old in saved.items() if n in growths or not (complete or n in measured)}
    wanting = [n for n, growth in growths.items() if n not in saved or _moved(saved[n].growth_bytes, growth)]
    for nodeid, run in explain(wanting[:MOST_SAVED], "growth").items() if wanting else ():
        if run.sites:
            by_function = sum_by_function(run.sites)
            kept[nodeid] = SavedSites(gauge=run.gauge, growth_bytes=growths[nodeid], sites=by_function)
    if kept != saved:
        replace_text(sites_path(baseline), "".join(_line(nodeid, kept[nodeid]) for nodeid in sorted(kept)))


def _moved(before_bytes: int, now_bytes: int) -> bool:
    return abs(now_bytes - before_bytes) > _SAME_BYTES + _SAME_RATIO * before_bytes


def _line(nodeid: str, saved: SavedSites) -> str:
    largest = sorted(saved.sites.items(), key=lambda site: (-site[1], site[0]))
    plain: dict[str, Any] = {
        "test": nodeid,
        "gauge": saved.gauge,
        "growth_kib": saved.growth_bytes // KIB,
        "sites": [[size // KIB, file, function] for (file, function), size in largest],
    }
    return json.dumps(plain) + "\n"


def sum_by_function(sites: Iterable[AllocationSite]) -> dict[tuple[str, str], int]:
    """Return bytes by (file, function), in whole KiB and without what is too small to explain anything."""
    sums: dict[tuple[str, str], int] = {}
    for site in sites:
        place = _portable(site)
        sums[place] = sums.get(place, 0) + site.size_bytes
    return {place: size // KIB * KIB for place, size in sums.items() if size >= LEAST_CHANGE_BYTES}


def _portable(site: AllocationSite) -> tuple[str, str]:
    """Return (file, function) with a library's file as it is called on every machine."""
    file = site.file.replace("\\", "/")
    return file.rpartition("/site-packages/")[2], site.function


def explain_regressions(
    comparisons: Sequence[Comparison], baseline: Path, explain: Explain
) -> list[Comparison]:
    """Return the comparisons, the largest regressions with the sites that made them.

    A small rise that no allocation site has made is Unchanged, and says so.
    """
    regressed = [c for c in comparisons if c.verdict is Verdict.REGRESSED]
    regressed.sort(key=lambda c: -c.change_bytes)
    saved = load_sites(baseline) if regressed else {}
    doubtful = [c for c in regressed[MOST_EXPLAINED:] if _may_be_layout(c)][: MOST_CHECKED - MOST_EXPLAINED]
    answers: dict[str, Comparison] = {}
    for metric in ("growth", "retained"):
        wanted = {c.nodeid: c for c in (*regressed[:MOST_EXPLAINED], *doubtful) if c.metric == metric}
        for nodeid, run in explain(list(wanted), metric).items() if wanted else ():
            comparison = wanted[nodeid]
            # what was saved held the memory at the peak, not at the end
            before = saved.get(comparison.renamed_from or nodeid) if metric == "growth" else None
            if before is not None and _may_be_layout(comparison) and is_same(before, run):
                answers[nodeid] = replace(
                    comparison, verdict=Verdict.UNCHANGED, moved=False, site_changes=(_layout_reason(run),)
                )
            else:
                answers[nodeid] = replace(comparison, site_changes=describe_changes(before, run))
    return [answers.get(c.nodeid, c) if c.verdict is Verdict.REGRESSED else c for c in comparisons]


def _may_be_layout(comparison: Comparison) -> bool:
    size_bytes, ratio = LAYOUT_BAND
    return comparison.change_bytes <= max(size_bytes, ratio * (comparison.old_bytes or 0))


def _layout_reason(run: Rerun) -> str:
    least = format_size(LEAST_CHANGE_BYTES)
    return f"the layout of the heap, not the test: no allocation site changed by {least} ({run.gauge} gauge)"


def is_same(before: SavedSites, now: Rerun) -> bool:
    """Return whether exact counting finds no site, nor all of them together, larger than they were saved."""
    if now.problem or before.gauge != now.gauge or not now.sites:
        return False
    sums = sum_by_function(now.sites)
    rises = [size - before.sites.get(place, 0) for place, size in sums.items()]
    total = sum(site.size_bytes for site in now.sites) - sum(before.sites.values())
    return max(*rises, total, 0) < LEAST_CHANGE_BYTES


def describe_changes(before: SavedSites | None, now: Rerun) -> tuple[str, ...]:
    """Return at most 1 + SHOWN_CHANGES lines: how the sites differ, or those of now where none are saved."""
    if now.problem:
        return (f"no allocation sites: {now.problem}",)
    lines = {_portable(site): site.line for site in reversed(now.sites)}
    sums = sum_by_function(now.sites)
    if before is None or before.gauge != now.gauge:
        why = (
            "no sites were saved with the baseline"
            if before is None
            else f"the saved ones are {before.gauge}"
        )
        shown = sorted(sums.items(), key=lambda site: -site[1])[:SHOWN_CHANGES]
        rows = [f"{format_size(size):>10}  {_place(place, lines)}" for place, size in shown]
        return (f"largest allocation sites now ({now.gauge} gauge; {why}):", *rows)
    changes = {place: sums.get(place, 0) - before.sites.get(place, 0) for place in {*sums, *before.sites}}
    moved = sorted(changes.items(), key=lambda change: (-abs(change[1]), change[0]))
    rows = [
        f"{'+' if change > 0 else '-'}{format_size(abs(change)):>10}  {_place(place, lines)}"
        f" ({_before_and_now(before.sites.get(place), sums.get(place))})"
        for place, change in moved[:SHOWN_CHANGES]
        if abs(change) >= LEAST_CHANGE_BYTES
    ]
    if not rows:
        return (f"no allocation site changed by {format_size(LEAST_CHANGE_BYTES)} ({now.gauge} gauge)",)
    return (f"allocation sites, baseline against now ({now.gauge} gauge):", *rows)


def _place(place: tuple[str, str], lines: Mapping[tuple[str, str], int]) -> str:
    file, function = place
    number = f":{lines[place]}" if place in lines else ""
    return f"{file}{number} {function}".rstrip()


def _before_and_now(before_bytes: int | None, now_bytes: int | None) -> str:
    if before_bytes is None:
        return "new"
    if now_bytes is None:
        return f"{format_size(before_bytes)} before, gone"
    return f"{format_size(before_bytes)} before, {format_size(now_bytes)} now"
